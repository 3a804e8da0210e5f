# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Target assignment: turns the true boxes of one picture into what every anchor should predict."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from efficientdet.ops import box_coder, matching
from efficientdet.ops.boxes import area, clip_to_window, iou
from efficientdet.types import Targets


class TargetAssigner:
    """Assigns targets to the anchors of one picture; cheap enough to run inside tf.data.

    Per picture and with the true number of boxes, rather than batched on padded boxes inside the training step: that
    would compare A anchors with M mostly empty rows.
    """

    def __init__(
        self,
        anchors: np.ndarray,
        *,
        scales: box_coder.BoxScales,
        matched_threshold: float | None,
        unmatched_threshold: float | None,
        force_match: bool,
        negatives_lower_than_unmatched: bool = True,
        negative_class_weight: float = 1.0,
        clip_to: tuple[float, float] | None = None,
    ) -> None:
        """Holds the anchors and the settings of the matcher.

        Args:
          anchors: float32 [A, 4], normalised to the network's input.
          scales: multipliers of the box codes.
          matched_threshold: smallest IoU of a match, see `matching.argmax_match`; None matches every anchor.
          unmatched_threshold: IoU below which an anchor is background; None means `matched_threshold`.
          force_match: gives every box its best anchor.
          negatives_lower_than_unmatched: see `matching.argmax_match`.
          negative_class_weight: weight of background anchors in the classification loss.
          clip_to: (ymax, xmax), in the boxes' unit, where boxes are cut off before matching; google/automl cuts at the
            last pixel, (size - 1) / size. A box left without area weighs nothing. None cuts nothing.

        Raises:
          ValueError: the thresholds exclude each other.
        """
        _check_thresholds(matched_threshold, unmatched_threshold, negatives_lower_than_unmatched)
        # Kept as numpy: graphs take it up as a constant, whatever graph calls.
        self._anchors = np.asarray(anchors, np.float32)
        self._scales = scales
        self._matched_threshold = matched_threshold
        self._unmatched_threshold = unmatched_threshold
        self._force_match = force_match
        self._negatives_lower_than_unmatched = negatives_lower_than_unmatched
        self._negative_class_weight = negative_class_weight
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
          weights: float32 [N]. A box of weight 0 still takes the anchors it overlaps, with weight 0 in both losses:
            they learn neither that there is something nor that there is nothing.

        Returns:
          Targets of [A] anchors.
        """
        if self._window is not None:
            boxes = clip_to_window(boxes, tf.constant(self._window))
            weights = tf.where(area(boxes) > 0, weights, 0.0)
        matches = matching.argmax_match(
            iou(boxes, tf.constant(self._anchors)),
            weights,
            matched_threshold=self._matched_threshold,
            unmatched_threshold=self._unmatched_threshold,
            force_match=self._force_match,
            negatives_lower_than_unmatched=self._negatives_lower_than_unmatched,
        )
        matched = tf.where(matches >= 0)  # [P, 1]; P is some hundreds of A
        rows = tf.gather_nd(matches, matched)
        codes = box_coder.encode(tf.gather(boxes, rows), tf.gather_nd(self._anchors, matched), self._scales)
        row_weights = tf.gather(weights, rows)
        unmatched_weights = tf.where(matches == matching.BACKGROUND, self._negative_class_weight, 0.0)
        shape = [self.num_anchors]
        return Targets(
            classes=tf.tensor_scatter_nd_update(tf.fill(shape, -1), matched, tf.gather(classes, rows)),
            class_weights=tf.tensor_scatter_nd_update(unmatched_weights, matched, row_weights),
            box_codes=tf.scatter_nd(matched, codes, tf.constant([*shape, box_coder.CODE_SIZE], tf.int64)),
            box_weights=tf.scatter_nd(matched, row_weights, tf.constant(shape, tf.int64)),
        )


def _check_thresholds(matched: float | None, unmatched: float | None, negatives_lower: bool) -> None:
    """Refuses thresholds that leave no anchor for one of the outcomes they promise."""
    if matched is None:
        if unmatched is not None:
            raise ValueError(f"unmatched_threshold ({unmatched}) needs a matched_threshold")
        return
    if unmatched is not None and unmatched > matched:
        raise ValueError(f"unmatched_threshold ({unmatched}) must not exceed matched_threshold ({matched})")
    if not negatives_lower and (unmatched is None or unmatched == matched):
        raise ValueError(
            f"negatives_lower_than_unmatched = false needs an unmatched_threshold below matched_threshold ({matched}), "
            "or no anchor would be background"
        )
