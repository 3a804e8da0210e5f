# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What every code means to people: what it is, how bad, why it matters, what to do."""

from __future__ import annotations

from collections.abc import Mapping

from efficientdet.doctor.data.texts.boxes import BOXES
from efficientdet.doctor.data.texts.classes import CLASSES
from efficientdet.doctor.data.texts.files import FILES
from efficientdet.doctor.data.texts.pictures import PICTURES
from efficientdet.doctor.data.texts.text import Text

TEXTS: Mapping[str, Text] = {**FILES, **PICTURES, **BOXES, **CLASSES}
"""By code of `data.faults`, every one of them."""
