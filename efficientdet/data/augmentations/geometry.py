# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Augmentations that mirror, turn, repeat or resize the whole picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from efficientdet.data.augmentations import draws, windows
from efficientdet.data.preprocessing import pad_with, resize
from efficientdet.types import Example


def random_horizontal_flip(example: Example, seed: tf.Tensor, *, probability: float) -> Example:
    """Mirrors picture and boxes left to right.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      probability: how often it happens.
    """
    ymin, xmin, ymax, xmax = tf.unstack(example.boxes, axis=1)
    mirrored = tf.stack([ymin, 1.0 - xmax, ymax, 1.0 - xmin], axis=1)
    flip = draws.happens(seed, probability)
    return _either(flip, example, lambda: tf.reverse(example.image, [1]), mirrored)


def random_vertical_flip(example: Example, seed: tf.Tensor, *, probability: float) -> Example:
    """Mirrors picture and boxes top to bottom.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      probability: how often it happens.
    """
    ymin, xmin, ymax, xmax = tf.unstack(example.boxes, axis=1)
    mirrored = tf.stack([1.0 - ymax, xmin, 1.0 - ymin, xmax], axis=1)
    flip = draws.happens(seed, probability)
    return _either(flip, example, lambda: tf.reverse(example.image, [0]), mirrored)


def random_rotation90(example: Example, seed: tf.Tensor, *, probability: float) -> Example:
    """Turns picture and boxes by 90 degrees, counterclockwise.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      probability: how often it happens.

    Returns:
      Example with a picture [w, h, 3] where it happened.
    """
    ymin, xmin, ymax, xmax = tf.unstack(example.boxes, axis=1)
    turned = tf.stack([1.0 - xmax, ymin, 1.0 - xmin, ymax], axis=1)
    turn = draws.happens(seed, probability)
    return _either(turn, example, lambda: tf.reverse(tf.transpose(example.image, [1, 0, 2]), [0]), turned)


def random_self_concat_image(
    example: Example, seed: tf.Tensor, *, vertical_probability: float, horizontal_probability: float
) -> Example:
    """Sets a copy of the picture below it, and independently one of the result to the right of it.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      vertical_probability: how often the picture is doubled in height.
      horizontal_probability: how often in width.

    Returns:
      Example with a picture [h or 2 h, w or 2 w, 3] and N, 2 N or 4 N boxes, first those of the upper left.
    """
    vertical, horizontal = draws.split(seed, 2)
    taller = draws.sometimes(vertical, vertical_probability, example, lambda: _doubled(example, 0))
    return draws.sometimes(horizontal, horizontal_probability, taller, lambda: _doubled(taller, 1))


def random_image_scale(example: Example, seed: tf.Tensor, *, min_scale: float, max_scale: float) -> Example:
    """Resizes the picture by a factor that is drawn uniformly.

    The corner pixels of the result are those of the picture (`align_corners`), as in TFOD.

    Args:
      example: picture [h, w, 3], N boxes; being normalised, they stay as they are.
      seed: int32 [2].
      min_scale: smallest factor.
      max_scale: greatest factor.

    Returns:
      Example with a float32 picture.
    """
    scale = draws.uniform(seed, min_scale, max_scale)
    size = _scaled(windows.picture_size(example), scale)
    resized = tf.raw_ops.ResizeBilinear(images=example.image[tf.newaxis], size=size, align_corners=True)[0]
    return example._replace(image=tf.ensure_shape(resized, [None, None, 3]))


