# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The heads: order of the predictions, what is shared, where hyperparameters reach."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling.hyperparams import ConvHyperparams, KernelSettings
from efficientdet.modeling.weight_shared_heads import WeightSharedHeads, WeightSharedHeadSettings

_TINY = KernelSettings(functools.partial(keras.initializers.RandomNormal, stddev=1e-6), 4e-5)


def heads(settings: WeightSharedHeadSettings | None = None, **arguments: Any) -> WeightSharedHeads:
    settings = settings or WeightSharedHeadSettings(depth=6, num_layers=2, hyperparams=ConvHyperparams(kernel=_TINY))
    return WeightSharedHeads(6, num_levels=2, num_slots=5, num_anchors=3, settings=settings, **arguments)


def test_predictions_run_over_level_row_column_anchor() -> None:
    layer = heads(WeightSharedHeadSettings(depth=6, num_layers=0, kernel_size=1, use_depthwise=False))
    kernel = np.zeros([1, 1, 6, 15], np.float32)
    kernel[0, 0, 0, :] = 1  # every output copies channel 0 ...
    layer.classes.final.kernel.assign(kernel)
    layer.classes.final.bias.assign(np.arange(15) / 100)  # ... and adds anchor * 5 + class, in hundredths
    pyramid = [tf.reshape(tf.range(4.0), [1, 2, 2, 1]), tf.constant([[[[4.0]]]])]
    logits = layer([tf.tile(x, [1, 1, 1, 6]) for x in pyramid]).class_logits
    expected = [[cell + (anchor * 5 + c) / 100 for c in range(5)] for cell in range(5) for anchor in range(3)]
    np.testing.assert_allclose(logits, [expected], rtol=1e-6)


def test_shapes_biases_and_clipping() -> None:
    layer = heads(class_bias=-4.6)
    pyramid = [tf.zeros([2, 4, 3, 6]), tf.zeros([2, 2, 2, 6])]
    predictions = layer(pyramid)
    assert predictions.class_logits.shape == (2, (12 + 4) * 3, 5)
    assert predictions.box_codes.shape == (2, (12 + 4) * 3, 4)
    np.testing.assert_allclose(predictions.class_logits, np.full([2, 48, 5], -4.6), rtol=1e-6)
    np.testing.assert_array_equal(predictions.box_codes, np.zeros([2, 48, 4]))
    clipped = heads(box_code_clip=(-0.5, 0.25))
    clipped.boxes.final.bias.assign(np.tile([-1.0, 0.1, 0.2, 3.0], 3))
    np.testing.assert_allclose(clipped(pyramid).box_codes[0, 7], [-0.5, 0.1, 0.2, 0.25], rtol=1e-6)


def test_convolutions_are_shared_and_batch_norms_are_not() -> None:
    names = {v.name.removesuffix(":0").removeprefix("heads/boxes/") for v in heads().boxes.weights}
    separable = ("depthwise_kernel", "pointwise_kernel", "bias")
    norm = ("gamma", "beta", "moving_mean", "moving_variance")
    assert names == {
        *(f"{conv}/{part}" for conv in ("conv_0", "conv_1", "final") for part in separable),
        *(f"norm_{level}_{number}/{part}" for level in (0, 1) for number in (0, 1) for part in norm),
    }


@pytest.mark.parametrize(
    ("switches", "reached"),
    [
        ({}, {"conv_0/depthwise_kernel", "conv_1/depthwise_kernel"}),
        (
            {"apply_to_pointwise": True},
            {f"conv_{i}/{kind}wise_kernel" for i in (0, 1) for kind in ("depth", "point")},
        ),
        (
            {"apply_to_final": True},
            {"conv_0/depthwise_kernel", "conv_1/depthwise_kernel", "final/depthwise_kernel", "final/pointwise_kernel"},
        ),
        ({"use_depthwise": False}, {"conv_0/kernel", "conv_1/kernel", "final/kernel"}),
    ],
)
def test_where_hyperparameters_reach(switches: dict[str, bool], reached: set[str]) -> None:
    settings = WeightSharedHeadSettings(depth=6, num_layers=2, hyperparams=ConvHyperparams(kernel=_TINY), **switches)
    layer = heads(settings).classes
    kernels = [v for v in layer.trainable_weights if "kernel" in v.name]
    tiny = {v.name.removesuffix(":0").removeprefix("heads/classes/") for v in kernels if np.abs(v).max() < 1e-4}
    assert tiny == reached
    assert len(layer.losses) == len(reached)


