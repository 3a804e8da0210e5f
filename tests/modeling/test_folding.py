# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Folded batch norms: by hand, against the layers themselves for every kind of convolution, and in every part."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling import layers
from efficientdet.modeling.bifpn import BiFPN
from efficientdet.modeling.conv_unit import ConvUnit
from efficientdet.modeling.convolutional_heads import ConvolutionalHeads, ConvolutionalHeadSettings
from efficientdet.modeling.folding import folded, normalized, normalized_each
from efficientdet.modeling.hyperparams import (
    BackboneDecay,
    BatchNormSettings,
    ConvHyperparams,
    GroupNormSettings,
    KernelSettings,
)
from efficientdet.modeling.mbconv import BlockSpec, MBConvBlock
from efficientdet.modeling.weight_shared_heads import WeightSharedHeads, WeightSharedHeadSettings
from efficientdet.ops.kernels import FAST, PLAIN, Kernels, choosing

_NORM = BatchNormSettings()
_HYPERPARAMS = ConvHyperparams(norm=_NORM)
_KERNEL = KernelSettings()


def _disturb(layer: tf.Module) -> None:
    """Gives all variables values of a trained network: no zeros, no ones, positive variances."""
    draws = np.random.default_rng(0)
    for variable in layer.variables:
        low, high = (0.3, 3.0) if "variance" in variable.name or "gamma" in variable.name else (-1.0, 1.0)
        variable.assign(draws.uniform(low, high, variable.shape))


def _operations(function: Callable[[], Any]) -> list[str]:
    graph = tf.function(function, autograph=False).get_concrete_function().graph
    return [operation.type for operation in graph.get_operations()]


def test_a_fold_worked_out_by_hand() -> None:
    conv = layers.conv2d(1, 1, 1, kernel=_KERNEL, use_bias=True, name="conv")
    norm = layers.normalization(1, settings=_NORM._replace(epsilon=0.25), name="norm")
    for variable, value in (
        (conv.kernel, 2.0), (conv.bias, 1.0),
        (norm.gamma, 3.0), (norm.beta, 0.5), (norm.moving_mean, 4.0), (norm.moving_variance, 3.75),
    ):  # fmt: skip
        variable.assign(tf.fill(variable.shape, value))
    with folded() as names:
        # 3 / sqrt(3.75 + 0.25) = 1.5 times (2 x + 1 - 4), plus 0.5: 3 x - 4
        result = normalized(conv, norm, tf.constant([[[[3.0], [0.0]]]]))
    np.testing.assert_array_equal(result, [[[[5.0], [-4.0]]]])
    assert names == ["norm"]


_CONVOLUTIONS: dict[str, Callable[[], keras.layers.Layer]] = {
    "1x1": lambda: layers.conv2d(6, 8, 1, kernel=_KERNEL, name="conv"),
    "strided, with a bias": lambda: layers.conv2d(6, 8, 3, strides=2, kernel=_KERNEL, use_bias=True, name="conv"),
    "dilated, valid": lambda: layers.conv2d(6, 8, 3, dilation=2, padding="valid", kernel=_KERNEL, name="conv"),
    "depthwise": lambda: layers.depthwise_conv2d(6, 5, kernel=_KERNEL, use_bias=True, name="conv"),
    "strided depthwise": lambda: layers.depthwise_conv2d(6, 3, strides=2, kernel=_KERNEL, name="conv"),
    "separable": lambda: layers.separable_conv2d(6, 8, 3, depthwise=_KERNEL, pointwise=_KERNEL, name="conv"),
}


@pytest.mark.parametrize("affine", [(True, True), (False, True), (True, False), (False, False)])
@pytest.mark.parametrize("kind", _CONVOLUTIONS)
def test_each_kind_gives_what_both_layers_give(kind: str, affine: tuple[bool, bool]) -> None:
    conv = _CONVOLUTIONS[kind]()
    x = tf.random.stateless_normal([2, 7, 9, 6], [1, 2])
    channels = conv(x).shape[-1]
    norm = layers.normalization(channels, settings=_NORM._replace(center=affine[0], scale=affine[1]), name="norm")
    _disturb(conv)
    _disturb(norm)
    expected = norm(conv(x), training=False)
    with folded():
        result = normalized(conv, norm, x)
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=2e-5)


def test_maps_that_share_a_convolution_keep_norms_of_their_own() -> None:
    conv = layers.separable_conv2d(6, 4, 3, depthwise=_KERNEL, pointwise=_KERNEL, name="conv")
    norms = [layers.normalization(4, settings=_NORM, name=f"norm_{level}") for level in range(2)]
    _disturb(norms[1])
    maps = [tf.random.stateless_normal([1, size, size, 6], [3, size]) for size in (4, 3)]
    expected = normalized_each(conv, norms, maps)
    with folded() as names:
        results = normalized_each(conv, norms, maps)
    assert names == ["norm_0", "norm_1"]
    for result, values in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, values, rtol=1e-5, atol=1e-5)


