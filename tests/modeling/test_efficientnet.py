# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""EfficientNet: its blocks, its endpoints, its stochastic depth."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from efficientdet.modeling.efficientnet import EfficientNet, block_specs, endpoint_blocks, round_filters
from efficientdet.modeling.hyperparams import BackboneDecay
from efficientdet.modeling.scaling import BACKBONES


@pytest.mark.parametrize(
    ("filters", "width", "expected"),
    [
        (32, 1.0, 32),
        (32, 1.1, 32),  # 35.2
        (24, 1.4, 32),  # 33.6
        (80, 1.1, 88),
        (16, 1.2, 24),  # 19.2 rounds to 16, which is below 90 %
        (1, 1.0, 8),
    ],
)
def test_round_filters(filters: int, width: float, expected: int) -> None:
    assert round_filters(filters, width) == expected


@given(st.integers(1, 2000), st.floats(0.1, 3))
def test_rounded_filters_are_near_and_even(filters: int, width: float) -> None:
    rounded = round_filters(filters, width)
    assert rounded % 8 == 0
    assert 0.9 * filters * width <= rounded < filters * width + 8


def test_blocks_are_those_of_tfod(shared: Path) -> None:
    rows = json.loads((shared / "facts/tfod_model_table.json").read_text())
    assert len(rows) == 8
    for row in rows:
        variant = row["extractor"].split("-")[1].split("_")[0]
        specs = block_specs(BACKBONES[variant])
        repeats = [sum(spec.stack == stack for spec in specs) for stack in range(7)]
        widths = [next(spec.filters for spec in specs if spec.stack == stack) for stack in range(7)]
        assert repeats == row["stack_repeats"]
        assert widths == [row["block_out_channels"][f"s{stack}"] for stack in range(7)]
        assert specs[0].in_filters == row["block_out_channels"]["stem"]
        ends = [specs[end] for end in endpoint_blocks(specs, (3, 4, 5), "b0_layer_names")]
        assert [f"stack_{end.stack}/block_{end.block}" for end in ends] == [
            endpoint.rsplit("/", 1)[0] for endpoint in row["endpoints"]
        ]
        assert [end.filters for end in ends] == row["endpoint_channels"]


def test_endpoints() -> None:
    b0, b1 = (block_specs(BACKBONES[variant]) for variant in ("b0", "b1"))
    every = (1, 2, 3, 4, 5)
    assert endpoint_blocks(b0, every, "b0_layer_names") == endpoint_blocks(b0, every, "last_block") == (0, 2, 4, 10, 15)
    assert endpoint_blocks(b1, every, "last_block") == (1, 4, 7, 15, 22)
    assert endpoint_blocks(b1, every, "b0_layer_names") == (0, 3, 6, 14, 21)
    with pytest.raises(ValueError, match=r"levels \(3, 6\) must lie in 1..5"):
        endpoint_blocks(b0, (3, 6), "last_block")
    with pytest.raises(ValueError, match=r"endpoints \('middle'\)"):
        endpoint_blocks(b0, (3,), "middle")  # type: ignore[arg-type]


@pytest.mark.parametrize("variant", ["b0", "lite0"])
def test_feature_maps_halve_with_rounding_up(variant: str) -> None:
    backbone = EfficientNet(variant, levels=(2, 3, 4))
    features = backbone(tf.zeros([2, 65, 40, 3]))
    assert [tuple(feature.shape) for feature in features] == [(2, 17, 10, 24), (2, 9, 5, 40), (2, 5, 3, 112)]
    assert backbone.channels == (24, 40, 112)
    assert len(backbone.blocks) == 11  # nothing behind level 4 is built


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="backbone 'b8' is none of b0, b1"):
        EfficientNet("b8")
    for survival in (0.0, 1.5):
        with pytest.raises(ValueError, match="survival_probability"):
            EfficientNet("b0", survival_probability=survival)


@pytest.mark.parametrize(
    ("decay", "kinds"),
    [
        (BackboneDecay(), {"kernel", "squeeze_excite/bias"}),
        (BackboneDecay(2e-5, depthwise_kernels=True, squeeze_excite_biases=False), {"kernel", "depthwise_kernel"}),
        (BackboneDecay(0.0, depthwise_kernels=True), set()),
    ],
)
def test_what_decays(decay: BackboneDecay, kinds: set[str]) -> None:
    backbone = EfficientNet("b0", levels=(2,), decay=decay)
    for variable in backbone.trainable_weights:
        variable.assign(tf.ones_like(variable))
    with tf.GradientTape() as tape:
        loss = tf.add_n(backbone.losses) if kinds else tf.zeros([])
    for variable, gradient in zip(
        backbone.trainable_weights, tape.gradient(loss, backbone.trainable_weights), strict=True
    ):
        kind = variable.name.removesuffix(":0").split("/")
        name = "/".join(("squeeze_excite", kind[-1])) if kind[-1] == "bias" else kind[-1]
        if name in kinds:
            np.testing.assert_allclose(gradient, np.full(variable.shape, decay.l2_weight), rtol=1e-6)
        else:
            assert gradient is None, variable.name


def test_stochastic_depth_rates_are_those_of_tfod() -> None:
    backbone = EfficientNet("b0", survival_probability=0.8)
    rates = {
        f"s{spec.stack}b{spec.block}": 1 - survival
        for spec, survival in zip(backbone.specs, backbone._survival, strict=True)
        if spec.has_residual
    }
    expected = {"s1b1": 0.025, "s2b1": 0.05, "s3b1": 0.075, "s3b2": 0.0875, "s4b1": 0.1125}
    expected |= {"s4b2": 0.125, "s5b1": 0.15, "s5b2": 0.1625, "s5b3": 0.175}
    assert rates == pytest.approx(expected)
    # Blocks that are not in use count too.
    assert EfficientNet("b0", levels=(3,), survival_probability=0.8)._survival == backbone._survival[:5]


def test_stochastic_depth_drops_whole_samples_and_keeps_the_mean() -> None:
    backbone = EfficientNet("lite0", survival_probability=0.2)
    scales = backbone._residual_scales(tf.constant(4000), tf.constant([1, 2]))
    assert sorted(scales) == [k for k, spec in enumerate(backbone.specs) if spec.has_residual]
    for k, scale in scales.items():
        assert scale.shape == (4000, 1, 1, 1)
        survival = backbone._survival[k]
        np.testing.assert_allclose(np.unique(scale), [0, 1 / survival], rtol=1e-6)
        assert np.mean(scale) == pytest.approx(1, abs=5 * np.sqrt((1 / survival - 1) / 4000))
    draws = np.stack([scale[:, 0, 0, 0] > 0 for scale in scales.values()])
    assert np.abs(np.corrcoef(draws) - np.eye(len(draws))).max() < 0.1  # blocks are drawn independently


def test_stochastic_depth_is_a_function_of_the_seed() -> None:
    backbone = EfficientNet("lite0", levels=(3,), survival_probability=0.3)
    images = tf.random.stateless_normal([4, 32, 32, 3], [0, 1])

    def output(seed: list[int]) -> np.ndarray:
        return backbone(images, training=True, seed=tf.constant(seed))[0].numpy()

    first = output([1, 2])
    np.testing.assert_array_equal(output([1, 2]), first)
    assert any(np.abs(output([1, other]) - first).max() > 1e-3 for other in (3, 4, 5))
    with pytest.raises(ValueError, match="stochastic depth needs a seed"):
        backbone(images, training=True)
    backbone(images)  # inference draws nothing
    EfficientNet("lite0", levels=(3,), survival_probability=1.0)(images, training=True)
