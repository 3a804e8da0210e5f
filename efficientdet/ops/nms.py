# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Exact per-class non-maximum suppression that looks at few candidates.

The definition (per class as in the Object Detection API, TFOD): for each class alone, take the boxes from the best
score down, drop each that overlaps a box taken before, stop at a limit; then keep the best of all classes. As a loop
over 90 classes and 49,104 anchors that costs more than the network. But greedy suppression only ever looks *up* the
list of (anchor, class) pairs sorted by score: what it decides about the best k pairs does not depend on the rest. So:

1. The k anchors of best class score hold the k best pairs; among their pairs, those are found and sorted.
2. Suppression runs down these, block by block, until enough boxes survive.
3. If they do, and the last survivor's score beats the last pair's (an equal pair might have been left out), the result
   is that of the loop. If not, k grows; past the last k, the loop itself is run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from efficientdet.ops.boxes import area, clip_to_window, iou

# For 100 detections of 49,104 anchors and 90 classes. 1,024 are too few for pictures with several well covered objects,
# and sorting 2,048 costs every picture only 1.4 ms more.
_CANDIDATES = (2048, 8192)
# Pairs that are compared with each other at a time: fewer cost more operations, more cost more comparisons.
_BLOCK = 128

# Gives the boxes, float32 [B, P, 4], of the anchors int32 [B, P] of each picture.
BoxesAt = Callable[[tf.Tensor], tf.Tensor]


class NmsSettings(NamedTuple):
    """Settings of non-maximum suppression."""

    score_threshold: float  # a detection's score is above it
    iou_threshold: float  # a box is dropped if its IoU with a better box of its class is above it
    max_detections_per_class: int
    max_total_detections: int


class Selection(NamedTuple):
    """The (anchor, class) pairs that survive, best score first, zero-padded to K = max_total_detections rows."""

    anchors: tf.Tensor  # int32 [B, K]
    classes: tf.Tensor  # int32 [B, K]
    scores: tf.Tensor  # float32 [B, K]
    count: tf.Tensor  # int32 [B], rows in use


class _Pairs(NamedTuple):
    """(anchor, class) pairs in the order in which they are considered."""

    anchors: tf.Tensor  # int32 [B, P]
    classes: tf.Tensor  # int32 [B, P], -1 marks a row that is padding
    scores: tf.Tensor  # float32 [B, P]
    boxes: tf.Tensor  # float32 [B, P, 4]
    visible: tf.Tensor  # bool [B, P], whether the pair counts as a detection when it survives


def class_nms(
    boxes_at: BoxesAt,
    class_logits: tf.Tensor,
    settings: NmsSettings,
    *,
    to_scores: Callable[[tf.Tensor], tf.Tensor] = tf.sigmoid,
    windows: tf.Tensor | None = None,
    candidates: Sequence[int] = _CANDIDATES,
) -> Selection:
    """Selects detections as `class_nms_loop` does, in a fraction of its time.

    Args:
      boxes_at: gives the boxes, float32 [B, P, 4], of anchors, int32 [B, P]; each has ymin <= ymax and xmin <= xmax.
        A function, because only candidates need to be decoded.
      class_logits: float32 [B, A, C].
      settings: thresholds and limits.
      to_scores: non-decreasing elementwise function of the logits; it is spared for anchors that are no candidates.
      windows: float32 [B, 4] or None. A box that has no area inside its picture's window takes part in suppression, and
        counts to its class's limit, but is not among the detections (TFOD clips after suppression, and then prunes).
      candidates: how many candidates to try with, then with how many more; the result does not depend on them.

    Returns:
      Selection. Equal scores are ordered by class, then by anchor.
    """
    best_logits = tf.reduce_max(class_logits, axis=-1)

    def attempt(num_candidates: int) -> tuple[Selection, tf.Tensor]:
        pairs, bound = _best_pairs(boxes_at, class_logits, best_logits, num_candidates, to_scores, windows)
        selection = _first_visible(pairs, _suppress(pairs, settings), settings.max_total_detections)
        return selection, _is_settled(selection, bound, settings)

    selection, settled = attempt(candidates[0])
    for num_candidates in candidates[1:]:
        selection, settled = tf.cond(
            settled,
            lambda result=(selection, settled): result,
            lambda num_candidates=num_candidates: attempt(num_candidates),
        )
    return tf.cond(
        settled,
        lambda: selection,
        lambda: class_nms_loop(boxes_at, to_scores(class_logits), settings, windows=windows),
    )


