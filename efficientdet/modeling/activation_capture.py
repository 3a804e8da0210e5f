# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A look at what activation functions return, for diagnostics; a network that nobody looks at has no trace of it."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator

import tensorflow as tf

from efficientdet.modeling.recomputation import computes_again

_captured: contextvars.ContextVar[list[tuple[str, tf.Tensor]] | None] = contextvars.ContextVar(
    "captured_activations", default=None
)


@contextlib.contextmanager
def capture_activations() -> Iterator[list[tuple[str, tf.Tensor]]]:
    """Collects the activations of the networks that are called inside the `with` block.

    Inside a `tf.function` it is the tracing that has to happen in the block, and the tensors belong to the function: it
    has to reduce them to what it returns. With several replicas, the block is part of what each of them runs, since
    every replica has a thread of its own.

    Yields:
      A list that grows by (place, [B, h, w, channels]) with each activation, in the order of computation; the tensors
      have the dtype that the network computes in. Several have the same place: the layers of a stack of the backbone
      ("backbone/stem", "backbone/stack_0" ... or "backbone/stage_1" ...), of a cell of the pyramid ("fpn/cell_1" ...)
      and of a head on one of its levels, 0 the finest ("heads/classes/level_0" ...). The gates of squeeze-and-excite
      are not among them.
    """
    captured: list[tuple[str, tf.Tensor]] = []
    token = _captured.set(captured)
    try:
        yield captured
    finally:
        _captured.reset(token)


def observed(activation: Callable[[tf.Tensor], tf.Tensor], place: str) -> Callable[[tf.Tensor], tf.Tensor]:
    """An activation function whose results `capture_activations` sees.

    Args:
      activation: elementwise.
      place: what the results are listed under, behind the name scope that this is called in.

    Returns:
      The same function. The identity is not observed: it is no non-linearity.
    """
    if activation is tf.identity:
        return activation
    observe = observer(place)

    def activate(features: tf.Tensor) -> tf.Tensor:
        values = activation(features)
        observe(values)
        return values

    return activate


def observer(place: str) -> Callable[[tf.Tensor], None]:
    """A function that shows activations to `capture_activations`.

    Args:
      place: what they are listed under, behind the name scope that this is called in.

    Returns:
      A function of [B, h, w, channels].
    """
    path = f"{scope}/{place}" if (scope := tf.get_current_name_scope()) else place

    def observe(values: tf.Tensor) -> None:
        captured = _captured.get()
        if captured is not None and not computes_again():
            captured.append((path, values))

    return observe
