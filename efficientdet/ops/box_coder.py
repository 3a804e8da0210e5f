# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The Faster R-CNN box coder: boxes as offsets from their anchors.

Reference: Ren et al. 2015, eq. 2 (arXiv:1506.01497).
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

CODE_SIZE = 4
"""Codes of a box: (ty, tx, th, tw)."""

# Keeps the logarithm of an empty box finite, as in the Object Detection API (TFOD).
_EPSILON = 1e-8


class BoxScales(NamedTuple):
    """Multipliers of the four codes (TFOD: 10, 10, 5, 5; automl: 1, 1, 1, 1)."""

    y: float
    x: float
    height: float
    width: float


def encode(boxes: tf.Tensor, anchors: tf.Tensor, scales: BoxScales) -> tf.Tensor:
    """Encodes boxes relative to anchors.

    Args:
      boxes: float32 [..., 4], ymin xmin ymax xmax, same unit as `anchors`.
      anchors: float32 [..., 4], one for each box.
      scales: multipliers of the codes.

    Returns:
      float32 [..., 4], (ty, tx, th, tw); finite also for empty boxes.
    """
    y, x, height, width = _center_and_size(boxes)
    anchor_y, anchor_x, anchor_height, anchor_width = _center_and_size(anchors)
    anchor_height += _EPSILON
    anchor_width += _EPSILON
    return tf.stack(
        [
            (y - anchor_y) / anchor_height * scales.y,
            (x - anchor_x) / anchor_width * scales.x,
            tf.math.log((height + _EPSILON) / anchor_height) * scales.height,
            tf.math.log((width + _EPSILON) / anchor_width) * scales.width,
        ],
        axis=-1,
    )


def decode(codes: tf.Tensor, anchors: tf.Tensor, scales: BoxScales) -> tf.Tensor:
    """Decodes box codes, the inverse of `encode` but for its epsilon.

    Args:
      codes: float32 [..., A, 4], (ty, tx, th, tw).
      anchors: float32 [A, 4] or [..., A, 4].
      scales: multipliers the codes were made with.

    Returns:
      float32 [..., A, 4], ymin xmin ymax xmax in the unit of `anchors`, not clipped.
    """
    ty, tx, th, tw = tf.unstack(codes, axis=-1)
    anchor_y, anchor_x, anchor_height, anchor_width = _center_and_size(anchors)
    y = ty / scales.y * anchor_height + anchor_y
    x = tx / scales.x * anchor_width + anchor_x
    half_height = tf.exp(th / scales.height) * anchor_height / 2
    half_width = tf.exp(tw / scales.width) * anchor_width / 2
    return tf.stack([y - half_height, x - half_width, y + half_height, x + half_width], axis=-1)


def _center_and_size(boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """(y, x, height, width), each float32 [...]."""
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    height, width = ymax - ymin, xmax - xmin
    return ymin + height / 2, xmin + width / 2, height, width
