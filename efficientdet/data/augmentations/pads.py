# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Augmentations that set the picture into a larger one."""

from __future__ import annotations

import tensorflow as tf

from efficientdet.data.augmentations import draws
from efficientdet.data.augmentations.windows import BLACK, Window, pad, picture_size
from efficientdet.types import Example

Color = tuple[float, float, float]
"""R, G, B in 0..255."""

Size = tuple[int, int]
"""(height, width), pixels."""


def random_pad_image(
    example: Example,
    seed: tf.Tensor,
    *,
    min_size: Size | None = None,
    max_size: Size | None = None,
    color: Color | None = None,
) -> Example:
    """Sets the picture at a random place into a larger one.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      min_size: least size of the result; None for that of the picture, which is the least in any case.
      max_size: each side is drawn below this; None for twice the picture.
      color: of the padding; None for the picture's mean.

    Returns:
      Example with a float32 picture.
    """
    size = picture_size(example)
    least = size if min_size is None else tf.constant(min_size)
    most = 2 * size if max_size is None else tf.constant(max_size)
    return pad_to_size_between(example, seed, least, most, color)


def random_absolute_pad_image(
    example: Example,
    seed: tf.Tensor,
    *,
    max_height_padding: int,
    max_width_padding: int,
    color: Color | None = None,
) -> Example:
    """Adds rows and columns, shared out at random between both sides.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      max_height_padding: rows; their number is drawn below this, and is 0 where it is 0.
      max_width_padding: likewise of columns.
      color: of the padding; None for the picture's mean.

    Returns:
      Example with a float32 picture.
    """
    size = picture_size(example)
    return pad_to_size_between(example, seed, size, size + tf.constant([max_height_padding, max_width_padding]), color)


def random_zoom_out(
    example: Example, seed: tf.Tensor, *, probability: float, max_ratio: float, color: Color | None = None
) -> Example:
    """Sets the picture at a random place into a larger one of the same aspect ratio.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      probability: how often it happens.
      max_ratio: greatest ratio of the sides of the result to those of the picture; it is drawn from 1 on.
      color: of what is around the picture; None for the picture's mean.

    Returns:
      Example with a float32 picture.

    Reference: Liu et al. 2016, section 3.6 (arXiv:1512.02325).
    """
    whether, extent, *where = draws.split(seed, 4)
    example = example._replace(image=tf.cast(example.image, tf.float32))

    def padded() -> Example:
        size = picture_size(example)
        padded_size = tf.cast(draws.uniform(extent, 1.0, max_ratio) * tf.cast(size, tf.float32), tf.int32)
        room = tf.maximum(padded_size - size, 0)
        offset = tf.stack([draws.integer(where[axis], 0, room[axis] + 1) for axis in (0, 1)])
        return pad(example, Window(-offset, size + room), color)

    return draws.sometimes(whether, probability, example, padded)


def random_pad_to_aspect_ratio(
    example: Example,
    seed: tf.Tensor,
    *,
    aspect_ratio: float,
    min_ratio: tuple[float, float],
    max_ratio: tuple[float, float],
) -> Example:
    """Adds black at the bottom and on the right, to an aspect ratio and a size that is drawn.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      aspect_ratio: width / height.
      min_ratio: least height and width of the result, in units of the picture's. Where no size fits both bounds, the
        upper one holds; where that would not hold the picture, the least that does.
      max_ratio: greatest height and width.

    Returns:
      Example with a float32 picture.
    """
    size = tf.cast(picture_size(example), tf.float32)
    shape = tf.constant([1.0, aspect_ratio])
    fitting = shape * tf.reduce_max(size / shape)  # the least size of that aspect ratio that holds the picture
    greatest = tf.reduce_min(tf.maximum(size * max_ratio, fitting) / fitting)
    least = tf.minimum(tf.reduce_max(tf.maximum(size * min_ratio, fitting) / fitting), greatest)
    scale = least + (greatest - least) * tf.random.stateless_uniform([], seed)
    padded = tf.maximum(tf.cast(tf.round(scale * fitting), tf.int32), picture_size(example))
    return pad(example, Window(tf.constant([0, 0]), padded), BLACK)


def pad_to_size_between(
    example: Example, seed: tf.Tensor, least: tf.Tensor, most: tf.Tensor, color: Color | None
) -> Example:
    """Pads to a size from `least` to below `most`, int32 [2] each, or to that of the picture where that is larger."""
    seeds = draws.split(seed, 4)
    size = picture_size(example)
    least, most = tf.maximum(least, size), tf.maximum(most, size)
    padded = tf.stack([draws.integer(seeds[axis], tf.minimum(least[axis], most[axis]), most[axis]) for axis in (0, 1)])
    room = padded - size
    offset = tf.stack([draws.integer(seeds[2 + axis], 0, room[axis]) for axis in (0, 1)])
    return pad(example, Window(-offset, padded), color)
