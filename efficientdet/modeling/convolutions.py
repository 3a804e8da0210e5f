# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Keras's convolutions over the kernels that were chosen, with biases whose gradients are right in short types too.

With the plain kernels and in float32 they compute what Keras's own do.
"""

from __future__ import annotations

from typing import Any

import tensorflow as tf
import tf_keras as keras

from efficientdet.ops import kernels, wide_sums
from efficientdet.ops.kernels import depthwise, pointwise


class Conv2D(keras.layers.Conv2D):
    """A convolution without an activation."""

    def __init__(self, filters: int, kernel_size: int, strides: int = 1, **settings: Any) -> None:
        """See Keras; looks at `kernels.chosen`."""
        super().__init__(filters, kernel_size, strides, **settings)
        self._is_product = kernels.chosen().pointwise and self.kernel_size == self.strides == (1, 1)

    def convolve(self, x: tf.Tensor, kernel: tf.Tensor | tf.Variable, gates: tf.Tensor | None = None) -> tf.Tensor:
        """What the layer makes of an input with another kernel, without the bias; `gates` as in `call`."""
        if self._is_product:
            return pointwise.convolve(x, kernel, gates)
        return self.convolution_op(x if gates is None else wide_sums.scale(x, gates), kernel)

    def call(self, inputs: tf.Tensor, gates: tf.Tensor | None = None) -> tf.Tensor:
        """[B, H, W, in_channels] -> [B, h, w, filters].

        Args:
          inputs: floating-point.
          gates: what the channels of the inputs are multiplied with first, [B, 1, 1, in_channels]; None for nothing.
        """
        return _biased(self, self.convolve(inputs, self.kernel, gates))


class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """A depthwise convolution without dilation and activation."""

    def __init__(self, kernel_size: int, strides: int = 1, **settings: Any) -> None:
        """See Keras; looks at `kernels.chosen`."""
        super().__init__(kernel_size, strides, **settings)
        self._is_fast = kernels.chosen().depthwise and self.padding == "same"

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[B, H, W, channels] -> [B, h, w, channels]."""
        if not self._is_fast and (self.compute_dtype == "float32" or not self.use_bias):
            return super().call(inputs)
        if self._is_fast:
            return _biased(self, depthwise.convolve(inputs, self.depthwise_kernel, self.strides[0]))
        strides = (1, *self.strides, 1)
        return _biased(self, tf.nn.depthwise_conv2d(inputs, self.depthwise_kernel, strides, self.padding.upper()))


class SeparableConv2D(keras.layers.SeparableConv2D):
    """A separable convolution with SAME padding, without stride, dilation and activation."""

    def __init__(self, filters: int, kernel_size: int, **settings: Any) -> None:
        """See Keras; looks at `kernels.chosen`."""
        super().__init__(filters, kernel_size, padding="same", **settings)
        self._chosen = kernels.chosen()

    def convolve(
        self, x: tf.Tensor, depthwise_kernel: tf.Tensor | tf.Variable, pointwise_kernel: tf.Tensor | tf.Variable
    ) -> tf.Tensor:
        """What the layer makes of an input with other kernels, without the bias."""
        if not (self._chosen.pointwise or self._chosen.depthwise):
            return tf.nn.separable_conv2d(x, depthwise_kernel, pointwise_kernel, (1, 1, 1, 1), "SAME")
        if self._chosen.depthwise:
            x = depthwise.convolve(x, depthwise_kernel, 1)
        else:
            x = tf.nn.depthwise_conv2d(x, depthwise_kernel, (1, 1, 1, 1), "SAME")
        if self._chosen.pointwise:
            return pointwise.convolve(x, pointwise_kernel)
        return tf.nn.conv2d(x, pointwise_kernel, 1, "SAME")

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[B, H, W, in_channels] -> [B, H, W, filters]."""
        is_plain = not (self._chosen.pointwise or self._chosen.depthwise)
        if is_plain and (self.compute_dtype == "float32" or not self.use_bias):
            return super().call(inputs)
        return _biased(self, self.convolve(inputs, self.depthwise_kernel, self.pointwise_kernel))


def _biased(layer: keras.layers.Layer, x: tf.Tensor) -> tf.Tensor:
    return wide_sums.add_bias(x, layer.bias) if layer.use_bias else x
