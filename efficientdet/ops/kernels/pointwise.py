# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""1x1 convolutions as products of matrices."""

from __future__ import annotations

import tensorflow as tf


def convolve(x: tf.Tensor, kernel: tf.Tensor | tf.Variable) -> tf.Tensor:
    """What `tf.nn.conv2d(x, kernel, 1, "SAME")` is for a kernel of one pixel.

    The three products (forward, and the gradients of both factors) run faster than the kernels of convolutions, which
    bring their weights into another order first.

    Args:
      x: floating-point [B, H, W, in_channels].
      kernel: [1, 1, in_channels, filters], of the same type; a variable counts as its value.

    Returns:
      [B, H, W, filters], of the same type.
    """
    in_channels, filters = kernel.shape[2:]
    rows = tf.matmul(tf.reshape(x, [-1, in_channels]), tf.reshape(kernel, [in_channels, filters]))
    height, width = (x.shape[axis] or tf.shape(x)[axis] for axis in (1, 2))
    return tf.reshape(rows, [-1, height, width, filters])
