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


def iou(boxes: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Intersection over union of every box with every other box.

    Args:
      boxes: float32 [..., N, 4].
      others: float32 [..., M, 4], same unit and leading dimensions as `boxes`.

    Returns:
      float32 [..., N, M] in 0..1; zero where either box is empty.
    """
    ymin, xmin, ymax, xmax = (side[..., :, tf.newaxis] for side in tf.unstack(boxes, axis=-1))
    other_ymin, other_xmin, other_ymax, other_xmax = (side[..., tf.newaxis, :] for side in tf.unstack(others, axis=-1))
    heights = tf.nn.relu(tf.minimum(ymax, other_ymax) - tf.maximum(ymin, other_ymin))
    widths = tf.nn.relu(tf.minimum(xmax, other_xmax) - tf.maximum(xmin, other_xmin))
    intersections = heights * widths
    areas = (ymax - ymin) * (xmax - xmin)
    other_areas = (other_ymax - other_ymin) * (other_xmax - other_xmin)
    return tf.math.divide_no_nan(intersections, areas + other_areas - intersections)


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
