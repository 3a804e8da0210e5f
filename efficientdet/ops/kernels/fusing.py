# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Elementwise functions compiled to one pass over memory.

TensorFlow's own kernels on a CPU write out what each operation returns, and memory is what they wait for. XLA makes one
loop of a whole formula. It is kept to such formulas: its convolutions and products are slower than TensorFlow's, and it
compiles anew for each shape, which takes a formula some 20 ms.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import tensorflow as tf

_FunctionT = TypeVar("_FunctionT", bound=Callable[..., tf.Tensor])


def fused(function: _FunctionT) -> _FunctionT:
    """Lets XLA compile a function.

    Args:
      function: of tensors, and of Python values that stay the same; elementwise up to broadcasting, without variables.
        The tensors' shapes should stay the same from step to step.

    Returns:
      A function of the same numbers up to rounding; the function itself where TensorFlow was built without XLA.
    """
    if not tf.test.is_built_with_xla():
        return function
    compiled = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def compute(*args: Any) -> tf.Tensor:
        _compile_quietly()
        return compiled(*args)

    return compute  # type: ignore[return-value]


@functools.cache
def _compile_quietly() -> None:
    """Compiles something, so that the notice which XLA gives once in a process, at any log level, goes nowhere."""
    with tf.init_scope(), _nothing_on_stderr():
        tf.function(tf.identity, jit_compile=True)(tf.constant(0.0))


@contextlib.contextmanager
def _nothing_on_stderr() -> Iterator[None]:
    """Leads what C++ code writes to the standard error stream nowhere."""
    try:
        kept = os.dup(2)
    except OSError:  # the stream is closed, as of some services
        yield
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(nowhere)
        os.close(kept)
