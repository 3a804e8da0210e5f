# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""1x1 convolutions as products of matrices."""

from __future__ import annotations

import tensorflow as tf

from efficientdet.ops import wide_sums

_PIXELS_PER_FILTER = 4  # measured on one core, gates in the kernel gain from 1.3 on at batch 8, from 13 on at batch 2


def convolve(x: tf.Tensor, kernel: tf.Tensor | tf.Variable, gates: tf.Tensor | None = None) -> tf.Tensor:
    """What `tf.nn.conv2d(x * gates, kernel, 1, "SAME")` is for a kernel of one pixel.

    The three products (forward, and the gradients of both factors) run faster than the kernels of convolutions, which
    bring their weights into another order first. Where pixels are many, gates go into the kernel, of which each picture
    then has its own: x (g k) is (x g) k, and the gradient of g comes from the small one of g k, so that nothing goes
    over the pixels but the products.

    Args:
      x: floating-point [B, H, W, in_channels].
      kernel: [1, 1, in_channels, filters], of the same type; a variable counts as its value.
      gates: [B, 1, 1, in_channels], of the same type, as squeeze-and-excite makes them; None for ones.

    Returns:
      [B, H, W, filters], of the same type.
    """
    in_channels, filters = kernel.shape[2:]
    height, width = (x.shape[axis] or tf.shape(x)[axis] for axis in (1, 2))
    matrix = tf.reshape(kernel, [in_channels, filters])
    if gates is not None and not _are_many(x.shape, filters):
        x, gates = wide_sums.scale(x, gates), None
    if gates is None:
        rows = tf.matmul(tf.reshape(x, [-1, in_channels]), matrix)
    else:
        # In float32, for the sums over filters in the gradient of gates.
        matrices = tf.reshape(tf.cast(gates, tf.float32), [-1, in_channels, 1]) * tf.cast(matrix, tf.float32)
        rows = tf.matmul(tf.reshape(x, [-1, height * width, in_channels]), tf.cast(matrices, x.dtype))
    return tf.reshape(rows, [-1, height, width, filters])


def _are_many(shape: tf.TensorShape, filters: int) -> bool:
    """Whether the pixels of a picture, where their number is known, are more work than a kernel of its own."""
    pixels = shape[1:3].num_elements()
    return pixels is not None and pixels >= _PIXELS_PER_FILTER * filters
