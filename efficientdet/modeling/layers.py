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
from typing import Literal, TypeVar

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import convolutions
from efficientdet.modeling.hyperparams import GroupNormSettings, InitializerFactory, KernelSettings, NormSettings
from efficientdet.modeling.normalizations import (
    BatchNormalization,
    FrozenBatchNormalization,
    GroupNormalization,
    SynchronizedBatchNormalization,
)
from efficientdet.ops import wide_sums
from efficientdet.ops.uses import fan_out

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
    dilation: int = 1,
    padding: Literal["same", "valid"] = "same",
    use_bias: bool = False,
    bias_initializer: keras.initializers.Initializer | str = "zeros",
    bias_l2_weight: float = 0.0,
) -> keras.layers.Conv2D:
    """A convolution.

    Args:
      in_channels: of the input.
      filters: channels of the output.
      kernel_size: height and width of the kernel.
      name: of the layer.
      kernel: how the kernel starts and decays.
      strides: of the output in the input, in pixels.
      dilation: distance of the kernel's taps in the input, in pixels; it and `strides` cannot both be above 1.
      padding: "same" pads with zeros on all sides, the odd row and column at the bottom and right; "valid" does not.
      use_bias: whether the output has an offset per channel.
      bias_initializer: how that starts.
      bias_l2_weight: as `KernelSettings.l2_weight`.

    Returns:
      A layer [B, H, W, in_channels] -> [B, ceil(H / strides), ceil(W / strides), filters]; with "valid" padding of
      H - dilation * (kernel_size - 1) instead of H, and likewise for W.
    """
    layer = convolutions.Conv2D(
        filters,
        kernel_size,
        strides,
        padding=padding,
        dilation_rate=dilation,
        use_bias=use_bias,
        kernel_initializer=_initializer(kernel.initializer, name, "kernel"),
        kernel_regularizer=_decay(kernel),
        bias_initializer=bias_initializer,
        bias_regularizer=_l2(bias_l2_weight),
        name=name,
    )
    return _built(layer, in_channels)


def depthwise_conv2d(
    in_channels: int, kernel_size: int, *, name: str, kernel: KernelSettings, strides: int = 1, use_bias: bool = False
) -> keras.layers.DepthwiseConv2D:
    """A depthwise convolution with SAME padding, one filter per channel."""
    layer = convolutions.DepthwiseConv2D(
        kernel_size,
        strides,
        padding="same",
        use_bias=use_bias,
        depthwise_initializer=_initializer(kernel.initializer, name, "depthwise_kernel"),
        depthwise_regularizer=_decay(kernel),
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
    layer = convolutions.SeparableConv2D(
        filters,
        kernel_size,
        use_bias=use_bias,
        depthwise_initializer=_initializer(depthwise.initializer, name, "depthwise_kernel"),
        pointwise_initializer=_initializer(pointwise.initializer, name, "pointwise_kernel"),
        depthwise_regularizer=_decay(depthwise),
        pointwise_regularizer=_decay(pointwise),
        bias_initializer=bias_initializer,
        name=name,
    )
    return _built(layer, in_channels)


def normalization(channels: int, *, settings: NormSettings, name: str) -> keras.layers.Layer:
    """Normalises over the last axis.

    Args:
      channels: of the input.
      settings: which normalisation, and how. Synchronizing takes several kernels instead of one fused one; only a layer
        that is built in the scope of a strategy with several replicas does it.
      name: of the layer.

    Returns:
      A layer [B, H, W, channels] -> the same shape, to be called as `layer(x, training=training)`.
    """
    if isinstance(settings, GroupNormSettings):
        groups = max(count for count in range(1, settings.max_groups + 1) if channels % count == 0)
        return _built(GroupNormalization(groups, epsilon=settings.epsilon, name=name), channels)
    several = tf.distribute.get_strategy().num_replicas_in_sync > 1
    synchronized = settings.synchronized and several and not settings.frozen
    layer_class: type[keras.layers.BatchNormalization] = BatchNormalization
    if settings.frozen or synchronized:
        layer_class = FrozenBatchNormalization if settings.frozen else SynchronizedBatchNormalization
    layer = layer_class(
        momentum=settings.momentum,
        epsilon=settings.epsilon,
        center=settings.center,
        scale=settings.scale,
        synchronized=synchronized,
        name=name,
    )
    return _built(layer, channels)


def dropout(x: tf.Tensor, rate: float, seed: tf.Tensor) -> tf.Tensor:
    """Sets values to 0 at random, and scales the others up so that the expected value stays.

    Args:
      x: floating-point, of any shape.
      rate: the probability of a 0, at least 0 and below 1; a Python number.
      seed: int32 [2]; it alone decides.

    Returns:
      The same type and shape.

    Raises:
      ValueError: for another rate.
    """
    if not 0 <= rate < 1:
        raise ValueError(f"rate ({rate}) must be at least 0 and below 1")
    if rate == 0:
        return x
    kept = tf.random.stateless_uniform(tf.shape(x), seed) >= rate
    return tf.where(kept, x / (1 - rate), 0.0)


def convolve_each(layer: keras.layers.Layer, maps: Sequence[tf.Tensor], *, widens: bool = False) -> list[tf.Tensor]:
    """What `[layer(x) for x in maps]` is, with a gradient of the layer's variables that repeats bit by bit.

    Args:
      layer: as `conv2d` or `separable_conv2d` make it, with stride 1; its variables are used in the type of the maps.
        The gradients of all maps are added in the type that the variables are read in: outside of a layer that computes
        in a short one, that is float32.
      maps: [B, H, W, in_channels] each.
      widens: whether the results are float32, whatever the maps are; the bias then counts as it is.

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
        x = layer.convolve(x, *(tf.cast(kernel, x.dtype) for kernel in weights[: len(kernels)]))
        x = tf.cast(x, tf.float32) if widens else x
        results.append(wide_sums.add_bias(x, tf.cast(weights[-1], x.dtype)) if layer.use_bias else x)
    return results


def _built(layer: _LayerT, in_channels: int) -> _LayerT:
    """Creates the layer's variables, named `<enclosing name scope>/<layer>/<variable>`."""
    with tf.name_scope(layer.name):
        layer.build((None, None, None, in_channels))
    return layer


def _initializer(factory: InitializerFactory, layer: str, variable: str) -> keras.initializers.Initializer:
    path = f"{_seed.get()}/{tf.get_current_name_scope()}/{layer}/{variable}"
    return factory(seed=zlib.crc32(path.encode()))


def _decay(kernel: KernelSettings) -> keras.regularizers.Regularizer | None:
    if kernel.l1_weight:
        return keras.regularizers.L1L2(kernel.l1_weight, kernel.l2_weight / 2)
    return _l2(kernel.l2_weight)


def _l2(weight: float) -> keras.regularizers.Regularizer | None:
    return keras.regularizers.L2(weight / 2) if weight else None
