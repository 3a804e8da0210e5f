# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a recipe depends on: the figures of a data set."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from efficientdet.errors import DataError

_ENOUGH_BOXES = 20_000  # for shares and quantiles of a data set


class DatasetFigures(NamedTuple):
    """A data set as far as its recipe goes. Boxes and sizes are those of the pictures to train on.

    Attributes:
      label_map_path: as the config is to name it.
      train_path: likewise, a file or a glob.
      val_path: likewise; "" where there is nothing to evaluate on.
      num_classes: rows of the class predictor, the greatest id of the label map.
      num_train: pictures.
      num_val: pictures.
      max_boxes: of the picture that has most, in any split.
      boxes: float32 [N, 4], ymin xmin ymax xmax in pixels of the picture.
      box_pictures: int [N], each box's row of `sizes`.
      sizes: int [P, 2], heights and widths.
      class_names: where they are known, to see whether left and right are told apart.
    """

    label_map_path: str
    train_path: str
    val_path: str
    num_classes: int
    num_train: int
    num_val: int
    max_boxes: int
    boxes: np.ndarray
    box_pictures: np.ndarray
    sizes: np.ndarray
    class_names: tuple[str, ...] = ()

    def check(self) -> None:
        """Raises a DataError where there is nothing to train on."""
        if self.num_train < 1:
            raise DataError(f"{self.train_path}: there is no picture to train on, so that no recipe can be suggested")
        if self.num_classes < 1:
            raise DataError(f"{self.label_map_path}: there is no class to learn, so that no recipe can be suggested")


def shares_of_side(figures: DatasetFigures) -> np.ndarray:
    """Boxes as they lie in a square input that holds the whole picture, top left.

    Args:
      figures: of more boxes than are needed, only some are taken: every second, third ...

    Returns:
      float32 [n, 4], in shares of the input's side. Boxes without area are left out.
    """
    step = -(-max(len(figures.boxes), 1) // _ENOUGH_BOXES)
    boxes = np.asarray(figures.boxes[::step], np.float32).reshape(-1, 4)
    sides = np.asarray(figures.sizes).reshape(-1, 2)[np.asarray(figures.box_pictures[::step], np.int64)].max(axis=1)
    boxes, sides = boxes[sides > 0], sides[sides > 0]
    shares = boxes / sides[:, np.newaxis].astype(np.float32)
    has_area = (shares[:, 2] > shares[:, 0]) & (shares[:, 3] > shares[:, 1]) & np.isfinite(shares).all(axis=1)
    return shares[has_area]


def object_sizes(shares: np.ndarray) -> np.ndarray:
    """The square root of the area, [n] in the unit of the boxes [n, 4]."""
    return np.sqrt((shares[:, 2] - shares[:, 0]) * (shares[:, 3] - shares[:, 1]))


def usual_side(figures: DatasetFigures) -> int:
    """The median of the pictures' longer sides in pixels; 0 where nothing is known of them."""
    sides = np.asarray(figures.sizes).reshape(-1, 2).max(axis=1, initial=0)
    return int(np.median(sides[sides > 0])) if np.any(sides > 0) else 0
