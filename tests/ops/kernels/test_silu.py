# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The fast gradient of silu against TensorFlow's."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.ops.kernels.silu import silu


def test_literals() -> None:
    # sigmoid(ln 3) = 3/4: the slope is 3/4 (1 + ln 3 / 4); at 0 it is 1/2.
    x = tf.constant([0.0, np.log(3.0)])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = silu(x)
    np.testing.assert_allclose(y, [0.0, 0.75 * np.log(3)], rtol=1e-6)
    np.testing.assert_allclose(tape.gradient(y, x), [0.5, 0.75 * (1 + np.log(3) / 4)], rtol=1e-6)


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 3e-6), ("bfloat16", 0.03), ("float16", 0.004)])
def test_is_tensorflows(dtype: str, tolerance: float) -> None:
    x = tf.cast(tf.concat([tf.linspace(-90.0, 90.0, 1001), [0.0, -0.0]], axis=0), dtype)
    upstream = tf.cast(tf.cos(tf.cast(x, tf.float32)), dtype)
    results = []
    for function in (silu, tf.nn.silu):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = function(x)
        results.append((y, tape.gradient(y, x, upstream)))
    (y, gradient), (expected, expected_gradient) = results
    assert gradient.dtype == x.dtype
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_allclose(
        tf.cast(gradient, tf.float32), tf.cast(expected_gradient, tf.float32), atol=tolerance, rtol=tolerance
    )


def test_no_values() -> None:
    x = tf.zeros([2, 0])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = silu(x)
    assert tape.gradient(y, x).shape == [2, 0]
