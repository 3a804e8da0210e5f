# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What each field of `conv_hyperparams`, and `freeze_batchnorm`, does to layers that are built from a config."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.hyperparams import KERAS_INITIALIZERS, build_conv_hyperparams
from efficientdet.builders.model import build_model
from efficientdet.config import PipelineConfig
from efficientdet.errors import ConfigError
from efficientdet.modeling import layers
from efficientdet.modeling.bifpn import Resample
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.hyperparams import ConvHyperparams
from efficientdet.protos import hyperparams_pb2
from efficientdet.verdicts import model as model_verdicts
from tests.end_to_end.tiny import CONFIG, SIZE
from tests.fields.rows import config, field

# The config has batch_norm { scale: true decay: 0.99 epsilon: 0.001 } in both of its conv_hyperparams.
_EXTRACTOR = "model {{ ssd {{ feature_extractor {{ conv_hyperparams {{ {} }} }} }} }}"


def _config(*overrides: str) -> PipelineConfig:
    return config(CONFIG, SIZE, *overrides)


def _hyperparams(text: str) -> ConvHyperparams:
    return build_conv_hyperparams(_config(_EXTRACTOR.format(text)).proto.model.ssd.feature_extractor.conv_hyperparams)


def _activated(hyperparams: ConvHyperparams) -> Any:
    return hyperparams.activation(tf.constant([-1.0, 2.0, 8.0]))


def _variables(hyperparams: ConvHyperparams) -> list[str]:
    """The names of the variables behind the kernel, of a 1x1 convolution with all that belongs to it."""
    layer = Resample(2, 3, step=0, hyperparams=hyperparams, name="input")
    return [v.name.rsplit("/", 1)[1].removesuffix(":0") for v in layer.weights[1:]]


def _decay(hyperparams: ConvHyperparams) -> list[float]:
    """The loss terms of the kernel 1, -2."""
    layer = layers.conv2d(1, 2, 1, kernel=hyperparams.kernel, name="conv")
    layer.kernel.assign([[[[1.0, -2.0]]]])
    return [float(loss) for loss in layer.losses]


def _trained_norm(hyperparams: ConvHyperparams) -> tuple[Any, Any]:
    """A normalisation after a training step on one channel of 0, 2, 4, 6, with mean 3 and variance 5."""
    assert hyperparams.norm is not None
    norm = layers.normalization(1, settings=hyperparams.norm, name="norm")
    outputs = norm(tf.constant([0.0, 2.0, 4.0, 6.0])[:, None, None, None], training=True)
    return norm, outputs[:, 0, 0, 0]


def _moving_mean(hyperparams: ConvHyperparams) -> Any:
    return _trained_norm(hyperparams)[0].moving_mean


def _normalized(hyperparams: ConvHyperparams) -> Any:
    return _trained_norm(hyperparams)[1]


def _groups(hyperparams: ConvHyperparams) -> Any:
    """Six channels of one pixel: as many groups as channels, each its own mean."""
    assert hyperparams.norm is not None
    return layers.normalization(6, settings=hyperparams.norm, name="norm")(tf.constant([[[[1.0, 2, 3, 4, 5, 6]]]]))


