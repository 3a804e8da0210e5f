# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the losses and the target assigner from `model.ssd`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from efficientdet.builders.choice import choice
from efficientdet.builders.input import build_resizer
from efficientdet.config import PipelineConfig
from efficientdet.losses import BoxMask, DetectionLoss, FocalLoss, IouLoss, NormalizerRule, SmoothL1Loss
from efficientdet.ops.box_coder import BoxScales
from efficientdet.ops.iou_losses import IouKind
from efficientdet.ops.targets import TargetAssigner
from efficientdet.protos import box_coder_pb2, losses_pb2, ssd_pb2

MASKS: dict[int, BoxMask] = {
    losses_pb2.WeightedSmoothL1LocalizationLoss.MATCHED_ANCHORS: "matched_anchors",
    losses_pb2.WeightedSmoothL1LocalizationLoss.NONZERO_TARGETS: "nonzero_targets",
}
NORMALIZERS: dict[int, NormalizerRule] = {
    ssd_pb2.Ssd.MATCHES_AT_LEAST_ONE: "at_least_one",
    ssd_pb2.Ssd.MATCHES_PLUS_ONE: "plus_one",
}
IOU_KINDS: dict[int, IouKind] = {
    losses_pb2.IouLoss.IOU: "iou",
    losses_pb2.IouLoss.GIOU: "giou",
    losses_pb2.IouLoss.DIOU: "diou",
    losses_pb2.IouLoss.CIOU: "ciou",
}


def _focal(message: losses_pb2.SigmoidFocalClassificationLoss) -> FocalLoss:
    return FocalLoss(alpha=message.alpha, gamma=message.gamma, label_smoothing=message.label_smoothing)


def _smooth_l1(message: losses_pb2.WeightedSmoothL1LocalizationLoss) -> SmoothL1Loss:
    return SmoothL1Loss(delta=message.delta, mask=MASKS[message.mask])


CLASSIFICATION_LOSSES: dict[str, Callable[[Any], FocalLoss]] = {"weighted_sigmoid_focal": _focal}
LOCALIZATION_LOSSES: dict[str, Callable[[Any], SmoothL1Loss]] = {"weighted_smooth_l1": _smooth_l1}


def build_loss(config: PipelineConfig, anchors: np.ndarray, input_size: tuple[int, int]) -> DetectionLoss:
    """Builds the losses with their weights and normalisers.

    Args:
      config: resolved.
      anchors: float32 [A, 4], normalised to the network's input.
      input_size: (H, W) of the network's input in pixels.

    Returns:
      The loss of predictions for these anchors.
    """
    ssd = config.proto.model.ssd
    classification, classification_settings = choice(config, "model.ssd.loss.classification_loss")
    localization, localization_settings = choice(config, "model.ssd.loss.localization_loss")
    return DetectionLoss(
        classification=CLASSIFICATION_LOSSES[classification](classification_settings),
        localization=LOCALIZATION_LOSSES[localization](localization_settings),
        classification_weight=ssd.loss.classification_weight,
        localization_weight=ssd.loss.localization_weight,
        normalize_by_matches=ssd.normalize_loss_by_num_matches,
        normalize_loc_by_codesize=ssd.normalize_loc_loss_by_codesize,
        normalizer_rule=NORMALIZERS[ssd.loss_normalizer],
        iou=_iou_loss(ssd, anchors, input_size) if ssd.loss.HasField("iou_loss") else None,
        iou_weight=ssd.loss.iou_loss.weight,
    )


def _iou_loss(ssd: ssd_pb2.Ssd, anchors: np.ndarray, input_size: tuple[int, int]) -> IouLoss:
    return IouLoss(
        IOU_KINDS[ssd.loss.iou_loss.kind],
        anchors=anchors * np.array([*input_size, *input_size], np.float32),
        box_scales=build_box_scales(ssd.box_coder),
    )


def build_box_scales(coder: box_coder_pb2.BoxCoder) -> BoxScales:
    """The multipliers of the box codes."""
    scales = coder.faster_rcnn_box_coder
    return BoxScales(scales.y_scale, scales.x_scale, scales.height_scale, scales.width_scale)


def build_target_assigner(config: PipelineConfig, anchors: np.ndarray) -> TargetAssigner:
    """Builds the assigner of targets to anchors.

    Args:
      config: resolved.
      anchors: float32 [A, 4], normalised to the network's input.

    Returns:
      A callable from the truth of one picture to `Targets` of [A] anchors.
    """
    ssd = config.proto.model.ssd
    matcher = ssd.matcher.argmax_matcher
    height, width = build_resizer(config).input_size
    return TargetAssigner(
        anchors,
        scales=build_box_scales(ssd.box_coder),
        matched_threshold=None if matcher.ignore_thresholds else matcher.matched_threshold,
        unmatched_threshold=None if matcher.ignore_thresholds else matcher.unmatched_threshold,
        force_match=matcher.force_match_for_each_row,
        negatives_lower_than_unmatched=matcher.negatives_lower_than_unmatched,
        negative_class_weight=ssd.negative_class_weight,
        clip_to=((height - 1) / height, (width - 1) / width) if ssd.clip_truth_to_last_pixel else None,
    )
