# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Sums of short types that are added up in float32."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.ops import wide_sums

_SHORT = pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])


@_SHORT
def test_a_mean_whose_sum_is_beyond_float16(dtype: tf.DType) -> None:
    x = tf.constant(96.0, dtype, [2, 32, 32, 3])  # 98,304 a channel
    mean = wide_sums.mean(x, [1, 2])
    assert mean.dtype == dtype
    assert mean.shape == (2, 1, 1, 3)
    np.testing.assert_array_equal(tf.cast(mean, tf.float32), np.full([2, 1, 1, 3], 96.0))


@_SHORT
def test_the_gradient_of_a_bias_counts_every_position(dtype: tf.DType) -> None:
    # The sum stops growing at 256 where it is bfloat16, and at 2,048 where it is float16.
    x, bias = tf.zeros([4, 32, 32, 2], dtype), tf.constant([1.0, 2.0], dtype)
    with tf.GradientTape() as tape:
        tape.watch([x, bias])
        sums = wide_sums.add_bias(x, bias)
    np.testing.assert_array_equal(tf.cast(sums, tf.float32)[3, 31, 31], [1, 2])
    of_x, of_bias = tape.gradient(sums, [x, bias], tf.ones_like(sums))
    np.testing.assert_array_equal(tf.cast(of_bias, tf.float32), [4096, 4096])
    assert (of_x.dtype, of_bias.dtype) == (dtype, dtype)
    np.testing.assert_array_equal(tf.cast(of_x, tf.float32), np.ones([4, 32, 32, 2]))


@_SHORT
@pytest.mark.parametrize(("shape", "expected"), [([], 2 * 200_000.0), ([2, 1, 1, 1], np.full([2, 1, 1, 1], 200_000.0))])
def test_the_gradient_of_a_factor(dtype: tf.DType, shape: list[int], expected: float | np.ndarray) -> None:
    x, factor = tf.constant(8.0, dtype, [2, 50, 50, 4]), tf.fill(shape, 0.5)
    with tf.GradientTape() as tape:
        tape.watch([x, factor])
        products = wide_sums.scale(x, factor)
    np.testing.assert_array_equal(tf.cast(products, tf.float32), np.full(x.shape, 4.0))
    of_x, of_factor = tape.gradient(products, [x, factor], tf.constant(2.5, dtype, x.shape))
    assert (products.dtype, of_x.dtype, of_factor.dtype) == (dtype, dtype, tf.float32)
    np.testing.assert_array_equal(of_factor, expected)  # 10,000 positions a picture, 8 x 2.5 each: beyond float16
    np.testing.assert_array_equal(tf.cast(of_x, tf.float32), np.full(x.shape, 1.25))


@pytest.mark.parametrize(
    ("function", "plain"),
    [
        (lambda x: wide_sums.mean(x, [1, 2]), lambda x: tf.reduce_mean(x, [1, 2], keepdims=True)),
        (lambda x: wide_sums.add_bias(x, tf.ones([3])), lambda x: tf.nn.bias_add(x, tf.ones([3]))),
        (lambda x: wide_sums.scale(x, tf.ones([3])), lambda x: x * tf.ones([3])),
    ],
)
def test_in_float32_they_are_tensorflows_own(
    function: Callable[[tf.Tensor], tf.Tensor], plain: Callable[[tf.Tensor], tf.Tensor]
) -> None:
    def operations(function: Callable[[tf.Tensor], tf.Tensor]) -> list[str]:
        compiled = tf.function(function, autograph=False).get_concrete_function(tf.TensorSpec([2, 4, 5, 3]))
        return [op.type for op in compiled.graph.get_operations()]

    assert operations(function) == operations(plain)
