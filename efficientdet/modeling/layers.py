# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Keras layers with their variables already built, and initial values that depend on a seed and a name alone.

Building early matters: a `tf.function` whose first call creates variables is traced twice, which for these networks is
most of the time that a run takes to start.
"""

from __future__ import annotations

import contextlib
import contextvars
import zlib
from collections.abc import Iterator
from typing import TypeVar

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling.hyperparams import BatchNormSettings, InitializerFactory, KernelSettings

_LayerT = TypeVar("_LayerT", bound=keras.layers.Layer)
_seed: contextvars.ContextVar[int] = contextvars.ContextVar("initialization_seed", default=0)


@contextlib.contextmanager
def initialization_seed(seed: int) -> Iterator[None]:
    """Sets the seed of all weights that layers constructed inside the `with` block start from.

    The initial value of a variable is a function of this seed and of the variable's full name, so that a change to one
    part of a model leaves the start of the others as it was.

    Args:
      seed: any integer; 0 outside of such a block.

    Yields:
      Nothing.
    """
    token = _seed.set(seed)
    try:
        yield
    finally:
        _seed.reset(token)


def conv2d(
    in_channels: int,
    filters: int,
    kernel_size: int,
    *,
    name: str,
    kernel: KernelSettings,
    strides: int = 1,
    use_bias: bool = False,
    bias_initializer: keras.initializers.Initializer | str = "zeros",
    bias_l2_weight: float = 0.0,
) -> keras.layers.Conv2D:
    """A convolution with SAME padding: [B, H, W, in_channels] -> [B, ceil(H / strides), ceil(W / strides), filters]."""
    layer = keras.layers.Conv2D(
        filters,
        kernel_size,
        strides,
        padding="same",
        use_bias=use_bias,
        kernel_initializer=_initializer(kernel.initializer, name, "kernel"),
        kernel_regularizer=_l2(kernel.l2_weight),
        bias_initializer=bias_initializer,
        bias_regularizer=_l2(bias_l2_weight),
        name=name,
    )
    return _built(layer, in_channels)


def depthwise_conv2d(
    in_channels: int, kernel_size: int, *, name: str, kernel: KernelSettings, strides: int = 1
) -> keras.layers.DepthwiseConv2D:
    """A depthwise convolution with SAME padding and no bias, one filter per channel."""
    layer = keras.layers.DepthwiseConv2D(
        kernel_size,
        strides,
        padding="same",
        use_bias=False,
        depthwise_initializer=_initializer(kernel.initializer, name, "depthwise_kernel"),
        depthwise_regularizer=_l2(kernel.l2_weight),
        name=name,
    )
    return _built(layer, in_channels)


def separable_conv2d(
    in_channels: int,
    filters: int,
    kernel_size: int,
    *,
    name: str,
    depthwise: KernelSettings,
    pointwise: KernelSettings,
    use_bias: bool = True,
    bias_initializer: keras.initializers.Initializer | str = "zeros",
) -> keras.layers.SeparableConv2D:
    """A depthwise convolution followed by a 1x1 convolution, SAME padding, nothing in between."""
    layer = keras.layers.SeparableConv2D(
        filters,
        kernel_size,
        padding="same",
        use_bias=use_bias,
        depthwise_initializer=_initializer(depthwise.initializer, name, "depthwise_kernel"),
        pointwise_initializer=_initializer(pointwise.initializer, name, "pointwise_kernel"),
        depthwise_regularizer=_l2(depthwise.l2_weight),
        pointwise_regularizer=_l2(pointwise.l2_weight),
        bias_initializer=bias_initializer,
        name=name,
    )
    return _built(layer, in_channels)


def batch_norm(channels: int, *, name: str, settings: BatchNormSettings) -> keras.layers.BatchNormalization:
    """Batch normalisation over the last axis, as one fused kernel unless it is synchronized."""
    layer = keras.layers.BatchNormalization(
        momentum=settings.momentum,
        epsilon=settings.epsilon,
        center=settings.center,
        scale=settings.scale,
        synchronized=settings.synchronized,
        name=name,
    )
    return _built(layer, channels)


def _built(layer: _LayerT, in_channels: int) -> _LayerT:
    """Creates the layer's variables, named `<enclosing name scope>/<layer>/<variable>`."""
    with tf.name_scope(layer.name):
        layer.build((None, None, None, in_channels))
    return layer


def _initializer(factory: InitializerFactory, layer: str, variable: str) -> keras.initializers.Initializer:
    path = f"{_seed.get()}/{tf.get_current_name_scope()}/{layer}/{variable}"
    return factory(seed=zlib.crc32(path.encode()))


def _l2(weight: float) -> keras.regularizers.Regularizer | None:
    return keras.regularizers.L2(weight / 2) if weight else None
