# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Less memory for more time: activations that the backward pass computes again instead of finding them kept.

Reference: Chen et al. 2016, Training Deep Nets with Sublinear Memory Cost (arXiv:1604.06174).
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import tensorflow as tf

_ResultT = TypeVar("_ResultT")  # a tensor, or a sequence of tensors
_again: contextvars.ContextVar[bool] = contextvars.ContextVar("computes_again", default=False)


def computes_again() -> bool:
    """Whether this is the second computation: what a function does beside its result it has done before."""
    return _again.get()


def recomputed(function: Callable[..., _ResultT], *inputs: tf.Tensor, when: bool = True) -> _ResultT:
    """What `function(*inputs)` is; for the gradient only the inputs are kept, and the function is computed once more.

    `tf.recompute_grad` does not serve here: it would update the moving statistics of batch normalisation twice, and
    adds a number to every input, a copy of it, to delay the second computation.

    Args:
      function: computes the same at each call, from its inputs, variables and other tensors; for the latter there is
        no gradient. What it does beside that (to update a statistic) it leaves out where `computes_again()`.
      inputs: floating-point tensors.
      when: if false, this is `function(*inputs)` and nothing else.

    Returns:
      One tensor or a sequence of them. Only a first derivative exists.
    """
    if not when:
        return function(*inputs)

    @tf.custom_gradient
    def kept(*inputs: tf.Tensor) -> tuple[_ResultT, Callable[..., object]]:
        def gradient(*upstream: tf.Tensor, variables: Sequence[tf.Variable] = ()) -> object:
            with tf.control_dependencies(upstream):  # not sooner than it is needed: until then the memory is free
                copies = [tf.identity(value) for value in inputs]
            with _second_time(), tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([*copies, *variables])
                result = function(*copies)
            gradients = tape.gradient(tf.nest.flatten(result), [*copies, *variables], output_gradients=list(upstream))
            own, theirs = gradients[: len(copies)], gradients[len(copies) :]
            return (own, theirs) if variables else own

        return function(*inputs), gradient

    return kept(*map(tf.identity, inputs))  # in a graph it takes the graph's tensors only


@contextlib.contextmanager
def _second_time() -> Iterator[None]:
    token = _again.set(True)
    try:
        yield
    finally:
        _again.reset(token)
