# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""From predictions to detections: decode, suppress, clip, and express in the frame of the picture."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import tensorflow as tf

from efficientdet.ops import box_coder
from efficientdet.ops.boxes import change_coordinate_frame, clip_to_window
from efficientdet.ops.nms import NmsSettings, class_nms
from efficientdet.types import Detections, Predictions


class PostprocessSettings(NamedTuple):
    """Settings of `decode_detections`."""

    input_size: tuple[int, int]  # (H, W) of the network's input in pixels
    box_scales: box_coder.BoxScales
    score_converter: Literal["sigmoid", "identity"]
    logit_scale: float  # logits are divided by it first
    nms: NmsSettings


def class_scores(class_logits: tf.Tensor, settings: PostprocessSettings) -> tf.Tensor:
    """Scores of logits, elementwise.

    Args:
      class_logits: float32 [...].
      settings: gives the converter and the scale.

    Returns:
      float32 [...], non-decreasing in the logits.

    Raises:
      ValueError: the converter is none that is known, or the scale is not positive.
    """
    if settings.logit_scale <= 0:
        raise ValueError(f"logit_scale is {settings.logit_scale}, must be positive")
    logits = class_logits if settings.logit_scale == 1 else class_logits / settings.logit_scale
    if settings.score_converter == "sigmoid":
        return tf.sigmoid(logits)
    if settings.score_converter == "identity":
        return logits
    raise ValueError(f"score_converter is {settings.score_converter!r}, must be 'sigmoid' or 'identity'")


def decode_detections(
    predictions: Predictions, anchors: np.ndarray | tf.Tensor, true_sizes: tf.Tensor, settings: PostprocessSettings
) -> Detections:
    """Decides which boxes to report (post-processing as in the Object Detection API).

    Suppression sees the boxes as decoded, in the padded frame. Only the survivors are clipped to the picture, and those
    that lie outside it make room for the next.

    Args:
      predictions: of [B, A] anchors.
      anchors: float32 [A, 4], normalised to the padded input.
      true_sizes: int32 [B, 2], (h, w) of each picture inside the padded input, in pixels.
      settings: what to decode with and how to suppress.

    Returns:
      Detections of K = max_total_detections rows; boxes are normalised to the picture without its padding.
    """

    def boxes_at(rows: tf.Tensor) -> tf.Tensor:
        codes = tf.gather(predictions.box_codes, rows, batch_dims=1)
        return box_coder.decode(codes, tf.gather(anchors, rows), settings.box_scales)

    corners = tf.cast(true_sizes, tf.float32) / tf.constant(settings.input_size, tf.float32)
    windows = tf.concat([tf.zeros_like(corners), corners], axis=-1)
    selection = class_nms(
        boxes_at,
        predictions.class_logits,
        settings.nms,
        to_scores=lambda logits: class_scores(logits, settings),
        windows=windows,
    )
    boxes = change_coordinate_frame(clip_to_window(boxes_at(selection.anchors), windows), windows)
    in_use = tf.range(settings.nms.max_total_detections) < selection.count[:, tf.newaxis]
    return Detections(
        boxes=tf.where(in_use[:, :, tf.newaxis], boxes, 0.0),
        scores=selection.scores,
        classes=selection.classes,
        anchors=selection.anchors,
        count=selection.count,
    )
