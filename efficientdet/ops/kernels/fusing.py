# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Elementwise functions compiled to one pass over memory.

TensorFlow's own kernels on a CPU write out what each operation returns, and memory is what they wait for. XLA makes one
loop of a whole formula. It is kept to such formulas: its convolutions and products are slower than TensorFlow's, and it
compiles anew for each shape, which takes a formula some 20 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import tensorflow as tf

_FunctionT = TypeVar("_FunctionT", bound=Callable[..., object])


def fused(function: _FunctionT) -> _FunctionT:
    """Lets XLA compile a function.

    Args:
      function: of tensors, and of Python values that stay the same; elementwise up to broadcasting, without variables.

    Returns:
      A function of the same numbers up to rounding; the function itself where TensorFlow was built without XLA.
    """
    if not tf.test.is_built_with_xla():
        return function
    return tf.function(function, jit_compile=True, autograph=False, reduce_retracing=False)  # type: ignore[no-any-return]
