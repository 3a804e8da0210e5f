# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Augmentations that change colours and leave everything in its place. Results are float32, clipped to 0..255."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from efficientdet.data.augmentations import draws
from efficientdet.data.preprocessing import to_gray
from efficientdet.types import Example


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


def random_photometric_distort(
    example: Example,
    seed: tf.Tensor,
    *,
    probability: float,
    max_brightness_delta: float,
    contrast: tuple[float, float],
    saturation: tuple[float, float],
    max_hue_delta: float,
) -> Example:
    """Changes brightness, then contrast, saturation and hue, or contrast last; whether, is drawn for each of them.

    Unlike that of `random_adjust_contrast`, the contrast multiplies all values, as in the authors' code.

    Args:
      example: picture [h, w, 3], in 0..255.
      seed: int32 [2].
      probability: of each of the four changes.
      max_brightness_delta: added at most, either way, in units of the full range.
      contrast: least and greatest factor of all values.
      saturation: least and greatest factor of the saturation.
      max_hue_delta: at most, either way, in units of the full circle.

    Reference: Liu et al. 2016, section 2.2 (arXiv:1512.02325).
    """
    order, *seeds = draws.split(seed, 5)

    def maybe(example: Example, seed: tf.Tensor, change: Callable[[Example, tf.Tensor], Example]) -> Example:
        whether, which = draws.split(seed, 2)
        return draws.sometimes(whether, probability, example, lambda: change(example, which))

    whether, which = draws.split(seeds[0], 2)
    factor = tf.where(draws.happens(whether, probability), draws.uniform(which, *contrast), 1.0)
    before, after = tf.unstack(tf.where(draws.happens(order, 0.5), [factor, 1.0], [1.0, factor]))
    low, high = saturation
    example = example._replace(image=tf.cast(example.image, tf.float32))
    example = maybe(example, seeds[1], functools.partial(random_adjust_brightness, max_delta=max_brightness_delta))
    example = _with_values(example, lambda image: before * image)
    example = maybe(example, seeds[2], functools.partial(random_adjust_saturation, min_factor=low, max_factor=high))
    example = maybe(example, seeds[3], functools.partial(random_adjust_hue, max_delta=max_hue_delta))
    return _with_values(example, lambda image: after * image)


def random_pixel_value_scale(example: Example, seed: tf.Tensor, *, min_factor: float, max_factor: float) -> Example:
    """Multiplies every value of every pixel by a factor of its own, from `min_factor` to `max_factor`."""
    factors = tf.random.stateless_uniform(tf.shape(example.image), seed)
    return _with_values(example, lambda image: image * (min_factor + (max_factor - min_factor) * factors))


def rgb_to_gray(example: Example, seed: tf.Tensor) -> Example:
    """Replaces the colour by its brightness, in all three channels (TFOD leaves one, which no network here takes)."""
    del seed
    return _with_values(example, to_gray)


def random_rgb_to_gray(example: Example, seed: tf.Tensor, *, probability: float) -> Example:
    """`rgb_to_gray`, with a probability."""
    image = tf.cast(example.image, tf.float32)
    return example._replace(image=tf.cond(draws.happens(seed, probability), lambda: to_gray(image), lambda: image))


def adjust_gamma(example: Example, seed: tf.Tensor, *, gamma: float, gain: float) -> Example:
    """Replaces each value v, as a share of 255, by `gain` * v ** `gamma`. Nothing is drawn."""
    del seed
    return _with_values(example, lambda image: 255.0 * gain * (image / 255.0) ** gamma)


def _with_values(example: Example, change: Callable[[tf.Tensor], tf.Tensor]) -> Example:
    """`example` with the values of its picture changed, and clipped."""
    values = change(tf.cast(example.image, tf.float32))
    return example._replace(image=tf.clip_by_value(values, 0.0, 255.0))
