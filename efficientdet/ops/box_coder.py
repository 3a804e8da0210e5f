# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Box coders: boxes as numbers relative to their anchors, which is what a network predicts."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import tensorflow as tf

CODE_SIZE = 4
"""Codes of a box."""

# Keeps the logarithm of an empty box finite, as in the Object Detection API (TFOD).
_EPSILON = 1e-8

# A side is at most e^35 anchors long, which no box is and whose square still is a float32: with infinite sides the
# overlaps of a box, and so a loss of them, would have no gradient but NaN.
_MAX_LOG_SIZE = 35.0


class BoxCoder(Protocol):
    """Turns boxes into codes relative to anchors, and back."""

    def encode(self, boxes: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
        """Encodes boxes.

        Args:
          boxes: float32 [..., 4], ymin xmin ymax xmax, normalised to the network's input as `anchors` are.
          anchors: float32 [..., 4], one for each box.

        Returns:
          float32 [..., 4]; finite also for empty boxes.
        """

    def decode(self, codes: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
        """Decodes box codes, the inverse of `encode` but for rounding.

        Args:
          codes: float32 [..., A, 4].
          anchors: float32 [A, 4] or [..., A, 4], normalised.

        Returns:
          float32 [..., A, 4], ymin xmin ymax xmax, normalised as `anchors` are, not clipped.
        """


class BoxScales(NamedTuple):
    """The box coder of Faster R-CNN: (ty, tx, th, tw), offsets of the centre and logarithms of the size.

    The codes do not depend on the unit of boxes and anchors, as long as it is the same.

    The fields are multipliers of the four codes (TFOD: 10, 10, 5, 5; automl: 1, 1, 1, 1).

    Reference: Ren et al. 2015, eq. 2 (arXiv:1506.01497).
    """

    y: float
    x: float
    height: float
    width: float

    def encode(self, boxes: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
        """See `BoxCoder`."""
        y, x, height, width = _center_and_size(boxes)
        anchor_y, anchor_x, anchor_height, anchor_width = _center_and_size(anchors)
        anchor_height += _EPSILON
        anchor_width += _EPSILON
        return tf.stack(
            [
                (y - anchor_y) / anchor_height * self.y,
                (x - anchor_x) / anchor_width * self.x,
                tf.math.log((height + _EPSILON) / anchor_height) * self.height,
                tf.math.log((width + _EPSILON) / anchor_width) * self.width,
            ],
            axis=-1,
        )

    def decode(self, codes: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
        """See `BoxCoder`."""
        ty, tx, th, tw = tf.unstack(codes, axis=-1)
        anchor_y, anchor_x, anchor_height, anchor_width = _center_and_size(anchors)
        y = ty / self.y * anchor_height + anchor_y
        x = tx / self.x * anchor_width + anchor_x
        half_height = tf.exp(tf.minimum(th / self.height, _MAX_LOG_SIZE)) * anchor_height / 2
        half_width = tf.exp(tf.minimum(tw / self.width, _MAX_LOG_SIZE)) * anchor_width / 2
        return tf.stack([y - half_height, x - half_width, y + half_height, x + half_width], axis=-1)


class MeanStddevCoder(NamedTuple):
    """TFOD's mean_stddev_box_coder: how far each side of a box is from the anchor's, in standard deviations.

    Unlike those of `BoxScales`, its codes depend on the unit of the boxes, and what they decode to can have its sides
    in the wrong order.
    """

    stddev: float  # in the unit of the boxes: a share of the network's input

    def encode(self, boxes: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
        """See `BoxCoder`."""
        return (boxes - anchors) / self.stddev

    def decode(self, codes: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
        """See `BoxCoder`."""
        return codes * self.stddev + anchors


def _center_and_size(boxes: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]:
    """(y, x, height, width), each float32 [...]."""
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    height, width = ymax - ymin, xmax - xmin
    return ymin + height / 2, xmin + width / 2, height, width
