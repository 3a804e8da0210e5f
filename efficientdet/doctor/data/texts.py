# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What every code means to people: what it is, how bad, why it matters, what to do."""

from __future__ import annotations

from collections.abc import Mapping

from efficientdet.doctor.data.box_texts import BOXES
from efficientdet.doctor.data.picture_texts import PICTURES, READING
from efficientdet.doctor.data.set_texts import CLASSES, FILES, SETS
from efficientdet.doctor.data.text import Text

TEXTS: Mapping[str, Text] = {**READING, **PICTURES, **BOXES, **CLASSES, **SETS, **FILES}
"""By code of `data.faults`, every one of them."""
