# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What every set of metrics is to the evaluator, and the frame in which they all compare boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from efficientdet.types import Detections, GroundTruth

NOT_DEFINED = -1.0  # COCO's value of a metric without a single object to measure it on

# Truth passes through float32 coordinates normalised to the network's input. A thousandth of a pixel is coarser than
# what that costs (6e-8 of the side) and finer than any annotation: rounding to it brings the annotated numbers back.
DECIMALS = 3


class Category(NamedTuple):
    """A class as the label map knows it."""

    id: int
    name: str


class MetricSet(Protocol):
    """Collects detections and truth picture by picture, then computes metrics over all of them.

    Detections and truth of classes outside its categories are left out, as TFOD does: a model may have more class rows
    than its label map has entries.
    """

    @property
    def headline(self) -> Mapping[str, str]:
        """The metrics that a line of a log has room for: what it calls them -> their names in `compute`."""

    def add(
        self, source_id: str, original_size: tuple[int, int], detections: Detections, ground_truth: GroundTruth
    ) -> None:
        """Adds one picture.

        Args:
          source_id: its name in the data set.
          original_size: its (height, width) in pixels, as annotated.
          detections: numpy arrays without a batch dimension; boxes normalised to the picture.
          ground_truth: numpy arrays without a batch dimension; boxes normalised to the picture, not the padded input.
        """

    def compute(self, *, per_category: bool = False) -> dict[str, float]:
        """Computes the metrics, the most telling one first.

        Args:
          per_category: also gives a metric of each category.

        Returns:
          Name -> value in 0..1, or -1 (`NOT_DEFINED`) where there is nothing to measure.
        """


MetricSetFactory = Callable[[Sequence[Category]], MetricSet]
"""Makes an empty metric set over the classes of a label map."""


def corners_in_pixels(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Maps boxes to the pixels in which they were annotated.

    Args:
      boxes: [N, 4], yxyx, normalised to the picture.
      size: (height, width) of the picture.

    Returns:
      float64 [N, 4], yxyx, rounded to `DECIMALS`.
    """
    height, width = size
    return np.round(np.asarray(boxes, np.float64).reshape(-1, 4) * (height, width, height, width), DECIMALS)
