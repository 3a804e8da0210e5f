# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the losses from `model.ssd`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from efficientdet.builders.choice import choice
from efficientdet.builders.kernels import training_kernels
from efficientdet.builders.targets import build_box_coder
from efficientdet.config import PipelineConfig
from efficientdet.losses import (
    Background,
    BootstrappedSigmoidLoss,
    BoxMask,
    ClassificationLoss,
    DetectionLoss,
    FocalLoss,
    HardExampleMiner,
    IouLoss,
    L1Loss,
    L2Loss,
    LocalizationLoss,
    LogitsSoftmaxLoss,
    MinedLoss,
    NormalizerRule,
    SigmoidLoss,
    SmoothL1Loss,
    SoftmaxLoss,
)
from efficientdet.ops import kernels
from efficientdet.ops.box_coder import BoxCoder, BoxScales
from efficientdet.ops.iou_losses import IouKind
from efficientdet.protos import losses_pb2, ssd_pb2

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
MINED_LOSSES: dict[int, MinedLoss] = {
    losses_pb2.HardExampleMiner.BOTH: "both",
    losses_pb2.HardExampleMiner.CLASSIFICATION: "classification",
    losses_pb2.HardExampleMiner.LOCALIZATION: "localization",
}

_ByOverlap = Callable[[IouKind], IouLoss]


def _sigmoid(message: losses_pb2.WeightedSigmoidClassificationLoss) -> SigmoidLoss:
    return SigmoidLoss(label_smoothing=message.label_smoothing)


def _focal(message: losses_pb2.SigmoidFocalClassificationLoss) -> FocalLoss:
    return FocalLoss(message.alpha, message.gamma, message.label_smoothing, closed_form=kernels.chosen().focal)


def _bootstrapped(message: losses_pb2.BootstrappedSigmoidClassificationLoss) -> BootstrappedSigmoidLoss:
    return BootstrappedSigmoidLoss(alpha=message.alpha, hard=message.hard_bootstrap)


def _softmax(message: losses_pb2.WeightedSoftmaxClassificationLoss) -> SoftmaxLoss:
    return SoftmaxLoss(logit_scale=message.logit_scale, label_smoothing=message.label_smoothing)


def _logits_softmax(message: losses_pb2.WeightedSoftmaxClassificationAgainstLogitsLoss) -> LogitsSoftmaxLoss:
    return LogitsSoftmaxLoss(logit_scale=message.logit_scale)


def _smooth_l1(message: losses_pb2.WeightedSmoothL1LocalizationLoss, _: _ByOverlap) -> SmoothL1Loss:
    return SmoothL1Loss(delta=message.delta, mask=MASKS[message.mask])


CLASSIFICATION_LOSSES: dict[str, Callable[[Any], ClassificationLoss]] = {
    "weighted_sigmoid": _sigmoid,
    "weighted_sigmoid_focal": _focal,
    "bootstrapped_sigmoid": _bootstrapped,
    "weighted_softmax": _softmax,
    "weighted_logits_softmax": _logits_softmax,
}
# TFOD compares overlaps of the codes themselves, as if they were corners; here they are decoded first.
LOCALIZATION_LOSSES: dict[str, Callable[[Any, _ByOverlap], LocalizationLoss]] = {
    "weighted_smooth_l1": _smooth_l1,
    "weighted_l2": lambda message, by_overlap: L2Loss(),
    "l1_localization_loss": lambda message, by_overlap: L1Loss(),
    "weighted_iou": lambda message, by_overlap: by_overlap("iou"),
    "weighted_giou": lambda message, by_overlap: by_overlap("giou"),
    "weighted_diou": lambda message, by_overlap: by_overlap("diou"),
    "weighted_ciou": lambda message, by_overlap: by_overlap("ciou"),
}


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
    coder = build_box_coder(config)
    by_overlap = _by_overlap(coder, anchors, input_size)
    classification, classification_settings = choice(config, "model.ssd.loss.classification_loss")
    with kernels.choosing(training_kernels(config.proto.train_config)):
        of_classes = CLASSIFICATION_LOSSES[classification](classification_settings)
    localization, localization_settings = choice(config, "model.ssd.loss.localization_loss")
    mined = ssd.loss.HasField("hard_example_miner")
    return DetectionLoss(
        classification=of_classes,
        localization=LOCALIZATION_LOSSES[localization](localization_settings, by_overlap),
        classification_weight=ssd.loss.classification_weight,
        localization_weight=ssd.loss.localization_weight,
        normalize_by_matches=ssd.normalize_loss_by_num_matches,
        normalize_loc_by_codesize=ssd.normalize_loc_loss_by_codesize,
        normalizer_rule=NORMALIZERS[ssd.loss_normalizer],
        iou=by_overlap(IOU_KINDS[ssd.loss.iou_loss.kind]) if ssd.loss.HasField("iou_loss") else None,
        iou_weight=ssd.loss.iou_loss.weight,
        background=_background(ssd),
        miner=_miner(ssd.loss.hard_example_miner, anchors, coder) if mined else None,
    )


def _by_overlap(coder: BoxCoder, anchors: np.ndarray, input_size: tuple[int, int]) -> _ByOverlap:
    """What makes an overlap loss of a kind: of boxes in pixels, whose proportions two of the kinds look at."""
    if isinstance(coder, BoxScales):  # its codes mean the same in every unit
        pixels = anchors * np.array([*input_size, *input_size], np.float32)
        return functools.partial(IouLoss, anchors=pixels, coder=coder)
    height, width = input_size
    return functools.partial(IouLoss, anchors=anchors, coder=coder, unit=(float(height), float(width)))


def _background(ssd: ssd_pb2.Ssd) -> Background:
    if not ssd.add_background_class:
        return "none"
    return "zeros" if ssd.encode_background_as_zeros else "row"


def _miner(miner: losses_pb2.HardExampleMiner, anchors: np.ndarray, coder: BoxCoder) -> HardExampleMiner:
    """The miner; TFOD's zeros that mean "no limit" end here."""
    return HardExampleMiner(
        num_hard_examples=miner.num_hard_examples or None,
        iou_threshold=miner.iou_threshold,
        loss_type=MINED_LOSSES[miner.loss_type],
        max_negatives_per_positive=miner.max_negatives_per_positive or None,
        min_negatives_per_image=miner.min_negatives_per_image,
        anchors=anchors,
        coder=coder,
    )
