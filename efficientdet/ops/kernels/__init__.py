# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Kernels that compute what TensorFlow's do in less time on a CPU, each beside the plain form that it replaces.

What they are, and what each of them takes off a training step of D0 at 512 and batch 2 (docs/performance.md):

- `silu`: a gradient of one pass over memory instead of six, that of means over each picture with it.
- `pointwise`: 1x1 convolutions as products of matrices, with the gates of squeeze-and-excite in them.
- `depthwise`: the gradient of filters wider than 3, in slices that oneDNN has a fast kernel for.
- `losses.classification.FocalLoss`: value and gradient by formula, each in one pass over memory, `focal`.

Layers look at `chosen` when they are constructed, and stay with it.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator
from typing import NamedTuple

import tensorflow as tf

from efficientdet.ops import wide_sums
from efficientdet.ops.kernels.silu import silu, silu_and_means


class Kernels(NamedTuple):
    """Which of the kernels are the fast ones; the others are TensorFlow's."""

    silu: bool = False
    pointwise: bool = False
    depthwise: bool = False
    focal: bool = False


PLAIN = Kernels()
FAST = Kernels(*[True] * len(Kernels._fields))

_chosen: contextvars.ContextVar[Kernels] = contextvars.ContextVar("chosen_kernels", default=PLAIN)


@contextlib.contextmanager
def choosing(kernels: Kernels) -> Iterator[None]:
    """Lets the layers that are constructed inside the `with` block use these kernels."""
    token = _chosen.set(kernels)
    try:
        yield
    finally:
        _chosen.reset(token)


def chosen() -> Kernels:
    """The kernels for layers that are constructed now; the plain ones unless `choosing` says otherwise."""
    return _chosen.get()


def chosen_activation(activation: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[tf.Tensor], tf.Tensor]:
    """The fast form of an activation function where there is one and it is chosen, else the function itself."""
    return silu if activation is tf.nn.silu and chosen().silu else activation


def with_means(
    activation: Callable[[tf.Tensor], tf.Tensor],
) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
    """An activation function that returns the means of its results over each picture, too.

    Args:
      activation: elementwise, as `chosen_activation` returned it.

    Returns:
      A function [B, H, W, channels] -> the same shape, [B, 1, 1, channels].
    """
    if activation is silu:
        return silu_and_means

    def activate(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        values = activation(x)
        return values, wide_sums.mean(values, [1, 2])

    return activate
