# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The silu (swish), x * sigmoid(x), with a gradient that goes over memory once."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from efficientdet.ops import wide_sums
from efficientdet.ops.kernels.fusing import fused, later

_Gradient = Callable[[tf.Tensor], tf.Tensor]
_GradientOfBoth = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@tf.custom_gradient
def silu(x: tf.Tensor) -> tuple[tf.Tensor, _Gradient]:
    """What `tf.nn.silu` is; only a first derivative exists.

    Args:
      x: float32 or shorter, of any shape.

    Returns:
      The same type and shape.
    """
    return _silu(x), lambda upstream: _gradient(later(x, upstream), upstream)


@tf.custom_gradient
def silu_and_means(x: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], _GradientOfBoth]:
    """`silu`, and the means of its results over each picture; one gradient of both, and only a first one.

    Args:
      x: float32 or shorter, [B, H, W, channels].

    Returns:
      [B, H, W, channels] and [B, 1, 1, channels] of the same type.
    """
    y = _silu(x)

    def gradient(of_values: tf.Tensor, of_means: tf.Tensor) -> tf.Tensor:
        height, width = (tf.cast(size, tf.float32) for size in tf.unstack(tf.shape(x)[1:3]))
        return _gradient_of_both(later(x, of_values), of_values, tf.cast(of_means, tf.float32) / (height * width))

    return (y, wide_sums.mean(y, [1, 2])), gradient


def _silu(x: tf.Tensor) -> tf.Tensor:
    # `tf.nn.silu` takes the sigmoid of 1 * x, behind which TensorFlow's first look at a graph finds no silu to fuse.
    return x * tf.sigmoid(x)


@fused
def _gradient(x: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.cast(upstream, tf.float32) * _slope(x), x.dtype)


@fused
def _gradient_of_both(x: tf.Tensor, upstream: tf.Tensor, share: tf.Tensor) -> tf.Tensor:
    """As `_gradient`, with what each value has in its mean, float32 [B, 1, 1, channels], added upstream."""
    return tf.cast((tf.cast(upstream, tf.float32) + share) * _slope(x), x.dtype)


def _slope(x: tf.Tensor) -> tf.Tensor:
    """The derivative, in float32: within one pass that costs nothing, and short types have no digits to lose."""
    x = tf.cast(x, tf.float32)
    s = tf.sigmoid(x)
    return s * (1.0 + x * (1.0 - s))