_NORMS = ["gamma", "beta", "moving_mean", "moving_variance"]
_EXACT = [
    ("activation: NONE", _activated, [-1, 2, 8], field("Hyperparams.activation")),
    ("activation: RELU", _activated, [0, 2, 8], field("Hyperparams.activation")),
    ("activation: RELU_6", _activated, [0, 2, 6], field("Hyperparams.activation")),
    # x / (1 + exp(-x))
    ("activation: SWISH", _activated, [-0.268941, 1.761594, 7.997317], field("Hyperparams.activation")),
    ("force_use_bias: true", _variables, ["bias", *_NORMS], field("Hyperparams.force_use_bias")),
    ("force_use_bias: false", _variables, _NORMS, field("Hyperparams.force_use_bias")),
    ("batch_norm { scale: false }", _variables, ["bias", *_NORMS[1:]],
     field("Hyperparams.batch_norm", "BatchNorm.scale")),
    # Without an offset of its own a batch norm is preceded by a convolution with a bias, as in TFOD.
    ("force_use_bias: false batch_norm { center: false }", _variables, ["bias", "gamma", *_NORMS[2:]],
     field("BatchNorm.center")),
    ("force_use_bias: false batch_norm { decay: 0.75 }", _moving_mean, [0.25 * 3], field("BatchNorm.decay")),
    ("batch_norm { epsilon: 4 }", _normalized, [-1, -1 / 3, 1 / 3, 1], field("BatchNorm.epsilon")),  # sqrt(5 + 4) = 3
    ("batch_norm { epsilon: 3 train: false }", _normalized, [0, 1, 2, 3], field("BatchNorm.train")),  # x / sqrt(1 + 3)
    ("batch_norm { train: false }", _moving_mean, [0], field("BatchNorm.train")),
    ("sync_batch_norm { decay: 0.5 }", _moving_mean, [1.5], field("Hyperparams.sync_batch_norm")),
    ("sync_batch_norm { epsilon: 4 }", _normalized, [-1, -1 / 3, 1 / 3, 1], field("Hyperparams.sync_batch_norm")),
    ("force_use_bias: false group_norm {}", _variables, _NORMS[:2], field("Hyperparams.group_norm")),
    ("group_norm {}", _groups, np.zeros([1, 1, 1, 6]), field("Hyperparams.group_norm")),
    ("regularizer { l2_regularizer { weight: 4 } }", _decay, [2 * (1 + 4)],
     field("Hyperparams.regularizer", "Regularizer.l2_regularizer", "L2Regularizer.weight")),
    ("regularizer { l1_regularizer { weight: 4 } }", _decay, [4 * (1 + 2)],
     field("Regularizer.l1_regularizer", "L1Regularizer.weight")),
    ("regularizer { l1_regularizer { weight: 0 } }", _decay, [], field("L1Regularizer.weight")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "measure", "expected"),
    [pytest.param(*row[:3], marks=row[3], id=row[0]) for row in _EXACT],
)
def test_a_field_of_hyperparams(text: str, measure: Callable[[ConvHyperparams], Any], expected: Any) -> None:
    found = measure(_hyperparams(text))
    if measure is _variables:
        assert found == expected
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_nothing_is_normalised_or_decays_where_nothing_is_said() -> None:
    hyperparams = build_conv_hyperparams(hyperparams_pb2.Hyperparams())
    assert hyperparams.norm is None
    assert hyperparams.has_bias
    assert _decay(hyperparams) == []


_VARIANCE_SCALING = "variance_scaling_initializer {{ factor: 2 mode: {} uniform: {} }}"
# Of a kernel [1, 1, 50, 200]: the mean, the root of the mean square, the greatest absolute value where it has a bound.
# A normal distribution that is cut off at two sigma has .87963 of its sigma; variance scaling makes up for that, so its
# bound is 2 / .87963 = 2.2737 sigma. A uniform distribution's bound is sqrt(3) sigma.
_STARTS = [
    ("truncated_normal_initializer { mean: 0.5 stddev: 0.1 }", 0.5, (0.5**2 + 0.087963**2) ** 0.5, 0.7,
     field("Hyperparams.initializer", "Initializer.truncated_normal_initializer", "TruncatedNormalInitializer.mean",
      "TruncatedNormalInitializer.stddev")),
    ("random_normal_initializer { mean: -0.5 stddev: 0.1 }", -0.5, (0.5**2 + 0.1**2) ** 0.5, None,
     field("Initializer.random_normal_initializer", "RandomNormalInitializer.mean", "RandomNormalInitializer.stddev")),
    (_VARIANCE_SCALING.format("FAN_IN", "false"), 0, (2 / 50) ** 0.5, 2.2737 * (2 / 50) ** 0.5,
     field("Initializer.variance_scaling_initializer", "VarianceScalingInitializer.factor")),
    (_VARIANCE_SCALING.format("FAN_OUT", "false"), 0, (2 / 200) ** 0.5, 2.2737 * (2 / 200) ** 0.5,
     field("VarianceScalingInitializer.mode")),
    (_VARIANCE_SCALING.format("FAN_AVG", "true"), 0, (2 / 125) ** 0.5, (6 / 125) ** 0.5,
     field("VarianceScalingInitializer.mode", "VarianceScalingInitializer.uniform")),
]  # fmt: skip
_NAMED_STARTS = {
    "": (0, (2 / 250) ** 0.5, (6 / 250) ** 0.5),  # as if unset: Glorot's uniform distribution
    "glorot_normal": (0, (2 / 250) ** 0.5, 2.2737 * (2 / 250) ** 0.5),
    "glorot_uniform": (0, (2 / 250) ** 0.5, (6 / 250) ** 0.5),
    "he_normal": (0, (2 / 50) ** 0.5, 2.2737 * (2 / 50) ** 0.5),
    "he_uniform": (0, (2 / 50) ** 0.5, (6 / 50) ** 0.5),
    "lecun_normal": (0, (1 / 50) ** 0.5, 2.2737 * (1 / 50) ** 0.5),
    "lecun_uniform": (0, (1 / 50) ** 0.5, (3 / 50) ** 0.5),
    "ones": (1, 1, 1),
    "orthogonal": (0, (1 / 200) ** 0.5, None),  # 50 rows of 200 values, each of length 1
    "random_normal": (0, 0.05, None),
    "random_uniform": (0, 0.05 / 3**0.5, 0.05),
    "truncated_normal": (0, 0.05 * 0.87963, 0.1),
    "variance_scaling": (0, (1 / 50) ** 0.5, 2.2737 * (1 / 50) ** 0.5),
    "zeros": (0, 0, 0),
}
_STARTS += [
    (f'keras_initializer_by_name: "{name}"', *values, field("Initializer.keras_initializer_by_name"))
    for name, values in _NAMED_STARTS.items()
]


