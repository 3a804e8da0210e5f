# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""From annotated pictures to batches: importers, records, label map, augmentation, preprocessing, input pipeline."""

from __future__ import annotations

MAX_PIXELS = 80_000_000
"""Pictures that claim more pixels than this are refused before they are decoded (Pillow itself warns from 89 M on)."""
