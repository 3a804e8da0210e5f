# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What each field of `feature_extractor` does to an EfficientNet and its BiFPN that are built from a config."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from efficientdet.builders.extractors import EXTRACTORS, FeatureExtractor
from tests.end_to_end.tiny import CONFIG, SIZE
from tests.fields.rows import config, field, ssd


def _num_blocks(built: FeatureExtractor) -> Any:
    return len(built.backbone.specs)


def _ends(built: FeatureExtractor) -> Any:
    """The numbers of the blocks whose outputs the pyramid reads."""
    return built.backbone._ends


def _survival_of_the_last_block(built: FeatureExtractor) -> Any:
    return built.backbone._survival[-1]


def _decay_of_the_stem(built: FeatureExtractor) -> Any:
    """The stem's loss term, as a share of the sum of its squares."""
    (loss,) = built.backbone.stem.losses
    return loss / np.square(built.backbone.stem.kernel).sum()


def _num_decaying(built: FeatureExtractor) -> Any:
    return len(built.backbone.losses)


def _levels(built: FeatureExtractor) -> Any:
    return built.fpn.levels


def _num_nodes(built: FeatureExtractor) -> Any:
    return len(built.fpn.nodes)


def _num_fusion_weights(built: FeatureExtractor) -> Any:
    return sum("fusion" in variable.name for variable in built.fpn.weights)


# A network takes half a second to build, so that rows share a few. Lite0 has 1, 2, 2, 3, 3, 4, 1 blocks in its stacks.
# Lite1 is 1.1 times as deep but for the first and the last stack: 1, 3, 3, 4, 4, 5, 1. All blocks but the first have a
# 1x1 expansion, each has a depthwise convolution and a projection. B0 has Lite0's blocks, with two 1x1 convolutions for
# squeeze-and-excite in each.
_LITE0 = """
type: "ssd_efficientnet-lite0_bifpn_keras" survival_probability: 0.5
backbone_regularization { weight: 3 depthwise_kernels: false }
bifpn { min_level: 3 max_level: 7 num_filters: 24 num_iterations: 2 combine_method: "sum" }
"""
_LITE1 = """
type: "ssd_efficientnet-lite1_bifpn_keras" survival_probability: 0.8 endpoints: LAST_BLOCK
backbone_regularization { weight: 1 depthwise_kernels: true }
bifpn { min_level: 3 max_level: 8 num_filters: 16 num_iterations: 1 combine_method: "fast_attention" }
"""
_LITE1_AS_B0 = 'type: "ssd_efficientnet-lite1_bifpn_keras" endpoints: B0_LAYER_NAMES'
_B0 = """
type: "ssd_efficientnet-b0_bifpn_keras"
backbone_regularization {{ depthwise_kernels: false squeeze_excite_biases: {} }}
"""
_Row = tuple[str, Callable[[FeatureExtractor], Any], Any, pytest.MarkDecorator]
_ROWS: list[_Row] = [
    (_LITE0, _num_blocks, 16, field("SsdFeatureExtractor.type")),
    (_LITE1, _num_blocks, 21, field("SsdFeatureExtractor.type")),
    (_LITE1, _ends, (6, 14, 20), field("SsdFeatureExtractor.endpoints")),
    # The second block of the third stack and the third of the fifth: the last ones in B0.
    (_LITE1_AS_B0, _ends, (5, 13, 20), field("SsdFeatureExtractor.endpoints")),
    (_LITE0, _survival_of_the_last_block, 1 - 0.5 * 15 / 16, field("SsdFeatureExtractor.survival_probability")),
    (_LITE1, _survival_of_the_last_block, 1 - 0.2 * 20 / 21, field("SsdFeatureExtractor.survival_probability")),
    (_LITE0, _decay_of_the_stem, 1.5, field("SsdFeatureExtractor.BackboneRegularization.weight")),
    (_LITE1, _decay_of_the_stem, 0.5, field("SsdFeatureExtractor.BackboneRegularization.weight")),
    (_LITE0, _num_decaying, 1 + 15 + 16, field("SsdFeatureExtractor.BackboneRegularization.depthwise_kernels")),
    (_LITE1, _num_decaying, 1 + 20 + 2 * 21, field("SsdFeatureExtractor.BackboneRegularization.depthwise_kernels")),
    (_B0.format("false"), _num_decaying, 1 + 15 + 16 + 2 * 16,
     field("SsdFeatureExtractor.BackboneRegularization.squeeze_excite_biases")),
    (_B0.format("true"), _num_decaying, 1 + 15 + 16 + 4 * 16,
     field("SsdFeatureExtractor.BackboneRegularization.squeeze_excite_biases")),
    (_LITE0, _levels, (3, 4, 5, 6, 7),
     field("BidirectionalFeaturePyramidNetworks.min_level", "BidirectionalFeaturePyramidNetworks.max_level")),
    (_LITE1, _levels, (3, 4, 5, 6, 7, 8), field("BidirectionalFeaturePyramidNetworks.max_level")),
    (_LITE0, lambda built: built.channels, (24,) * 5, field("BidirectionalFeaturePyramidNetworks.num_filters")),
    (_LITE1, lambda built: built.channels, (16,) * 6, field("BidirectionalFeaturePyramidNetworks.num_filters")),
    # As many nodes on the way down as on the way up, one less than levels.
    (_LITE0, _num_nodes, 2 * (4 + 4),
     field("SsdFeatureExtractor.bifpn", "BidirectionalFeaturePyramidNetworks.num_iterations")),
    (_LITE1, _num_nodes, 5 + 5, field("BidirectionalFeaturePyramidNetworks.num_iterations")),
    (_LITE0, _num_fusion_weights, 0, field("BidirectionalFeaturePyramidNetworks.combine_method")),
    (_LITE1, _num_fusion_weights, 5 + 5, field("BidirectionalFeaturePyramidNetworks.combine_method")),
]  # fmt: skip


@functools.cache
def _built(text: str) -> FeatureExtractor:
    anchors = "anchor_generator { multiscale_anchor_generator { max_level: 8 } }" if "max_level: 8" in text else ""
    settings = config(CONFIG, SIZE, *ssd(f"feature_extractor {{ {text} }} {anchors}")).proto.model.ssd
    builder = EXTRACTORS[settings.feature_extractor.type]
    return builder.build(settings, builder.variant)


@pytest.mark.parametrize(("text", "measure", "expected"), [pytest.param(*row[:3], marks=row[3]) for row in _ROWS])
def test_a_field_of_the_feature_extractor(text: str, measure: Callable[[FeatureExtractor], Any], expected: Any) -> None:
    np.testing.assert_allclose(measure(_built(text)), expected, rtol=1e-5)
