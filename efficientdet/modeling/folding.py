# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Convolutions followed by a normalisation, and, for serving, batch norms as part of the convolution before them.

A batch norm in inference is an affine function of each channel, with numbers that no longer change. So is the end of a
convolution: y = s (k * x + b - mean) + beta = (s k) * x + (s (b - mean) + beta), with s = gamma / sqrt(variance +
epsilon). The scaled kernel and the one bias are computed once, in float64.

Reference: Jacob et al. 2018, section 3.2 (arXiv:1712.05877).
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import layers
from efficientdet.ops import wide_sums

_folded: contextvars.ContextVar[list[str] | None] = contextvars.ContextVar("folded_batch_norms", default=None)


class _Affine(NamedTuple):
    """What a batch norm does in inference: float64 [channels] each."""

    scale: np.ndarray
    offset: np.ndarray


@contextlib.contextmanager
def folded() -> Iterator[list[str]]:
    """Lets networks that are called for inference inside the `with` block compute with folded batch norms.

    The weights are read as they are then and become constants. Inside a `tf.function` it is the tracing that has to
    happen in the block. Group norms, and everything in training, stay as they are.

    Yields:
      A list that grows by the name of each batch norm that is folded, in the order of computation.
    """
    names: list[str] = []
    token = _folded.set(names)
    try:
        yield names
    finally:
        _folded.reset(token)


def normalized(
    conv: keras.layers.Layer,
    norm: keras.layers.Layer | None,
    x: tf.Tensor,
    *,
    gates: tf.Tensor | None = None,
    training: bool = False,
) -> tf.Tensor:
    """What `norm(conv(x * gates), training=training)` is, or without a norm `conv(x * gates)`.

    Args:
      conv: as `layers.conv2d`, `depthwise_conv2d` or `separable_conv2d` make it.
      norm: as `layers.normalization` makes it, or None.
      x: [B, H, W, in_channels].
      gates: [B, 1, 1, in_channels], only of a convolution that `layers.conv2d` makes; None for ones.
      training: whether a batch norm uses the batch's statistics.

    Returns:
      [B, h, w, filters].
    """
    if norm is not None and _folds(norm, training):
        return _convolve(conv, _fold(norm), x if gates is None else wide_sums.scale(x, gates))
    y = conv(x) if gates is None else conv(x, gates)
    return y if norm is None else norm(y, training=training)


def normalized_each(
    conv: keras.layers.Layer,
    norms: Sequence[keras.layers.Layer] | None,
    maps: Sequence[tf.Tensor],
    *,
    training: bool = False,
) -> list[tf.Tensor]:
    """What `[norm(conv(x), training=training) for norm, x in zip(norms, maps)]` is: see `layers.convolve_each`.

    Args:
      conv: what all maps share.
      norms: one for each map, all of one kind; or None.
      maps: [B, H, W, in_channels] each.
      training: whether batch norms use the batch's statistics.

    Returns:
      [B, H, W, filters] each.
    """
    if norms is None or not _folds(norms[0], training):
        results = layers.convolve_each(conv, maps)
        if norms is None:
            return results
        return [norm(x, training=training) for norm, x in zip(norms, results, strict=True)]
    return [_convolve(conv, _fold(norm), x) for norm, x in zip(norms, maps, strict=True)]


def _folds(norm: keras.layers.Layer, training: bool) -> bool:
    return _folded.get() is not None and not training and isinstance(norm, keras.layers.BatchNormalization)


def _fold(norm: keras.layers.BatchNormalization) -> _Affine:
    names = _folded.get()
    if names is not None:
        names.append(norm.name)
    scale = 1 / np.sqrt(_value(norm.moving_variance) + norm.epsilon)
    if norm.scale:
        scale = scale * _value(norm.gamma)
    offset = -_value(norm.moving_mean) * scale
    return _Affine(scale, offset + _value(norm.beta) if norm.center else offset)


def _convolve(conv: keras.layers.Layer, after: _Affine, x: tf.Tensor) -> tf.Tensor:
    """The convolution with an affine function of its outputs, [B, H, W, in_channels] -> [B, h, w, filters]."""
    strides, padding = (1, *conv.strides, 1), conv.padding.upper()
    if isinstance(conv, keras.layers.DepthwiseConv2D):
        kernel = _value(conv.depthwise_kernel)  # [height, width, channels, 1]
        y = tf.nn.depthwise_conv2d(x, _constant(kernel * after.scale[:, np.newaxis], x.dtype), strides, padding)
    elif isinstance(conv, keras.layers.SeparableConv2D):
        depthwise, pointwise = _value(conv.depthwise_kernel), _value(conv.pointwise_kernel) * after.scale
        y = tf.nn.separable_conv2d(x, _constant(depthwise, x.dtype), _constant(pointwise, x.dtype), strides, padding)
    else:
        kernel = _constant(_value(conv.kernel) * after.scale, x.dtype)
        y = tf.nn.conv2d(x, kernel, strides, padding, dilations=conv.dilation_rate)
    bias = _value(conv.bias) * after.scale + after.offset if conv.use_bias else after.offset
    return tf.nn.bias_add(y, _constant(bias, x.dtype))


def _value(variable: tf.Variable) -> np.ndarray:
    """The present value, float64, also while a function is traced."""
    with tf.init_scope():
        return variable.numpy().astype(np.float64)


def _constant(value: np.ndarray, dtype: tf.DType) -> tf.Tensor:
    return tf.constant(value.astype(np.float32), dtype)
