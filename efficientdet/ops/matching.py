# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Matching: which true box, if any, an anchor is responsible for.

Here with the similarity of every box and every anchor; `iou_matching` does without most of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

BACKGROUND = -1
IGNORED = -2

# (boxes float32 [N, 4], anchors float32 [A, 4]) -> float32 [N, A], see `ops.similarity`.
Similarity = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
# (similarity float32 [N, A], row weights float32 [N]) -> int32 [A], as the two functions below.
Rule = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class DenseMatcher:
    """Compares every box with every anchor: for any similarity, and any rule."""

    def __init__(self, anchors: np.ndarray, *, similarity: Similarity, rule: Rule) -> None:
        """Holds the settings.

        Args:
          anchors: float32 [A, 4].
          similarity: what of boxes and anchors is compared.
          rule: `argmax_match` with its thresholds, or `bipartite_match`.
        """
        self._anchors = np.asarray(anchors, np.float32)
        self._similarity = similarity
        self._rule = rule

    def __call__(self, boxes: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Matches the boxes of a picture.

        Args:
          boxes: float32 [N, 4], in the unit of the anchors; N may be 0.
          weights: float32 [N].

        Returns:
          int32 [A], the row of the matched box, BACKGROUND (-1) or IGNORED (-2).
        """
        return self._rule(self._similarity(boxes, tf.constant(self._anchors)), weights)


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

    Raises:
      ValueError: the thresholds exclude each other.
    """
    check_thresholds(matched_threshold, unmatched_threshold, negatives_lower_than_unmatched)
    num_rows = tf.shape(similarity)[0]
    best = tf.reduce_max(similarity, axis=0)
    if matched_threshold is None:
        matches = tf.where(num_rows > 0, _first_row_with(best, similarity), BACKGROUND)
    else:
        low = matched_threshold if unmatched_threshold is None else unmatched_threshold
        matches = unmatched_outcomes(best, num_rows, low, negatives_lower_than_unmatched)
        # Few anchors reach the threshold; looking for the row only there halves the cost of matching.
        anchors = tf.where(best >= matched_threshold)
        columns = tf.gather(similarity, anchors[:, 0], axis=1)
        matches = tf.tensor_scatter_nd_update(matches, anchors, _first_row_with(tf.gather_nd(best, anchors), columns))
    if not force_match:
        return matches
    return force_anchors(matches, tf.argmax(similarity, axis=1, output_type=tf.int32), row_weights)


def unmatched_outcomes(
    best: tf.Tensor, num_rows: tf.Tensor, low: float, negatives_lower_than_unmatched: bool
) -> tf.Tensor:
    """What becomes of anchors that no true box is similar enough to.

    Args:
      best: float32 [A], the greatest similarity of each anchor.
      num_rows: int32 [], true boxes; without any, all is background.
      low: the unmatched threshold.
      negatives_lower_than_unmatched: see `argmax_match`.

    Returns:
      int32 [A], BACKGROUND or IGNORED.
    """
    below, between = (BACKGROUND, IGNORED) if negatives_lower_than_unmatched else (IGNORED, BACKGROUND)
    return tf.where(best < low, tf.where(num_rows > 0, below, BACKGROUND), between)


def force_anchors(matches: tf.Tensor, best_anchors: tf.Tensor, row_weights: tf.Tensor) -> tf.Tensor:
    """Overrides the matches of the anchors that are the best of a row of positive weight.

    Args:
      matches: int32 [A].
      best_anchors: int32 [N], of each row.
      row_weights: float32 [N].

    Returns:
      int32 [A]; of several rows that have one best anchor, it gets the lowest.
    """
    num_rows, num_anchors = tf.shape(best_anchors)[0], tf.shape(matches)[0]
    # A negative segment id is dropped, and an anchor that no row wants gets the largest int32.
    wanted = tf.where(row_weights > 0, best_anchors, -1)
    forced_rows = tf.math.unsorted_segment_min(tf.range(num_rows), wanted, num_anchors)
    return tf.where(forced_rows < num_rows, forced_rows, matches)


def bipartite_match(similarity: tf.Tensor, row_weights: tf.Tensor) -> tf.Tensor:
    """Matches boxes and anchors one to one, the most similar pair of all first, then that of those left, and so on.

    This is the greedy bipartite matcher of the Object Detection API under TensorFlow 1: no similarity is too low for a
    match, and a row of weight 0 is never matched. Ties, which it leaves open, go to the lower row, then to the lower
    anchor. (There, a row of weight 0 before others also shifts the rows that come out; here they are those put in.)

    Args:
      similarity: float32 [N, A], true boxes against anchors, finite; N may be 0.
      row_weights: float32 [N].

    Returns:
      int32 [A], the row of the matched box or BACKGROUND (-1). All N rows of positive weight have an anchor, if there
      are as many.
    """
    num_rows, num_anchors = tf.unstack(tf.shape(similarity))
    # Of all others together no more than N - 1 anchors can be taken, so that a row has one of its best N.
    width = tf.minimum(num_rows, num_anchors)
    values, candidates = tf.math.top_k(similarity, width)
    values = tf.where(row_weights[:, tf.newaxis] > 0, values, -float("inf"))
    num_matches = tf.minimum(tf.math.count_nonzero(row_weights > 0, dtype=tf.int32), width)

    def match_best(step: tf.Tensor, values: tf.Tensor, taken: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        best = tf.argmax(tf.reshape(values, [-1]), output_type=tf.int32)
        row, rank = best // width, best % width
        anchor = candidates[row, rank]
        is_row = tf.range(num_rows) == row
        is_gone = is_row[:, tf.newaxis] | (candidates == anchor)
        return step + 1, tf.where(is_gone, -float("inf"), values), tf.where(is_row, anchor, taken)

    shapes = [tf.TensorShape([]), tf.TensorShape([None, None]), tf.TensorShape([None])]
    state = [tf.constant(0), values, tf.fill([num_rows], num_anchors)]
    taken = tf.while_loop(lambda step, *_: step < num_matches, match_best, state, shapes)[2]
    # An anchor that no row has taken gets the largest int32; rows without an anchor fall into one behind the last.
    rows = tf.math.unsorted_segment_min(tf.range(num_rows), taken, num_anchors + 1)[:-1]
    matches = tf.where(rows < num_rows, rows, BACKGROUND)
    return tf.ensure_shape(matches, [similarity.shape[1]])


def _first_row_with(value: tf.Tensor, similarity: tf.Tensor) -> tf.Tensor:
    """First row of each column that holds the column's `value`, int32 [A]; tf.argmax would refuse zero rows."""
    num_rows = tf.shape(similarity)[0]
    rows = tf.range(num_rows)[:, tf.newaxis]
    return tf.reduce_min(tf.where(similarity == value, rows, num_rows), axis=0)


def check_thresholds(matched: float | None, unmatched: float | None, negatives_lower: bool) -> None:
    """Raises a ValueError for thresholds that leave no anchor for one of the outcomes they promise."""
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