def random_downscale_to_target_pixels(
    example: Example, seed: tf.Tensor, *, min_target_pixels: int, max_target_pixels: int, skip_probability: float = 0.0
) -> Example:
    """Shrinks the picture to a number of pixels, if it has more.

    Args:
      example: picture [h, w, 3], N boxes; being normalised, they stay as they are.
      seed: int32 [2].
      min_target_pixels: the least that is drawn.
      max_target_pixels: the number is drawn below this.
      skip_probability: how often the picture stays as it is.

    Returns:
      Example with a float32 picture.
    """
    whether, how = draws.split(seed, 2)
    size = windows.picture_size(example)
    pixels, target = tf.reduce_prod(size), draws.integer(how, min_target_pixels, max_target_pixels)
    scale = tf.sqrt(tf.cast(target, tf.float32) / tf.cast(pixels, tf.float32))
    shrink = draws.happens(whether, 1.0 - skip_probability) & (pixels > target)
    image = tf.cond(
        shrink,
        lambda: resize(example.image[tf.newaxis], _scaled(size, scale))[0],
        lambda: tf.cast(example.image, tf.float32),
    )
    return example._replace(image=image)


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

    The whole picture is resized and then cut: TensorFlow's resize takes 5 ns per pixel, and what samples a window only
    (`crop_and_resize`, `ScaleAndTranslate`) 20, so that over the zoo's scales of 0.1 to 2 this is the quicker way, and
    exact.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      output_size: side of the result, pixels.
      scale_min: smallest scale.
      scale_max: greatest scale; scale and the two offsets are drawn uniformly.
      pad_value: colour of the padding, in 0..255; the Object Detection API has black, google/automl the mean colour.
      half_pixel_centers: see `preprocessing.resize`.

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
    scaled = _resized(example.image, scaled_size, half_pixel_centers)
    window = scaled[offset[0] : offset[0] + output_size, offset[1] : offset[1] + output_size]
    image = _pad_to_square(window, output_size, pad_value)
    scaled_sides, offsets = tf.cast(tf.tile(scaled_size, [2]), tf.float32), tf.cast(tf.tile(offset, [2]), tf.float32)
    boxes = (example.boxes * scaled_sides - offsets) / output_size
    moved = example._replace(image=tf.ensure_shape(image, [output_size, output_size, 3]), boxes=boxes)
    return windows.drop_unseen_boxes(moved)


def _resized(image: tf.Tensor, size: tf.Tensor, half_pixel_centers: bool) -> tf.Tensor:
    """`preprocessing.resize` of one picture, float32 [height, width, 3]; to the bit, but in less time.

    Of floats it takes 5 ns per pixel, of uint8 7.5, and making floats of them 1.6: that comes first where the result
    has more than about half as many pixels as the picture.
    """

    def sampled(pixels: tf.Tensor) -> tf.Tensor:
        return resize(pixels[tf.newaxis], size, half_pixel_centers=half_pixel_centers)[0]

    is_large = 2 * tf.reduce_prod(size) > tf.reduce_prod(tf.shape(image)[:2])
    return tf.cond(is_large, lambda: sampled(tf.cast(image, tf.float32)), lambda: sampled(image))


def _pad_to_square(image: tf.Tensor, side: int, color: Sequence[float]) -> tf.Tensor:
    """[h, w, 3] -> [side, side, 3], the picture at the top left."""
    missing = side - tf.shape(image)
    return pad_with(image, (0, missing[0]), (0, missing[1]), color)


def _either(changed: tf.Tensor, example: Example, image: Callable[[], tf.Tensor], boxes: tf.Tensor) -> Example:
    """`example` with another picture and boxes if `changed`, bool []."""
    return example._replace(
        image=tf.cond(changed, image, lambda: example.image), boxes=tf.where(changed, boxes, example.boxes)
    )


def _doubled(example: Example, axis: int) -> Example:
    """Picture and boxes twice, along an axis of the picture."""
    halved = example.boxes * tf.constant([[0.5, 1.0, 0.5, 1.0], [1.0, 0.5, 1.0, 0.5]][axis])
    shifted = halved + tf.constant([[0.5, 0.0, 0.5, 0.0], [0.0, 0.5, 0.0, 0.5]][axis])
    twice = example.map_boxes(lambda values: tf.concat([values, values], axis=0))
    return twice._replace(
        image=tf.concat([example.image, example.image], axis), boxes=tf.concat([halved, shifted], axis=0)
    )


def _scaled(size: tf.Tensor, scale: tf.Tensor) -> tf.Tensor:
    """int32 [2], truncated to whole pixels as in TFOD, but at least 1."""
    return tf.maximum(tf.cast(tf.cast(size, tf.float32) * scale, tf.int32), 1)
