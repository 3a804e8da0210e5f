# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The losses of detection: focal loss for classes, smooth L1 and IoU for boxes, how they are weighted and normalised.

Every loss is a sum over all anchors of the batch. The normaliser is handed in, because with several replicas it belongs
to the *global* batch, which only the trainer sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import tensorflow as tf

from efficientdet.ops.box_coder import CODE_SIZE, BoxScales, decode
from efficientdet.ops.iou_losses import IouKind, iou_loss
from efficientdet.types import Predictions, Targets

BoxMask = Literal["matched_anchors", "nonzero_targets"]
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
class FocalLoss:
    """Sigmoid focal loss, alpha_t * (1 - p_t)^gamma * cross entropy, of each class against the rest.

    Reference: Lin et al. 2017, eq. 5 (arXiv:1708.02002).

    Attributes:
      alpha: weight of the positive class, 1 - alpha that of the negative one; None weighs both with 1.
      gamma: exponent that fades out what is easy.
      label_smoothing: s makes the targets of the cross entropy s / 2 and 1 - s / 2 (google/automl); alpha_t and p_t are
        those of the true class all the same.
    """

    alpha: float | None
    gamma: float
    label_smoothing: float = 0.0

    def __call__(self, logits: tf.Tensor, classes: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Sums the loss over pictures, anchors and classes.

        Nearly all of the B * A * C terms are negatives. So every logit is taken for one in a single dense pass, and
        the few positives are corrected afterwards; no dense one-hot target ever exists.

        Args:
          logits: float32 [B, A, C].
          classes: int32 [B, A] in -1..C-1; -1 is background, where every class is negative.
          weights: float32 [B, A].

        Returns:
          float32 [].
        """
        negatives = tf.reduce_sum(tf.reduce_sum(self._negative(logits), axis=-1) * weights)
        positives = tf.where(classes >= 0)  # [P, 2]
        rows = tf.cast(tf.gather_nd(classes, positives), tf.int64)
        positive_logits = tf.gather_nd(logits, tf.concat([positives, rows[:, tf.newaxis]], axis=1))
        corrections = self._positive(positive_logits) - self._negative(positive_logits)
        return negatives + tf.reduce_sum(corrections * tf.gather_nd(weights, positives))

    # With s = softplus(x): cross entropy is s for a negative and s - x for a positive, log p = x - s, log (1 - p) = -s.
    # All finite for any x, and one softplus and one exponential suffice. A target of t costs s - t x.

    def _negative(self, logits: tf.Tensor) -> tf.Tensor:
        """Loss of logits whose class is absent, elementwise."""
        softplus = tf.nn.softplus(logits)
        alpha = 1.0 if self.alpha is None else 1.0 - self.alpha
        entropy = softplus - self.label_smoothing / 2 * logits if self.label_smoothing else softplus
        return alpha * tf.exp(self.gamma * (logits - softplus)) * entropy

    def _positive(self, logits: tf.Tensor) -> tf.Tensor:
        """Loss of logits whose class is present, elementwise."""
        alpha = 1.0 if self.alpha is None else self.alpha
        entropy = tf.nn.softplus(-logits)
        if self.label_smoothing:
            entropy += self.label_smoothing / 2 * logits
        return alpha * tf.exp(-self.gamma * tf.nn.softplus(logits)) * entropy


@dataclass(frozen=True)
class SmoothL1Loss:
    """Huber loss: quadratic up to an error of delta, linear with slope delta beyond: the smooth L1 loss of
    the Object Detection API (TFOD).

    Attributes:
      delta: where the two meet, in units of the box codes; positive.
      mask: which codes count: all those of matched anchors, or of these the ones whose target is not exactly 0
        (google/automl, which knows matched anchors by their targets).
    """

    delta: float
    mask: BoxMask = "matched_anchors"

    def __call__(self, codes: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Sums the loss over pictures, anchors and codes.

        Args:
          codes: float32 [B, A, 4], predicted.
          targets: float32 [B, A, 4].
          weights: float32 [B, A]; anchors of weight 0 are not looked at.

        Returns:
          float32 [].
        """
        counted = tf.where(weights > 0)  # [P, 2], some hundreds of B * A
        wanted = tf.gather_nd(targets, counted)
        errors = tf.abs(tf.gather_nd(codes, counted) - wanted)
        quadratic = tf.minimum(errors, self.delta)
        losses = 0.5 * tf.square(quadratic) + self.delta * (errors - quadratic)
        if self.mask == "nonzero_targets":
            losses = tf.where(wanted != 0.0, losses, 0.0)
        return tf.reduce_sum(losses * tf.gather_nd(weights, counted)[:, tf.newaxis])


@dataclass(frozen=True, eq=False)
class IouLoss:
    """A loss of the decoded boxes of matched anchors by their overlap with the truth.

    Attributes:
      kind: see `iou_losses.iou_loss`.
      anchors: float32 [A, 4], in pixels.
      box_scales: multipliers of the box codes.
    """

    kind: IouKind
    anchors: np.ndarray
    box_scales: BoxScales

    def __call__(self, codes: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Sums the loss over pictures and anchors.

        Args:
          codes: float32 [B, A, 4], predicted.
          targets: float32 [B, A, 4].
          weights: float32 [B, A]; anchors of weight 0 are not looked at.

        Returns:
          float32 [].
        """
        counted = tf.where(weights > 0)  # [P, 2]
        anchors = tf.gather(tf.constant(self.anchors, tf.float32), counted[:, 1])
        boxes, truth = (decode(tf.gather_nd(x, counted), anchors, self.box_scales) for x in (codes, targets))
        return tf.reduce_sum(iou_loss(boxes, truth, self.kind) * tf.gather_nd(weights, counted))


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
    """

    classification: FocalLoss
    localization: SmoothL1Loss
    classification_weight: float
    localization_weight: float
    normalize_by_matches: bool
    normalize_loc_by_codesize: bool
    normalizer_rule: NormalizerRule = "at_least_one"
    iou: IouLoss | None = None
    iou_weight: float = 1.0

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
        classification = self.classification(predictions.class_logits, targets.classes, targets.class_weights)
        boxes = predictions.box_codes, targets.box_codes, targets.box_weights
        localization = self.localization(*boxes) * self.localization_weight
        if self.iou is not None:
            localization += self.iou(*boxes) * self.iou_weight
        if self.normalize_by_matches:
            classification /= normalizer
            localization /= normalizer
        if self.normalize_loc_by_codesize:
            localization /= CODE_SIZE
        return localization, classification * self.classification_weight
