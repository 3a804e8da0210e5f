# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Keras's convolutions, with biases whose gradients are right in short types too; in float32 they are Keras's own."""

from __future__ import annotations

import tensorflow as tf
import tf_keras as keras

from efficientdet.ops import wide_sums


class Conv2D(keras.layers.Conv2D):
    """A convolution without an activation."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[B, H, W, in_channels] -> [B, h, w, filters]."""
        if self.compute_dtype == "float32" or not self.use_bias:
            return super().call(inputs)
        return wide_sums.add_bias(self.convolution_op(inputs, self.kernel), self.bias)


class DepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """A depthwise convolution without dilation and activation."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[B, H, W, channels] -> [B, h, w, channels]."""
        if self.compute_dtype == "float32" or not self.use_bias:
            return super().call(inputs)
        x = tf.nn.depthwise_conv2d(inputs, self.depthwise_kernel, (1, *self.strides, 1), self.padding.upper())
        return wide_sums.add_bias(x, self.bias)


class SeparableConv2D(keras.layers.SeparableConv2D):
    """A separable convolution without dilation and activation."""

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        """[B, H, W, in_channels] -> [B, h, w, filters]."""
        if self.compute_dtype == "float32" or not self.use_bias:
            return super().call(inputs)
        x = tf.nn.separable_conv2d(
            inputs, self.depthwise_kernel, self.pointwise_kernel, (1, *self.strides, 1), self.padding.upper()
        )
        return wide_sums.add_bias(x, self.bias)
