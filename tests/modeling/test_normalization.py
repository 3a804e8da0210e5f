# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Normalisation: of batches, trained, frozen or synchronised, and of groups."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import layers
from efficientdet.modeling.hyperparams import BatchNormSettings, ConvHyperparams, GroupNormSettings, NormSettings


def test_batch_norm_follows_its_settings() -> None:
    settings = BatchNormSettings(momentum=0.9, epsilon=3.0, center=False)
    layer = layers.normalization(1, name="norm", settings=settings)
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


@pytest.mark.parametrize("options", [{}, {"synchronized": True}, {"frozen": True}])
def test_reading_statistics_is_no_exchange_between_replicas(options: dict[str, bool]) -> None:
    with tf.distribute.MirroredStrategy(["CPU:0"]).scope():
        layer = layers.normalization(1, name="norm", settings=BatchNormSettings(**options))
        layer.build([None, 2, 2, 4])
    for variable in (layer.moving_mean, layer.moving_variance):
        assert variable.synchronization == tf.VariableSynchronization.ON_READ
        assert variable.aggregation == tf.VariableAggregation.ONLY_FIRST_REPLICA


@pytest.mark.parametrize("synchronized", [True, False])
def test_a_frozen_batch_norm_trains_all_but_its_statistics(synchronized: bool) -> None:
    layer = layers.normalization(2, name="norm", settings=BatchNormSettings(frozen=True, synchronized=synchronized))
    plain = layers.normalization(2, name="norm", settings=BatchNormSettings())
    assert [v.name for v in layer.trainable_weights] == [v.name for v in plain.trainable_weights]
    assert [v.name for v in layer.weights] == [v.name for v in plain.weights]
    statistics = [np.float32([0.1, -3.0]), np.float32([0.3, 7.0])]
    layer.moving_mean.assign(statistics[0])
    layer.moving_variance.assign(statistics[1])
    x = tf.random.stateless_normal([4, 5, 6, 2], [1, 2])

    @tf.function(autograph=False)
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(layer(x, training=True)))
        for variable, gradient in zip(
            layer.trainable_weights, tape.gradient(loss, layer.trainable_weights), strict=True
        ):
            variable.assign_sub(gradient)

    np.testing.assert_array_equal(layer(x, training=True), layer(x, training=False))
    np.testing.assert_allclose(layer(x), (x - statistics[0]) / np.sqrt(statistics[1] + 1e-3), rtol=1e-5, atol=1e-5)
    for _ in range(2):
        before = [v.numpy() for v in layer.trainable_weights]
        step()
        for variable, value in zip(layer.trainable_weights, before, strict=True):
            assert np.all(variable.numpy() != value)
        np.testing.assert_array_equal(layer.moving_mean, statistics[0])
        np.testing.assert_array_equal(layer.moving_variance, statistics[1])
    assert "FusedBatchNormV3" in {op.type for op in step.get_concrete_function().graph.get_operations()}


def test_only_several_replicas_synchronize(monkeypatch: pytest.MonkeyPatch) -> None:
    def synchronized(**settings: bool) -> bool:
        return layers.normalization(2, name="norm", settings=BatchNormSettings(**settings)).synchronized

    assert not synchronized(synchronized=True)
    strategy = tf.distribute.get_strategy()
    monkeypatch.setattr(type(strategy), "num_replicas_in_sync", 2)
    assert synchronized(synchronized=True)
    assert not synchronized()
    assert not synchronized(synchronized=True, frozen=True)  # it computes no statistics


# A process of its own, because the logical devices of a process are settled when TensorFlow first runs an op.
_TWO_REPLICAS = """
import efficientdet
import numpy as np
import tensorflow as tf

cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from efficientdet.modeling import layers
from efficientdet.modeling.hyperparams import BatchNormSettings
from efficientdet.modeling.precision import computing_in
from efficientdet.modeling.recomputation import recomputed

strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])


def normalized(synchronized, again=False, precision="float32"):
    with strategy.scope(), computing_in(precision):
        settings = BatchNormSettings(momentum=0.5, epsilon=4.0, synchronized=synchronized)
        layer = layers.normalization(1, name="norm", settings=settings)
    def replica():
        first = 4.0 * tf.cast(tf.distribute.get_replica_context().replica_id_in_sync_group, tf.float32)
        x = tf.reshape(tf.stack([first, first + 2.0]), [2, 1, 1, 1])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([x, *layer.trainable_variables])
            y = recomputed(lambda x: layer(x, training=True), x, when=again)
            loss = tf.reduce_sum(tf.cast(y, tf.float32) ** 3)
        return tf.cast(y, tf.float32), tape.gradient(loss, [x, *layer.trainable_variables])
    results = tf.function(strategy.run)(replica)
    outputs, gradients = tf.nest.map_structure(strategy.experimental_local_results, results)
    gradients = [np.ravel(gradient) for gradient in tf.nest.flatten(gradients)]
    means = [mean.numpy()[0] for mean in strategy.experimental_local_results(layer.moving_mean)]
    return np.concatenate(outputs)[:, 0, 0, 0], np.mean(means), gradients


# Replica 0 sees 0 and 2, replica 1 sees 4 and 6. Together: mean 3, variance 5. Each alone: mean 1 or 5, variance 1.
together, mean, gradients = normalized(True)
np.testing.assert_allclose(together, [-1, -1 / 3, 1 / 3, 1], rtol=1e-5)
np.testing.assert_allclose(mean, 1.5)
alone, mean, _ = normalized(False)
np.testing.assert_allclose(alone, np.array([-1, 1, -1, 1]) / 5 ** 0.5, rtol=1e-5)
np.testing.assert_allclose(mean, 1.5)

# What is computed again is synchronized again, with the same results and gradients, and counts once.
outputs, mean, found = normalized(True, again=True)
np.testing.assert_array_equal(outputs, together)
np.testing.assert_allclose(mean, 1.5)
assert len(found) == 2 * 3
for one, other in zip(found, gradients):
    np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)
for precision in ("bfloat16", "float16"):
    outputs, mean, found = normalized(True, again=True, precision=precision)
    np.testing.assert_allclose(outputs, together, rtol=0.01)
    np.testing.assert_allclose(mean, 1.5, rtol=0.01)
    for one, other in zip(found, gradients):
        np.testing.assert_allclose(one, other, rtol=0.05, atol=0.05)
"""


