# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The fast gradient of silu against TensorFlow's."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.ops.kernels.silu import silu, silu_and_means


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


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (1, 1, 1, 1), (0, 2, 2, 3)])
def test_gradient_through_the_means_is_tensorflows(shape: tuple[int, ...]) -> None:
    x = tf.random.stateless_normal(shape, [1, 2]) * 4
    weights = tf.random.stateless_normal(shape, [3, 4])
    gates = tf.random.stateless_normal((shape[0], 1, 1, shape[3]), [5, 6])

    def plain(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        y = tf.nn.silu(x)
        return y, tf.reduce_mean(y, [1, 2], keepdims=True)

    results = []
    for function in (silu_and_means, plain):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y, means = function(x)
            total = tf.reduce_sum(y * weights) + tf.reduce_sum(means * gates)
        results.append((y, means, tape.gradient(total, x)))
    for ours, expected in zip(*results, strict=True):
        np.testing.assert_allclose(ours, expected, rtol=3e-6, atol=1e-6)


def test_gradient_of_means_alone() -> None:
    # Slopes are 1/2 at 0, and each of four values has a quarter in the mean.
    x = tf.zeros([1, 2, 2, 1])
    with tf.GradientTape() as tape:
        tape.watch(x)
        _, means = silu_and_means(x)
    np.testing.assert_array_equal(tape.gradient(means, x, tf.constant([[[[8.0]]]])), tf.ones_like(x))


def test_means_of_short_types_are_added_up_in_float32() -> None:
    # In float16 the sum, 70,000, were infinite; sigmoid(10) rounds to 1.
    x = tf.fill([1, 100, 70, 1], tf.constant(10.0, tf.float16))
    _, means = silu_and_means(x)
    assert means.dtype == tf.float16
    np.testing.assert_array_equal(means, [[[[10]]]])


@pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 0.004), ("float16", 0.0005)])
def test_slopes_of_short_types_are_right_to_their_last_digit(dtype: str, tolerance: float) -> None:
    x = tf.cast(tf.linspace(-12.0, 30.0, 1001), dtype)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = silu(x)
    wide = tf.cast(x, tf.float64)
    s = tf.sigmoid(wide)
    np.testing.assert_allclose(tf.cast(tape.gradient(y, x), tf.float64), s * (1 + wide * (1 - s)), tolerance, tolerance)
