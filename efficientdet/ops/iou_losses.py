# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Losses of boxes by their overlap: 1 - IoU and the three refinements that still have a slope where boxes are apart."""

from __future__ import annotations

import math
from typing import Literal, get_args

import tensorflow as tf

from efficientdet.ops.uses import each_use

IouKind = Literal["iou", "giou", "diou", "ciou"]
IOU_KINDS: tuple[IouKind, ...] = get_args(IouKind)

# The slope of a box's angle has width^2 + height^2 as its divisor; far below a pixel, so that no value changes by it.
_SMALLEST_SIDE = 1e-6


def iou_loss(boxes: tf.Tensor, targets: tf.Tensor, kind: IouKind) -> tf.Tensor:
    """Compares boxes with their targets, pair by pair.

    With c the smallest box around both of a pair:
    - "iou": 1 - IoU.
    - "giou": plus the share of c that belongs to neither box (Rezatofighi et al. 2019, arXiv:1902.09630).
    - "diou": 1 - IoU, plus the squared distance of the centres over the squared diagonal of c (Zheng et al. 2020,
      arXiv:1911.08287).
    - "ciou": plus a penalty for different aspect ratios (the same), whose weight the gradient takes for a constant.

    Args:
      boxes: float32 [..., 4], ymin xmin ymax xmax in pixels. A box whose sides are negative counts as an empty one.
      targets: float32 [..., 4], likewise.
      kind: one of the above.

    Returns:
      float32 [...], in 0..1 for "iou", up to 2 for "giou" and "diou" and up to 3 for "ciou"; finite with finite
      gradients also for empty boxes, whose IoU with anything is 0.

    Raises:
      ValueError: for an unknown kind.
    """
    if kind not in IOU_KINDS:
        raise ValueError(f"kind ({kind!r}) must be one of {', '.join(IOU_KINDS)}")
    low, high = each_use(boxes[..., :2]), each_use(boxes[..., 2:])
    target_low, target_high = targets[..., :2], targets[..., 2:]
    sides, target_sides = each_use(tf.nn.relu(next(high) - next(low))), tf.nn.relu(target_high - target_low)
    common = tf.nn.relu(tf.minimum(next(high), target_high) - tf.maximum(next(low), target_low))
    intersection = _product(common)
    union = _product(next(sides)) + _product(target_sides) - intersection
    iou = tf.math.divide_no_nan(intersection, union)
    if kind == "iou":
        return 1.0 - iou
    around = tf.nn.relu(tf.maximum(next(high), target_high) - tf.minimum(next(low), target_low))
    if kind == "giou":
        area = _product(around)
        return 1.0 - iou + tf.math.divide_no_nan(area - union, area)
    # Squares throughout: the slope of a distance is not defined at 0, where training leads to.
    distance = _sum_of_squares((next(low) + next(high) - target_low - target_high) / 2)
    loss = 1.0 - iou + tf.math.divide_no_nan(distance, _sum_of_squares(around))
    return loss if kind == "diou" else loss + _aspect_ratio_penalty(next(sides), target_sides, iou)


def _aspect_ratio_penalty(sides: tf.Tensor, target_sides: tf.Tensor, iou: tf.Tensor) -> tf.Tensor:
    """What "ciou" adds to "diou"; sides float32 [..., 2] as (height, width) -> float32 [...]."""
    difference = (_angle(target_sides) - _angle(sides)) * (2 / math.pi)
    penalty = tf.square(difference)
    weight = tf.stop_gradient(tf.math.divide_no_nan(penalty, 1.0 - iou + penalty))
    return weight * penalty


def _angle(sides: tf.Tensor) -> tf.Tensor:
    """Arc tangent of width over height, in 0..pi / 2; 0 for an empty box."""
    height, width = tf.unstack(sides, axis=-1)
    angle = tf.atan2(width, tf.maximum(height, _SMALLEST_SIDE))
    return tf.where(height > 0, angle, 0.0)


def _product(sides: tf.Tensor) -> tf.Tensor:
    height, width = tf.unstack(sides, axis=-1)
    return height * width


def _sum_of_squares(values: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.square(values), axis=-1)
