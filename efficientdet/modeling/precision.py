# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a network computes in; its variables, its batch statistics and what it predicts are float32 in any case.

Reference: Micikevicius et al. 2018, Mixed Precision Training (arXiv:1710.03740).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Literal

import tf_keras as keras

Precision = Literal["float32", "bfloat16", "float16"]


@contextlib.contextmanager
def computing_in(precision: Precision) -> Iterator[None]:
    """Lets all layers that are constructed inside the `with` block compute in this precision, whatever Keras is set to.

    Layers that say otherwise about themselves do so because their sums would suffer.

    Args:
      precision: "float32", or one of the short types, of which "float16" has the finer steps and the smaller range:
        gradients below 6e-8 vanish, and above 65,504 they overflow, unless the loss is scaled.

    Yields:
      Nothing.
    """
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(precision if precision == "float32" else f"mixed_{precision}")
    try:
        yield
    finally:
        keras.mixed_precision.set_global_policy(before)
