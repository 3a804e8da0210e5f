# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The losses of detection: of classes and boxes, how they are mined, weighted and normalised.

Every loss is a sum over all anchors of the batch. The normaliser is handed in, because with several replicas it belongs
to the *global* batch, which only the trainer sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import tensorflow as tf

from efficientdet.losses.classification import (
    BootstrappedSigmoidLoss,
    ClassificationLoss,
    FocalLoss,
    LogitsSoftmaxLoss,
    SigmoidLoss,
    SoftmaxLoss,
)
from efficientdet.losses.localization import BoxMask, IouLoss, L1Loss, L2Loss, LocalizationLoss, SmoothL1Loss
from efficientdet.losses.mining import HardExampleMiner, MinedLoss
from efficientdet.ops.box_coder import CODE_SIZE
from efficientdet.types import Predictions, Targets

__all__ = [
    "Background",
    "BootstrappedSigmoidLoss",
    "BoxMask",
    "ClassificationLoss",
    "DetectionLoss",
    "FocalLoss",
    "HardExampleMiner",
    "IouLoss",
    "L1Loss",
    "L2Loss",
    "LocalizationLoss",
    "LogitsSoftmaxLoss",
    "Loss",
    "MinedLoss",
    "NormalizerRule",
    "SigmoidLoss",
    "SmoothL1Loss",
    "SoftmaxLoss",
]

Background = Literal["none", "zeros", "row"]
NormalizerRule = Literal["at_least_one", "plus_one"]


class Loss(Protocol):
    """What training and evaluation ask of a loss."""

    def num_matched(self, targets: Targets) -> tf.Tensor:
        """Returns the sum of the weights of the matched anchors, float32 []."""

    def normalizer(self, num_matched: tf.Tensor) -> tf.Tensor:
        """Returns what losses are divided by, float32 [], where `num_matched` is summed over the global batch."""

    def __call__(
        self, predictions: Predictions, targets: Targets, normalizer: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Returns (localization, classification), float32 []: sums over the batch divided by `normalizer`."""


@dataclass(frozen=True)
class DetectionLoss:
    """The losses of classes and boxes, normalised and weighted.

    Attributes:
      classification: loss of the class logits.
      localization: loss of the box codes.
      classification_weight: factor of the classification loss.
      localization_weight: factor of the localisation loss.
      normalize_by_matches: divides both by the number of matched anchors.
      normalize_loc_by_codesize: divides the localisation loss by the four codes of a box as well.
      normalizer_rule: how that number is kept from 0: 1 at least (TFOD), or one more than counted (google/automl).
      iou: a second loss of the boxes, part of the localisation loss and normalised as it is; None leaves it out.
      iou_weight: factor of that loss.
      background: whether the first slot of the class logits is the background's: "none", it is the first class's;
        "zeros", it is, and negative everywhere, as all slots of a background anchor are; "row", it is, and positive
        for background anchors.
      miner: which anchors both losses are summed over; None takes all. The normaliser counts all matched ones.
    """

    classification: ClassificationLoss
    localization: LocalizationLoss
    classification_weight: float
    localization_weight: float
    normalize_by_matches: bool
    normalize_loc_by_codesize: bool
    normalizer_rule: NormalizerRule = "at_least_one"
    iou: IouLoss | None = None
    iou_weight: float = 1.0
    background: Background = "none"
    miner: HardExampleMiner | None = None

    def num_matched(self, targets: Targets) -> tf.Tensor:
        """Sum of the weights of the matched anchors, float32 []; a replica sees those of its own pictures."""
        return tf.reduce_sum(targets.box_weights)

    def normalizer(self, num_matched: tf.Tensor) -> tf.Tensor:
        """What the losses are divided by, float32 []: `num_matched` of the global batch, kept from 0."""
        return num_matched + 1.0 if self.normalizer_rule == "plus_one" else tf.maximum(num_matched, 1.0)

    def __call__(
        self, predictions: Predictions, targets: Targets, normalizer: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Computes both losses, without regularisation.

        Args:
          predictions: of [B, A] anchors.
          targets: of [B, A] anchors.
          normalizer: float32 [], of the global batch; unused unless `normalize_by_matches`.

        Returns:
          (localization, classification), each float32 [].
        """
        localization, classification = self._sums(predictions, targets)
        if self.normalize_by_matches:
            classification /= normalizer
            localization /= normalizer
        if self.normalize_loc_by_codesize:
            localization /= CODE_SIZE
        return localization, classification * self.classification_weight

    def _sums(self, predictions: Predictions, targets: Targets) -> tuple[tf.Tensor, tf.Tensor]:
        """(localisation with its weights, classification without), float32 []: over the anchors that count."""
        classes = predictions.class_logits, self._rows(targets.classes), targets.class_weights
        boxes = predictions.box_codes, targets.box_codes, targets.box_weights
        if self.miner is None:
            localization = self.localization(*boxes) * self.localization_weight
            if self.iou is not None:
                localization += self.iou(*boxes) * self.iou_weight
            return localization, self.classification(*classes)
        localization = self.localization.per_anchor(*boxes) * self.localization_weight
        if self.iou is not None:
            localization += self.iou.per_anchor(*boxes) * self.iou_weight
        classification = self.classification.per_anchor(*classes)
        weighted = classification * self.classification_weight
        counted = self.miner(localization, weighted, predictions.box_codes, targets)
        return tf.reduce_sum(localization * counted), tf.reduce_sum(classification * counted)

    def _rows(self, classes: tf.Tensor) -> tf.Tensor:
        """The positive slot of each anchor, -1 for none, of its class row, -1 for none; int32 [B, A]."""
        if self.background == "none":
            return classes
        return classes + 1 if self.background == "row" else tf.where(classes >= 0, classes + 1, -1)