def test_outside_of_the_block_in_training_and_without_a_batch_norm_nothing_changes() -> None:
    conv = layers.conv2d(6, 4, 3, kernel=_KERNEL, name="conv")
    norm = layers.normalization(4, settings=_NORM, name="norm")
    group_norm = layers.normalization(4, settings=GroupNormSettings(max_groups=2), name="group_norm")
    x = tf.random.stateless_normal([2, 5, 5, 6], [1, 2])
    assert _operations(lambda: normalized(conv, norm, x)) == _operations(lambda: norm(conv(x), training=False))
    with folded() as names:
        trains = _operations(lambda: normalized(conv, norm, x, training=True))
        np.testing.assert_array_equal(normalized(conv, group_norm, x), group_norm(conv(x)))
        np.testing.assert_array_equal(normalized(conv, None, x), conv(x))
        np.testing.assert_array_equal(normalized_each(conv, None, [x])[0], layers.convolve_each(conv, [x])[0])
    assert trains == _operations(lambda: norm(conv(x), training=True))
    assert names == []


def test_frozen_batch_norms_are_folded_whatever_the_weights_become() -> None:
    conv = layers.conv2d(6, 4, 1, kernel=_KERNEL, name="conv")
    norm = layers.normalization(4, settings=_NORM._replace(frozen=True), name="norm")
    x = tf.random.stateless_normal([1, 3, 3, 6], [1, 2])
    before = norm(conv(x))
    with folded():
        function = tf.function(lambda x: normalized(conv, norm, x), autograph=False).get_concrete_function(x)
    _disturb(conv)
    _disturb(norm)
    np.testing.assert_allclose(function(x), before, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kernels", [PLAIN, FAST])
@pytest.mark.parametrize("is_folded", [False, True])
def test_gates_come_before_the_convolution(is_folded: bool, kernels: Kernels) -> None:
    with choosing(kernels):
        conv = layers.conv2d(4, 2, 1, kernel=_KERNEL, use_bias=True, name="conv")
    norm = layers.normalization(2, settings=_NORM, name="norm")
    _disturb(conv)
    _disturb(norm)
    x, gates = _maps(4)[0], tf.constant([0.0, 0.5, 1.0, 2.0], shape=[1, 1, 1, 4])
    expected = norm(conv(x * gates), training=False)
    with folded() if is_folded else contextlib.nullcontext():
        np.testing.assert_allclose(normalized(conv, norm, x, gates=gates), expected, rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(normalized(conv, None, x, gates=gates), conv(x * gates), rtol=1e-5, atol=1e-5)


def _maps(channels: int) -> list[tf.Tensor]:
    return [tf.random.stateless_normal([1, size, size, channels], [5, size]) for size in (5, 3)]


def _block() -> tuple[tf.Module, Callable[[], Any]]:
    spec = BlockSpec(1, 0, in_filters=8, filters=8, expand_ratio=2, kernel_size=3, strides=1)
    block = MBConvBlock(
        spec, squeeze_excite=True, activation=tf.nn.silu, decay=BackboneDecay(), batch_norm=_NORM, name="block"
    )
    return block, lambda: block(_maps(8)[0])


def _pyramid() -> tuple[tf.Module, Callable[[], Any]]:
    fpn = BiFPN([4, 6], levels=(3, 4), max_level=5, num_filters=8, num_iterations=1, hyperparams=_HYPERPARAMS)
    return fpn, lambda: fpn([_maps(4)[0], _maps(6)[1]])


def _shared_heads() -> tuple[tf.Module, Callable[[], Any]]:
    settings = WeightSharedHeadSettings(depth=8, num_layers=2, hyperparams=_HYPERPARAMS)
    heads = WeightSharedHeads(8, num_levels=2, num_slots=3, num_anchors=2, settings=settings)
    return heads, lambda: heads(_maps(8))


def _own_heads() -> tuple[tf.Module, Callable[[], Any]]:
    settings = ConvolutionalHeadSettings(1, 4, 8, use_depthwise=True, hyperparams=_HYPERPARAMS)
    heads = ConvolutionalHeads([8, 8], num_slots=3, num_anchors=[2, 2], settings=settings)
    return heads, lambda: heads(_maps(8))


def _unit() -> tuple[tf.Module, Callable[[], Any]]:
    unit = ConvUnit(8, 4, 3, hyperparams=_HYPERPARAMS, name="unit")
    return unit, lambda: unit(_maps(8)[0])


@pytest.mark.parametrize(
    ("make", "count"),
    # Of the pyramid: four nodes, and the projections of C3, C4 (to two nodes) and C4 to P5. Of the heads: per level.
    [(_block, 3), (_pyramid, 8), (_shared_heads, 8), (_own_heads, 6), (_unit, 1)],
    ids=["block", "pyramid", "shared heads", "own heads", "unit"],
)
def test_every_part_of_a_network_folds_all_of_its_batch_norms(
    make: Callable[[], tuple[tf.Module, Callable[[], Any]]], count: int
) -> None:
    part, call = make()
    _disturb(part)
    expected = tf.nest.flatten(call())
    norms = [layer for layer in part.submodules if isinstance(layer, keras.layers.BatchNormalization)]
    with folded() as names:
        results = tf.nest.flatten(call())
        operations = _operations(call)
    assert len(names) == 2 * len(norms)  # in both calls
    assert len(norms) == count
    assert not [name for name in operations if "BatchNorm" in name]
    for result, values in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, values, rtol=1e-4, atol=1e-4)
