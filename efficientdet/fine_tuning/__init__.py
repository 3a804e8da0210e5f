# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A recipe for a data set: which model, at which resolution, with which anchors, for how long. No TensorFlow."""

from __future__ import annotations

from efficientdet.fine_tuning.figures import DatasetFigures
from efficientdet.fine_tuning.suggestion import suggest_config

__all__ = ["DatasetFigures", "suggest_config"]
