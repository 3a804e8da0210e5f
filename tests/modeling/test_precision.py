# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Networks that compute in a short type: what stays float32, and what would be wrong if it did not."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import layers
from efficientdet.modeling.bifpn import BiFPN
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientnet import EfficientNet
from efficientdet.modeling.hyperparams import BatchNormSettings, ConvHyperparams, GroupNormSettings, KernelSettings
from efficientdet.modeling.precision import Precision, computing_in
from efficientdet.modeling.vgg_ssd import ScaledL2Norm
from efficientdet.modeling.weight_shared_heads import WeightSharedHeads, WeightSharedHeadSettings
from efficientdet.weights.variables import variables_by_path

_ONES = KernelSettings(functools.partial(keras.initializers.RandomNormal, mean=1.0, stddev=0.0))
_SHORT = pytest.mark.parametrize("precision", ["bfloat16", "float16"])


def test_keras_is_left_as_it_was() -> None:
    assert keras.mixed_precision.global_policy().name == "float32"
    with computing_in("bfloat16"):
        assert keras.layers.ReLU().compute_dtype == "bfloat16"
        with computing_in("float32"):  # whatever a program has set Keras to
            assert keras.layers.ReLU().compute_dtype == "float32"
        assert keras.mixed_precision.global_policy().name == "mixed_bfloat16"
    assert keras.mixed_precision.global_policy().name == "float32"
    with pytest.raises(ArithmeticError), computing_in("float16"):
        raise ArithmeticError
    assert keras.mixed_precision.global_policy().name == "float32"


@functools.cache
def _model(precision: Precision) -> DetectionModel:
    with computing_in(precision):
        fpn = BiFPN([24], levels=(2,), max_level=3, num_filters=8, num_iterations=1, hyperparams=ConvHyperparams())
        settings = WeightSharedHeadSettings(depth=8, num_layers=1)
        heads = WeightSharedHeads(8, num_levels=2, num_slots=2, num_anchors=1, settings=settings)
        return DetectionModel(EfficientNet("b0", levels=(2,)), fpn, heads)


