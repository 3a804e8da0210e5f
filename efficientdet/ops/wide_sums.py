# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Sums over many positions of tensors of a short type, added up in float32; of float32 tensors, TensorFlow's own.

TensorFlow's kernels add float16 in float16, where a sum above 65,504 is infinite. The CPU's kernel for the gradient of
biases adds bfloat16 in bfloat16: of 30,000 terms, next to nothing is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

_Gradients = tuple[tf.Tensor, tf.Tensor]


def mean(x: tf.Tensor, axes: Sequence[int]) -> tf.Tensor:
    """The mean over some axes, which stay as axes of length 1; in the type of `x`."""
    return tf.cast(tf.reduce_mean(tf.cast(x, tf.float32), axes, keepdims=True), x.dtype)


def add_bias(x: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Adds an offset to each channel.

    Args:
      x: [..., channels].
      bias: [channels], of the same type; a variable counts as its value.

    Returns:
      The shape and type of `x`; the gradient of `bias` is summed in float32.
    """
    return tf.nn.bias_add(x, bias) if x.dtype == tf.float32 else _add_bias(x, tf.convert_to_tensor(bias))


def scale(x: tf.Tensor, factor: tf.Tensor) -> tf.Tensor:
    """Multiplies a tensor with fewer numbers than it has.

    Args:
      x: of any shape.
      factor: of a shape that broadcasts to it and of any floating-point type.

    Returns:
      The shape and type of `x`; the gradient of `factor` is summed in float32, and nothing is kept for it in float32.
    """
    return x * factor if x.dtype == tf.float32 else _scale(x, tf.convert_to_tensor(factor))


@tf.custom_gradient
def _add_bias(x: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], _Gradients]]:
    def gradient(upstream: tf.Tensor) -> _Gradients:
        wide = tf.reshape(tf.cast(upstream, tf.float32), [-1, bias.shape[0]])
        return upstream, tf.cast(tf.reduce_sum(wide, axis=0), bias.dtype)

    return tf.nn.bias_add(x, bias), gradient


@tf.custom_gradient
def _scale(x: tf.Tensor, factor: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], _Gradients]]:
    short = tf.cast(factor, x.dtype)

    def gradient(upstream: tf.Tensor) -> _Gradients:
        products = tf.cast(x, tf.float32) * tf.cast(upstream, tf.float32)
        _, axes = tf.raw_ops.BroadcastGradientArgs(s0=tf.shape(x), s1=tf.shape(factor))
        summed = tf.reshape(tf.reduce_sum(products, axes), tf.shape(factor))
        return upstream * short, tf.cast(summed, factor.dtype)

    return x * short, gradient
