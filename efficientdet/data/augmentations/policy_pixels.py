# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What operations of policies do to pixels, uint8 [h, w, 3] to the same. Only the places of patches are drawn.

What can be had from tf-models-official (`official.vision.ops.augment`) is taken from there. Not so its blends, which
want to know their factor when they are built, nor what contains an assertion, which counts as a state; nor its
geometry, which mirrors the picture into what is laid bare, and so shows objects that no box is drawn around.
"""

from __future__ import annotations

import functools
import importlib
import logging
from typing import Any

import tensorflow as tf

GRAY = 128  # fills what is laid bare or cut out, as in the Object Detection API


@functools.cache
def _library() -> Any:
    """`official.vision.ops.augment`: who uses no policy should not wait for it, and for the packages it pulls in."""
    log = logging.getLogger("absl")
    level = log.level
    log.setLevel(logging.CRITICAL)  # one of them logs a traceback where a part of it is missing that nothing here uses
    try:
        with tf.init_scope():
            return importlib.import_module("official.vision.ops.augment")
    finally:
        log.setLevel(level)


def auto_contrast(image: tf.Tensor) -> tf.Tensor:
    """Stretches each channel to 0..255."""
    return _library().autocontrast(image)


def equalize(image: tf.Tensor) -> tf.Tensor:
    """Makes the values of each channel equally frequent."""
    return _library().equalize(image)


def invert(image: tf.Tensor) -> tf.Tensor:
    """The negative."""
    return _library().invert(image)


def posterize(image: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """Keeps the uppermost bits of each value; float32 []."""
    return _library().posterize(image, tf.cast(bits, tf.uint8))


def solarize(image: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """Inverts what is not below a threshold, float32 []; 256 is above all."""
    solarized = functools.partial(_library().solarize, image, tf.cast(tf.minimum(threshold, 255.0), tf.uint8))
    return tf.cond(threshold < 256.0, solarized, lambda: image)


def solarize_add(image: tf.Tensor, addition: tf.Tensor) -> tf.Tensor:
    """Adds to what is below 128; float32 []."""
    return _library().solarize_add(image, tf.cast(addition, tf.int64))


def color(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blends with the picture in gray."""
    return _blend(tf.image.rgb_to_grayscale(image), image, factor)


def contrast(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blends with the mean brightness."""
    brightness = tf.cast(tf.image.rgb_to_grayscale(image), tf.float32)
    return _blend(tf.floor(tf.reduce_mean(brightness, keepdims=True)), image, factor)


def brightness(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blends with black."""
    return _blend(tf.zeros([1, 1, 1]), image, factor)


def sharpness(image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Blends with the picture smoothed by a kernel of 3 x 3, which has to fit into it."""
    fits = tf.reduce_min(tf.shape(image)[:2]) >= 3
    return tf.cond(fits, lambda: _blend(_library().sharpness(image, 0.0), image, factor), lambda: image)


def warp(image: tf.Tensor, affine: tf.Tensor) -> tf.Tensor:
    """Takes each pixel from the nearest to another place; gray where that lies outside.

    Args:
      image: uint8 [h, w, 3].
      affine: float32 [2, 3], from (x, y, 1) in the result to (x, y) in the picture, in whole pixels.
    """
    transform = tf.concat([tf.reshape(affine, [6]), [0.0, 0.0]], axis=0)
    return _library().transform(image, transform, fill_mode="constant", fill_value=float(GRAY))


def cut_out(image: tf.Tensor, half_side: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Makes a square gray, half its side float32 []. Its middle lies inside the picture, but its borders need not."""
    size, half = tf.shape(image)[:2], tf.cast(half_side, tf.int32)
    middle = tf.cast(tf.random.stateless_uniform([2], seed) * tf.cast(size, tf.float32), tf.int32)
    return gray_inside(image, middle - half, middle + half)


def gray_inside(image: tf.Tensor, first: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
    """Makes rows and columns from `first` to below `last`, int32 [2], gray; they may lie outside."""
    size = tf.shape(image)[:2]
    first, last = tf.clip_by_value(first, 0, size), tf.clip_by_value(last, 0, size)
    patch = tf.fill(tf.concat([last - first, [3]], axis=0), tf.constant(GRAY, tf.uint8))
    return replaced(image, tf.concat([first, last], axis=0), patch)


def replaced(image: tf.Tensor, edges: tf.Tensor, content: tf.Tensor) -> tf.Tensor:
    """Puts new content into a rectangle; `edges` int32 [4], (top, left, bottom, right), the latter two exclusive."""
    top, left, bottom, right = tf.unstack(edges)
    rows = tf.concat([image[top:bottom, :left], content, image[top:bottom, right:]], axis=1)
    return tf.concat([image[:top], rows, image[bottom:]], axis=0)  # a fifth of the time of tf.where with a mask


def _blend(degenerate: tf.Tensor, image: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """The picture nearer to a degenerate one, or further away from it where the factor, float32 [], is above 1."""
    other = tf.cast(degenerate, tf.float32)
    values = other + factor * (tf.cast(image, tf.float32) - other)
    return tf.cast(tf.clip_by_value(values, 0.0, 255.0), tf.uint8)