@functools.cache
def _step(precision: Precision) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Gradients by path, and the statistics after the step; the loss is scaled as a training in float16 does."""
    model, scale = _model(precision), 1024.0
    variables = {path: variable for path, variable in variables_by_path(model).items() if variable.trainable}

    @tf.function(autograph=False)
    @tf.autograph.experimental.do_not_convert
    def step(images: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            predictions = model(images, training=True, seed=tf.constant([1, 2]))
            assert {part.dtype for part in predictions} == {tf.float32}
            loss = scale * sum(tf.reduce_mean(tf.nn.softplus(part)) for part in predictions)
            regularization = model.regularization_loss()
            assert regularization.dtype == tf.float32
        return tape.gradient(loss, list(variables.values()))

    gradients = step(tf.random.stateless_normal([4, 64, 64, 3], [3, 4]))
    by_path = {path: gradient.numpy() / scale for path, gradient in zip(variables, gradients, strict=True)}
    return by_path, {v.name: v.numpy() for v in model.non_trainable_variables}


@_SHORT
def test_variables_are_those_of_float32(precision: Precision) -> None:
    expected, found = variables_by_path(_model("float32")), variables_by_path(_model(precision))
    assert list(found) == list(expected)
    for path, variable in found.items():
        assert variable.dtype == tf.float32, path
        if "moving" not in path:
            np.testing.assert_array_equal(variable, expected[path], err_msg=path)
    assert _model(precision).backbone.blocks[1].expand.compute_dtype == precision


@pytest.mark.parametrize(("precision", "tolerance"), [("bfloat16", 0.25), ("float16", 0.03)])  # 8 and 11 places
def test_gradients_are_nearly_those_of_float32(precision: Precision, tolerance: float) -> None:
    (expected, expected_statistics), (found, statistics) = _step("float32"), _step(precision)
    whole = np.linalg.norm([np.linalg.norm(gradient) for gradient in expected.values()])
    for path, gradient in expected.items():
        assert found[path].dtype == np.float32
        # The bias of a convolution before a normalisation has no gradient but rounding errors.
        near = tolerance * np.linalg.norm(gradient) + 1e-3 * whole
        assert np.linalg.norm(found[path] - gradient) < near, path
    apart = np.linalg.norm([np.linalg.norm(found[path] - gradient) for path, gradient in expected.items()])
    assert apart < tolerance / 10 * whole
    for name, value in expected_statistics.items():
        np.testing.assert_allclose(statistics[name], value, atol=0.01, err_msg=name)


@_SHORT
def test_a_checkpoint_is_read_in_any_precision(precision: Precision, tmp_path: pytest.TempPathFactory) -> None:
    model = _model("float32")
    path = tf.train.Checkpoint(model=model).write(f"{tmp_path}/ckpt")
    restored = _model(precision)
    restored.variables[0].assign(tf.ones_like(restored.variables[0]))
    tf.train.Checkpoint(model=restored).read(path).assert_consumed()
    for one, other in zip(restored.variables, model.variables, strict=True):
        np.testing.assert_array_equal(one, other)


@_SHORT
def test_the_gradients_of_biases_count_every_position(precision: Precision) -> None:
    with computing_in(precision):
        convolutions = [
            layers.conv2d(1, 1, 1, kernel=_ONES, use_bias=True, name="conv"),
            layers.depthwise_conv2d(1, 1, kernel=_ONES, use_bias=True, name="depthwise"),
            layers.separable_conv2d(1, 1, 1, depthwise=_ONES, pointwise=_ONES, name="separable"),
        ]
    x = tf.ones([1, 64, 64, 1])
    for layer in convolutions:
        layer.bias.assign([2.0])
        with tf.GradientTape() as tape:
            result = layer(x)
        assert result.dtype == precision
        assert float(result[0, 1, 2, 0]) == 3.0
        assert float(tape.gradient(result, layer.bias)[0]) == 4096.0, layer.name


@_SHORT
def test_predictions_add_their_bias_in_float32(precision: Precision) -> None:
    with computing_in(precision):
        layer = layers.conv2d(1, 1, 1, kernel=_ONES, use_bias=True, name="conv")
    layer.bias.assign([-4.6])
    x = tf.constant(0.5, precision, [1, 1, 1, 1])
    (short,), (wide,) = layers.convolve_each(layer, [x]), layers.convolve_each(layer, [x], widens=True)
    assert (short.dtype, wide.dtype) == (tf.as_dtype(precision), tf.float32)
    assert float(wide[0, 0, 0, 0]) == np.float32(0.5) - np.float32(4.6)
    assert float(short[0, 0, 0, 0]) != float(wide[0, 0, 0, 0])


@_SHORT
def test_normalisations_compute_in_float32(precision: Precision) -> None:
    with computing_in(precision):
        group = layers.normalization(2, settings=GroupNormSettings(max_groups=1, epsilon=0.0), name="group")
        batch = layers.normalization(1, settings=BatchNormSettings(momentum=0.0, epsilon=0.0), name="batch")
        length = ScaledL2Norm(2, name="length")
    group.gamma.assign([1.0, 3.0])
    length.scale.assign([10.0, 10.0])
    x = tf.constant([[[[300.0, 900.0]]]], precision)  # of squares beyond float16
    for layer, expected in ((group, [-1, 3]), (length, [10 / 10**0.5, 30 / 10**0.5])):
        result = layer(x)
        assert result.dtype == precision
        np.testing.assert_allclose(tf.cast(result, tf.float32)[0, 0, 0], expected, rtol=0.01)
    batch(tf.reshape(x, [2, 1, 1, 1]), training=True)
    np.testing.assert_allclose(batch.moving_mean, [600], rtol=0.003)
    np.testing.assert_allclose(batch.moving_variance, [180_000], rtol=0.003)  # of the sample
