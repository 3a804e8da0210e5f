# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Figures of data sets, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from efficientdet.fine_tuning import DatasetFigures


def figures(
    boxes: Sequence[Sequence[float]] = ((100, 100, 200, 200),), size: tuple[int, int] = (480, 640), **others: Any
) -> DatasetFigures:
    """A data set of one size of pictures.

    Args:
      boxes: ymin xmin ymax xmax in pixels.
      size: (height, width) of every picture.
      others: fields of DatasetFigures.
    """
    given = DatasetFigures(
        label_map_path="data/label_map.pbtxt",
        train_path="data/train.record",
        val_path="data/val.record",
        num_classes=3,
        num_train=205,
        num_val=87,
        max_boxes=28,
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
        box_pictures=np.zeros(len(boxes), np.int64),
        sizes=np.array([size]),
    )
    return given._replace(**others)
