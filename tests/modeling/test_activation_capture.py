# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Activations are seen by whoever looks, and nobody else pays for it."""

from __future__ import annotations

import collections
import threading
from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.modeling.activation_capture import capture_activations, observed
from efficientdet.modeling.bifpn import BiFPN
from efficientdet.modeling.convolutional_heads import ConvolutionalHeads, ConvolutionalHeadSettings
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientnet import EfficientNet
from efficientdet.modeling.hyperparams import BackboneDecay, BatchNormSettings, ConvHyperparams
from efficientdet.modeling.mbconv import BlockSpec, MBConvBlock
from efficientdet.modeling.recomputation import recomputed
from efficientdet.modeling.weight_shared_heads import WeightSharedHeads, WeightSharedHeadSettings
from efficientdet.ops.kernels import silu


def test_what_activations_return_is_captured() -> None:
    with tf.name_scope("part"):
        relu = observed(tf.nn.relu, "place")
    outside = observed(tf.nn.relu6, "elsewhere")
    x = tf.constant([-1.0, 7.0])
    np.testing.assert_array_equal(relu(x), [0, 7])
    with capture_activations() as captured:
        relu(x)
        with capture_activations() as inner:
            relu(2 * x)
        outside(x)
    relu(x)
    assert [(place, tensor.numpy().tolist()) for place, tensor in captured] == [
        ("part/place", [0, 7]),
        ("elsewhere", [0, 6]),
    ]
    assert [tensor.numpy().tolist() for _, tensor in inner] == [[0, 14]]
    assert observed(tf.identity, "place") is tf.identity


@pytest.mark.parametrize("activation", [tf.nn.silu, silu])
def test_activations_before_squeeze_and_excite_are_captured(activation: Callable[[tf.Tensor], tf.Tensor]) -> None:
    spec = BlockSpec(2, 0, in_filters=4, filters=4, expand_ratio=2, kernel_size=3, strides=1)
    norm = BatchNormSettings(0.9, 1e-3)
    block = MBConvBlock(
        spec, squeeze_excite=True, activation=activation, decay=BackboneDecay(), batch_norm=norm, name="block"
    )
    with capture_activations() as captured:
        block(tf.ones([1, 6, 6, 4]))
    assert [(place, tuple(values.shape)) for place, values in captured] == [("stack_2", (1, 6, 6, 8))] * 2


def test_an_activation_that_is_computed_again_is_captured_once() -> None:
    relu = observed(tf.nn.relu, "place")

    @tf.function(autograph=False)
    def gradient(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        with capture_activations() as captured, tf.GradientTape() as tape:
            tape.watch(x)
            y = recomputed(relu, x)
            ((_, values),) = captured
            loss = tf.reduce_sum(y * y)
        slope = tape.gradient(loss, x)
        assert len(captured) == 1
        return values, slope

    for result, expected in zip(gradient(tf.constant([-1.0, 3.0])), ([0, 3], [0, 6]), strict=True):
        np.testing.assert_array_equal(result, expected)


def test_a_thread_captures_for_itself() -> None:
    relu, seen = observed(tf.nn.relu, "place"), []
    with capture_activations() as captured:
        thread = threading.Thread(target=lambda: seen.append(relu(tf.ones([]))))
        thread.start()
        thread.join()
    assert seen
    assert not captured


def _network() -> DetectionModel:
    fpn = BiFPN([24], levels=(2,), max_level=3, num_filters=4, num_iterations=2, hyperparams=ConvHyperparams())
    heads = WeightSharedHeads(
        4, num_levels=2, num_slots=2, num_anchors=1, settings=WeightSharedHeadSettings(depth=4, num_layers=2)
    )
    return DetectionModel(EfficientNet("b0", levels=(2,)), fpn, heads)


@pytest.mark.parametrize("training", [True, False])
def test_the_places_of_a_network(training: bool) -> None:
    model = _network()
    model.backbone.recompute_stride, model.fpn.recompute, model.heads.recompute = 4.0, True, True
    with capture_activations() as captured:
        model(tf.zeros([2, 32, 32, 3]), training=training, seed=tf.constant([1, 2]))
    counts = collections.Counter(place for place, _ in captured)
    assert counts == {
        "backbone/stem": 1,
        "backbone/stack_0": 1,  # its one block has no expansion
        "backbone/stack_1": 4,
        "fpn/cell_1": 2,  # a node down, one up
        "fpn/cell_2": 2,
        **{f"heads/{head}/level_{level}": 2 for head in ("boxes", "classes") for level in range(2)},
    }
    shapes = {place: tuple(tensor.shape) for place, tensor in captured}
    assert shapes["backbone/stem"] == (2, 16, 16, 32)
    assert shapes["heads/boxes/level_1"] == (2, 4, 4, 4)


def test_the_places_of_convolutional_heads() -> None:
    settings = ConvolutionalHeadSettings(num_layers=1, min_depth=2, use_depthwise=True)
    heads = ConvolutionalHeads([3, 2], num_slots=2, num_anchors=[1, 2], settings=settings)
    with capture_activations() as captured:
        heads([tf.zeros([1, 2, 2, 3]), tf.zeros([1, 1, 1, 2])])
    assert sorted(place for place, _ in captured) == [
        f"heads/{part}/level_{level}" for part in ("boxes", "classes", "shared") for level in (0, 1)
    ]
