# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How alike true boxes and anchors are: what matchers compare. Those of the Object Detection API (TFOD) beside the IoU.

Each takes boxes, float32 [N, 4], and anchors, float32 [A, 4], in one unit, and gives float32 [N, A]: the higher, the
more alike. N may be 0.
"""

from __future__ import annotations

import tensorflow as tf

from efficientdet.ops.boxes import area, intersection, iou


def ioa(boxes: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
    """The share of each anchor that lies in each box.

    Args:
      boxes: float32 [N, 4].
      anchors: float32 [A, 4].

    Returns:
      float32 [N, A] in 0..1; 0 for an empty anchor.
    """
    return tf.math.divide_no_nan(intersection(boxes, anchors), area(anchors))


def neg_sq_dist(boxes: tf.Tensor, anchors: tf.Tensor) -> tf.Tensor:
    """The squared distance of each box to each anchor as points of four coordinates, negated.

    Args:
      boxes: float32 [N, 4].
      anchors: float32 [A, 4].

    Returns:
      float32 [N, A], at most 0, and that for boxes that are the anchor. No threshold of a matcher is below that: they
      match by it if they ignore thresholds.
    """
    low, left, high, right = (
        tf.square(side[:, tf.newaxis] - of_anchor)
        for side, of_anchor in zip(tf.unstack(boxes, axis=-1), tf.unstack(anchors, axis=-1), strict=True)
    )
    return -((low + left) + (high + right))


def thresholded_iou(boxes: tf.Tensor, anchors: tf.Tensor, *, threshold: float) -> tf.Tensor:
    """1 where the IoU is above a threshold, else 0: among the boxes that overlap an anchor enough, no one is preferred.

    TFOD has the score of the box for the 1, which is one less the first entry of its class target: 1 with a background
    slot, and without one 0 for the first class, of which nothing would be learnt. Here it is 1 for every box.

    Args:
      boxes: float32 [N, 4].
      anchors: float32 [A, 4].
      threshold: of the IoU, in 0..1.

    Returns:
      float32 [N, A].
    """
    return tf.cast(iou(boxes, anchors) > threshold, tf.float32)
