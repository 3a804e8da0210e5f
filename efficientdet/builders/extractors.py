# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the feature extractor of `model.ssd.feature_extractor`: one row for each type."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, cast

from efficientdet.builders.hyperparams import build_backbone_batch_norm, build_conv_hyperparams, freezes_backbone
from efficientdet.config import PipelineConfig
from efficientdet.modeling import vgg_ssd
from efficientdet.modeling.bifpn import BiFPN
from efficientdet.modeling.detection_model import Backbone
from efficientdet.modeling.efficientnet import EfficientNet, Endpoints
from efficientdet.modeling.hyperparams import BackboneDecay
from efficientdet.modeling.scaling import BACKBONES, CombineMethod
from efficientdet.modeling.vgg_ssd import VggSsd
from efficientdet.ops import anchors
from efficientdet.protos import ssd_pb2
from efficientdet.verdicts.extractors import TYPE_RULE

_BACKBONE_LEVELS = (3, 4, 5)

ENDPOINTS: dict[int, Endpoints] = {
    ssd_pb2.SsdFeatureExtractor.B0_LAYER_NAMES: "b0_layer_names",
    ssd_pb2.SsdFeatureExtractor.LAST_BLOCK: "last_block",
}


class FeatureExtractor(NamedTuple):
    """What makes the feature maps that the heads read."""

    backbone: Backbone
    fpn: BiFPN | None
    channels: tuple[int, ...]  # of the maps, finest first


class ExtractorBuilder(NamedTuple):
    """What is built of one type.

    Attributes:
      variant: of the backbone.
      build: (model.ssd, variant) -> the feature extractor.
      feature_sizes: (model.ssd, (height, width) of the input in pixels) -> (height, width) of the maps that the heads
        read, finest first.
    """

    variant: str
    build: Callable[[ssd_pb2.Ssd, str], FeatureExtractor]
    feature_sizes: Callable[[ssd_pb2.Ssd, tuple[int, int]], list[tuple[int, int]]]


def extractor_builder(config: PipelineConfig) -> ExtractorBuilder:
    """The row of a config's type.

    Raises:
      ConfigError: there is none.
    """
    name = config.proto.model.ssd.feature_extractor.type
    if name not in EXTRACTORS:
        raise config.error("model.ssd.feature_extractor.type", TYPE_RULE)
    return EXTRACTORS[name]


def _efficientnet_bifpn(ssd: ssd_pb2.Ssd, variant: str) -> FeatureExtractor:
    extractor = ssd.feature_extractor
    decay, bifpn = extractor.backbone_regularization, extractor.bifpn
    backbone = EfficientNet(
        variant,
        levels=_BACKBONE_LEVELS,
        endpoints=ENDPOINTS[extractor.endpoints],
        survival_probability=extractor.survival_probability,
        batch_norm=build_backbone_batch_norm(ssd),
        decay=BackboneDecay(decay.weight, decay.depthwise_kernels, decay.squeeze_excite_biases),
    )
    fpn = BiFPN(
        backbone.channels,
        levels=_BACKBONE_LEVELS,
        max_level=bifpn.max_level,
        num_filters=bifpn.num_filters,
        num_iterations=bifpn.num_iterations,
        combine_method=cast(CombineMethod, bifpn.combine_method),  # one of them: the config was checked
        hyperparams=build_conv_hyperparams(extractor.conv_hyperparams, freeze_batch_norm=ssd.freeze_batchnorm),
    )
    return FeatureExtractor(backbone, fpn, (bifpn.num_filters,) * len(fpn.levels))


def _pyramid_sizes(ssd: ssd_pb2.Ssd, image_size: tuple[int, int]) -> list[tuple[int, int]]:
    bifpn = ssd.feature_extractor.bifpn
    return anchors.feature_sizes(image_size, bifpn.min_level, bifpn.max_level)


def _vgg_ssd(ssd: ssd_pb2.Ssd, _: str) -> FeatureExtractor:
    hyperparams = build_conv_hyperparams(
        ssd.feature_extractor.conv_hyperparams, freeze_batch_norm=freezes_backbone(ssd)
    )
    backbone = VggSsd(hyperparams=hyperparams)
    return FeatureExtractor(backbone, None, backbone.channels)


def _vgg_sizes(_: ssd_pb2.Ssd, image_size: tuple[int, int]) -> list[tuple[int, int]]:
    return vgg_ssd.feature_sizes(image_size)


EXTRACTORS: dict[str, ExtractorBuilder] = {
    **{
        f"ssd_efficientnet-{variant}_bifpn_keras": ExtractorBuilder(variant, _efficientnet_bifpn, _pyramid_sizes)
        for variant in BACKBONES
    },
    "ssd_vgg16_keras": ExtractorBuilder(VggSsd.variant, _vgg_ssd, _vgg_sizes),
}