def class_nms_loop(
    boxes_at: BoxesAt, class_scores: tf.Tensor, settings: NmsSettings, *, windows: tf.Tensor | None = None
) -> Selection:
    """Selects detections by one suppression per picture and class over all anchors: the definition, and slow.

    Args:
      boxes_at: gives the boxes of anchors, see `class_nms`.
      class_scores: float32 [B, A, C], A at least 1.
      settings: thresholds and limits.
      windows: float32 [B, 4] or None, see `class_nms`.

    Returns:
      Selection, see `class_nms`.
    """
    num_pictures, num_anchors, num_classes = tf.unstack(tf.shape(class_scores))
    limit = settings.max_detections_per_class
    boxes = boxes_at(tf.repeat(tf.range(num_anchors)[tf.newaxis], num_pictures, axis=0))
    by_class = tf.transpose(class_scores, [0, 2, 1])

    def one_class(picture_and_class: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        picture, class_row = tf.unstack(picture_and_class)
        anchors, count = tf.raw_ops.NonMaxSuppressionV4(
            boxes=boxes[picture],
            scores=by_class[picture, class_row],
            max_output_size=limit,
            iou_threshold=settings.iou_threshold,
            score_threshold=settings.score_threshold,
            pad_to_max_output_size=True,
        )
        return tf.ensure_shape(anchors, [limit]), tf.where(tf.range(limit) < count, class_row, -1)

    grid = tf.stack(tf.meshgrid(tf.range(num_pictures), tf.range(num_classes), indexing="ij"), axis=-1)
    rows = tf.TensorSpec([limit], tf.int32)
    anchors, classes = tf.map_fn(one_class, tf.reshape(grid, [-1, 2]), fn_output_signature=(rows, rows))
    anchors, classes = (tf.reshape(rows, [num_pictures, num_classes * limit]) for rows in (anchors, classes))
    # Sorting is stable: equal scores stay in the order of their classes, and within a class as suppression took them.
    scores = tf.gather_nd(class_scores, tf.stack([anchors, tf.maximum(classes, 0)], axis=-1), batch_dims=1)
    order = tf.argsort(tf.where(classes >= 0, scores, -float("inf")), direction="DESCENDING", stable=True)
    anchors, classes, scores = (tf.gather(rows, order, batch_dims=1) for rows in (anchors, classes, scores))
    pairs = _make_pairs(anchors, classes, scores, boxes_at, windows)
    survivors = tf.where(classes >= 0, tf.range(num_classes * limit), num_classes * limit)
    return _first_visible(pairs, survivors, settings.max_total_detections)


def _best_pairs(
    boxes_at: BoxesAt,
    class_logits: tf.Tensor,
    best_logits: tf.Tensor,
    num_candidates: int,
    to_scores: Callable[[tf.Tensor], tf.Tensor],
    windows: tf.Tensor | None,
) -> tuple[_Pairs, tf.Tensor]:
    """The best (anchor, class) pairs in order, and [B] a bound: no pair left out has a higher score."""
    num_pictures, num_anchors, num_classes = tf.unstack(tf.shape(class_logits))
    width = tf.minimum(num_candidates, num_anchors)
    # In ascending order and class by class, so that top_k (the lower index first) breaks ties by class, then anchor.
    candidates = tf.sort(tf.math.top_k(best_logits, width).indices)
    scores = to_scores(tf.transpose(tf.gather(class_logits, candidates, batch_dims=1), [0, 2, 1]))
    num_pairs = tf.minimum(num_candidates, width * num_classes)
    scores, index = tf.math.top_k(tf.reshape(scores, [num_pictures, num_classes * width]), num_pairs)
    anchors = tf.gather(candidates, index % width, batch_dims=1)
    bound = tf.where(num_pairs == num_anchors * num_classes, -float("inf"), tf.reduce_min(scores, axis=1))
    return _make_pairs(anchors, index // width, scores, boxes_at, windows), bound


def _make_pairs(
    anchors: tf.Tensor, classes: tf.Tensor, scores: tf.Tensor, boxes_at: BoxesAt, windows: tf.Tensor | None
) -> _Pairs:
    """Gathers the pairs' boxes and appends one row of padding, for the indices of nothing to point at."""
    boxes = boxes_at(anchors)
    visible = tf.ones_like(classes, tf.bool) if windows is None else area(clip_to_window(boxes, windows)) > 0
    row = [[0, 0], [0, 1]]
    return _Pairs(
        anchors=tf.pad(anchors, row),
        classes=tf.pad(classes, row, constant_values=-1),
        scores=tf.pad(scores, row),
        boxes=tf.pad(boxes, [*row, [0, 0]]),
        visible=tf.pad(visible, row, constant_values=False),
    )


def _suppress(pairs: _Pairs, settings: NmsSettings) -> tf.Tensor:
    """Runs down the pairs until `max_total_detections` visible ones survive in every picture.

    Returns:
      int32 [B, S], indices of the surviving pairs, ascending; the index of the padding row where there are fewer.
    """
    padding = tf.shape(pairs.scores)[1] - 1

    def unfinished(start: tf.Tensor, survivors: tf.Tensor) -> tf.Tensor:
        found = tf.reduce_sum(tf.cast(tf.gather(pairs.visible, survivors, batch_dims=1), tf.int32), axis=1)
        has_more = pairs.scores[:, tf.minimum(start, padding)] > settings.score_threshold
        return (start < padding) & tf.reduce_any(has_more & (found < settings.max_total_detections))

    def next_block(start: tf.Tensor, survivors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        block = tf.range(start, tf.minimum(start + _BLOCK, padding))
        kept = _survivors_of_block(pairs, survivors, block, settings)
        survivors = tf.sort(tf.concat([survivors, tf.where(kept, block, padding)], axis=1))
        most = tf.reduce_max(tf.reduce_sum(tf.cast(survivors < padding, tf.int32), axis=1))
        return start + _BLOCK, survivors[:, :most]

    nothing = tf.zeros([tf.shape(pairs.scores)[0], 0], tf.int32)
    shapes = [tf.TensorShape([]), tf.TensorShape([pairs.scores.shape[0], None])]
    return tf.while_loop(unfinished, next_block, [tf.constant(0), nothing], shapes)[1]


def _survivors_of_block(pairs: _Pairs, survivors: tf.Tensor, block: tf.Tensor, settings: NmsSettings) -> tf.Tensor:
    """Which pairs of a block [T] survive, bool [B, T], given the indices [B, S] of those that did before."""
    num_pictures, num_earlier = tf.unstack(tf.shape(survivors))
    earlier = tf.concat([survivors, tf.repeat(block[tf.newaxis], num_pictures, axis=0)], axis=1)  # [B, S + T]
    classes = tf.gather(pairs.classes, block, axis=1)
    earlier_classes = tf.gather(pairs.classes, earlier, batch_dims=1)
    overlaps = iou(tf.gather(pairs.boxes, earlier, batch_dims=1), tf.gather(pairs.boxes, block, axis=1))
    rivals = (earlier_classes[:, :, tf.newaxis] == classes[:, tf.newaxis, :]) & (earlier[:, :, tf.newaxis] < block)
    suppresses = rivals & (overlaps > settings.iou_threshold)  # [B, S + T, T]

    alive = tf.gather(pairs.scores, block, axis=1) > settings.score_threshold
    alive &= ~tf.reduce_any(suppresses[:, :num_earlier], axis=1)
    alive = _greedy(alive, suppresses[:, num_earlier:])
    # The survivors of a class come in order, so its limit can be applied to them afterwards.
    rank = _count(tf.concat([tf.ones_like(survivors, tf.bool), alive], axis=1), rivals)
    return alive & (rank < settings.max_detections_per_class)


def _greedy(alive: tf.Tensor, suppresses: tf.Tensor) -> tf.Tensor:
    """Greedy suppression in a block, as a fixed point instead of one step for each box.

    The survivors are the one set for which "survives = alive and suppressed by no survivor" holds, since a pair is
    suppressed by earlier ones only. Each round settles at least the first pair that is still wrong; a few rounds do.

    Args:
      alive: bool [B, T].
      suppresses: bool [B, T, T], whether the first would suppress the second; only true for pairs first < second.

    Returns:
      bool [B, T].
    """

    def next_round(survives: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        updated = alive & ~(_count(survives, suppresses) > 0)
        return updated, tf.reduce_any(updated != survives)

    return tf.while_loop(lambda _, changed: changed, next_round, [alive, tf.constant(True)])[0]


def _count(mask: tf.Tensor, relation: tf.Tensor) -> tf.Tensor:
    """For each pair, how many of those in `mask` [B, R] stand in `relation` [B, R, T] to it, float32 [B, T]."""
    return tf.linalg.matvec(tf.cast(relation, tf.float32), tf.cast(mask, tf.float32), transpose_a=True)


def _first_visible(pairs: _Pairs, survivors: tf.Tensor, limit: int) -> Selection:
    """Reads out the first visible survivors, padded to `limit` rows."""
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


def _is_settled(selection: Selection, bound: tf.Tensor, settings: NmsSettings) -> tf.Tensor:
    """Whether pairs with scores up to `bound` [B] could not change the selection of any picture, bool []."""
    complete = (selection.count == settings.max_total_detections) & (selection.scores[:, -1] > bound)
    return tf.reduce_all(complete | (bound <= settings.score_threshold))
