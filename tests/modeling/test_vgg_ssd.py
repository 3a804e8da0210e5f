# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""SSD300's backbone: its maps, its parameters, and what reaches them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.modeling.convolutional_heads import ConvolutionalHeads, ConvolutionalHeadSettings
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.hyperparams import BatchNormSettings, ConvHyperparams, KernelSettings
from efficientdet.modeling.layers import initialization_seed
from efficientdet.modeling.vgg_ssd import ExtraLayers, ScaledL2Norm, VggSsd, _Extra, feature_sizes
from efficientdet.types import Predictions

_PLAIN = ConvHyperparams(tf.nn.relu, KernelSettings(l2_weight=5e-4), norm=None)
_NORMALISED = _PLAIN._replace(norm=BatchNormSettings(), use_bias=False)

# By hand, of the paper's figure 2: (3 * 3 * in + 1) * out of each convolution ...
_VGG16 = 14_714_688  # ... without the fully connected layers: the sum that Simonyan & Zisserman's table 1 gives
_FC = (9 * 512 + 1) * 1024 + (1024 + 1) * 1024
_EXTRAS = (
    (1024 + 1) * 256 + (9 * 256 + 1) * 512  # conv8
    + (512 + 1) * 128 + (9 * 128 + 1) * 256  # conv9
    + 2 * ((256 + 1) * 128 + (9 * 128 + 1) * 256)  # conv10, conv11
)  # fmt: skip
_SCALE = 512
# 21 slots and 4 codes for each of 4, 6, 6, 6, 4, 4 boxes.
_HEADS = 25 * (
    (9 * 512 + 1) * 4 + (9 * 1024 + 1) * 6 + (9 * 512 + 1) * 6 + (9 * 256 + 1) * (6 + 4 + 4)
)  # fmt: skip


def _ssd(hyperparams: ConvHyperparams = _PLAIN) -> DetectionModel:
    backbone = VggSsd(hyperparams=hyperparams)
    settings = ConvolutionalHeadSettings(hyperparams=hyperparams)
    heads = ConvolutionalHeads(backbone.channels, num_slots=21, num_anchors=[4, 6, 6, 6, 4, 4], settings=settings)
    return DetectionModel(backbone, None, heads)


@functools.cache
def _plain() -> DetectionModel:
    return _ssd()


@functools.cache
def _normalised() -> DetectionModel:
    return _ssd(_NORMALISED)


def _size(variables: list[tf.Variable]) -> int:
    return sum(variable.shape.num_elements() for variable in variables)


def test_parameters_are_those_of_the_paper() -> None:
    assert (_FC, _EXTRAS, _HEADS) == (5_769_216, 2_459_520, 3_341_550)
    model = _plain()
    assert _size(model.backbone.variables) == _VGG16 + _FC + _EXTRAS + _SCALE
    assert _size(model.heads.variables) == _HEADS
    assert _size(model.trainable_variables) == _size(model.variables) == 26_285_486


def test_maps_of_300_pixels() -> None:
    @tf.function(autograph=False, input_signature=[tf.TensorSpec([1, 300, 300, 3])])
    def maps_and_predictions(images: tf.Tensor) -> tuple[tuple[tf.Tensor, ...], Predictions]:
        maps = _plain().backbone(images)
        return maps, _plain().heads(maps)

    maps, predictions = maps_and_predictions.get_concrete_function().structured_outputs
    shapes = [(38, 512), (19, 1024), (10, 512), (5, 256), (3, 256), (1, 256)]
    assert [tuple(x.shape) for x in maps] == [(1, side, side, channels) for side, channels in shapes]
    # 4 * (38^2 + 3^2 + 1) + 6 * (19^2 + 10^2 + 5^2) boxes.
    assert predictions.class_logits.shape == (1, 8732, 21)
    assert predictions.box_codes.shape == (1, 8732, 4)


def test_sizes_of_other_inputs() -> None:
    assert feature_sizes((300, 300)) == [(side, side) for side in (38, 19, 10, 5, 3, 1)]
    # Upwards: 1 and 6 cells are 5 and 10 without the two unpadded convolutions; 257 pixels are 33 eighths, rounded up.
    assert feature_sizes((257, 600)) == [(33, 75), (17, 38), (9, 19), (5, 10), (3, 8), (1, 6)]
    for side in (256, 1):
        with pytest.raises(ValueError, match=f"need an input of at least 257 pixels a side, got {side}"):
            feature_sizes((300, side))
    with pytest.raises(ValueError, match="at least 257 pixels"):
        _plain().backbone(tf.zeros([1, 256, 300, 3]))


