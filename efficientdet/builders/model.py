# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the network from `model.ssd`."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from efficientdet.builders.box_predictor import build_heads
from efficientdet.builders.extractors import extractor_builder
from efficientdet.builders.kernels import training_kernels
from efficientdet.config import PipelineConfig
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.layers import initialization_seed
from efficientdet.modeling.precision import Precision, computing_in
from efficientdet.ops.kernels import choosing
from efficientdet.protos import train_pb2

_FIRST_STAGES_STRIDE = 8

PRECISIONS: dict[int, Precision] = {
    train_pb2.FLOAT32: "float32",
    train_pb2.BFLOAT16: "bfloat16",
    train_pb2.FLOAT16: "float16",
}


def build_model(config: PipelineConfig, *, seed: int = 0, precision: Precision = "float32") -> DetectionModel:
    """Builds the network with fresh weights.

    Args:
      config: resolved.
      seed: of the initial weights.
      precision: what the network computes in. Its variables, and so its checkpoints, are the same in any case.

    Returns:
      The network; all its variables exist.

    Raises:
      ConfigError: the parts do not fit each other.
    """
    builder = extractor_builder(config)
    with initialization_seed(seed), computing_in(precision):
        extractor = builder.build(config.proto.model.ssd, builder.variant)
        return DetectionModel(extractor.backbone, extractor.fpn, build_heads(config, extractor.channels))


def build_training_model(config: PipelineConfig) -> DetectionModel:
    """Builds the network as `train_config` wants it for training.

    Args:
      config: resolved; its seed is that of the initial weights.

    Returns:
      The network; it computes in `precision`, with `kernels`, and the parts that `recompute` names twice.

    Raises:
      ConfigError: the parts do not fit each other.
    """
    train = config.proto.train_config
    with choosing(training_kernels(train)):
        model = build_model(config, seed=train.seed, precision=training_precision(train))
    for part in train.recompute:
        RECOMPUTED_PARTS[part](model)
    return model


def _recompute_backbone(model: DetectionModel, *, stride: float) -> None:
    model.backbone.recompute_stride = max(stride, model.backbone.recompute_stride)


def _recompute_pyramid(model: DetectionModel) -> None:
    if model.fpn is not None:  # a config that asks for it was checked to have one
        model.fpn.recompute = True


def _recompute_heads(model: DetectionModel) -> None:
    model.heads.recompute = True


RECOMPUTED_PARTS: dict[int, Callable[[DetectionModel], None]] = {
    train_pb2.FIRST_STAGES: functools.partial(_recompute_backbone, stride=_FIRST_STAGES_STRIDE),
    train_pb2.BACKBONE: functools.partial(_recompute_backbone, stride=math.inf),
    train_pb2.PYRAMID: _recompute_pyramid,
    train_pb2.HEADS: _recompute_heads,
}


def training_precision(train: train_pb2.TrainConfig) -> Precision:
    """What a training computes in."""
    return PRECISIONS[train.precision]


def backbone_variant(config: PipelineConfig) -> str:
    """The backbone that the extractor's type names: "b0" to "b7", "lite0" to "lite4" or "vgg16"."""
    return extractor_builder(config).variant