@pytest.mark.slow
@pytest.mark.field("Hyperparams.sync_batch_norm")
def test_a_synchronized_batch_norm_sees_all_replicas() -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run([sys.executable, "-c", _TWO_REPLICAS], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize(("channels", "groups"), [(64, 32), (48, 24), (40, 20), (88, 22), (8, 8), (37, 1), (1, 1)])
def test_as_many_groups_as_divide_the_channels(channels: int, groups: int) -> None:
    layer = layers.normalization(channels, name="norm", settings=GroupNormSettings())
    assert layer.groups == groups
    assert [v.name for v in layer.weights] == ["norm/gamma:0", "norm/beta:0"]


def test_group_norm_by_hand() -> None:
    layer = layers.normalization(4, name="norm", settings=GroupNormSettings(max_groups=2, epsilon=4.0))
    # Of each picture alone, over two pixels. Channels 0, 1: values 0, 2, 4, 6, mean 3, variance 5. Channels 2, 3: 7.
    picture = [[0.0, 2.0, 7.0, 7.0], [4.0, 6.0, 7.0, 7.0]]
    x = tf.constant([[picture], [np.add(picture, 100.0).tolist()]])
    expected = np.array([[-1, -1 / 3, 0, 0], [1 / 3, 1, 0, 0]])
    for training in (True, False):
        np.testing.assert_allclose(layer(x, training=training), [[expected], [expected]], rtol=1e-5, atol=1e-6)
    layer.gamma.assign([1.0, 3.0, 1.0, 1.0])
    layer.beta.assign([0.0, 0.0, 0.0, 9.0])
    np.testing.assert_allclose(layer(x)[0, 0], expected * [1, 3, 1, 1] + [0, 0, 0, 9], rtol=1e-5, atol=1e-6)


def test_group_norm_is_that_of_keras() -> None:
    layer = layers.normalization(64, name="norm", settings=GroupNormSettings())
    keras_layer = keras.layers.GroupNormalization(32, epsilon=1e-6)
    keras_layer.build((None, None, None, 64))
    x = 3.0 + tf.random.stateless_normal([2, 3, 5, 64], [1, 2])

    def output_and_gradients(layer: keras.layers.Layer) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            output = layer(x)
            loss = tf.reduce_sum(tf.sin(output))
        return [output, *tape.gradient(loss, [x, *layer.trainable_weights])]

    for ours, theirs in zip(output_and_gradients(layer), output_and_gradients(keras_layer), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)

    @tf.function(autograph=False, input_signature=[tf.TensorSpec([None, None, None, 64])])
    def gradient(x: tf.Tensor) -> tf.Tensor:
        return tf.gradients(tf.sin(layer(x, training=True)), [x, *layer.trainable_weights])[0]

    assert gradient(x).shape == x.shape
    operations = gradient.get_concrete_function().graph.get_operations()
    assert max([len(op.inputs) for op in operations if op.type == "AddN"], default=0) <= 2


@pytest.mark.parametrize(
    ("norm", "use_bias", "has_bias"),
    [
        (None, False, True),
        (BatchNormSettings(), False, False),
        (BatchNormSettings(), True, True),
        (BatchNormSettings(center=False), False, True),
        (GroupNormSettings(), False, False),
        (GroupNormSettings(), True, True),
    ],
)
def test_convolutions_have_a_bias_where_nothing_else_adds_an_offset(
    norm: NormSettings | None, use_bias: bool, has_bias: bool
) -> None:
    assert ConvHyperparams(norm=norm, use_bias=use_bias).has_bias is has_bias
