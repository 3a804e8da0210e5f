# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Augmentations that spoil parts of a picture: black patches, noise, artefacts of compression."""

from __future__ import annotations

import tensorflow as tf

from efficientdet.data.augmentations import draws
from efficientdet.data.augmentations.windows import picture_size
from efficientdet.types import Example


def random_black_patches(
    example: Example, seed: tf.Tensor, *, max_black_patches: int, probability: float, size_to_image_ratio: float
) -> Example:
    """Sets up to `max_black_patches` black squares onto the picture; boxes below them stay.

    Args:
      example: picture [h, w, 3].
      seed: int32 [2].
      max_black_patches: squares that are considered.
      probability: with which each is set.
      size_to_image_ratio: their side, as a share of the picture's shorter side.

    Returns:
      Example with a picture of the same type.
    """
    whether, where = draws.split(seed, 2)
    is_set = tf.random.stateless_uniform([max_black_patches], whether) < probability
    size = picture_size(example)
    place = tf.random.stateless_uniform([max_black_patches, 2], where, maxval=1.0 - size_to_image_ratio)
    first = tf.cast(place * tf.cast(size, tf.float32), tf.int32)
    side = tf.cast(size_to_image_ratio * tf.cast(tf.reduce_min(size), tf.float32), tf.int32)

    def covered(axis: int) -> tf.Tensor:
        """float32 [patches, side of the picture], 1 where a patch that is set has pixels."""
        pixels, start = tf.range(size[axis]), first[:, axis, tf.newaxis]
        return tf.cast(is_set[:, tf.newaxis] & (pixels >= start) & (pixels < start + side), tf.float32)

    black = tf.matmul(covered(0), covered(1), transpose_a=True) > 0.0
    return example._replace(image=tf.where(black[..., tf.newaxis], tf.zeros_like(example.image), example.image))


def random_patch_gaussian(
    example: Example,
    seed: tf.Tensor,
    *,
    min_patch_size: int,
    max_patch_size: int,
    min_stddev: float,
    max_stddev: float,
    skip_probability: float = 0.0,
) -> Example:
    """Adds normally distributed noise to a square of the picture, and clips it to 0..255.

    Args:
      example: picture [h, w, 3]; the square's middle lies inside it, but its borders need not.
      seed: int32 [2].
      min_patch_size: least side of the square, pixels.
      max_patch_size: the side is drawn below this.
      min_stddev: least standard deviation, in units of the full range.
      max_stddev: greatest standard deviation.
      skip_probability: how often the picture stays as it is.

    Returns:
      Example with a float32 picture.

    Reference: Lopes et al. 2019 (arXiv:1906.02611).
    """
    whether, extent, y, x, strength, noise = draws.split(seed, 6)
    example = example._replace(image=tf.cast(example.image, tf.float32))
    size = picture_size(example)
    side = draws.integer(extent, min_patch_size, max_patch_size)

    def inside(axis: int, middle: tf.Tensor) -> tf.Tensor:
        """Where the square lies, bool [side of the picture]; an even one has its middle in its second half."""
        distance = tf.range(size[axis]) - draws.integer(middle, 0, size[axis])
        return (distance >= -(side // 2)) & (distance < side - side // 2)

    def noisy() -> Example:
        stddev = 255.0 * draws.uniform(strength, min_stddev, max_stddev)
        values = example.image + stddev * tf.random.stateless_normal(tf.shape(example.image), noise)
        in_patch = (inside(0, y)[:, tf.newaxis] & inside(1, x))[..., tf.newaxis]
        return example._replace(image=tf.where(in_patch, tf.clip_by_value(values, 0.0, 255.0), example.image))

    return draws.sometimes(whether, 1.0 - skip_probability, example, noisy)


def random_jpeg_quality(
    example: Example, seed: tf.Tensor, *, min_quality: int, max_quality: int, skip_probability: float = 0.0
) -> Example:
    """Compresses the picture as JPEG, and decodes it again.

    Args:
      example: picture [h, w, 3].
      seed: int32 [2].
      min_quality: 0 to 100.
      max_quality: 0 to 100; the quality is drawn below this.
      skip_probability: how often the picture stays as it is.

    Returns:
      Example with a float32 picture.
    """
    whether, how = draws.split(seed, 2)
    example = example._replace(image=tf.cast(example.image, tf.float32))

    def compressed() -> Example:
        pixels = tf.cast(example.image, tf.uint8)
        decoded = tf.image.adjust_jpeg_quality(pixels, draws.integer(how, min_quality, max_quality))
        return example._replace(image=tf.cast(decoded, tf.float32))

    return draws.sometimes(whether, 1.0 - skip_probability, example, compressed)
