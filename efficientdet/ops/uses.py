# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Tensors that are used more than twice, with gradients that repeat bit by bit."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import tensorflow as tf


def each_use(value: tf.Tensor | tf.Variable) -> Iterator[tf.Tensor]:
    """Yields the same tensor for each use of it; the gradients of all uses are then added one by one, in one order.

    TensorFlow adds the gradients of all uses of a tensor in one `AddN`. That begins with whichever of them it may
    overwrite, so that the last bit of three and more would depend on the threads' timing. Here, each use has the
    identity of the tensor of the one before: two gradients meet at each, that of the use and that of all later ones.

    Args:
      value: anything with a gradient.

    Yields:
      `value`, without end.
    """
    value = tf.convert_to_tensor(value)
    while True:
        yield value
        value = tf.identity(value)


def fan_out(value: tf.Tensor | tf.Variable, uses: int) -> list[tf.Tensor]:
    """The first `uses` of `each_use`."""
    return list(itertools.islice(each_use(value), uses))
