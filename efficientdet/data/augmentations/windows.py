# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Cutting a window out of a picture, or setting the picture into a larger one, and what becomes of the boxes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from efficientdet.data.preprocessing import pad_with
from efficientdet.types import Example

BLACK = (0.0, 0.0, 0.0)


class Window(NamedTuple):
    """A rectangle in whole pixels of a picture, which it may leave."""

    offset: tf.Tensor  # int32 [2], (y, x) of its first pixel
    size: tf.Tensor  # int32 [2], (height, width), at least 1


def picture_size(example: Example) -> tf.Tensor:
    """int32 [2], (h, w)."""
    return tf.shape(example.image)[:2]


def crop(example: Example, window: Window) -> Example:
    """The part of the picture inside a window that does not leave it; boxes are moved, none is dropped or clipped."""
    (top, left), (bottom, right) = tf.unstack(window.offset), tf.unstack(window.offset + window.size)
    image = tf.ensure_shape(example.image[top:bottom, left:right], [None, None, 3])
    return example._replace(image=image, boxes=_in_window(example, window))


def pad(example: Example, window: Window, color: Sequence[float] | tf.Tensor | None) -> Example:
    """The picture inside a window that holds all of it; boxes are moved.

    Args:
      example: picture [h, w, 3], N boxes.
      window: its offset is not above 0.
      color: of what lies beyond the picture, in 0..255; None for the picture's mean colour.

    Returns:
      Example with a float32 picture.
    """
    image = tf.cast(example.image, tf.float32)
    color = tf.reduce_mean(image, axis=[0, 1]) if color is None else color
    before, after = -window.offset, window.offset + window.size - picture_size(example)
    padded = pad_with(image, (before[0], after[0]), (before[1], after[1]), color)
    return example._replace(image=tf.ensure_shape(padded, [None, None, 3]), boxes=_in_window(example, window))


def drop_boxes_outside(example: Example, window: Window, overlap_threshold: float) -> Example:
    """Drops the boxes of which too little lies in a window, with all that belongs to them.

    Those completely outside are dropped in any case, and so are, as in TFOD, those without an area.

    Args:
      example: picture [h, w, 3], N boxes, in the frame of the picture.
      window: of the picture.
      overlap_threshold: a box stays if at least this share of its area lies in the window.
    """
    sides = tf.cast(tf.tile(picture_size(example), [2]), tf.float32)
    edges = tf.cast(tf.concat([window.offset, window.offset + window.size], axis=0), tf.float32) / sides
    low, high = tf.maximum(example.boxes[:, :2], edges[:2]), tf.minimum(example.boxes[:, 2:], edges[2:])
    inside = tf.reduce_prod(tf.maximum(high - low, 0.0), axis=1)
    share = inside / tf.reduce_prod(example.boxes[:, 2:] - example.boxes[:, :2], axis=1)
    return keep_boxes(example, (inside > 0.0) & (share >= overlap_threshold))


def drop_unseen_boxes(example: Example) -> Example:
    """Drops the boxes completely outside the picture, with all that belongs to them, and clips the others."""
    boxes = example.boxes
    seen = tf.reduce_all(boxes[:, :2] < 1.0, axis=1) & tf.reduce_all(boxes[:, 2:] > 0.0, axis=1)
    return clip_boxes(keep_boxes(example, seen))


def keep_boxes(example: Example, kept: tf.Tensor) -> Example:
    """Drops the boxes for which `kept`, bool [N], is false, with all that belongs to them."""
    rows = tf.where(kept)[:, 0]
    return example.map_boxes(lambda values: tf.gather(values, rows))


def clip_boxes(example: Example) -> Example:
    """Clips all boxes to the picture."""
    return example._replace(boxes=tf.clip_by_value(example.boxes, 0.0, 1.0))


def _in_window(example: Example, window: Window) -> tf.Tensor:
    """Boxes normalised to the window instead of the picture; float32 [N, 4]."""
    sides = tf.cast(tf.tile(picture_size(example), [2]), tf.float32)
    offsets, window_sides = (tf.cast(tf.tile(values, [2]), tf.float32) for values in window)
    return (example.boxes * sides - offsets) / window_sides
