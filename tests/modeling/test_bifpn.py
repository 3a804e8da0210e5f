# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The BiFPN: its fusions, its changes of size."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from efficientdet.modeling.bifpn import BiFPN, CombineMethod, Fusion, max_pool_half, upsample_to
from efficientdet.modeling.hyperparams import ConvHyperparams


@pytest.mark.parametrize(
    ("method", "weights", "expected"),
    [
        ("fast_attention", [3.0, 1.0], (3 * 1 + 1 * 10) / 4.0001),
        ("fast_attention", [1.0, -5.0], 1 / 1.0001),
        ("weighted_sum", [3.0, -1.0], -7.0),
        ("attention", [3.0, 0.0], 11.0),  # the plain sum, as in TFOD
        ("sum", None, 11.0),
    ],
)
def test_fusion_by_hand(method: CombineMethod, weights: list[float] | None, expected: float) -> None:
    fusion = Fusion(2, method, name="fusion")
    assert [tuple(v.shape) for v in fusion.weights] == ([] if weights is None else [(2, 1)])
    if weights is not None:
        np.testing.assert_array_equal(fusion.fusion_weights, [[1.0], [1.0]])
        fusion.fusion_weights.assign(np.reshape(weights, (2, 1)))
    result = fusion([tf.fill([1, 2, 2, 3], 1.0), tf.fill([1, 2, 2, 3], 10.0)])
    np.testing.assert_allclose(result, np.full([1, 2, 2, 3], expected), rtol=1e-6)


def test_unknown_fusion() -> None:
    with pytest.raises(ValueError, match=r"combine_method \('max'\) must be one of fast_attention, attention"):
        Fusion(2, "max", name="fusion")  # type: ignore[arg-type]


def test_upsampling_by_hand() -> None:
    feature = tf.reshape(tf.range(4.0), [1, 2, 2, 1])
    assert upsample_to(feature, (4, 3))[0, :, :, 0].numpy().tolist() == [[0, 0, 1], [0, 0, 1], [2, 2, 3], [2, 2, 3]]
    pooled = max_pool_half(tf.reshape(tf.range(9.0), [1, 3, 3, 1]))
    assert pooled[0, :, :, 0].numpy().tolist() == [[4, 5], [7, 8]]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.booleans(), st.booleans())
def test_upsampling_doubles_pixels_and_cuts_odd_sizes(
    height: int, width: int, odd_height: bool, odd_width: bool
) -> None:
    size = (2 * height - odd_height, 2 * width - odd_width)
    feature = tf.random.stateless_normal([2, height, width, 3], [height, width])
    expected = np.repeat(np.repeat(feature, 2, axis=1), 2, axis=2)[:, : size[0], : size[1]]
    np.testing.assert_array_equal(upsample_to(feature, size), expected)
    dynamic = tf.function(upsample_to, autograph=False).get_concrete_function(
        tf.TensorSpec([None, None, None, 3]), (tf.TensorSpec([], tf.int32), tf.TensorSpec([], tf.int32))
    )
    np.testing.assert_array_equal(dynamic(feature, tf.constant(size[0]), tf.constant(size[1])), expected)


@pytest.mark.parametrize(("max_level", "sizes"), [(7, [40, 20, 10, 5, 3]), (8, [40, 20, 10, 5, 3, 2])])
def test_odd_pyramids(max_level: int, sizes: list[int]) -> None:
    fpn = BiFPN((4, 6, 8), max_level=max_level, num_filters=8, num_iterations=2, hyperparams=ConvHyperparams())
    assert fpn.levels == tuple(range(3, max_level + 1))
    features = [tf.zeros([1, size, size, channels]) for size, channels in ((40, 4), (20, 6), (10, 8))]
    assert [tuple(x.shape) for x in fpn(features)] == [(1, size, size, 8) for size in sizes]


def test_only_differing_channels_are_projected() -> None:
    fpn = BiFPN((4, 6, 8), num_filters=8, num_iterations=2, hyperparams=ConvHyperparams())
    projected = {name.rsplit("/conv", 1)[0] for v in fpn.weights if (name := v.name).endswith("/conv/kernel:0")}
    # C5 has 8 channels already; C4 is projected twice, once on the way down and once on the way up.
    assert projected == {"fpn/down1_P4/input_0", "fpn/down1_P3/input_0", "fpn/up1_P4/input_0"}


def test_without_batch_norm_convolutions_keep_their_bias() -> None:
    hyperparams = ConvHyperparams(norm=None, use_bias=False)
    fpn = BiFPN((4, 6, 8), num_filters=8, num_iterations=1, combine_method="sum", hyperparams=hyperparams)
    kinds = {v.name.rsplit("/", 1)[1] for v in fpn.weights}
    assert kinds == {"kernel:0", "bias:0", "depthwise_kernel:0", "pointwise_kernel:0"}
    bare = BiFPN((8, 8, 8), num_filters=8, num_iterations=1, hyperparams=ConvHyperparams(use_bias=False))
    assert not any("bias" in v.name for v in bare.weights)
