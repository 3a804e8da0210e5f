# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""(anchor, class) pairs: the best of them, and those that survive suppression."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from efficientdet.ops.boxes import area, clip_to_window

# Gives the boxes, float32 [B, P, 4], of the anchors int32 [B, P] of each picture.
BoxesAt = Callable[[tf.Tensor], tf.Tensor]
# Non-decreasing elementwise function of the logits.
ToScores = Callable[[tf.Tensor], tf.Tensor]


class Selection(NamedTuple):
    """The (anchor, class) pairs that survive, best score first, zero-padded to K = max_total_detections rows."""

    anchors: tf.Tensor  # int32 [B, K]
    classes: tf.Tensor  # int32 [B, K]
    scores: tf.Tensor  # float32 [B, K], after decay
    count: tf.Tensor  # int32 [B], rows in use


class Candidates(NamedTuple):
    """The best (anchor, class) pairs."""

    anchors: tf.Tensor  # int32 [B, P]
    classes: tf.Tensor  # int32 [B, P]
    scores: tf.Tensor  # float32 [B, P]
    bound: tf.Tensor  # float32 [B], no pair that was left out has a higher score; -inf if none was


class Pairs(NamedTuple):
    """(anchor, class) pairs in the order in which they are considered."""

    anchors: tf.Tensor  # int32 [B, P]
    classes: tf.Tensor  # int32 [B, P], -1 marks a row that is padding
    scores: tf.Tensor  # float32 [B, P]
    boxes: tf.Tensor  # float32 [B, P, 4]
    visible: tf.Tensor  # bool [B, P], whether the pair counts as a detection when it survives


