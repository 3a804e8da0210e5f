# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the network from `model.ssd`."""

from __future__ import annotations

from efficientdet.builders.box_predictor import build_heads
from efficientdet.builders.extractors import extractor_builder
from efficientdet.config import PipelineConfig
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.layers import initialization_seed


def build_model(config: PipelineConfig, *, seed: int = 0) -> DetectionModel:
    """Builds the network with fresh weights.

    Args:
      config: resolved.
      seed: of the initial weights.

    Returns:
      The network; all its variables exist.

    Raises:
      ConfigError: the parts do not fit each other.
    """
    builder = extractor_builder(config)
    with initialization_seed(seed):
        extractor = builder.build(config.proto.model.ssd, builder.variant)
        return DetectionModel(extractor.backbone, extractor.fpn, build_heads(config, extractor.channels))


def backbone_variant(config: PipelineConfig) -> str:
    """The backbone that the extractor's type names: "b0" to "b7", "lite0" to "lite4" or "vgg16"."""
    return extractor_builder(config).variant
