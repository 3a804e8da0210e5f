# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Geometry of boxes: float32 [..., 4] as (ymin, xmin, ymax, xmax), in any one unit."""

from __future__ import annotations

import tensorflow as tf


def area(boxes: tf.Tensor) -> tf.Tensor:
    """Area of each box.

    Args:
      boxes: float32 [..., 4].

    Returns:
      float32 [...], in the square of the boxes' unit; zero for an empty box.
    """
    ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=-1)
    return (ymax - ymin) * (xmax - xmin)


def intersection(boxes: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Area that every box has in common with every other box.

    Args:
      boxes: float32 [..., N, 4].
      others: float32 [..., M, 4], same unit and leading dimensions as `boxes`.

    Returns:
      float32 [..., N, M], in the square of the boxes' unit.
    """
    ymin, xmin, ymax, xmax = (side[..., :, tf.newaxis] for side in tf.unstack(boxes, axis=-1))
    other_ymin, other_xmin, other_ymax, other_xmax = (side[..., tf.newaxis, :] for side in tf.unstack(others, axis=-1))
    heights = tf.nn.relu(tf.minimum(ymax, other_ymax) - tf.maximum(ymin, other_ymin))
    widths = tf.nn.relu(tf.minimum(xmax, other_xmax) - tf.maximum(xmin, other_xmin))
    return heights * widths


def iou(boxes: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Intersection over union of every box with every other box.

    Args:
      boxes: float32 [..., N, 4].
      others: float32 [..., M, 4], same unit and leading dimensions as `boxes`.

    Returns:
      float32 [..., N, M] in 0..1; zero where either box is empty.
    """
    common = intersection(boxes, others)
    areas, other_areas = area(boxes)[..., :, tf.newaxis], area(others)[..., tf.newaxis, :]
    return tf.math.divide_no_nan(common, areas + other_areas - common)


def ordered_corners(boxes: tf.Tensor) -> tf.Tensor:
    """The boxes that the given corners span, whichever of the two comes first.

    Args:
      boxes: float32 [..., 4]; ymin may be above ymax, and xmin above xmax.

    Returns:
      float32 [..., 4], ymin <= ymax and xmin <= xmax.
    """
    one, other = boxes[..., :2], boxes[..., 2:]
    return tf.concat([tf.minimum(one, other), tf.maximum(one, other)], axis=-1)


def clip_to_window(boxes: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Cuts boxes off at the sides of a window; a box outside it becomes empty, and stays on the window's edge.

    Args:
      boxes: float32 [..., N, 4].
      window: float32 [..., 4], same unit as `boxes`.

    Returns:
      float32 [..., N, 4].
    """
    low = tf.concat([window[..., :2], window[..., :2]], axis=-1)[..., tf.newaxis, :]
    high = tf.concat([window[..., 2:], window[..., 2:]], axis=-1)[..., tf.newaxis, :]
    return tf.maximum(tf.minimum(boxes, high), low)


def change_coordinate_frame(boxes: tf.Tensor, window: tf.Tensor) -> tf.Tensor:
    """Expresses boxes relative to a window: its corners become (0, 0) and (1, 1).

    Args:
      boxes: float32 [..., N, 4].
      window: float32 [..., 4], same unit as `boxes`; its height and width must be positive.

    Returns:
      float32 [..., N, 4]; outside 0..1 where a box reaches out of the window.
    """
    origin, corner = window[..., :2], window[..., 2:]
    offset = tf.concat([origin, origin], axis=-1)[..., tf.newaxis, :]
    scale = tf.math.reciprocal(corner - origin)
    return (boxes - offset) * tf.concat([scale, scale], axis=-1)[..., tf.newaxis, :]
