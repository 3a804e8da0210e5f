# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The silu (swish), x * sigmoid(x), with a gradient that goes over memory four times."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


@tf.custom_gradient
def silu(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """What `tf.nn.silu` is; only a first derivative exists.

    With s = sigmoid(x) and y = x s, the derivative is s (1 + x (1 - s)) = s (1 + x - y): the output, which whatever
    comes next keeps anyway, spares the product with 1 - s. The derivative of softplus is s, so that one kernel computes
    s and multiplies at once.

    Args:
      x: floating-point, of any shape.

    Returns:
      The same type and shape.
    """
    # `tf.nn.silu` takes the sigmoid of 1 * x, behind which TensorFlow's first look at a graph finds no silu to fuse.
    y = x * tf.sigmoid(x)

    def gradient(upstream: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([upstream]):  # not sooner than it is needed: until then the memory is free
            # x - y first: it is exact where x is large, and short types have no digits to lose.
            inner = 1.0 + (x - y)
        return tf.raw_ops.SoftplusGrad(gradients=upstream, features=x) * inner

    return y, gradient
