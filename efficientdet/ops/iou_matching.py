# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Matching by IoU and thresholds, for which few pairs of a box and an anchor need to be compared."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from efficientdet.ops import matching
from efficientdet.ops.anchor_search import AnchorSearch, Pairs


class IouMatcher:
    """Matches as `matching.argmax_match` does with the IoU of all pairs, bit for bit.

    Comparing all of 49,104 anchors with a box costs .4 ms, so that a picture of 100 boxes would take longer to match
    than to do everything else with it.
    """

    def __init__(
        self,
        anchors: np.ndarray,
        *,
        matched_threshold: float,
        unmatched_threshold: float | None,
        force_match: bool,
        negatives_lower_than_unmatched: bool,
    ) -> None:
        """Holds the settings, see `matching.argmax_match`.

        Args:
          anchors: float32 [A, 4].
          matched_threshold: above 0.
          unmatched_threshold: above 0; None means `matched_threshold`.
          force_match: gives every box of positive weight its most similar anchor.
          negatives_lower_than_unmatched: if false, anchors below `unmatched_threshold` are ignored.

        Raises:
          ValueError: the thresholds exclude each other, or one is not above 0.
        """
        matching.check_thresholds(matched_threshold, unmatched_threshold, negatives_lower_than_unmatched)
        self._high = matched_threshold
        self._low = matched_threshold if unmatched_threshold is None else unmatched_threshold
        if self._low <= 0:
            raise ValueError(f"the thresholds ({matched_threshold}, {unmatched_threshold}) must be above 0")
        self._force_match = force_match
        self._negatives_lower = negatives_lower_than_unmatched
        self._search = AnchorSearch(anchors)

    def __call__(self, boxes: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Matches the boxes of a picture.

        Args:
          boxes: float32 [N, 4], finite, in the unit of the anchors; N may be 0.
          weights: float32 [N].

        Returns:
          int32 [A], the row of the matched box, BACKGROUND (-1) or IGNORED (-2).
        """
        num_boxes, num_anchors = tf.shape(boxes)[0], self._search.num_anchors
        pairs = self._search.pairs(boxes, self._low, weights > 0 if self._force_match else None)
        # Segments without a pair get the least float32; boxes and anchors that are in no pair do not overlap.
        best = tf.nn.relu(tf.math.unsorted_segment_max(pairs.ious, pairs.anchors, num_anchors))
        unmatched = matching.unmatched_outcomes(best, num_boxes, self._low, self._negatives_lower)
        is_match = (pairs.ious >= self._high) & (pairs.ious == tf.gather(best, pairs.anchors))
        rows = _least_where(is_match, pairs.boxes, pairs.anchors, num_anchors)
        matches = tf.where(rows < num_boxes, rows, unmatched)
        if self._force_match:
            matches = matching.force_anchors(matches, _best_anchors(pairs, num_boxes), weights)
        return tf.ensure_shape(matches, [num_anchors])


def _best_anchors(pairs: Pairs, num_boxes: tf.Tensor) -> tf.Tensor:
    """The first of the anchors of each box's greatest IoU, int32 [N]: the very first of all where it overlaps none."""
    best = tf.math.unsorted_segment_max(pairs.ious, pairs.boxes, num_boxes)
    anchors = _least_where(pairs.ious == tf.gather(best, pairs.boxes), pairs.anchors, pairs.boxes, num_boxes)
    return tf.where(best > 0, anchors, 0)


def _least_where(
    condition: tf.Tensor, values: tf.Tensor, segments: tf.Tensor, num_segments: tf.Tensor | int
) -> tf.Tensor:
    """The least of the values, int32 [P], of each segment for which a condition, bool [P], holds; else the maximum."""
    # A negative segment is dropped.
    return tf.math.unsorted_segment_min(values, tf.where(condition, segments, -1), num_segments)
