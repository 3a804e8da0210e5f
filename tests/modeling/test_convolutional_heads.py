# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Heads of their own for each feature map: order of the predictions, widths, where hyperparameters reach, dropout."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling.convolutional_heads import ConvolutionalHeads, ConvolutionalHeadSettings
from efficientdet.modeling.hyperparams import BatchNormSettings, ConvHyperparams, KernelSettings

_RELU = ConvHyperparams(tf.nn.relu, norm=None)
_TINY = KernelSettings(functools.partial(keras.initializers.RandomNormal, stddev=1e-6), 4e-5)


def heads(settings: ConvolutionalHeadSettings | None = None, **arguments: Any) -> ConvolutionalHeads:
    """Two maps of 2 and 3 channels, with 1 and 2 anchors in a cell; three slots."""
    settings = settings or ConvolutionalHeadSettings(kernel_size=1, hyperparams=_RELU)
    return ConvolutionalHeads([2, 3], num_slots=3, num_anchors=[1, 2], settings=settings, **arguments)


def names(layer: keras.layers.Layer, prefix: str = "heads/") -> list[str]:
    return [variable.name.removesuffix(":0").removeprefix(prefix) for variable in layer.weights]


def test_predictions_run_over_level_row_column_anchor() -> None:
    layer = heads()
    for level, (channels, anchors) in enumerate(((2, 1), (3, 2))):
        for head, depth in ((layer.classes[level], 3), (layer.boxes[level], 4)):
            kernel = np.zeros([1, 1, channels, anchors * depth], np.float32)
            kernel[0, 0, 0, :] = 1  # every output copies channel 0 ...
            head.final.kernel.assign(kernel)
            head.final.bias.assign(np.arange(anchors * depth) / 100)  # ... and adds its number, in hundredths
    maps = [tf.reshape([0.0, 9, 1, 9, 2, 9, 3, 9], [1, 2, 2, 2]), tf.constant([[[[4.0, 9, 9], [5.0, 9, 9]]]])]
    predictions = layer(maps)
    # Four cells of one anchor, 0 to 3, then two of two anchors, 4 and 5: the second anchor's outputs go on counting.
    first = [(cell, 0) for cell in range(4)] + [(cell, anchor) for cell in (4, 5) for anchor in (0, 1)]
    np.testing.assert_allclose(
        predictions.class_logits, [[[cell + (anchor * 3 + c) / 100 for c in range(3)] for cell, anchor in first]]
    )
    np.testing.assert_allclose(
        predictions.box_codes, [[[cell + (anchor * 4 + c) / 100 for c in range(4)] for cell, anchor in first]]
    )


def test_biases_and_clipping() -> None:
    layer = heads(class_bias=-2.0, box_code_clip=(-0.5, 0.25))
    layer.boxes[1].final.bias.assign(np.tile([-1.0, 0.1, 0.2, 3.0], 2))
    predictions = layer([tf.zeros([2, 2, 2, 2]), tf.zeros([2, 1, 1, 3])])
    np.testing.assert_array_equal(predictions.class_logits, np.full([2, 4 + 2, 3], -2.0))
    np.testing.assert_allclose(predictions.box_codes[1, 5], [-0.5, 0.1, 0.2, 0.25], rtol=1e-6)


@pytest.mark.parametrize(
    ("num_layers", "min_depth", "max_depth", "channels", "expected"),
    [
        (2, 0, 8, 6, [6, 6]),  # as wide as the map
        (2, 0, 4, 6, [4, 4]),  # at most 4
        (1, 7, 8, 6, [7]),  # at least 7
        (2, 0, 0, 6, []),  # no depth, no layers
        (0, 7, 8, 6, []),
    ],
)
def test_widths_of_the_layers_before(
    num_layers: int, min_depth: int, max_depth: int, channels: int, expected: list[int]
) -> None:
    settings = ConvolutionalHeadSettings(num_layers, min_depth, max_depth)
    assert settings.layer_depths(channels) == expected


def test_each_map_has_layers_that_both_its_heads_share() -> None:
    hyperparams = _RELU._replace(norm=BatchNormSettings(scale=False), use_bias=False)
    layer = heads(ConvolutionalHeadSettings(1, 0, 2, kernel_size=3, hyperparams=hyperparams))
    shapes = {name: tuple(variable.shape) for name, variable in zip(names(layer), layer.weights, strict=True)}
    norm = ("beta", "moving_mean", "moving_variance")
    # The second map has three channels, of which two are left.
    assert shapes == {
        **{f"shared_{level}_0/conv/kernel": (1, 1, level + 2, 2) for level in (0, 1)},
        **{f"shared_{level}_0/norm/{part}": (2,) for level in (0, 1) for part in norm},
        **{f"boxes_{level}/final/kernel": (3, 3, 2, 4 * (level + 1)) for level in (0, 1)},
        **{f"boxes_{level}/final/bias": (4 * (level + 1),) for level in (0, 1)},
        **{f"classes_{level}/final/kernel": (3, 3, 2, 3 * (level + 1)) for level in (0, 1)},
        **{f"classes_{level}/final/bias": (3 * (level + 1),) for level in (0, 1)},
    }


