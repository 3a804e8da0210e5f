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
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import IO, Any, TypeVar

import tensorflow as tf

_FunctionT = TypeVar("_FunctionT", bound=Callable[..., tf.Tensor])

_NOTICE = (b"Compiled cluster using XLA!", b"All log messages before absl::InitializeLog()")
_compiling = threading.Lock()


def fused(function: _FunctionT) -> _FunctionT:
    """Lets XLA compile a function.

    Args:
      function: of tensors, and of Python values that stay the same; elementwise up to broadcasting, without variables.
        The tensors' shapes should stay the same from step to step.

    Returns:
      A function of the same numbers up to rounding, of positional arguments; the function itself where TensorFlow was
      built without XLA.
    """
    if not tf.test.is_built_with_xla():
        return function
    compiled = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def compute(*args: Any) -> tf.Tensor:
        _compile_quietly()
        return compiled(*args)

    return compute  # type: ignore[return-value]


def later(x: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    """A tensor that a gradient kept, not to be computed with before the gradient comes: until then memory is free.

    What XLA compiles waits for all its inputs anyway; what it does not would run in the forward pass already.

    Args:
      x: kept.
      upstream: the gradient that the computation is for.

    Returns:
      `x`.
    """
    with tf.control_dependencies([upstream]):
        return tf.identity(x)


def _compile_quietly() -> None:
    """Compiles something, once in a process, so that the notice which XLA gives then, at any log level, goes nowhere.

    For a tenth of a second, what C++ code of any thread writes to the standard error stream comes late.
    """
    with _compiling:
        _compile_something()


@functools.cache
def _compile_something() -> None:
    with tf.init_scope(), _without_notice():
        tf.function(tf.identity, jit_compile=True)(tf.constant(0.0))


@contextlib.contextmanager
def _without_notice() -> Iterator[None]:
    """Keeps XLA's notice, and the logger's first words, out of what is written to the standard error stream."""
    with contextlib.ExitStack() as stack:
        try:
            stream = os.dup(2)
        except OSError:  # closed, as that of some services
            yield
            return
        stack.callback(os.close, stream)
        written = stack.enter_context(tempfile.TemporaryFile())
        stack.callback(_repeat, written, stream)
        stack.callback(os.dup2, stream, 2)
        os.dup2(written.fileno(), 2)
        yield


def _repeat(written: IO[bytes], stream: int) -> None:
    written.seek(0)
    for line in written:
        if not any(words in line for words in _NOTICE):
            os.write(stream, line)
