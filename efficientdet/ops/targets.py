# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Target assignment: turns the true boxes of one picture into what every anchor should predict."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from efficientdet.ops import box_coder, matching
from efficientdet.ops.boxes import area, clip_to_window
from efficientdet.types import Targets

# (boxes float32 [N, 4], weights float32 [N]) -> int32 [A], see `ops.matching`.
Matcher = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class TargetAssigner:
    """Assigns targets to the anchors of one picture; cheap enough to run inside tf.data.

    Per picture and with the true number of boxes, rather than batched on padded boxes inside the training step: that
    would compare A anchors with M mostly empty rows.
    """

    def __init__(
        self,
        anchors: np.ndarray,
        *,
        coder: box_coder.BoxCoder,
        match: Matcher,
        negative_class_weight: float = 1.0,
        class_weights: Sequence[float] | None = None,
        clip_to: tuple[float, float] | None = None,
    ) -> None:
        """Holds the anchors, and the ways to match and encode.

        Args:
          anchors: float32 [A, 4], normalised to the network's input.
          coder: makes the box codes.
          match: a `iou_matching.IouMatcher` or `matching.DenseMatcher` of the same anchors.
          negative_class_weight: weight of background anchors in the classification loss.
          class_weights: one for each class row: the factor of the classification weight of the anchors that are matched
            to a box of the class; None weighs all alike.
          clip_to: (ymax, xmax), in the boxes' unit, where boxes are cut off before matching; google/automl cuts at the
            last pixel, (size - 1) / size. A box left without area weighs nothing. None cuts nothing.
        """
        # Kept as numpy: graphs take it up as a constant, whatever graph calls.
        self._anchors = np.asarray(anchors, np.float32)
        self._coder = coder
        self._match = match
        self._negative_class_weight = negative_class_weight
        self._class_weights = None if class_weights is None else np.asarray(class_weights, np.float32)
        self._window = None if clip_to is None else np.array([0.0, 0.0, *clip_to], np.float32)

    @property
    def num_anchors(self) -> int:
        """Number of anchors over all levels."""
        return len(self._anchors)

    def __call__(self, boxes: tf.Tensor, classes: tf.Tensor, weights: tf.Tensor) -> Targets:
        """Assigns targets to every anchor.

        Args:
          boxes: float32 [N, 4], normalised to the network's (padded) input. N may be 0, and rows of zeros with weight
            0 (padding) have no effect.
          classes: int32 [N], class rows.
          weights: float32 [N]. A box of weight 0 still takes the anchors it overlaps, unless the matcher is bipartite,
            with weight 0 in both losses: they learn neither that there is something nor that there is nothing.

        Returns:
          Targets of [A] anchors.
        """
        if self._window is not None:
            boxes = clip_to_window(boxes, tf.constant(self._window))
            weights = tf.where(area(boxes) > 0, weights, 0.0)
        matches = self._match(boxes, weights)
        matched = tf.where(matches >= 0)  # [P, 1]; P is some hundreds of A
        rows = tf.gather_nd(matches, matched)
        matched_classes = tf.gather(classes, rows)
        codes = self._coder.encode(tf.gather(boxes, rows), tf.gather_nd(self._anchors, matched))
        row_weights = tf.gather(weights, rows)
        class_weights = row_weights
        if self._class_weights is not None:
            class_weights *= tf.gather(self._class_weights, matched_classes)
        unmatched_weights = tf.where(matches == matching.BACKGROUND, self._negative_class_weight, 0.0)
        shape = [self.num_anchors]
        return Targets(
            classes=tf.tensor_scatter_nd_update(tf.fill(shape, -1), matched, matched_classes),
            class_weights=tf.tensor_scatter_nd_update(unmatched_weights, matched, class_weights),
            box_codes=tf.scatter_nd(matched, codes, tf.constant([*shape, box_coder.CODE_SIZE], tf.int64)),
            box_weights=tf.scatter_nd(matched, row_weights, tf.constant(shape, tf.int64)),
        )
