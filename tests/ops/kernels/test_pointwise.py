# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""1x1 convolutions as products against TensorFlow's convolutions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.ops.kernels import pointwise


def test_literals() -> None:
    x = tf.reshape(tf.constant([1.0, 2.0, 3.0, 4.0]), [1, 1, 2, 2])
    kernel = tf.reshape(tf.constant([1.0, 0.0, 5.0, 10.0, 1.0, 0.0]), [1, 1, 2, 3])
    np.testing.assert_array_equal(pointwise.convolve(x, kernel), [[[[21, 2, 5], [43, 4, 15]]]])


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (5, 3), (4, 4)])
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.06)])
def test_is_the_convolution(dtype: str, tolerance: float, size: tuple[int, int], batch: int) -> None:
    x = tf.cast(tf.random.stateless_normal([batch, *size, 6], [1, 2]), dtype)
    kernel = tf.cast(tf.random.stateless_normal([1, 1, 6, 4], [3, 4]), dtype)
    upstream = tf.cast(tf.random.stateless_normal([batch, *size, 4], [5, 6]), dtype)

    def results(convolve: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([x, kernel])
            y = convolve(x, kernel)
        return [y, *tape.gradient(y, [x, kernel], upstream)]

    expected = results(lambda x, kernel: tf.nn.conv2d(x, kernel, 1, "SAME"))
    for one, other in zip(results(pointwise.convolve), expected, strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        np.testing.assert_allclose(tf.cast(one, tf.float32), tf.cast(other, tf.float32), tolerance, 4 * tolerance)


def test_gates_multiply_channels_of_each_picture() -> None:
    x = tf.reshape(tf.constant([1.0, 2.0, 3.0, 4.0]), [2, 1, 1, 2])
    kernel = tf.reshape(tf.constant([1.0, 0.0, 5.0, 10.0, 1.0, 0.0]), [1, 1, 2, 3])
    gates = tf.reshape(tf.constant([1.0, 0.5, 2.0, 0.0]), [2, 1, 1, 2])
    np.testing.assert_array_equal(pointwise.convolve(x, kernel, gates), [[[[11, 1, 5]]], [[[6, 0, 30]]]])


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (4, 4)])  # from 16 pixels on in the kernel
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("bfloat16", 0.06)])
def test_gates_are_a_product_before_the_convolution(dtype: str, tolerance: float, size: tuple[int, int]) -> None:
    x = tf.cast(tf.random.stateless_normal([3, *size, 6], [1, 2]), dtype)
    kernel = tf.cast(tf.random.stateless_normal([1, 1, 6, 4], [3, 4]), dtype)
    upstream = tf.cast(tf.random.stateless_normal([3, *size, 4], [5, 6]), dtype)
    gates = tf.cast(tf.random.stateless_uniform([3, 1, 1, 6], [7, 8]), dtype)

    def results(convolve: Callable[..., tf.Tensor]) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([x, kernel, gates])
            y = convolve(x, kernel, gates)
        return [y, *tape.gradient(y, [x, kernel, gates], upstream)]

    expected = results(lambda x, kernel, gates: tf.nn.conv2d(x * gates, kernel, 1, "SAME"))
    for one, other in zip(results(pointwise.convolve), expected, strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        np.testing.assert_allclose(tf.cast(one, tf.float32), tf.cast(other, tf.float32), tolerance, 4 * tolerance)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_sums_over_many_pixels_in_short_types(dtype: str) -> None:
    # The kernel's gradient adds 65,536 numbers of one sign: in the short type itself, little of that would be right.
    x = tf.cast(tf.random.stateless_uniform([1, 256, 256, 2], [1, 2]), dtype)
    upstream = tf.cast(tf.random.stateless_uniform([1, 256, 256, 3], [3, 4], maxval=0.001), dtype)
    kernel = tf.cast(tf.ones([1, 1, 2, 3]), dtype)
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        y = pointwise.convolve(x, kernel)
    gradient = tape.gradient(y, kernel, upstream)[0, 0]
    expected = tf.einsum("bhwi,bhwo->io", tf.cast(x, tf.float32), tf.cast(upstream, tf.float32))
    np.testing.assert_allclose(tf.cast(gradient, tf.float32), expected, rtol=0.005)


@pytest.mark.parametrize(("side", "product"), [(3, "MatMul"), (4, "BatchMatMulV2")])
def test_gates_of_many_pixels_go_into_the_kernel(side: int, product: str) -> None:
    gated = tf.function(pointwise.convolve).get_concrete_function(
        *(tf.TensorSpec(shape) for shape in ([2, side, side, 6], [1, 1, 6, 4], [2, 1, 1, 6]))
    )
    assert product in {operation.type for operation in gated.graph.get_operations()}


def test_gates_of_an_unknown_size() -> None:
    specs = [tf.TensorSpec([None, None, None, 6]), tf.TensorSpec([1, 1, 6, 4]), tf.TensorSpec([None, 1, 1, 6])]
    gated = tf.function(pointwise.convolve, input_signature=specs)
    for shape in ([2, 5, 3, 6], [1, 1, 1, 6], [0, 2, 2, 6]):
        x, gates = tf.random.stateless_normal(shape, [1, 2]), tf.random.stateless_uniform([shape[0], 1, 1, 6], [3, 4])
        kernel = tf.random.stateless_normal([1, 1, 6, 4], [5, 6])
        np.testing.assert_allclose(gated(x, kernel, gates), pointwise.convolve(x * gates, kernel), 1e-5, 1e-5)


@pytest.mark.parametrize("gates", [None, tf.zeros([0, 1, 1, 6])])
def test_no_pictures(gates: tf.Tensor | None) -> None:
    x, kernel = tf.zeros([0, 2, 3, 6]), tf.ones([1, 1, 6, 4])
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = pointwise.convolve(x, kernel, gates)
    gradients = tape.gradient(y, [x, kernel])
    assert (y.shape, gradients[0].shape) == ([0, 2, 3, 4], x.shape)
    np.testing.assert_array_equal(gradients[1], tf.zeros([1, 1, 6, 4]))


def test_sizes_that_are_unknown_while_tracing() -> None:
    signature = [tf.TensorSpec([None, None, None, 2]), tf.TensorSpec([1, 1, 2, 3])]
    traced = tf.function(pointwise.convolve, input_signature=signature)
    assert traced(tf.ones([2, 5, 7, 2]), tf.ones([1, 1, 2, 3])).shape == [2, 5, 7, 3]
