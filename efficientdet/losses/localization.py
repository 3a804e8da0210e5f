# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The losses of box codes: of the codes themselves, and of the overlap of the boxes they stand for.

All look at the anchors of positive weight only, some hundreds of B * A.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import tensorflow as tf

from efficientdet.ops.box_coder import BoxCoder
from efficientdet.ops.iou_losses import IouKind, iou_loss

BoxMask = Literal["matched_anchors", "nonzero_targets"]


class LocalizationLoss(Protocol):
    """A loss of box codes."""

    def __call__(self, codes: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Sums the loss over pictures, anchors and codes.

        Args:
          codes: float32 [B, A, 4], predicted.
          targets: float32 [B, A, 4].
          weights: float32 [B, A]; anchors of weight 0 are not looked at.

        Returns:
          float32 [].
        """

    def per_anchor(self, codes: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """The same, summed over codes only: float32 [B, A]."""


class _EachCodeAlone:
    """Losses that judge each of the four codes alone."""

    def _losses(self, codes: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Weighted losses, float32 [P, 4]; codes and targets float32 [P, 4], weights float32 [P, 1]."""
        raise NotImplementedError

    def __call__(self, codes: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """See `LocalizationLoss`."""
        return tf.reduce_sum(self._counted(codes, targets, weights)[1])

    def per_anchor(self, codes: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """See `LocalizationLoss`."""
        counted, losses = self._counted(codes, targets, weights)
        return _spread(counted, tf.reduce_sum(losses, axis=-1), weights)

    def _counted(self, codes: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The anchors of positive weight, int64 [P, 2], and the losses of their codes, float32 [P, 4]."""
        counted = tf.where(weights > 0)
        codes, targets, weights = (tf.gather_nd(x, counted) for x in (codes, targets, weights))
        return counted, self._losses(codes, targets, weights[:, tf.newaxis])


@dataclass(frozen=True)
class SmoothL1Loss(_EachCodeAlone):
    """Huber loss: quadratic up to an error of delta, linear with slope delta beyond: the smooth L1 loss of
    the Object Detection API (TFOD).

    Attributes:
      delta: where the two meet, in units of the box codes; positive.
      mask: which codes count: all those of matched anchors, or of these the ones whose target is not exactly 0
        (google/automl, which knows matched anchors by their targets).
    """

    delta: float
    mask: BoxMask = "matched_anchors"

    def _losses(self, codes: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        errors = tf.abs(codes - targets)
        quadratic = tf.minimum(errors, self.delta)
        losses = 0.5 * tf.square(quadratic) + self.delta * (errors - quadratic)
        if self.mask == "nonzero_targets":
            losses = tf.where(targets != 0.0, losses, 0.0)
        return losses * weights


@dataclass(frozen=True)
class L2Loss(_EachCodeAlone):
    """Half the square of the weighted error: as in the Object Detection API (TFOD), a weight counts squared."""

    def _losses(self, codes: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        return 0.5 * tf.square((codes - targets) * weights)


@dataclass(frozen=True)
class L1Loss(_EachCodeAlone):
    """The absolute error."""

    def _losses(self, codes: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        return tf.abs(codes - targets) * weights


@dataclass(frozen=True, eq=False)
class IouLoss:
    """A loss of the decoded boxes of matched anchors by their overlap with the truth.

    Attributes:
      kind: see `iou_losses.iou_loss`.
      anchors: float32 [A, 4], in the unit of the coder.
      coder: of the boxes.
      unit: (height, width) of that unit in pixels; it matters to "diou" and "ciou" where the two differ.
    """

    kind: IouKind
    anchors: np.ndarray
    coder: BoxCoder
    unit: tuple[float, float] = (1.0, 1.0)

    def __call__(self, codes: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """See `LocalizationLoss`."""
        return tf.reduce_sum(self._counted(codes, targets, weights)[1])

    def per_anchor(self, codes: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """See `LocalizationLoss`."""
        return _spread(*self._counted(codes, targets, weights), weights)

    def _counted(self, codes: tf.Tensor, targets: tf.Tensor, weights: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """The anchors of positive weight, int64 [P, 2], and their weighted losses, float32 [P]."""
        counted = tf.where(weights > 0)
        anchors = tf.gather(tf.constant(self.anchors, tf.float32), counted[:, 1])
        boxes, truth = (self.coder.decode(tf.gather_nd(x, counted), anchors) for x in (codes, targets))
        if self.unit != (1.0, 1.0):
            boxes, truth = (x * tf.constant([*self.unit, *self.unit]) for x in (boxes, truth))
        return counted, iou_loss(boxes, truth, self.kind) * tf.gather_nd(weights, counted)


def _spread(counted: tf.Tensor, losses: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """The losses [P] of the anchors [P, 2], among zeros for the rest: float32 [B, A], as the weights are."""
    return tf.scatter_nd(counted, losses, tf.shape(weights, tf.int64))
