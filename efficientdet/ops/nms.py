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

from collections.abc import Sequence
from typing import Literal, NamedTuple

import tensorflow as tf

from efficientdet.ops.boxes import iou
from efficientdet.ops.candidates import (
    BoxesAt,
    Pairs,
    Selection,
    ToScores,
    best_pairs,
    first_visible,
    is_settled,
    make_pairs,
)

CandidateRule = Literal["all_pairs", "best_class"]

# For 100 detections of 49,104 anchors and 90 classes. 1,024 are too few for pictures with several well covered objects,
# and sorting 2,048 costs every picture only 1.4 ms more.
_CANDIDATES = (2048, 8192)
# Pairs that are compared with each other at a time: fewer cost more operations, more cost more comparisons.
_BLOCK = 128


class NmsSettings(NamedTuple):
    """Settings of non-maximum suppression."""

    score_threshold: float  # a detection's score is above it
    iou_threshold: float  # a box is dropped if its IoU with a better box of its class is above it; not where soft
    max_detections_per_class: int  # each class stops there; without effect where `class_agnostic`
    max_total_detections: int
    # Above 0, a box is not dropped: its score is multiplied by exp(-IoU^2 / (2 sigma)) for each better box of its class
    # (Bodla et al. 2017, arXiv:1704.04503, as TensorFlow counts: half of the paper's and automl's sigma).
    soft_sigma: float = 0.0
    class_agnostic: bool = False  # boxes suppress those of other classes as well
    candidates: CandidateRule = "all_pairs"  # the classes of an anchor that take part
    max_candidates: int = 0  # if above 0, only this many (anchor, class) pairs of the best scores take part
    inclusive_pixels: bool = False  # for overlaps, every side is one pixel longer

    @property
    def is_plain(self) -> bool:
        """Whether suppression is hard, per class and over all pairs, as in the Object Detection API."""
        restricted = self.candidates != "all_pairs" or self.max_candidates > 0
        return not (self.soft_sigma > 0 or self.class_agnostic or restricted or self.inclusive_pixels)


class Taken(NamedTuple):
    """What suppression took: class after class, each from the best down, S rows for each picture."""

    anchors: tf.Tensor  # int32 [B, S]
    classes: tf.Tensor  # int32 [B, S]
    scores: tf.Tensor  # float32 [B, S], after decay
    in_use: tf.Tensor  # bool [B, S]


def class_nms(
    boxes_at: BoxesAt,
    class_logits: tf.Tensor,
    settings: NmsSettings,
    *,
    to_scores: ToScores = tf.sigmoid,
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
        best = best_pairs(class_logits, best_logits, num_candidates, to_scores)
        pairs = make_pairs(best.anchors, best.classes, best.scores, boxes_at, windows)
        selection = first_visible(pairs, _suppress(pairs, settings), settings.max_total_detections)
        return selection, is_settled(selection, best.bound, settings.score_threshold)

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
    boxes_at: BoxesAt,
    class_scores: tf.Tensor,
    settings: NmsSettings,
    *,
    windows: tf.Tensor | None = None,
    pixel: tuple[float, float] = (0.0, 0.0),
) -> Selection:
    """Selects detections by one suppression per picture and class over all anchors: the definition, and slow.

    Args:
      boxes_at: gives the boxes of anchors, see `class_nms`.
      class_scores: float32 [B, A, C], A at least 1.
      settings: thresholds and limits; per class, over all pairs.
      windows: float32 [B, 4] or None, see `class_nms`.
      pixel: (height, width) of a pixel in the unit of the boxes, for `inclusive_pixels`.

    Returns:
      Selection, see `class_nms`.
    """
    num_pictures, num_anchors, _ = tf.unstack(tf.shape(class_scores))
    boxes = boxes_at(tf.repeat(tf.range(num_anchors)[tf.newaxis], num_pictures, axis=0))
    by_class = tf.transpose(class_scores, [0, 2, 1])
    taken = suppress_by_class(overlap_boxes(boxes, settings, pixel), by_class, settings)
    return best_taken(taken, boxes_at, settings, windows=windows)


def overlap_boxes(boxes: tf.Tensor, settings: NmsSettings, pixel: tuple[float, float]) -> tf.Tensor:
    """The boxes [..., 4] as overlaps see them: with inclusive pixels, up to the far side of their last pixel."""
    return boxes + tf.constant([0.0, 0.0, *pixel]) if settings.inclusive_pixels else boxes


def suppress_by_class(boxes: tf.Tensor, scores: tf.Tensor, settings: NmsSettings) -> Taken:
    """Suppresses in each class of each picture alone, by TensorFlow's kernel.

    Args:
      boxes: float32 [B, P, 4], P at least 1.
      scores: float32 [B, C, P], -inf where a box is none of the class; the only class of class-agnostic suppression has
        the limit of all.
      settings: thresholds and limits.

    Returns:
      Taken; its anchors are indices of the given boxes.
    """
    num_pictures, num_classes, num_boxes = tf.unstack(tf.shape(scores))
    limit = settings.max_total_detections if settings.class_agnostic else settings.max_detections_per_class

    # Whatever is not here is computed once for all classes: a kernel on few boxes costs less than a turn of the loop.
    def one_class(numbered: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        picture, scores_of_class = numbered
        found = tf.raw_ops.NonMaxSuppressionV5(
            boxes=tf.gather(boxes, picture),
            scores=scores_of_class,
            max_output_size=limit,
            iou_threshold=settings.iou_threshold,
            score_threshold=settings.score_threshold,
            soft_nms_sigma=settings.soft_sigma,
            pad_to_max_output_size=True,
        )
        return found.selected_indices, found.selected_scores, found.valid_outputs

    numbered = tf.repeat(tf.range(num_pictures), num_classes), tf.reshape(scores, [-1, num_boxes])
    of_class = (tf.TensorSpec([None], tf.int32), tf.TensorSpec([None], tf.float32), tf.TensorSpec([], tf.int32))
    rows, kept, counts = tf.map_fn(one_class, numbered, fn_output_signature=of_class)
    classes = tf.repeat(tf.range(num_classes), limit)[tf.newaxis]
    rows, kept, in_use = (
        tf.reshape(field, [num_pictures, num_classes * limit])
        for field in (rows, kept, tf.sequence_mask(counts, limit))
    )
    return Taken(rows, tf.repeat(classes, num_pictures, axis=0), kept, in_use)


def best_taken(taken: Taken, boxes_at: BoxesAt, settings: NmsSettings, *, windows: tf.Tensor | None) -> Selection:
    """The best of all classes that are visible in their windows."""
    # Sorting is stable: equal scores stay in the order of their classes, and within a class as suppression took them.
    order = tf.argsort(tf.where(taken.in_use, taken.scores, -float("inf")), direction="DESCENDING", stable=True)
    taken = Taken(*(tf.gather(column, order, batch_dims=1) for column in taken))
    pairs = make_pairs(taken.anchors, taken.classes, taken.scores, boxes_at, windows)
    num_rows = tf.shape(taken.scores)[1]
    survivors = tf.where(taken.in_use, tf.range(num_rows), num_rows)
    return first_visible(pairs, survivors, settings.max_total_detections)


def _suppress(pairs: Pairs, settings: NmsSettings) -> tf.Tensor:
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


def _survivors_of_block(pairs: Pairs, survivors: tf.Tensor, block: tf.Tensor, settings: NmsSettings) -> tf.Tensor:
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
