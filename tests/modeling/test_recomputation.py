# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is computed again in the backward pass: the same numbers, from fewer kept ones, and nothing happens twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import layers
from efficientdet.modeling.bifpn import BiFPN
from efficientdet.modeling.convolutional_heads import ConvolutionalHeads, ConvolutionalHeadSettings
from efficientdet.modeling.efficientnet import EfficientNet
from efficientdet.modeling.hyperparams import BatchNormSettings, ConvHyperparams
from efficientdet.modeling.recomputation import computes_again, recomputed
from efficientdet.modeling.vgg_ssd import VggSsd
from efficientdet.modeling.weight_shared_heads import WeightSharedHeads, WeightSharedHeadSettings

_SEED = (3, 4)


@pytest.mark.parametrize("compiled", [True, False])
def test_a_function_is_computed_once_more_for_its_gradient(compiled: bool) -> None:
    weight, times = tf.Variable(3.0), []

    def function(x: tf.Tensor, y: tf.Tensor) -> list[tf.Tensor]:
        times.append(computes_again())
        return [weight * x * x, weight + y]

    def gradients(x: tf.Tensor, y: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch([x, y])
            first, second = recomputed(function, x, y)
            loss = first + 10.0 * second
        return [loss, *tape.gradient(loss, [x, y, weight])]

    run = tf.function(gradients, autograph=False) if compiled else gradients
    np.testing.assert_allclose(run(tf.constant(2.0), tf.constant(5.0)), [92, 12, 10, 14])
    assert times == [False, True]
    assert not computes_again()


def test_nothing_is_computed_again_where_it_is_not_wanted() -> None:
    def operations(function: Callable[[tf.Tensor], tf.Tensor]) -> list[str]:
        compiled = tf.function(lambda x: tf.gradients(function(x), x), autograph=False)
        return [op.type for op in compiled.get_concrete_function(tf.TensorSpec([])).graph.get_operations()]

    assert operations(lambda x: recomputed(tf.sin, x, when=False)) == operations(tf.sin)
    assert operations(lambda x: recomputed(tf.sin, x)).count("Sin") == 2


def test_the_second_computation_waits_for_the_gradient() -> None:
    @tf.function(autograph=False, input_signature=[tf.TensorSpec([])])
    def step(x: tf.Tensor) -> tf.Tensor:
        return tf.gradients(tf.exp(recomputed(tf.sin, x)), x)[0]

    _, again = [op for op in step.get_concrete_function().graph.get_operations() if op.type == "Sin"]
    (source,) = again.inputs
    ancestors = list(source.op.control_inputs)
    assert ancestors
    for op in ancestors:
        ancestors.extend(parent.op for parent in op.inputs)
    assert "Exp" in {op.type for op in ancestors}


def test_an_error_in_the_second_computation_leaves_no_trace() -> None:
    def function(x: tf.Tensor) -> tf.Tensor:
        if computes_again():
            raise ArithmeticError
        return tf.sin(x)

    x = tf.constant(1.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        result = recomputed(function, x)
    with pytest.raises(ArithmeticError):
        tape.gradient(result, x)
    assert not computes_again()


def test_moving_statistics_follow_a_batch_once() -> None:
    layer = layers.normalization(1, name="norm", settings=BatchNormSettings(momentum=0.5))
    x = tf.reshape([1.0, 3.0], [2, 1, 1, 1])

    @tf.function(autograph=False)
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(recomputed(lambda x: layer(x, training=True), x)))
        return tape.gradient(loss, layer.gamma)

    step()
    np.testing.assert_allclose(layer.moving_mean, [1.0])  # half of 2
    step()
    np.testing.assert_allclose(layer.moving_mean, [1.5])


def _backbone() -> tuple[keras.layers.Layer, list[tf.Tensor], dict[str, Any]]:
    backbone = EfficientNet("b0", levels=(2,), survival_probability=0.3)
    return backbone, [tf.random.stateless_normal([2, 32, 32, 3], _SEED)], {"seed": tf.constant(_SEED)}


def _pyramid() -> tuple[keras.layers.Layer, list[tf.Tensor], dict[str, Any]]:
    fpn = BiFPN([3, 5], levels=(3, 4), max_level=4, num_filters=4, num_iterations=2, hyperparams=ConvHyperparams())
    return fpn, [tf.random.stateless_normal([2, s, s, c], _SEED) for s, c in ((7, 3), (4, 5))], {}


def _shared_heads() -> tuple[keras.layers.Layer, list[tf.Tensor], dict[str, Any]]:
    settings = WeightSharedHeadSettings(depth=4, num_layers=2, dropout_rate=0.5)
    heads = WeightSharedHeads(3, num_levels=3, num_slots=2, num_anchors=2, settings=settings)
    maps = [tf.random.stateless_normal([2, side, side, 3], _SEED) for side in (4, 2, 1)]
    return heads, maps, {"seed": tf.constant(_SEED)}


def _convolutional_heads() -> tuple[keras.layers.Layer, list[tf.Tensor], dict[str, Any]]:
    settings = ConvolutionalHeadSettings(num_layers=2, min_depth=3, use_depthwise=True)
    heads = ConvolutionalHeads([4, 3], num_slots=2, num_anchors=[1, 2], settings=settings)
    return heads, [tf.random.stateless_normal([2, s, s, c], _SEED) for s, c in ((4, 4), (2, 3))], {}


# Part, how it is told, the depthwise convolutions that are computed again.
_PARTS: list[tuple[Callable[[], Any], Callable[[Any, bool], None], int]] = [
    (
        _backbone,
        lambda layer, on: setattr(layer, "recompute_stride", 4.0 * on),
        1 + 2,
    ),  # a block of stride 2, two of stride 4
    (_pyramid, lambda layer, on: setattr(layer, "recompute", on), 2 * 2),
    (_shared_heads, lambda layer, on: setattr(layer, "recompute", on), 2 * 2 * 3),
    (_convolutional_heads, lambda layer, on: setattr(layer, "recompute", on), 2 * 2),
]


@pytest.mark.parametrize(("build", "switch", "num_again"), _PARTS)
def test_parts_of_the_network(
    build: Callable[[], tuple[keras.layers.Layer, list[tf.Tensor], dict[str, Any]]],
    switch: Callable[[Any, bool], None],
    num_again: int,
) -> None:
    layer, inputs, options = build()
    start = [variable.numpy() for variable in layer.variables]
    outcomes, counts = [], []
    for on in (False, True):
        for variable, value in zip(layer.variables, start, strict=True):
            variable.assign(value)
        switch(layer, on)

        def step(*inputs: tf.Tensor) -> list[tf.Tensor]:
            with tf.GradientTape() as tape:
                outputs = layer(inputs[0] if len(inputs) == 1 else inputs, training=True, **options)
                loss = sum(tf.reduce_sum(tf.sin(x)) for x in outputs)
            return [loss, *tape.gradient(loss, layer.trainable_variables)]

        compiled = tf.function(tf.autograph.experimental.do_not_convert(step), autograph=False)
        outcomes.append([*compiled(*inputs), *(variable.numpy() for variable in layer.non_trainable_variables)])
        operations = compiled.get_concrete_function(*inputs).graph.get_operations()
        assert max([len(op.inputs) for op in operations if op.type == "AddN"], default=0) <= 2
        counts.append(sum(op.type == "DepthwiseConv2dNative" for op in operations))
    assert counts[1] == counts[0] + num_again
    largest = max(float(tf.reduce_max(tf.abs(plain))) for plain in outcomes[0])
    for plain, again in zip(*outcomes, strict=True):
        np.testing.assert_allclose(again, plain, rtol=1e-5, atol=1e-6 * largest)


def test_inference_computes_once() -> None:
    heads, maps, _ = _shared_heads()
    counts = []
    for heads.recompute in (False, True):
        predict = tf.function(lambda *maps: heads(maps, training=False), autograph=False)
        counts.append(len(predict.get_concrete_function(*maps).graph.get_operations()))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(("stride", "stages"), [(0, 0), (2, 2), (8, 4), (16, 6), (float("inf"), 10)])
def test_stages_of_vgg(stride: float, stages: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # conv1 to conv5, then fc6 and fc7 together, then four pairs of extra layers.
    whens: list[bool] = []

    def counted(function: Callable[..., Any], x: tf.Tensor, *, when: bool) -> Any:
        whens.append(when)
        return x[:, : x.shape[1] // 2 or 1, :1]

    monkeypatch.setattr("efficientdet.modeling.vgg_ssd.recomputed", counted)
    backbone = VggSsd.__new__(VggSsd)
    keras.layers.Layer.__init__(backbone)
    backbone.recompute_stride, backbone.stages = stride, [[]] * 5
    backbone.conv4_3_norm, backbone.extras = tf.identity, [keras.layers.Identity()] * 4
    for training in (True, False):
        whens.clear()
        backbone.call(tf.zeros([1, 300, 300, 3]), training=training)
        assert sum(whens) == stages * training
        assert len(whens) == 10
