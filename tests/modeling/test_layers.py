# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Layers are built on construction, with initial values that depend on the seed and their name."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import layers
from efficientdet.modeling.hyperparams import BatchNormSettings, KernelSettings

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


def test_batch_norm_follows_its_settings() -> None:
    settings = BatchNormSettings(momentum=0.9, epsilon=3.0, center=False)
    layer = layers.batch_norm(1, name="norm", settings=settings)
    assert [v.name for v in layer.weights] == ["norm/gamma:0", "norm/moving_mean:0", "norm/moving_variance:0"]
    x = tf.constant([0.0, 2.0, 4.0, 6.0])[:, None, None, None]
    np.testing.assert_allclose(layer(x), x / 2.0)  # variance 1 + epsilon 3
    np.testing.assert_allclose(
        layer(x, training=True)[:, 0, 0, 0], np.array([-3, -1, 1, 3]) / np.sqrt(5 + 3), rtol=1e-6
    )
    np.testing.assert_allclose(layer.moving_mean, [0.3], rtol=1e-6)
    np.testing.assert_allclose(
        layer.moving_variance, [0.9 + 0.1 * 20 / 3], rtol=1e-6
    )  # of the sample, as TensorFlow has it
    function = tf.function(lambda: layer(x, training=True), autograph=False)
    kinds = {op.type for op in function.get_concrete_function().graph.get_operations()}
    assert "FusedBatchNormV3" in kinds