@pytest.mark.parametrize(
    ("norm", "between"),
    [(None, ["depthwise/bias"]), (BatchNormSettings(scale=False), ["norm/beta"])],
    ids=["plain", "batch norm"],
)
def test_depthwise_heads(norm: BatchNormSettings | None, between: list[str]) -> None:
    hyperparams = ConvHyperparams(tf.nn.relu, _TINY, norm, use_bias=False)
    layer = heads(ConvolutionalHeadSettings(kernel_size=3, use_depthwise=True, hyperparams=hyperparams)).classes[1]
    trained = [v.name.removesuffix(":0").removeprefix("heads/classes_1/") for v in layer.trainable_weights]
    assert trained == ["depthwise/depthwise_kernel", *between, "final/kernel", "final/bias"]
    assert tuple(layer.depthwise.depthwise_kernel.shape) == (3, 3, 3, 1)
    assert tuple(layer.final.kernel.shape) == (1, 1, 3, 6)
    # Hyperparameters do not reach the depthwise kernel.
    assert len(layer.losses) == 1
    assert np.abs(layer.final.kernel).max() < 1e-4 < np.abs(layer.depthwise.depthwise_kernel).max()
    # Depthwise, activation, 1x1: of -1 nothing is left, of 2 three times as much, in each of three channels.
    layer.depthwise.depthwise_kernel.assign(np.pad([[[[1.0]] * 3]], [[1, 1], [1, 1], [0, 0], [0, 0]]))
    layer.final.kernel.assign(np.ones([1, 1, 3, 6]))
    found = layer(tf.reshape([[-1.0] * 3, [2.0] * 3], [1, 1, 2, 3]))
    np.testing.assert_allclose(found[0, 0, :, 0], [0.0, 6.0], rtol=1e-3)


def test_there_must_be_a_number_of_anchors_for_each_map() -> None:
    with pytest.raises(ValueError, match="2 feature maps need as many numbers of anchors, got 1"):
        ConvolutionalHeads([2, 3], num_slots=3, num_anchors=[1], settings=ConvolutionalHeadSettings())


def _dropping(rate: float) -> tuple[ConvolutionalHeads, list[tf.Tensor]]:
    """Heads of two maps of 64 equal cells, whose outputs are the sum of the channels."""
    settings = ConvolutionalHeadSettings(kernel_size=1, hyperparams=_RELU, dropout_rate=rate)
    layer = ConvolutionalHeads([2, 2], num_slots=1, num_anchors=[1, 1], settings=settings)
    for head in (*layer.classes, *layer.boxes):
        head.final.kernel.assign(np.ones(head.final.kernel.shape))
    return layer, [tf.ones([1, 8, 8, 2]), tf.ones([1, 8, 8, 2])]


def test_dropout_is_a_function_of_the_seed_before_the_class_head() -> None:
    layer, maps = _dropping(0.25)
    seed = tf.constant([1, 2])
    predictions = layer(maps, training=True, seed=seed)
    logits = predictions.class_logits[0, :, 0].numpy()
    # Of two channels none, one or both are left, 4 / 3 as large.
    assert set(np.round(logits * 3).astype(int)) == {0, 4, 8}
    assert 0.6 < logits.mean() / 2 < 1.4
    assert not np.array_equal(logits[:64], logits[64:])  # each map draws for itself
    np.testing.assert_array_equal(predictions.box_codes, np.full([1, 128, 4], 2.0))
    np.testing.assert_array_equal(layer(maps, training=True, seed=seed).class_logits[0, :, 0], logits)
    other = layer(maps, training=True, seed=tf.constant([1, 3])).class_logits[0, :, 0]
    assert not np.array_equal(other, logits)


def test_nothing_is_dropped_in_inference_or_at_rate_0() -> None:
    layer, maps = _dropping(0.25)
    np.testing.assert_array_equal(layer(maps).class_logits, np.full([1, 128, 1], 2.0))
    with pytest.raises(ValueError, match="training with dropout needs a seed"):
        layer(maps, training=True)
    layer, maps = _dropping(0.0)
    np.testing.assert_array_equal(layer(maps, training=True).class_logits, np.full([1, 128, 1], 2.0))
