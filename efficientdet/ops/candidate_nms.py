# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Non-maximum suppression among candidates, hard or soft, per class or over all (google/automl's forms of it).

What takes part is the best class of every anchor or every class, all of them or the best of them. Each class that may
hold candidates goes through TensorFlow's kernel. As in `ops/nms.py`, the best candidates are tried first: a soft score
only ever falls, so that what is taken above the best score left out does not depend on what was left out.
"""

from __future__ import annotations

import tensorflow as tf

from efficientdet.ops.candidates import (
    BoxesAt,
    Candidates,
    Selection,
    ToScores,
    best_anchors,
    best_pairs,
    is_settled,
)
from efficientdet.ops.nms import NmsSettings, best_taken, class_nms_loop, overlap_boxes, suppress_by_class

_FIRST = 2048


def candidate_nms(
    boxes_at: BoxesAt,
    class_logits: tf.Tensor,
    settings: NmsSettings,
    *,
    to_scores: ToScores = tf.sigmoid,
    windows: tf.Tensor | None = None,
    pixel: tuple[float, float] = (0.0, 0.0),
    first: int = _FIRST,
) -> Selection:
    """Selects detections by any settings.

    Args:
      boxes_at: gives the boxes, float32 [B, P, 4], of anchors, int32 [B, P]; each has ymin <= ymax and xmin <= xmax.
      class_logits: float32 [B, A, C], A at least 1.
      settings: what takes part, thresholds and limits.
      to_scores: non-decreasing elementwise function of the logits.
      windows: float32 [B, 4] or None, see `class_nms`.
      pixel: (height, width) of a pixel in the unit of the boxes, for `inclusive_pixels`.
      first: how many candidates to try with before all; the result does not depend on it.

    Returns:
      Selection. Equal scores are ordered by class, then by anchor; class-agnostic ones of best classes by anchor.
    """
    best_logits = tf.reduce_max(class_logits, axis=-1)
    num_pairs = tf.reduce_prod(tf.shape(class_logits)[1:])
    find = best_anchors if settings.candidates == "best_class" else best_pairs

    def attempt(num_candidates: int | tf.Tensor) -> tuple[Selection, tf.Tensor]:
        found = find(class_logits, best_logits, num_candidates, to_scores)
        selection = _suppress(boxes_at, found, tf.shape(class_logits)[2], settings, windows=windows, pixel=pixel)
        return selection, is_settled(selection, found.bound, settings.score_threshold)

    def everything() -> Selection:
        if settings.max_candidates > 0:
            return attempt(settings.max_candidates)[0]
        if settings.candidates == "best_class" or settings.class_agnostic:
            return attempt(num_pairs)[0]
        return class_nms_loop(boxes_at, to_scores(class_logits), settings, windows=windows, pixel=pixel)

    if 0 < settings.max_candidates <= first:
        return everything()
    selection, settled = attempt(first)
    return tf.cond(settled, lambda: selection, everything)


def _suppress(
    boxes_at: BoxesAt,
    candidates: Candidates,
    num_classes: tf.Tensor,
    settings: NmsSettings,
    *,
    windows: tf.Tensor | None,
    pixel: tuple[float, float],
) -> Selection:
    """Runs suppression over candidates, class by class or over all at once."""
    boxes = overlap_boxes(boxes_at(candidates.anchors), settings, pixel)
    scores = candidates.scores[:, tf.newaxis]
    if not settings.class_agnostic:
        classes = tf.range(num_classes)[:, tf.newaxis]
        scores = tf.where(candidates.classes[:, tf.newaxis] == classes, scores, -float("inf"))
    taken = suppress_by_class(boxes, scores, settings)
    anchors, classes = (
        tf.gather(column, taken.anchors, batch_dims=1) for column in (candidates.anchors, candidates.classes)
    )
    return best_taken(taken._replace(anchors=anchors, classes=classes), boxes_at, settings, windows=windows)
