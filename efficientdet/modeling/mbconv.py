# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The block that EfficientNets are made of: an inverted residual with squeeze-and-excite.

References: Sandler et al. 2018 (arXiv:1801.04381); Tan & Le 2019 (arXiv:1905.11946).
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import layers
from efficientdet.modeling.activation_capture import observed, observer
from efficientdet.modeling.folding import normalized
from efficientdet.modeling.hyperparams import Activation, BackboneDecay, BatchNormSettings, KernelSettings
from efficientdet.ops.kernels import with_means

_SQUEEZE_RATIO = 0.25  # of a block's input filters


class BlockSpec(NamedTuple):
    """One inverted-residual block."""

    stack: int
    block: int  # within the stack
    in_filters: int
    filters: int
    expand_ratio: int
    kernel_size: int
    strides: int

    @property
    def has_residual(self) -> bool:
        """Whether the block's input is added to its output."""
        return self.strides == 1 and self.in_filters == self.filters


class MBConvBlock(keras.layers.Layer):
    """Inverted residual: 1x1 expansion, depthwise convolution, squeeze-and-excite, linear 1x1 projection."""

    def __init__(
        self,
        spec: BlockSpec,
        *,
        squeeze_excite: bool,
        activation: Activation,
        decay: BackboneDecay,
        batch_norm: BatchNormSettings,
        name: str,
    ) -> None:
        """Builds the block that `spec` describes; an expansion ratio of 1 leaves the expansion out."""
        super().__init__(name=name)
        filters = spec.in_filters * spec.expand_ratio
        kernel = KernelSettings(fan_out_normal, decay.l2_weight)
        depthwise = kernel if decay.depthwise_kernels else kernel._replace(l2_weight=0.0)
        place = f"stack_{spec.stack}"
        self._activation = observed(activation, place)
        self._activation_with_means = with_means(activation)
        self._observe = observer(place)
        self._has_residual = spec.has_residual
        self.expand: keras.layers.Layer | None = None
        self.squeeze_excite: keras.layers.Layer | None = None
        with tf.name_scope(name):
            if spec.expand_ratio != 1:
                self.expand = layers.conv2d(spec.in_filters, filters, 1, kernel=kernel, name="expand")
                self.expand_norm = layers.normalization(filters, settings=batch_norm, name="expand_norm")
            self.depthwise = layers.depthwise_conv2d(
                filters, spec.kernel_size, strides=spec.strides, kernel=depthwise, name="depthwise"
            )
            self.depthwise_norm = layers.normalization(filters, settings=batch_norm, name="depthwise_norm")
            if squeeze_excite:
                squeezed = max(1, int(spec.in_filters * _SQUEEZE_RATIO))
                self.squeeze_excite = SqueezeExcite(
                    filters, squeezed, activation=activation, decay=decay, name="squeeze_excite"
                )
            self.project = layers.conv2d(filters, spec.filters, 1, kernel=kernel, name="project")
            self.project_norm = layers.normalization(spec.filters, settings=batch_norm, name="project_norm")

    def call(self, inputs: tf.Tensor, training: bool = False, residual_scale: tf.Tensor | None = None) -> tf.Tensor:
        """[B, H, W, in_filters] -> [B, ceil(H / strides), ceil(W / strides), filters].

        Args:
          inputs: float32, or the short type that is computed in.
          training: whether batch norms use the batch's statistics.
          residual_scale: float32 [B, 1, 1, 1], what the residual branch is multiplied with (stochastic depth).

        Returns:
          The same type, without an activation: the projection is linear.
        """
        x = inputs
        if self.expand is not None:
            x = self._activation(normalized(self.expand, self.expand_norm, x, training=training))
        x = normalized(self.depthwise, self.depthwise_norm, x, training=training)
        gates = None
        if self.squeeze_excite is None:
            x = self._activation(x)
        else:
            x, means = self._activation_with_means(x)
            self._observe(x)
            gates = self.squeeze_excite(means)
        x = normalized(self.project, self.project_norm, x, gates=gates, training=training)
        if not self._has_residual:
            return x
        return inputs + (x if residual_scale is None else x * tf.cast(residual_scale, x.dtype))


class SqueezeExcite(keras.layers.Layer):
    """Weights for channels, by a small network over their means (Hu et al. 2018, arXiv:1709.01507)."""

    def __init__(
        self, channels: int, squeezed: int, *, activation: Activation, decay: BackboneDecay, name: str
    ) -> None:
        """Builds the two 1x1 convolutions, `channels` -> `squeezed` -> `channels`."""
        super().__init__(name=name)
        self._activation = activation
        conv2d = functools.partial(
            layers.conv2d,
            kernel=KernelSettings(fan_out_normal, decay.l2_weight),
            use_bias=True,
            bias_l2_weight=decay.l2_weight if decay.squeeze_excite_biases else 0.0,
        )
        with tf.name_scope(name):
            self.reduce = conv2d(channels, squeezed, 1, name="reduce")
            self.expand = conv2d(squeezed, channels, 1, name="expand")

    def call(self, means: tf.Tensor) -> tf.Tensor:
        """The means of channels over each picture -> what to multiply them with; [B, 1, 1, channels] both."""
        return tf.sigmoid(self.expand(self._activation(self.reduce(means))))


def fan_out_normal(seed: int) -> keras.initializers.Initializer:
    """The start of all kernels of an EfficientNet: normal, truncated, with the variance of two over the fan-out."""
    return keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal", seed=seed)
