# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Keras layers with their variables already built, and initial values that depend on a seed and a name alone.

Building early matters: a `tf.function` whose first call creates variables is traced twice, which for these networks is
most of the time that a run takes to start.
"""

from __future__ import annotations

import contextlib
import contextvars
import zlib
from collections.abc import Iterator, Sequence
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


def fan_out(value: tf.Tensor | tf.Variable, uses: int) -> list[tf.Tensor]:
    """The same tensor for several uses, whose gradients are then added one by one and always in the same order.

    TensorFlow adds the gradients of all uses of a tensor in one `AddN`. That begins with whichever of them it may
    overwrite, so that the last bit of three and more would depend on the threads' timing.

    Args:
      value: anything with a gradient.
      uses: how often it is used.

    Returns:
      `uses` tensors, each the identity of the one before: none has more uses than its own and the next.
    """
    copies = [tf.convert_to_tensor(value)]
    while len(copies) < uses:
        copies.append(tf.identity(copies[-1]))
    return copies


def convolve_each(layer: keras.layers.Layer, maps: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """What `[layer(x) for x in maps]` is, with a gradient of the layer's variables that repeats bit by bit.

    Args:
      layer: as `conv2d` or `separable_conv2d` make it, with stride 1; only its variables are used.
      maps: [B, H, W, in_channels] each.

    Returns:
      [B, H, W, filters] each.

    Raises:
      ValueError: if the layer has a stride, a dilation, another padding or an activation.
    """
    settings = layer.strides, layer.dilation_rate, layer.padding, layer.activation
    if settings != ((1, 1), (1, 1), "same", keras.activations.linear):
        raise ValueError(f"{layer.name} must have stride 1, no dilation, SAME padding and no activation")
    separable = isinstance(layer, keras.layers.SeparableConv2D)
    kernels = [layer.depthwise_kernel, layer.pointwise_kernel] if separable else [layer.kernel]
    variables = [*kernels, layer.bias] if layer.use_bias else kernels
    copies = [fan_out(variable, len(maps)) for variable in variables]
    results = []
    for x, *weights in zip(maps, *copies, strict=True):
        if separable:
            x = tf.nn.separable_conv2d(x, weights[0], weights[1], strides=(1, 1, 1, 1), padding="SAME")
        else:
            x = tf.nn.conv2d(x, weights[0], strides=1, padding="SAME")
        results.append(tf.nn.bias_add(x, weights[-1]) if layer.use_bias else x)
    return results


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
