# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""From predictions to detections: decode, suppress, clip, and express in the frame of the picture."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import tensorflow as tf

from efficientdet.ops.box_coder import BoxCoder
from efficientdet.ops.boxes import change_coordinate_frame, clip_to_window, ordered_corners
from efficientdet.ops.candidate_nms import candidate_nms
from efficientdet.ops.candidates import BoxesAt, Selection
from efficientdet.ops.nms import NmsSettings, class_nms
from efficientdet.types import Detections, Predictions

ScoreConverter = Literal["sigmoid", "softmax", "identity"]
ClipWindow = Literal["picture", "input", "unclipped"]


class PostprocessSettings(NamedTuple):
    """Settings of `decode_detections`."""

    input_size: tuple[int, int]  # (H, W) of the network's input in pixels
    box_coder: BoxCoder
    score_converter: ScoreConverter
    logit_scale: float  # logits are divided by it first
    nms: NmsSettings
    # What boxes are clipped to after suppression: the picture, which leaves out those that have no area in it; the
    # input with its padding, or nothing, which leave out none.
    clip_window: ClipWindow = "picture"
    background: bool = False  # whether the first class slot is the background's


def slot_scores(class_logits: tf.Tensor, settings: PostprocessSettings) -> tf.Tensor:
    """Scores of all class slots, that of the background included where the network has one.

    Args:
      class_logits: float32 [..., S].
      settings: gives the converter and the scale.

    Returns:
      float32 [..., S].

    Raises:
      ValueError: the converter is none that is known, or the scale is not positive.
    """
    return _to_scores(_comparable(class_logits, settings), settings)


def _class_columns(class_logits: tf.Tensor, settings: PostprocessSettings) -> tf.Tensor:
    """The `_comparable` columns of the classes alone: float32 [..., S] -> float32 [..., C]."""
    columns = _comparable(class_logits, settings)
    return columns[..., 1:] if settings.background else columns


def _comparable(class_logits: tf.Tensor, settings: PostprocessSettings) -> tf.Tensor:
    """What the scores are an elementwise, non-decreasing function of, float32 [..., S] both.

    That makes suppression exact and spares it the scores of all but its candidates. A softmax compares slots, so it is
    taken here, background included, as its logarithm.
    """
    if settings.logit_scale <= 0:
        raise ValueError(f"logit_scale is {settings.logit_scale}, must be positive")
    if settings.score_converter == "softmax":
        return tf.nn.log_softmax(class_logits / settings.logit_scale)
    return class_logits


def _to_scores(columns: tf.Tensor, settings: PostprocessSettings) -> tf.Tensor:
    """Scores of what `_comparable` gives, elementwise."""
    if settings.score_converter == "softmax":
        return tf.exp(columns)
    logits = columns if settings.logit_scale == 1 else columns / settings.logit_scale
    if settings.score_converter == "sigmoid":
        return tf.sigmoid(logits)
    if settings.score_converter == "identity":
        return logits
    raise ValueError(f"score_converter is {settings.score_converter!r}, must be 'sigmoid', 'softmax' or 'identity'")


def decode_detections(
    predictions: Predictions, anchors: np.ndarray | tf.Tensor, true_sizes: tf.Tensor, settings: PostprocessSettings
) -> Detections:
    """Decides which boxes to report (post-processing as in the Object Detection API, or as in google/automl).

    Suppression sees the boxes as decoded, in the padded frame. Only the survivors are clipped, and those that lie
    outside the picture make room for the next if it is what they are clipped to.

    Args:
      predictions: of [B, A] anchors.
      anchors: float32 [A, 4], normalised to the padded input.
      true_sizes: int32 [B, 2], (h, w) of each picture inside the padded input, in pixels.
      settings: what to decode with, how to suppress and where to clip.

    Returns:
      Detections of K = max_total_detections rows; boxes are normalised to the picture without its padding.

    Raises:
      ValueError: a setting is none that is known.
    """

    def boxes_at(rows: tf.Tensor) -> tf.Tensor:
        codes = tf.gather(predictions.box_codes, rows, batch_dims=1)
        # As TensorFlow's suppression takes a box whose corners a coder has let change places.
        return ordered_corners(settings.box_coder.decode(codes, tf.gather(anchors, rows)))

    corners = tf.cast(true_sizes, tf.float32) / tf.constant(settings.input_size, tf.float32)
    pictures = tf.concat([tf.zeros_like(corners), corners], axis=-1)
    selection = _select(boxes_at, _class_columns(predictions.class_logits, settings), pictures, settings)
    boxes = boxes_at(selection.anchors)
    if settings.clip_window == "picture":
        boxes = clip_to_window(boxes, pictures)
    elif settings.clip_window == "input":
        boxes = clip_to_window(boxes, tf.constant([0.0, 0.0, 1.0, 1.0]))
    elif settings.clip_window != "unclipped":
        raise ValueError(f"clip_window is {settings.clip_window!r}, must be 'picture', 'input' or 'unclipped'")
    in_use = tf.range(settings.nms.max_total_detections) < selection.count[:, tf.newaxis]
    return Detections(
        boxes=tf.where(in_use[:, :, tf.newaxis], change_coordinate_frame(boxes, pictures), 0.0),
        scores=selection.scores,
        classes=selection.classes,
        anchors=selection.anchors,
        count=selection.count,
    )


def _select(boxes_at: BoxesAt, columns: tf.Tensor, pictures: tf.Tensor, settings: PostprocessSettings) -> Selection:
    """Runs the suppression that the settings ask for; `pictures` are windows, float32 [B, 4]."""
    windows = pictures if settings.clip_window == "picture" else None

    def to_scores(of_candidates: tf.Tensor) -> tf.Tensor:
        return _to_scores(of_candidates, settings)

    if settings.nms.is_plain:
        return class_nms(boxes_at, columns, settings.nms, to_scores=to_scores, windows=windows)
    height, width = settings.input_size
    return candidate_nms(
        boxes_at, columns, settings.nms, to_scores=to_scores, windows=windows, pixel=(1 / height, 1 / width)
    )
