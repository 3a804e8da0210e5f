# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Layers are built on construction, with initial values that depend on the seed and their name."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import layers
from efficientdet.modeling.hyperparams import KernelSettings

_NORMAL = KernelSettings(functools.partial(keras.initializers.RandomNormal, stddev=0.01), 4e-5)


def kernel(name: str, scope: str = "a", seed: int | None = None) -> np.ndarray:
    with tf.name_scope(scope):
        if seed is None:
            return layers.conv2d(3, 4, 3, name=name, kernel=_NORMAL).kernel.numpy()
        with layers.initialization_seed(seed):
            return layers.conv2d(3, 4, 3, name=name, kernel=_NORMAL).kernel.numpy()


def test_initial_values_follow_seed_and_name() -> None:
    first = kernel("x", seed=1)
    np.testing.assert_array_equal(kernel("x", seed=1), first)
    np.testing.assert_array_equal(kernel("x"), kernel("x", seed=0))  # and a block leaves nothing behind
    for other in (kernel("x", seed=2), kernel("y", seed=1), kernel("x", scope="b", seed=1)):
        assert np.abs(other - first).max() > 1e-4


def test_initial_values_leave_global_generators_alone() -> None:
    states: list[tuple[float, float]] = []
    for _ in range(2):
        tf.random.set_seed(3)
        np.random.seed(3)
        if states:
            kernel("x", seed=1)
        states.append((float(tf.random.uniform([])), np.random.rand()))
    assert states[0] == states[1]


def test_convolutions() -> None:
    layer = layers.conv2d(3, 4, 3, strides=2, use_bias=True, bias_l2_weight=2.0, name="conv", kernel=_NORMAL)
    assert [v.name for v in layer.weights] == ["conv/kernel:0", "conv/bias:0"]
    assert layer(tf.zeros([2, 5, 7, 3])).shape == (2, 3, 4, 4)
    layer.bias.assign([1.0, 2.0, 0.0, 0.0])
    np.testing.assert_allclose(layer.losses[0], 2e-5 * np.square(layer.kernel).sum(), rtol=1e-5)
    np.testing.assert_allclose(layer.losses[1], 5.0)  # 2 / 2 * (1 + 4)

    depthwise = layers.depthwise_conv2d(3, 5, name="depthwise", kernel=KernelSettings())
    assert [tuple(v.shape) for v in depthwise.weights] == [(5, 5, 3, 1)]
    assert depthwise.losses == []

    separable = layers.separable_conv2d(3, 4, 3, name="s", depthwise=_NORMAL, pointwise=KernelSettings())
    assert [tuple(v.shape) for v in separable.weights] == [(3, 3, 3, 1), (1, 1, 3, 4), (4,)]
    assert len(separable.losses) == 1


def test_a_convolution_with_holes_and_without_padding() -> None:
    ones = KernelSettings(lambda seed: keras.initializers.Ones())
    x = tf.reshape(tf.range(25.0), [1, 5, 5, 1])
    valid = layers.conv2d(1, 1, 3, dilation=2, padding="valid", name="conv", kernel=ones)
    np.testing.assert_array_equal(valid(x), [[[[108.0]]]])  # nine pixels around the middle one, 12, two pixels apart
    padded = layers.conv2d(1, 1, 3, dilation=2, name="conv", kernel=ones)(x)
    assert padded.shape == (1, 5, 5, 1)
    assert float(padded[0, 2, 2, 0]) == 108.0
    assert float(padded[0, 0, 0, 0]) == 0 + 2 + 10 + 12
    assert layers.conv2d(1, 1, 3, padding="valid", name="conv", kernel=ones)(x).shape == (1, 3, 3, 1)


def test_kernels_decay_by_their_absolute_values_too() -> None:
    for l2_weight, l1_weight, expected in ((0.0, 4.0, 4 * 3), (4.0, 0.0, 2 * 5), (4.0, 4.0, 4 * 3 + 2 * 5)):
        layer = layers.conv2d(1, 2, 1, name="conv", kernel=KernelSettings(l2_weight=l2_weight, l1_weight=l1_weight))
        layer.kernel.assign([[[[1.0, -2.0]]]])
        assert [float(loss) for loss in layer.losses] == [expected]
    depthwise = layers.depthwise_conv2d(2, 1, name="conv", kernel=KernelSettings(l1_weight=1.0))
    depthwise.depthwise_kernel.assign([[[[3.0], [-4.0]]]])
    assert [float(loss) for loss in depthwise.losses] == [7.0]


def test_dropout_scales_what_it_leaves() -> None:
    x = tf.fill([100, 100], 3.0)
    dropped = layers.dropout(x, 0.25, tf.constant([1, 2])).numpy()
    assert set(np.unique(dropped)) == {0.0, 4.0}
    assert np.mean(dropped == 0) == pytest.approx(0.25, abs=0.02)
    np.testing.assert_array_equal(layers.dropout(x, 0.25, tf.constant([1, 2])), dropped)
    assert np.any(layers.dropout(x, 0.25, tf.constant([1, 3])) != dropped)
    np.testing.assert_array_equal(layers.dropout(x, 0.0, tf.constant([1, 2])), x)
    for rate in (1.0, -0.1):
        with pytest.raises(ValueError, match="must be at least 0 and below 1"):
            layers.dropout(x, rate, tf.constant([1, 2]))


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("separable", [True, False])
def test_a_shared_convolution_is_the_layer_on_each_map(separable: bool, use_bias: bool) -> None:
    if separable:
        layer = layers.separable_conv2d(3, 5, 3, depthwise=_NORMAL, pointwise=_NORMAL, use_bias=use_bias, name="s")
    else:
        layer = layers.conv2d(3, 5, 3, kernel=_NORMAL, use_bias=use_bias, name="c")
    if use_bias:
        layer.bias.assign([1.0, 2.0, 3.0, 4.0, 5.0])
    maps = [tf.random.stateless_normal([2, side, side + 1, 3], [side, 0]) for side in (1, 2, 3, 7)]

    def outputs_and_gradients(convolve: Callable) -> tuple[list[tf.Tensor], list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            tape.watch(maps)
            outputs = convolve(layer, maps)
            loss = tf.add_n([tf.reduce_sum(tf.sin(output)) for output in outputs])
        return outputs, tape.gradient(loss, [*layer.trainable_weights, *maps])

    plain = outputs_and_gradients(lambda layer, maps: [layer(x) for x in maps])
    shared = outputs_and_gradients(layers.convolve_each)
    for output, expected in zip(shared[0], plain[0], strict=True):
        np.testing.assert_array_equal(output, expected)
    for gradient, expected in zip(shared[1], plain[1], strict=True):
        np.testing.assert_allclose(gradient, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("setting", "value"), [("strides", 2), ("dilation_rate", 2), ("padding", "valid"), ("activation", "relu")]
)
def test_a_shared_convolution_must_be_a_plain_one(setting: str, value: int | str) -> None:
    layer = keras.layers.Conv2D(5, 3, **({"padding": "same"} | {setting: value}), name="conv")
    layer.build((None, None, None, 3))
    with pytest.raises(ValueError, match="conv must have stride 1, no dilation, SAME padding and no activation"):
        layers.convolve_each(layer, [tf.zeros([1, 4, 4, 3])])
