# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the heads from `model.ssd.box_predictor`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from efficientdet.builders.anchors import anchors_per_cell
from efficientdet.builders.choice import choice
from efficientdet.builders.hyperparams import build_conv_hyperparams
from efficientdet.config import PipelineConfig
from efficientdet.modeling.convolutional_heads import ConvolutionalHeads, ConvolutionalHeadSettings
from efficientdet.modeling.detection_model import Heads
from efficientdet.modeling.weight_shared_heads import WeightSharedHeads, WeightSharedHeadSettings
from efficientdet.protos import box_predictor_pb2

_Convolutional = box_predictor_pb2.ConvolutionalBoxPredictor
_WeightShared = box_predictor_pb2.WeightSharedConvolutionalBoxPredictor


def build_heads(config: PipelineConfig, channels: Sequence[int]) -> Heads:
    """Builds the heads.

    Args:
      config: resolved.
      channels: of the feature maps that the heads read, finest first.

    Returns:
      The heads, with one slot more than there are classes where the background has one.

    Raises:
      ConfigError: the anchors do not fit the kind of heads.
    """
    kind, settings = choice(config, "model.ssd.box_predictor")
    return BOX_PREDICTORS[kind](settings, config, channels)


def _weight_shared(settings: _WeightShared, config: PipelineConfig, channels: Sequence[int]) -> WeightSharedHeads:
    num_anchors = set(anchors_per_cell(config))
    if len(num_anchors) > 1:
        raise config.error(
            "model.ssd.anchor_generator",
            f"must have the same number of boxes in the cells of all feature maps, not {sorted(num_anchors)}, for "
            "weight_shared_convolutional_box_predictor",
        )
    ssd = config.proto.model.ssd
    return WeightSharedHeads(
        channels[0],
        num_levels=len(channels),
        num_slots=_num_slots(config),
        num_anchors=num_anchors.pop(),
        settings=WeightSharedHeadSettings(
            depth=settings.depth,
            num_layers=settings.num_layers_before_predictor,
            kernel_size=settings.kernel_size,
            use_depthwise=settings.use_depthwise,
            hyperparams=build_conv_hyperparams(settings.conv_hyperparams, freeze_batch_norm=ssd.freeze_batchnorm),
            apply_to_pointwise=settings.apply_conv_hyperparams_pointwise,
            apply_to_final=settings.apply_conv_hyperparams_to_heads,
            share_tower=settings.share_prediction_tower,
            dropout_rate=_dropout_rate(settings),
        ),
        class_bias=settings.class_prediction_bias_init,
        box_code_clip=_box_code_clip(settings),
    )


def _convolutional(settings: _Convolutional, config: PipelineConfig, channels: Sequence[int]) -> ConvolutionalHeads:
    ssd = config.proto.model.ssd
    return ConvolutionalHeads(
        channels,
        num_slots=_num_slots(config),
        num_anchors=anchors_per_cell(config),
        settings=ConvolutionalHeadSettings(
            num_layers=settings.num_layers_before_predictor,
            min_depth=settings.min_depth,
            max_depth=settings.max_depth,
            kernel_size=settings.kernel_size,
            use_depthwise=settings.use_depthwise,
            hyperparams=build_conv_hyperparams(settings.conv_hyperparams, freeze_batch_norm=ssd.freeze_batchnorm),
            dropout_rate=_dropout_rate(settings),
        ),
        class_bias=settings.class_prediction_bias_init,
        box_code_clip=_box_code_clip(settings),
    )


BOX_PREDICTORS: dict[str, Callable[[Any, PipelineConfig, Sequence[int]], Heads]] = {
    "weight_shared_convolutional_box_predictor": _weight_shared,
    "convolutional_box_predictor": _convolutional,
}


def _num_slots(config: PipelineConfig) -> int:
    ssd = config.proto.model.ssd
    return int(ssd.num_classes) + int(ssd.add_background_class)


def _dropout_rate(settings: _WeightShared | _Convolutional) -> float:
    return 1 - settings.dropout_keep_probability if settings.use_dropout else 0.0


def _box_code_clip(settings: _WeightShared | _Convolutional) -> tuple[float, float] | None:
    clip = settings.box_encodings_clip_range
    return (clip.min, clip.max) if settings.HasField("box_encodings_clip_range") else None