@pytest.mark.parametrize("build", [_plain, _normalised])
def test_gradients_reach_every_variable_and_are_added_two_by_two(build: Callable[[], DetectionModel]) -> None:
    model = build()

    @tf.function(autograph=False)
    def gradients(inputs: tf.Tensor) -> tuple[Sequence[tf.Tensor], list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            maps = model.backbone(inputs, training=True)
            predictions = model.heads(maps, training=True)
            loss = tf.reduce_sum(tf.square(predictions.class_logits)) + tf.reduce_sum(tf.square(predictions.box_codes))
        return maps, tape.gradient(loss, model.trainable_variables)

    traced = gradients.get_concrete_function(tf.TensorSpec([1, 257, 257, 3]))
    maps, found = traced.structured_outputs
    assert [tuple(x.shape[1:3]) for x in maps] == feature_sizes((257, 257))
    assert [v.name for v, gradient in zip(model.trainable_variables, found, strict=True) if gradient is None] == []
    # Three and more would be added in an order that depends on the threads' timing, see `ops.uses`.
    assert {len(op.inputs) for op in traced.graph.get_operations() if op.type == "AddN"} == {2}


def test_a_norm_follows_every_convolution() -> None:
    names = [variable.name.removesuffix(":0") for variable in _normalised().backbone.variables]
    convs = {name.removesuffix("/conv/kernel") for name in names if name.endswith("/conv/kernel")}
    assert len(convs) == 13 + 2 + 8
    assert {name for name in names if "conv4_3_norm" not in name} == {
        f"{conv}/{variable}"
        for conv in convs
        for variable in (
            "conv/kernel",
            *(f"norm/{part}" for part in ("gamma", "beta", "moving_mean", "moving_variance")),
        )
    }


def test_decay_reaches_every_kernel_and_nothing_else() -> None:
    model = _plain()
    kernels = [variable for variable in model.variables if variable.name.endswith("kernel:0")]
    assert len(model.losses) == len(kernels) == 23 + 12
    expected = 5e-4 * sum(float(tf.nn.l2_loss(kernel)) for kernel in kernels)
    assert float(model.regularization_loss()) == pytest.approx(expected, rel=1e-5)


def test_seeds_and_names_decide_the_start() -> None:
    def first_and_last(backbone: VggSsd) -> tuple[np.ndarray, np.ndarray]:
        return backbone.stages[0][0].conv.kernel.numpy(), backbone.extras[3].shrink.conv.kernel.numpy()

    start = first_and_last(_plain().backbone)
    for one, other in zip(start, first_and_last(_normalised().backbone), strict=True):
        np.testing.assert_array_equal(one, other)
    with initialization_seed(2):
        assert np.abs(start[0] - first_and_last(VggSsd(hyperparams=_PLAIN))[0]).max() > 1e-3


def test_the_normalised_map() -> None:
    norm = ScaledL2Norm(2, name="norm")
    norm.scale.assign([10.0, 20.0])
    # The length of (3, 4) is 5; nothing becomes nothing.
    np.testing.assert_allclose(norm(tf.constant([[3.0, 4.0], [0.0, 0.0]])), [[6.0, 16.0], [0.0, 0.0]], rtol=1e-5)
    np.testing.assert_array_equal(_plain().backbone.conv4_3_norm.scale, np.full(512, 20.0))


@pytest.mark.parametrize(("side", "strides", "expected"), [(10, 2, 5), (9, 2, 5), (5, 1, 3)])
def test_an_extra_layer_shrinks(side: int, strides: int, expected: int) -> None:
    layer = ExtraLayers(1, _Extra(1, 1, strides), hyperparams=_PLAIN, name="extra")
    layer.narrow.conv.kernel.assign([[[[1.0]]]])
    layer.shrink.conv.kernel.assign(np.ones([3, 3, 1, 1]))
    found = layer(tf.ones([1, side, side, 1]))[0, :, :, 0].numpy()
    assert found.shape == (expected, expected)
    # With a stride, one cell of zeros on each side: the corner sees 4 ones, the last one of an even side all 9.
    corner = 4.0 if strides == 2 else 9.0
    assert found[0, 0] == corner
    assert found[-1, -1] == (4.0 if side == 9 else 9.0)


def test_paths_in_a_checkpoint(tmp_path: Path) -> None:
    path = tf.train.Checkpoint(model=_plain()).write(str(tmp_path / "ckpt"))
    keys = {name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE") for name, _ in tf.train.list_variables(path)}
    assert {
        "model/backbone/stages/0/0/conv/kernel",
        "model/backbone/stages/3/2/conv/bias",
        "model/backbone/conv4_3_norm/scale",
        "model/backbone/fc6/conv/kernel",
        "model/backbone/extras/3/shrink/conv/kernel",
        "model/heads/boxes/0/final/kernel",
        "model/heads/classes/5/final/bias",
    } < keys
    assert len(keys) == len(_plain().weights) + 1  # and the graph of objects