def test_bias_and_norm_of_the_layers() -> None:
    def names(**settings: Any) -> set[str]:
        hyperparams = ConvHyperparams(**settings)
        layer = heads(
            WeightSharedHeadSettings(depth=6, num_layers=1, use_depthwise=False, hyperparams=hyperparams)
        ).boxes
        return {v.name.removesuffix(":0").removeprefix("heads/boxes/") for v in layer.trainable_weights}

    final = {"final/kernel", "final/bias"}
    norms = {f"norm_{level}_0/{part}" for level in (0, 1) for part in ("gamma", "beta")}
    assert names(use_bias=False) == {"conv_0/kernel"} | norms | final
    assert names(use_bias=False, norm=None) == {"conv_0/kernel", "conv_0/bias"} | final


def test_a_shared_tower_is_the_box_heads() -> None:
    settings = WeightSharedHeadSettings(depth=4, num_layers=2, kernel_size=1, use_depthwise=False, share_tower=True)
    layer = heads(settings)
    names = {v.name.removesuffix(":0").removeprefix("heads/") for v in layer.trainable_weights}
    assert {name for name in names if name.startswith("classes/")} == {"classes/final/kernel", "classes/final/bias"}
    assert {f"boxes/conv_{number}/kernel" for number in (0, 1)} < names
    assert tuple(layer.classes.final.kernel.shape) == (1, 1, 4, 15)
    pyramid = [tf.random.stateless_normal([1, 2, 2, 6], [1, 1]), tf.random.stateless_normal([1, 1, 1, 6], [2, 2])]
    expected = [tf.reshape(layer.classes.final(x), [1, -1, 5]) for x in layer.boxes.tower(pyramid)]
    np.testing.assert_allclose(layer(pyramid).class_logits, tf.concat(expected, axis=1), rtol=1e-5)


def test_without_layers_there_is_nothing_to_share() -> None:
    layer = heads(WeightSharedHeadSettings(depth=4, num_layers=0, share_tower=True))
    assert layer([tf.zeros([1, 2, 2, 6]), tf.zeros([1, 1, 1, 6])]).class_logits.shape == (1, 15, 5)


def test_dropout_comes_after_the_tower_of_the_class_head() -> None:
    settings = WeightSharedHeadSettings(depth=6, num_layers=0, kernel_size=1, use_depthwise=False, dropout_rate=0.5)
    layer = heads(settings)
    layer.classes.final.kernel.assign(np.ones([1, 1, 6, 15]))
    layer.classes.final.bias.assign(np.zeros(15))
    layer.boxes.final.kernel.assign(np.ones([1, 1, 6, 12]))
    pyramid = [tf.ones([1, 4, 4, 6]), tf.ones([1, 4, 4, 6])]
    np.testing.assert_array_equal(layer(pyramid).class_logits, np.full([1, 96, 5], 6.0))
    predictions = layer(pyramid, training=True, seed=tf.constant([3, 4]))
    np.testing.assert_array_equal(predictions.box_codes, np.full([1, 96, 4], 6.0))
    cells = predictions.class_logits[0, ::3, 0].numpy()
    assert set(cells) <= set(range(0, 13, 2))  # each of six channels becomes 0 or 2
    assert 4.5 < cells.mean() < 7.5
    assert not np.array_equal(cells[:16], cells[16:])  # each level draws for itself
    again = layer(pyramid, training=True, seed=tf.constant([3, 4]))
    np.testing.assert_array_equal(again.class_logits, predictions.class_logits)
    with pytest.raises(ValueError, match="training with dropout needs a seed"):
        layer(pyramid, training=True)
