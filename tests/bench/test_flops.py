# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable

import pytest
import tensorflow as tf

from efficientdet.bench.flops import forward_flops, graph_flops, training_flops
from tests.toy_detector import ToyModel


def _graph(function: Callable[..., tf.Tensor], *shapes: list[int | None]) -> tf.Graph:
    signature = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    return tf.function(function, input_signature=signature, autograph=False).get_concrete_function().graph


@pytest.mark.parametrize(
    ("function", "shapes", "expected"),
    [
        # 4 x 3 outputs of sums of 5 products.
        (tf.matmul, ([4, 5], [5, 3]), 2 * 4 * 3 * 5),
        (lambda a, b: tf.matmul(a, b, transpose_a=True), ([5, 4], [5, 3]), 2 * 4 * 3 * 5),
        (tf.matmul, ([7, 4, 5], [7, 5, 3]), 7 * 2 * 4 * 3 * 5),
        (lambda a, b: tf.matmul(a, b, transpose_a=True), ([7, 5, 4], [7, 5, 3]), 7 * 2 * 4 * 3 * 5),
        # 2 pictures of 3 x 4 places (stride 2 of 5 x 7) and 6 channels, each a sum over 3 x 3 x 8.
        (lambda a, b: tf.nn.conv2d(a, b, 2, "SAME"), ([2, 5, 7, 8], [3, 3, 8, 6]), 2 * (2 * 3 * 4 * 6) * 9 * 8),
        # 8 channels, each a sum over 3 x 5.
        (
            lambda a, b: tf.nn.depthwise_conv2d(a, b, [1, 1, 1, 1], "SAME"),
            ([1, 5, 7, 8], [3, 5, 8, 1]),
            2 * (5 * 7 * 8) * 15,
        ),
    ],
)
def test_counts_by_hand(function: Callable[..., tf.Tensor], shapes: list[list[int]], expected: int) -> None:
    assert graph_flops(_graph(function, *shapes)) == expected


def test_a_pointwise_convolution_is_a_product_of_matrices() -> None:
    def product(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
        return tf.matmul(tf.reshape(a, [35, 8]), tf.reshape(b, [8, 6]))

    shapes = ([1, 5, 7, 8], [1, 1, 8, 6])
    convolved = graph_flops(_graph(lambda a, b: tf.nn.conv2d(a, b, 1, "SAME"), *shapes))
    assert graph_flops(_graph(product, *shapes)) == convolved


def test_a_network() -> None:
    # 8 x 8 cells of 7 outputs, each a sum over 8 x 8 x 3.
    expected = 2 * (5 * 64 * 7) * 8 * 8 * 3
    model = ToyModel()
    assert forward_flops(model, (5, 64, 64, 3)) == expected
    assert training_flops(model, (5, 64, 64, 3)) == 3 * expected


def test_what_cannot_be_counted_is_refused() -> None:
    with pytest.raises(ValueError, match=r"MatMul \(MatMul\) is not known"):
        graph_flops(_graph(tf.matmul, [None, 5], [5, 3]))
    with pytest.raises(ValueError, match="no convolution"):
        graph_flops(_graph(tf.add, [3], [3]))
