# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The unit of plain convolutional networks: convolution, normalisation if there is one, activation."""

from __future__ import annotations

from typing import Literal

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import layers
from efficientdet.modeling.folding import normalized
from efficientdet.modeling.hyperparams import ConvHyperparams


class ConvUnit(keras.layers.Layer):
    """A convolution whose settings all come from `ConvHyperparams`, with what follows it."""

    def __init__(
        self,
        in_channels: int,
        filters: int,
        kernel_size: int,
        *,
        hyperparams: ConvHyperparams,
        strides: int = 1,
        dilation: int = 1,
        padding: Literal["same", "valid"] = "same",
        name: str,
    ) -> None:
        """Builds both layers; see `layers.conv2d`."""
        super().__init__(name=name)
        self._activation = hyperparams.activation
        self.norm: keras.layers.Layer | None = None
        with tf.name_scope(name):
            self.conv = layers.conv2d(
                in_channels,
                filters,
                kernel_size,
                strides=strides,
                dilation=dilation,
                padding=padding,
                kernel=hyperparams.kernel,
                use_bias=hyperparams.has_bias,
                name="conv",
            )
            if hyperparams.norm is not None:
                self.norm = layers.normalization(filters, settings=hyperparams.norm, name="norm")

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[B, H, W, in_channels] -> [B, h, w, filters], see `layers.conv2d`."""
        return self._activation(normalized(self.conv, self.norm, inputs, training=training))
