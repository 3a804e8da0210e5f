# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The split filter gradient of depthwise convolutions against TensorFlow's."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.ops.kernels import depthwise


def _results(convolve: Callable[[tf.Tensor, tf.Tensor], tf.Tensor], x: tf.Tensor, kernel: tf.Tensor) -> list[tf.Tensor]:
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = convolve(x, kernel)
        loss = tf.reduce_sum(tf.sin(tf.cast(y, tf.float32)))
    return [y, *tape.gradient(loss, [x, kernel])]


def test_each_column_of_a_filter_gets_its_own_gradient() -> None:
    # One pixel of 1 in the middle of a row of 5: a tap at column c sees it from output 2 + 2 - c.
    x = tf.reshape(tf.constant([0.0, 0.0, 1.0, 0.0, 0.0]), [1, 1, 5, 1])
    kernel = tf.zeros([1, 5, 1, 1])
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        y = depthwise.convolve(x, kernel, 1)
    upstream = tf.reshape(tf.constant([1.0, 2.0, 3.0, 4.0, 5.0]), [1, 1, 5, 1])
    gradient = tape.gradient(y, kernel, upstream)
    np.testing.assert_array_equal(tf.reshape(gradient, [-1]), [5, 4, 3, 2, 1])


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 8), (12, 9)])
@pytest.mark.parametrize("kernel_size", [(3, 3), (5, 5), (3, 7), (6, 4)])
def test_is_the_convolution(kernel_size: tuple[int, int], size: tuple[int, int], stride: int) -> None:
    if kernel_size[0] != kernel_size[1] and stride > 1:
        kernel_size = (kernel_size[1], kernel_size[1])
    x = tf.random.stateless_normal([2, *size, 3], [1, 2])
    kernel = tf.random.stateless_normal([*kernel_size, 3, 1], [3, 4])
    plain = lambda x, kernel: tf.nn.depthwise_conv2d(x, kernel, (1, stride, stride, 1), "SAME")  # noqa: E731
    expected = _results(plain, x, kernel)
    for one, other in zip(
        _results(lambda x, kernel: depthwise.convolve(x, kernel, stride), x, kernel), expected, strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_short_types(stride: int) -> None:
    x = tf.cast(tf.random.stateless_normal([2, 9, 8, 3], [1, 2]), tf.bfloat16)
    kernel = tf.cast(tf.random.stateless_normal([5, 5, 3, 1], [3, 4]), tf.bfloat16)
    plain = lambda x, kernel: tf.nn.depthwise_conv2d(x, kernel, (1, stride, stride, 1), "SAME")  # noqa: E731
    for one, other in zip(
        _results(lambda x, kernel: depthwise.convolve(x, kernel, stride), x, kernel),
        _results(plain, x, kernel),
        strict=True,
    ):
        assert one.dtype == tf.bfloat16
        np.testing.assert_allclose(tf.cast(one, tf.float32), tf.cast(other, tf.float32), rtol=0.05, atol=0.1)


def test_what_is_left_to_tensorflow() -> None:
    def operations(size: int | None, columns: int) -> set[str]:
        spec = [tf.TensorSpec([None, size, size, 2]), tf.TensorSpec([5, columns, 2, 1])]

        def gradient(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
            return tf.gradients(depthwise.convolve(x, kernel, 1), kernel)

        graph = tf.function(gradient, input_signature=spec).get_concrete_function().graph
        return {operation.type for operation in graph.get_operations()}

    assert "ConcatV2" in operations(8, 5)
    assert "ConcatV2" not in operations(8, 3) | operations(None, 5)