@pytest.mark.parametrize(
    ("text", "mean", "size", "bound"),
    [pytest.param(*row[:4], marks=row[4], id=row[0]) for row in _STARTS],
)
def test_an_initializer(text: str, mean: float, size: float, bound: float | None) -> None:
    settings = _hyperparams(f"initializer {{ {text} }}").kernel
    kernel = layers.conv2d(50, 200, 1, kernel=settings, name="conv").kernel.numpy()
    np.testing.assert_array_equal(layers.conv2d(50, 200, 1, kernel=settings, name="conv").kernel, kernel)
    np.testing.assert_allclose(kernel.mean(), mean, atol=0.04 * size)
    np.testing.assert_allclose(np.sqrt(np.square(kernel).mean()), size, rtol=0.02)
    if bound is not None:
        np.testing.assert_allclose(np.abs(kernel).max(), bound, rtol=0.02)


def test_the_named_initializers_are_those_of_the_verdict() -> None:
    assert set(KERAS_INITIALIZERS) == set(model_verdicts.KERAS_INITIALIZERS) == set(_NAMED_STARTS) - {""}
    with pytest.raises(ConfigError, match=r"keras_initializer_by_name \(\"__import__\"\) must be one of glorot_normal"):
        _hyperparams('initializer { keras_initializer_by_name: "__import__" }')


_FREEZE = "model {{ ssd {{ freeze_batchnorm: {} freeze_batchnorm_scope: {} }} }}"
_PREDICTOR = "model { ssd { box_predictor { weight_shared_convolutional_box_predictor { conv_hyperparams { %s } } } } }"
_PARTS = {"backbone", "fpn", "heads"}


def _moving(model: DetectionModel) -> dict[str, np.ndarray]:
    return {v.name: v.numpy() for v in model.variables if v.name.rsplit("/", 1)[1].startswith("moving_")}


def _image() -> tf.Tensor:
    return tf.random.stateless_normal([1, 64, 64, 3], [1, 2])


@pytest.mark.parametrize(
    ("overrides", "training_parts"),
    [
        pytest.param(overrides, parts, marks=field("Ssd.freeze_batchnorm", "Ssd.freeze_batchnorm_scope"))
        for overrides, parts in [
            ([_FREEZE.format("true", "PYRAMID_AND_HEADS")], {"backbone"}),
            (
                [_FREEZE.format("false", "WHOLE_MODEL"), _EXTRACTOR.format("batch_norm { train: false }")],
                {"backbone", "heads"},
            ),
        ]
    ],
)
def test_parts_whose_statistics_train(overrides: list[str], training_parts: set[str]) -> None:
    model = build_model(_config(*overrides))
    before = _moving(model)
    model(_image(), training=True, seed=tf.constant([1, 2]))
    after = _moving(model)
    # Of the parts that train, every statistic moves; of the others, none.
    assert {name.split("/")[0] for name in before} == _PARTS
    moved = {name for name in before if np.any(before[name] != after[name])}
    assert moved == {name for name in before if name.split("/")[0] in training_parts}


@field("Ssd.freeze_batchnorm", "Ssd.freeze_batchnorm_scope")
def test_two_steps_leave_the_statistics_of_a_frozen_model() -> None:
    sync = [_EXTRACTOR.format("sync_batch_norm { scale: true }"), _PREDICTOR % "sync_batch_norm { scale: true }"]
    model = build_model(_config(*sync, _FREEZE.format("true", "WHOLE_MODEL")))
    for seed, variable in enumerate(v for v in model.variables if "moving_mean" in v.name):
        variable.assign(tf.random.stateless_normal(variable.shape, [seed, 0], stddev=0.1))
    before, trained = _moving(model), [v.numpy() for v in model.trainable_variables]
    for step in range(2):
        with tf.GradientTape() as tape:
            predictions = model(_image(), training=True, seed=tf.constant([step, 2]))
            loss = tf.reduce_mean(tf.square(predictions.class_logits)) + tf.reduce_mean(predictions.box_codes)
        for variable, gradient in zip(
            model.trainable_variables, tape.gradient(loss, model.trainable_variables), strict=True
        ):
            variable.assign_sub(1e-3 * tf.sign(gradient))
    for name, value in _moving(model).items():
        np.testing.assert_array_equal(value, before[name], err_msg=name)
    for variable, value in zip(model.trainable_variables, trained, strict=True):
        if "norm" in variable.name:  # gamma and beta
            assert np.any(variable.numpy() != value), variable.name
