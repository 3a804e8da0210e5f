# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Formulas that XLA compiles."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
import tensorflow as tf

from efficientdet.ops.kernels import fusing
from efficientdet.ops.kernels.fusing import fused, later


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
    words = "from efficientdet.ops.kernels.silu import _gradient, tf; x = tf.ones([]); print(float(_gradient(x, x)))"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True)
    assert float(done.stdout) == pytest.approx(0.927670)  # sigmoid(1) (1 + 1 - sigmoid(1))
    assert "XLA" not in done.stderr
    assert "absl" not in done.stderr


def test_threads_that_compile_at_once_leave_the_stream_as_it_was() -> None:
    fusing._compile_something.cache_clear()
    before = os.fstat(2)
    threads = [threading.Thread(target=fusing._compile_quietly) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert os.path.samestat(os.fstat(2), before)


def test_only_the_notice_is_kept_back(capfd: pytest.CaptureFixture[str]) -> None:
    with fusing._without_notice():
        os.write(2, b"mine\nI0000 00 device_compiler.h:196] Compiled cluster using XLA!  This line\nlast")
    assert capfd.readouterr().err == "mine\nlast"


def test_what_a_gradient_kept_waits_for_the_gradient() -> None:
    with tf.Graph().as_default():
        upstream = tf.zeros([]) + 1.0
        assert later(tf.zeros([3]), upstream).op.control_inputs == [upstream.op]
    assert later(tf.ones([2]), tf.zeros([])).numpy().tolist() == [1.0, 1.0]
