# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Formulas that XLA compiles."""

from __future__ import annotations

import subprocess
import sys

import pytest
import tensorflow as tf

from efficientdet.ops.kernels.fusing import fused


def _scaled(x: tf.Tensor, factor: tf.Tensor, exponent: float) -> tf.Tensor:
    return x**exponent * factor


@pytest.mark.parametrize("has_xla", [True, False])
def test_the_same_numbers(has_xla: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.test, "is_built_with_xla", lambda: has_xla)
    function = fused(_scaled)
    assert (function is _scaled) == (not has_xla)
    factor = tf.constant([[2.0], [3.0]])
    for size in (3, 0, 1):
        x = tf.ones([2, size]) * 2
        assert function(x, factor, 2.0).numpy().tolist() == [[8.0] * size, [12.0] * size]


def test_inside_a_function_that_knows_no_shapes() -> None:
    function = fused(_scaled)
    outer = tf.function(lambda x: function(x, 2.0 * x, 1.0), input_signature=[tf.TensorSpec(None, tf.float32)])
    assert outer(tf.constant([3.0])).numpy().tolist() == [18.0]
    assert outer(tf.constant([[1.0, 2.0]])).numpy().tolist() == [[2.0, 8.0]]


def test_xla_says_nothing() -> None:
    words = "from efficientdet.ops.kernels.silu import _gradient; x = 1.0; print(float(_gradient(x, x)))"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(0.927670)  # sigmoid(1) (1 + 1 - sigmoid(1))
    assert "XLA" not in done.stderr
    assert "absl" not in done.stderr
