# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the network and its anchors from `model.ssd`."""

from __future__ import annotations

import re
from typing import cast

import numpy as np

from efficientdet.builders.hyperparams import build_conv_hyperparams
from efficientdet.config import PipelineConfig
from efficientdet.modeling.bifpn import BiFPN
from efficientdet.modeling.efficientdet import EfficientDet
from efficientdet.modeling.efficientnet import EfficientNet, Endpoints
from efficientdet.modeling.heads import HeadSettings, WeightSharedHeads
from efficientdet.modeling.hyperparams import BackboneDecay
from efficientdet.modeling.layers import initialization_seed
from efficientdet.modeling.scaling import CombineMethod
from efficientdet.ops.anchors import AnchorOrder, StrideRule, generate_anchors
from efficientdet.protos import anchor_generator_pb2, box_predictor_pb2, multiscale_anchor_generator_pb2, ssd_pb2

_Extractor = ssd_pb2.SsdFeatureExtractor
_Multiscale = multiscale_anchor_generator_pb2.MultiscaleAnchorGenerator

_BACKBONE_LEVELS = (3, 4, 5)
_EXTRACTOR_TYPE = re.compile(r"ssd_efficientnet-(b[0-7]|lite[0-4])_bifpn_keras")

ENDPOINTS: dict[int, Endpoints] = {
    _Extractor.B0_LAYER_NAMES: "b0_layer_names",
    _Extractor.LAST_BLOCK: "last_block",
}
ANCHOR_ORDERS: dict[int, AnchorOrder] = {
    _Multiscale.ASPECT_MAJOR: "aspect_major",
    _Multiscale.SCALE_MAJOR: "scale_major",
}
STRIDE_RULES: dict[int, StrideRule] = {_Multiscale.POWER_OF_TWO: "power_of_two", _Multiscale.EXACT: "exact"}


def build_model(config: PipelineConfig, *, seed: int = 0) -> EfficientDet:
    """Builds the network with fresh weights.

    Args:
      config: resolved.
      seed: of the initial weights.

    Returns:
      The network; all its variables exist.
    """
    ssd = config.proto.model.ssd
    with initialization_seed(seed):
        backbone = _build_backbone(config)
        bifpn = ssd.feature_extractor.bifpn
        fpn = BiFPN(
            backbone.channels,
            levels=_BACKBONE_LEVELS,
            max_level=bifpn.max_level,
            num_filters=bifpn.num_filters,
            num_iterations=bifpn.num_iterations,
            combine_method=cast(CombineMethod, bifpn.combine_method),  # one of them: the config was checked
            hyperparams=build_conv_hyperparams(ssd.feature_extractor.conv_hyperparams),
        )
        heads = _build_heads(
            ssd.box_predictor.weight_shared_convolutional_box_predictor,
            in_channels=bifpn.num_filters,
            num_levels=len(fpn.levels),
            num_classes=ssd.num_classes,
            num_anchors=_anchors_per_cell(ssd.anchor_generator),
        )
        return EfficientDet(backbone, fpn, heads)


def build_anchors(config: PipelineConfig, image_size: tuple[int, int]) -> np.ndarray:
    """Builds the anchors of a config.

    Args:
      config: resolved.
      image_size: (height, width) of the network's input in pixels.

    Returns:
      float32 [A, 4], normalised to the input.
    """
    settings = config.proto.model.ssd.anchor_generator.multiscale_anchor_generator
    return generate_anchors(
        image_size,
        min_level=settings.min_level,
        max_level=settings.max_level,
        anchor_scale=settings.anchor_scale,
        aspect_ratios=list(settings.aspect_ratios),
        scales_per_octave=settings.scales_per_octave,
        order=ANCHOR_ORDERS[settings.anchor_order],
        strides=STRIDE_RULES[settings.stride_rule],
    )


def backbone_variant(config: PipelineConfig) -> str:
    """The backbone that the extractor's type names: "b0" to "b7" or "lite0" to "lite4"."""
    match = _EXTRACTOR_TYPE.fullmatch(config.proto.model.ssd.feature_extractor.type)
    if match is None:
        raise config.error(
            "model.ssd.feature_extractor.type",
            "must be ssd_efficientnet-b0_bifpn_keras ... -b7_bifpn_keras or -lite0_bifpn_keras ... -lite4_bifpn_keras",
        )
    return match.group(1)


def _build_backbone(config: PipelineConfig) -> EfficientNet:
    extractor = config.proto.model.ssd.feature_extractor
    decay = extractor.backbone_regularization
    return EfficientNet(
        backbone_variant(config),
        levels=_BACKBONE_LEVELS,
        endpoints=ENDPOINTS[extractor.endpoints],
        survival_probability=extractor.survival_probability,
        decay=BackboneDecay(decay.weight, decay.depthwise_kernels, decay.squeeze_excite_biases),
    )


def _build_heads(
    predictor: box_predictor_pb2.WeightSharedConvolutionalBoxPredictor,
    *,
    in_channels: int,
    num_levels: int,
    num_classes: int,
    num_anchors: int,
) -> WeightSharedHeads:
    clip = predictor.box_encodings_clip_range
    return WeightSharedHeads(
        in_channels,
        num_levels=num_levels,
        num_classes=num_classes,
        num_anchors=num_anchors,
        settings=HeadSettings(
            depth=predictor.depth,
            num_layers=predictor.num_layers_before_predictor,
            kernel_size=predictor.kernel_size,
            use_depthwise=predictor.use_depthwise,
            hyperparams=build_conv_hyperparams(predictor.conv_hyperparams),
            apply_to_pointwise=predictor.apply_conv_hyperparams_pointwise,
            apply_to_final=predictor.apply_conv_hyperparams_to_heads,
        ),
        class_bias=predictor.class_prediction_bias_init,
        box_code_clip=(clip.min, clip.max) if predictor.HasField("box_encodings_clip_range") else None,
    )


def _anchors_per_cell(generator: anchor_generator_pb2.AnchorGenerator) -> int:
    settings = generator.multiscale_anchor_generator
    return len(settings.aspect_ratios) * settings.scales_per_octave
