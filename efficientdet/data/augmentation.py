# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Augmentations. Each takes an Example and a seed and returns an Example; what it draws depends on the seed alone.

They run before normalisation, on values of 0..255, and can be used eagerly as well as inside tf.data.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from efficientdet.data.preprocessing import resize_bilinear
from efficientdet.types import Example


def random_horizontal_flip(example: Example, seed: tf.Tensor, *, probability: float) -> Example:
    """Mirrors picture and boxes left to right.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      probability: how often it happens.
    """
    flip = tf.random.stateless_uniform([], seed) < probability
    ymin, xmin, ymax, xmax = tf.unstack(example.boxes, axis=1)
    mirrored = tf.stack([ymin, 1.0 - xmax, ymax, 1.0 - xmin], axis=1)
    return example._replace(
        image=tf.cond(flip, lambda: tf.reverse(example.image, [1]), lambda: example.image),
        boxes=tf.where(flip, mirrored, example.boxes),
    )


def random_scale_crop_and_pad_to_square(
    example: Example,
    seed: tf.Tensor,
    *,
    output_size: int,
    scale_min: float,
    scale_max: float,
    pad_value: Sequence[float] = (0.0, 0.0, 0.0),
    half_pixel_centers: bool = False,
) -> Example:
    """Scales the picture, cuts a square window out of it at a random place, and pads it.

    A scale of 1 makes the longer side `output_size`. Boxes completely outside the window are dropped, the others are
    clipped to it, however little of them remains.

    The whole picture is resized and then cut: TensorFlow's resize takes 5 ns per pixel and its sampling of a window
    only (`crop_and_resize`) 14, so that over the zoo's scales of 0.1 to 2 this is the quicker way, and exact.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      output_size: side of the result, pixels.
      scale_min: smallest scale.
      scale_max: greatest scale; scale and the two offsets are drawn uniformly.
      pad_value: colour of the padding, in 0..255; the Object Detection API has black, google/automl the mean colour.
      half_pixel_centers: see `preprocessing.resize_bilinear`.

    Returns:
      Example with a float32 picture [output_size, output_size, 3].

    References: the Object Detection API's preprocessing step of the same name; large-scale jitter of Tan et al. 2020
    (arXiv:1911.09070).
    """
    draws = tf.random.stateless_uniform([3], seed)
    size = tf.cast(tf.shape(example.image)[:2], tf.float32)
    scale = (scale_min + draws[0] * (scale_max - scale_min)) * output_size / tf.reduce_max(size)
    scaled_size = tf.maximum(tf.cast(scale * size, tf.int32), 1)  # truncated, as in the reference
    room = tf.cast(tf.maximum(scaled_size - output_size, 0), tf.float32)
    offset = tf.cast(room * draws[1:], tf.int32)
    scaled = resize_bilinear(example.image[tf.newaxis], scaled_size, half_pixel_centers=half_pixel_centers)[0]
    window = scaled[offset[0] : offset[0] + output_size, offset[1] : offset[1] + output_size]
    image = _pad_to_square(window, output_size, pad_value)
    scaled_sides, offsets = tf.cast(tf.tile(scaled_size, [2]), tf.float32), tf.cast(tf.tile(offset, [2]), tf.float32)
    boxes = (example.boxes * scaled_sides - offsets) / output_size
    moved = example._replace(image=tf.ensure_shape(image, [output_size, output_size, 3]), boxes=boxes)
    return _clip_to_picture(moved)


def _pad_to_square(image: tf.Tensor, side: int, color: Sequence[float]) -> tf.Tensor:
    """[h, w, 3] -> [side, side, 3], the picture at the top left."""
    missing = side - tf.shape(image)
    paddings = [[0, missing[0]], [0, missing[1]], [0, 0]]
    if not any(color):
        return tf.pad(image, paddings)
    value = tf.constant(color, tf.float32)
    return tf.pad(image - value, paddings) + value


def _clip_to_picture(example: Example) -> Example:
    """Drops the boxes completely outside [0, 1] with all that belongs to them, and clips the others."""
    boxes = example.boxes
    inside = tf.reduce_all(boxes[:, :2] < 1.0, axis=1) & tf.reduce_all(boxes[:, 2:] > 0.0, axis=1)
    rows = tf.where(inside)[:, 0]
    kept = example.map_boxes(lambda values: tf.gather(values, rows))
    return kept._replace(boxes=tf.clip_by_value(kept.boxes, 0.0, 1.0))
