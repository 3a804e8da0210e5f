# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Matching: which true box, if any, an anchor is responsible for."""

from __future__ import annotations

import tensorflow as tf

BACKGROUND = -1
IGNORED = -2


def argmax_match(
    similarity: tf.Tensor,
    row_weights: tf.Tensor,
    *,
    matched_threshold: float | None,
    unmatched_threshold: float | None,
    force_match: bool,
    negatives_lower_than_unmatched: bool,
) -> tf.Tensor:
    """Matches each anchor to its most similar true box, if that is similar enough.

    This is the argmax matcher of the Object Detection API. Ties go to the lower row. A row of weight 0 can be matched,
    but is never forced.

    Args:
      similarity: float32 [N, A], true boxes against anchors; N may be 0.
      row_weights: float32 [N].
      matched_threshold: an anchor whose best similarity reaches it is matched; None matches every anchor.
      unmatched_threshold: an anchor whose best similarity stays below it is background; an anchor in between is
        ignored. None means `matched_threshold`.
      force_match: gives every row of positive weight its most similar anchor (the first of several), whatever the
        thresholds say. If several rows want the same anchor, the lowest gets it.
      negatives_lower_than_unmatched: if false, anchors below `unmatched_threshold` are ignored, and those in between
        are background.

    Returns:
      int32 [A], the row of the matched box, BACKGROUND (-1) or IGNORED (-2).
    """
    num_rows = tf.shape(similarity)[0]
    best = tf.reduce_max(similarity, axis=0)
    if matched_threshold is None:
        matches = tf.where(num_rows > 0, _first_row_with(best, similarity), BACKGROUND)
    else:
        low = matched_threshold if unmatched_threshold is None else unmatched_threshold
        below, between = (BACKGROUND, IGNORED) if negatives_lower_than_unmatched else (IGNORED, BACKGROUND)
        matches = tf.where(best < low, tf.where(num_rows > 0, below, BACKGROUND), between)
        # Few anchors reach the threshold; looking for the row only there halves the cost of matching.
        anchors = tf.where(best >= matched_threshold)
        columns = tf.gather(similarity, anchors[:, 0], axis=1)
        matches = tf.tensor_scatter_nd_update(matches, anchors, _first_row_with(tf.gather_nd(best, anchors), columns))
    return _force_best_anchors(matches, similarity, row_weights) if force_match else matches


def _first_row_with(value: tf.Tensor, similarity: tf.Tensor) -> tf.Tensor:
    """First row of each column that holds the column's `value`, int32 [A]; tf.argmax would refuse zero rows."""
    num_rows = tf.shape(similarity)[0]
    rows = tf.range(num_rows)[:, tf.newaxis]
    return tf.reduce_min(tf.where(similarity == value, rows, num_rows), axis=0)


def _force_best_anchors(matches: tf.Tensor, similarity: tf.Tensor, row_weights: tf.Tensor) -> tf.Tensor:
    """Overrides the matches of the anchors that are the best of a row of positive weight."""
    num_rows, num_anchors = tf.unstack(tf.shape(similarity))
    best_anchors = tf.argmax(similarity, axis=1, output_type=tf.int32)
    # A negative segment id is dropped, and an anchor that no row wants gets the largest int32.
    wanted = tf.where(row_weights > 0, best_anchors, -1)
    forced_rows = tf.math.unsorted_segment_min(tf.range(num_rows), wanted, num_anchors)
    return tf.where(forced_rows < num_rows, forced_rows, matches)
