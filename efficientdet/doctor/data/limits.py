# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a config allows of a data set: the size objects have when the network sees them, how many, which anchors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from efficientdet.builders.choice import choice
from efficientdet.config import PipelineConfig


class InputLimits(NamedTuple):
    """The network's input, as far as boxes care.

    Attributes:
      size: (height, width) of the input, pixels.
      min_dimension: what the shorter side of a picture becomes at most, pixels; None: pictures are stretched to `size`
        instead of fitted into it.
      max_boxes: of a picture in training; the rest is cut off. 0: no limit.
      anchors: float32 [A, 4], ymin xmin ymax xmax normalised to the input.
      matched_threshold: IoU from which an anchor learns a box; None where matching is by something else.
      shuffled: records of the window that training shuffles in.
      forced: a box that no anchor reaches gets its best one all the same.
    """

    size: tuple[int, int]
    min_dimension: int | None
    max_boxes: int
    anchors: np.ndarray
    matched_threshold: float | None
    shuffled: int = 0
    forced: bool = True

    def scales(self, sizes: np.ndarray) -> np.ndarray:
        """How much pictures are enlarged on the way into the network.

        Args:
          sizes: int [P, 2], (height, width) in pixels; 0 where there is no picture.

        Returns:
          float64 [P, 2], for y and x; 1 where there is no picture.
        """
        known = np.where(sizes > 0, sizes, 1).astype(np.float64)
        if self.min_dimension is None:
            scales = np.asarray(self.size, np.float64) / known
        else:
            shorter, longer = known.min(axis=1), known.max(axis=1)
            fitted = np.minimum(self.min_dimension / shorter, max(self.size) / longer)
            scales = np.repeat(fitted[:, np.newaxis], 2, axis=1)
        return np.where(sizes > 0, scales, 1.0)


def limits_of(config: PipelineConfig) -> InputLimits:
    """Reads the limits that a config sets.

    Args:
      config: resolved.

    Raises:
      ConfigError: it has no resizer or no anchors.
    """
    # Where the anchors' sizes depend on a backbone, TensorFlow is imported to build them.
    from efficientdet.builders.anchors import build_anchors

    kind, resizer = choice(config, "model.ssd.image_resizer")
    fits = kind == "keep_aspect_ratio_resizer"
    size = (resizer.max_dimension, resizer.max_dimension) if fits else (resizer.height, resizer.width)
    threshold, forced = _matching(config)
    reader = config.proto.train_input_reader
    return InputLimits(
        size=size,
        min_dimension=resizer.min_dimension if fits else None,
        max_boxes=reader.max_number_of_boxes,
        anchors=build_anchors(config, size),
        matched_threshold=threshold,
        shuffled=reader.shuffle_buffer_size if reader.shuffle else 0,
        forced=forced,
    )


def _matching(config: PipelineConfig) -> tuple[float | None, bool]:
    """The threshold of matching, and whether boxes that no anchor reaches are matched all the same."""
    kind, matcher = choice(config, "model.ssd.matcher")
    if kind != "argmax_matcher" or choice(config, "model.ssd.similarity_calculator")[0] != "iou_similarity":
        return None, True  # other matchers and similarities know no IoU to hold a box against
    return (None if matcher.ignore_thresholds else matcher.matched_threshold), matcher.force_match_for_each_row
