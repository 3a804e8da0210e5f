# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Augmentations that change colours and leave everything in its place. Results are float32, clipped to 0..255."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from efficientdet.data.augmentations import draws
from efficientdet.types import Example

_LUMA = (0.2989, 0.5870, 0.1140)  # of R, G, B; as in TFOD and tf.image


def random_adjust_brightness(example: Example, seed: tf.Tensor, *, max_delta: float) -> Example:
    """Adds a number from -`max_delta` to `max_delta`, in units of the full range, to all values."""
    delta = draws.uniform(seed, -max_delta, max_delta)
    return _with_values(example, lambda image: image + 255.0 * delta)


def random_adjust_contrast(example: Example, seed: tf.Tensor, *, min_factor: float, max_factor: float) -> Example:
    """Multiplies each value's distance from its channel's mean by a factor from `min_factor` to `max_factor`."""
    factor = draws.uniform(seed, min_factor, max_factor)
    return _with_values(example, lambda image: tf.image.adjust_contrast(image, factor))


def random_adjust_hue(example: Example, seed: tf.Tensor, *, max_delta: float) -> Example:
    """Turns the hue by a number from -`max_delta` to `max_delta`, in units of the full circle."""
    delta = draws.uniform(seed, -max_delta, max_delta)
    return _with_values(example, lambda image: tf.image.adjust_hue(image, delta))


def random_adjust_saturation(example: Example, seed: tf.Tensor, *, min_factor: float, max_factor: float) -> Example:
    """Multiplies the saturation by a factor from `min_factor` to `max_factor`."""
    factor = draws.uniform(seed, min_factor, max_factor)
    return _with_values(example, lambda image: tf.image.adjust_saturation(image, factor))


def random_distort_color(example: Example, seed: tf.Tensor, *, contrast: Literal["first", "last"]) -> Example:
    """Changes brightness, then contrast, saturation and hue, by up to 32/255, 50 %, 50 % and .2 of the circle.

    Args:
      example: picture [h, w, 3], in 0..255.
      seed: int32 [2].
      contrast: whether it changes before saturation and hue (TFOD's ordering 1) or after them (0).
    """
    seeds = draws.split(seed, 4)
    example = random_adjust_brightness(example, seeds[0], max_delta=32 / 255)
    if contrast == "first":
        example = random_adjust_contrast(example, seeds[1], min_factor=0.5, max_factor=1.5)
    example = random_adjust_saturation(example, seeds[2], min_factor=0.5, max_factor=1.5)
    example = random_adjust_hue(example, seeds[3], max_delta=0.2)
    if contrast == "last":
        example = random_adjust_contrast(example, seeds[1], min_factor=0.5, max_factor=1.5)
    return example


def random_pixel_value_scale(example: Example, seed: tf.Tensor, *, min_factor: float, max_factor: float) -> Example:
    """Multiplies every value of every pixel by a factor of its own, from `min_factor` to `max_factor`."""
    factors = tf.random.stateless_uniform(tf.shape(example.image), seed)
    return _with_values(example, lambda image: image * (min_factor + (max_factor - min_factor) * factors))


def rgb_to_gray(example: Example, seed: tf.Tensor) -> Example:
    """Replaces the colour by its brightness, in all three channels (TFOD leaves one, which no network here takes)."""
    del seed
    return _with_values(example, _gray)


def random_rgb_to_gray(example: Example, seed: tf.Tensor, *, probability: float) -> Example:
    """`rgb_to_gray`, with a probability."""
    image = tf.cast(example.image, tf.float32)
    return example._replace(image=tf.cond(draws.happens(seed, probability), lambda: _gray(image), lambda: image))


def adjust_gamma(example: Example, seed: tf.Tensor, *, gamma: float, gain: float) -> Example:
    """Replaces each value v, as a share of 255, by `gain` * v ** `gamma`. Nothing is drawn."""
    del seed
    return _with_values(example, lambda image: 255.0 * gain * (image / 255.0) ** gamma)


def _gray(image: tf.Tensor) -> tf.Tensor:
    brightness = tf.linalg.matvec(image, tf.constant(_LUMA))[..., tf.newaxis]
    return tf.ensure_shape(tf.repeat(brightness, 3, axis=-1), [None, None, 3])


def _with_values(example: Example, change: Callable[[tf.Tensor], tf.Tensor]) -> Example:
    """`example` with the values of its picture changed, and clipped."""
    values = change(tf.cast(example.image, tf.float32))
    return example._replace(image=tf.clip_by_value(values, 0.0, 255.0))
