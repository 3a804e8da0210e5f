# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Depthwise convolutions whose filter gradient is computed a few columns of the filter at a time."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from efficientdet.ops.kernels.fusing import later

_COLUMNS = 3  # oneDNN's fast kernel for the gradient of filters takes them no wider


def convolve(x: tf.Tensor, kernel: tf.Tensor | tf.Variable, stride: int) -> tf.Tensor:
    """What `tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], "SAME")` is; only a first derivative exists.

    The gradient of column c of a filter is the correlation of the upstream gradient with the padded input from its
    column c on. Columns do not depend on each other, so those of a 5x5 filter come as 5x3 and 5x2. Narrow filters, and
    inputs whose size is unknown while tracing, are left to TensorFlow as a whole.

    Args:
      x: floating-point [B, H, W, channels].
      kernel: [h, w, channels, 1], of the same type; a variable counts as its value.
      stride: of the output in the input, in pixels, both ways.

    Returns:
      [B, ceil(H / stride), ceil(W / stride), channels].
    """
    strides = [1, stride, stride, 1]
    if kernel.shape[1] <= _COLUMNS or None in x.shape[1:3]:
        return tf.nn.depthwise_conv2d(x, kernel, strides, "SAME")

    @tf.custom_gradient
    def convolved(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], list[tf.Tensor]]]:
        def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
            of_input = tf.raw_ops.DepthwiseConv2dNativeBackpropInput(
                input_sizes=tf.shape(x), filter=kernel, out_backprop=upstream, strides=strides, padding="SAME"
            )
            return [of_input, _filter_gradient(x, kernel.shape, upstream, stride)]

        return tf.raw_ops.DepthwiseConv2dNative(input=x, filter=kernel, strides=strides, padding="SAME"), gradient

    return convolved(x, tf.convert_to_tensor(kernel))


def _filter_gradient(x: tf.Tensor, kernel_shape: tf.TensorShape, upstream: tf.Tensor, stride: int) -> tf.Tensor:
    """[h, w, channels, 1], of `upstream` [B, out_h, out_w, channels]."""
    height, width, channels, multiplier = kernel_shape
    # From the first place of the filter's corner to the last.
    rows, columns = ((-(-size // stride) - 1) * stride for size in x.shape[1:3])
    reached = (rows + height, columns + width)
    paddings = [_same_padding(size, end) for size, end in zip(x.shape[1:3], reached, strict=True)]
    padded = tf.pad(later(x, upstream), [[0, 0], *paddings, [0, 0]])
    parts = []
    for first in range(0, width, _COLUMNS):
        taken = min(_COLUMNS, width - first)
        parts.append(
            tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
                input=padded[:, : reached[0], first : first + columns + taken],
                filter_sizes=[height, taken, channels, multiplier],
                out_backprop=upstream,
                strides=[1, stride, stride, 1],
                padding="VALID",
            )
        )
    return tf.concat(parts, axis=1)


def _same_padding(size: int, reached: int) -> tuple[int, int]:
    """Zeros before and behind an axis of `size`, of which the filter reaches over `reached` of them all, see SAME."""
    missing = max(reached - size, 0)  # a stride may leave the last ones out
    return missing // 2, missing - missing // 2