def best_pairs(
    class_logits: tf.Tensor, best_logits: tf.Tensor, num_candidates: int | tf.Tensor, to_scores: ToScores
) -> Candidates:
    """The best pairs of all, in descending order; equal scores by class, then by anchor.

    Args:
      class_logits: float32 [B, A, C].
      best_logits: float32 [B, A], each anchor's best.
      num_candidates: how many; fewer if there are fewer.
      to_scores: is applied to the logits of the anchors that can hold the best pairs.

    Returns:
      Candidates.
    """
    num_pictures, num_anchors, num_classes = tf.unstack(tf.shape(class_logits))
    width = tf.minimum(num_candidates, num_anchors)
    # In ascending order and class by class, so that top_k (the lower index first) breaks ties by class, then anchor.
    candidates = tf.sort(tf.math.top_k(best_logits, width, sorted=False).indices)
    scores = to_scores(tf.transpose(tf.gather(class_logits, candidates, batch_dims=1), [0, 2, 1]))
    num_pairs = tf.minimum(num_candidates, width * num_classes)
    # Each of these anchors has a pair of this score or a better one, so that among as many pairs no worse one can be.
    floor = tf.reduce_min(tf.reduce_max(scores, axis=1), axis=1, keepdims=True)
    floor = tf.where(num_pairs == width, floor, -float("inf"))
    scores, index = _top_from(tf.reshape(scores, [num_pictures, num_classes * width]), floor, num_pairs)
    bound = tf.where(num_pairs == num_anchors * num_classes, -float("inf"), tf.reduce_min(scores, axis=1))
    return Candidates(tf.gather(candidates, index % width, batch_dims=1), index // width, scores, bound)


def _top_from(scores: tf.Tensor, floor: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """What `tf.math.top_k` gives, quicker where few of many scores reach a floor.

    Args:
      scores: float32 [B, N].
      floor: float32 [B, 1]; at least `count` scores of each row reach it or are NaN.
      count: int32 [], k.

    Returns:
      The k best scores of each row, float32 [B, k], and where they are, int32 [B, k]; of equals the first.
    """
    places = tf.where(~(scores < floor))  # int64 [M, 2], row by row
    columns = tf.RaggedTensor.from_value_rowids(
        tf.cast(places[:, 1], tf.int32), places[:, 0], nrows=tf.shape(scores, tf.int64)[0], validate=False
    ).to_tensor(-1)
    columns = tf.pad(columns, [[0, 0], [0, tf.maximum(count - tf.shape(columns)[1], 0)]], constant_values=-1)
    kept = tf.where(columns < 0, -float("inf"), tf.gather(scores, tf.maximum(columns, 0), batch_dims=1))
    top, order = tf.math.top_k(kept, count)
    return tf.ensure_shape(top, [scores.shape[0], None]), tf.gather(columns, order, batch_dims=1)


def best_anchors(
    class_logits: tf.Tensor, best_logits: tf.Tensor, num_candidates: int | tf.Tensor, to_scores: ToScores
) -> Candidates:
    """The best anchors with the best class of each (the first of equals), in the order of the anchors.

    Args:
      class_logits: float32 [B, A, C].
      best_logits: float32 [B, A], each anchor's best.
      num_candidates: how many; fewer if there are fewer.
      to_scores: is applied to the logits that are left.

    Returns:
      Candidates.
    """
    num_anchors = tf.shape(best_logits)[1]
    width = tf.minimum(num_candidates, num_anchors)
    anchors = tf.sort(tf.math.top_k(best_logits, width, sorted=False).indices)
    classes = tf.argmax(tf.gather(class_logits, anchors, batch_dims=1), axis=-1, output_type=tf.int32)
    scores = to_scores(tf.gather(best_logits, anchors, batch_dims=1))
    bound = tf.where(width == num_anchors, -float("inf"), tf.reduce_min(scores, axis=1))
    return Candidates(anchors, classes, scores, bound)


def make_pairs(
    anchors: tf.Tensor, classes: tf.Tensor, scores: tf.Tensor, boxes_at: BoxesAt, windows: tf.Tensor | None
) -> Pairs:
    """Gathers the pairs' boxes and appends one row of padding, for the indices of nothing to point at."""
    boxes = boxes_at(anchors)
    visible = tf.ones_like(classes, tf.bool) if windows is None else area(clip_to_window(boxes, windows)) > 0
    row = [[0, 0], [0, 1]]
    return Pairs(
        anchors=tf.pad(anchors, row),
        classes=tf.pad(classes, row, constant_values=-1),
        scores=tf.pad(scores, row),
        boxes=tf.pad(boxes, [*row, [0, 0]]),
        visible=tf.pad(visible, row, constant_values=False),
    )


def first_visible(pairs: Pairs, survivors: tf.Tensor, limit: int) -> Selection:
    """Reads out the first visible survivors, padded to `limit` rows.

    Args:
      pairs: P pairs and a row of padding.
      survivors: int32 [B, S], indices of pairs, ascending; P where there are fewer.
      limit: K, how many rows to fill.

    Returns:
      Selection.
    """
    padding = tf.shape(pairs.scores)[1] - 1
    visible = tf.gather(pairs.visible, survivors, batch_dims=1)
    rows = tf.sort(tf.where(visible, survivors, padding))[:, :limit]
    rows = tf.pad(rows - padding, [[0, 0], [0, limit - tf.shape(rows)[1]]]) + padding
    rows = tf.ensure_shape(rows, [pairs.scores.shape[0], limit])
    return Selection(
        anchors=tf.gather(pairs.anchors, rows, batch_dims=1),
        classes=tf.maximum(tf.gather(pairs.classes, rows, batch_dims=1), 0),
        scores=tf.gather(pairs.scores, rows, batch_dims=1),
        count=tf.reduce_sum(tf.cast(rows < padding, tf.int32), axis=1),
    )


def is_settled(selection: Selection, bound: tf.Tensor, score_threshold: float) -> tf.Tensor:
    """Whether pairs with scores up to `bound` [B] could not change the selection of any picture, bool [].

    They could not if they count for nothing, or come after the last of a full selection: a pair's score never rises,
    and pairs are taken from the best down.
    """
    full = selection.count == selection.scores.shape[1]
    return tf.reduce_all((full & (selection.scores[:, -1] > bound)) | (bound <= score_threshold))
