# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The losses of class logits: sigmoids of each class against the rest, and softmaxes over all of them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import tensorflow as tf

from efficientdet.ops.kernels.focal import focal_sum
from efficientdet.ops.uses import each_use


class ClassificationLoss(Protocol):
    """A loss of class logits."""

    def __call__(self, logits: tf.Tensor, rows: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """Sums the loss over pictures, anchors and slots.

        Args:
          logits: float32 [B, A, S].
          rows: int32 [B, A] in -1..S-1, the slot that is positive; all slots of an anchor with -1 are negative.
          weights: float32 [B, A].

        Returns:
          float32 [].
        """

    def per_anchor(self, logits: tf.Tensor, rows: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """The same, summed over slots only: float32 [B, A]."""


class _EachSlotAlone:
    """Losses that judge each slot alone: what it costs if its class is absent, and if it is present.

    Nearly all of the B * A * S terms are negatives. So every logit is taken for one in a single dense pass, and the few
    positives are corrected afterwards; no dense one-hot target ever exists.

    With s = softplus(x): cross entropy is s for a negative and s - x for a positive, log p = x - s, log (1 - p) = -s.
    All finite for any x. A target of t costs s - t x.
    """

    def _negative(self, logits: Iterator[tf.Tensor]) -> tf.Tensor:
        """Loss of logits whose class is absent, elementwise; it takes a logit for each use it makes of them."""
        raise NotImplementedError

    def _positive(self, logits: Iterator[tf.Tensor]) -> tf.Tensor:
        """Loss of logits whose class is present, likewise."""
        raise NotImplementedError

    def __call__(self, logits: tf.Tensor, rows: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """See `ClassificationLoss`."""
        uses = each_use(logits)
        positives, corrections = self._corrections(next(uses), rows)
        negatives = tf.reduce_sum(tf.reduce_sum(self._negative(uses), axis=-1) * weights)
        return negatives + tf.reduce_sum(corrections * tf.gather_nd(weights, positives))

    def per_anchor(self, logits: tf.Tensor, rows: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """See `ClassificationLoss`."""
        uses = each_use(logits)
        positives, corrections = self._corrections(next(uses), rows)
        negatives = tf.reduce_sum(self._negative(uses), axis=-1)
        return tf.tensor_scatter_nd_add(negatives, positives, corrections) * weights

    def _corrections(self, logits: tf.Tensor, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Where an anchor has a positive slot, int64 [P, 2], and what that costs more than a negative, float32 [P]."""
        positives = tf.where(rows >= 0)
        slots = tf.cast(tf.gather_nd(rows, positives), tf.int64)
        uses = each_use(tf.gather_nd(logits, tf.concat([positives, slots[:, tf.newaxis]], axis=1)))
        negative = self._negative(uses)
        return positives, self._positive(uses) - negative


@dataclass(frozen=True)
class FocalLoss(_EachSlotAlone):
    """Sigmoid focal loss, alpha_t * (1 - p_t)^gamma * cross entropy, of each class against the rest.

    Reference: Lin et al. 2017, eq. 5 (arXiv:1708.02002).

    Attributes:
      alpha: weight of the positive class, 1 - alpha that of the negative one; None weighs both with 1.
      gamma: exponent that fades out what is easy.
      label_smoothing: s makes the targets of the cross entropy s / 2 and 1 - s / 2 (google/automl); alpha_t and p_t are
        those of the true class all the same.
      closed_form: computes the sum over all anchors and, by its formula, the gradient in one pass over the logits each:
        the same numbers but for rounding. Only a first derivative exists then.
    """

    alpha: float | None
    gamma: float
    label_smoothing: float = 0.0
    closed_form: bool = False

    def __call__(self, logits: tf.Tensor, rows: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """See `ClassificationLoss`."""
        if not self.closed_form:
            return super().__call__(logits, rows, weights)
        return focal_sum(logits, rows, weights, self.alpha, self.gamma, self.label_smoothing)

    def _negative(self, logits: Iterator[tf.Tensor]) -> tf.Tensor:
        # One softplus and one exponential suffice.
        softplus = tf.nn.softplus(next(logits))
        alpha = 1.0 if self.alpha is None else 1.0 - self.alpha
        modulation = tf.exp(self.gamma * (next(logits) - softplus))
        entropy = softplus - self.label_smoothing / 2 * next(logits) if self.label_smoothing else softplus
        return alpha * modulation * entropy

    def _positive(self, logits: Iterator[tf.Tensor]) -> tf.Tensor:
        alpha = 1.0 if self.alpha is None else self.alpha
        entropy = tf.nn.softplus(-next(logits))
        if self.label_smoothing:
            entropy += self.label_smoothing / 2 * next(logits)
        return alpha * tf.exp(-self.gamma * tf.nn.softplus(next(logits))) * entropy


@dataclass(frozen=True)
class SigmoidLoss(_EachSlotAlone):
    """Sigmoid cross entropy of each class against the rest.

    Attributes:
      label_smoothing: s makes the targets s / 2 and 1 - s / 2.
    """

    label_smoothing: float = 0.0

    def _negative(self, logits: Iterator[tf.Tensor]) -> tf.Tensor:
        entropy = tf.nn.softplus(next(logits))
        return entropy - self.label_smoothing / 2 * next(logits) if self.label_smoothing else entropy

    def _positive(self, logits: Iterator[tf.Tensor]) -> tf.Tensor:
        entropy = tf.nn.softplus(-next(logits))
        return entropy + self.label_smoothing / 2 * next(logits) if self.label_smoothing else entropy


@dataclass(frozen=True)
class BootstrappedSigmoidLoss(_EachSlotAlone):
    """Sigmoid cross entropy against alpha * truth + (1 - alpha) * what the network says itself.

    As in the Object Detection API (TFOD), the gradient also flows through what the network says.

    Reference: Reed et al. 2015 (arXiv:1412.6596).

    Attributes:
      alpha: share of the truth in the targets.
      hard: the network says 1 where p > 0.5 and 0 elsewhere, instead of p.
    """

    alpha: float
    hard: bool

    def _negative(self, logits: Iterator[tf.Tensor]) -> tf.Tensor:
        entropy = tf.nn.softplus(next(logits))
        said = tf.cast(next(logits) > 0, tf.float32) if self.hard else tf.sigmoid(next(logits))
        return entropy - (1.0 - self.alpha) * said * next(logits)

    def _positive(self, logits: Iterator[tf.Tensor]) -> tf.Tensor:
        return self._negative(logits) - self.alpha * next(logits)


@dataclass(frozen=True)
class SoftmaxLoss:
    """Cross entropy of the softmax over all slots, of which one should be the background's; -1 rows cost nothing.

    Attributes:
      logit_scale: what logits are divided by.
      label_smoothing: of S slots, s makes the targets s / S and 1 - s + s / S.
    """

    logit_scale: float = 1.0
    label_smoothing: float = 0.0

    def __call__(self, logits: tf.Tensor, rows: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """See `ClassificationLoss`."""
        return tf.reduce_sum(self.per_anchor(logits, rows, weights))

    def per_anchor(self, logits: tf.Tensor, rows: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """See `ClassificationLoss`."""
        return _softmax_entropy(logits / self.logit_scale, rows, self.label_smoothing) * weights


@dataclass(frozen=True)
class LogitsSoftmaxLoss:
    """Cross entropy of the softmax over all slots against the softmax of the targets; -1 rows cost nothing.

    It is the Object Detection API's (TFOD's) loss for targets that are logits. Where they are 0 and 1, as here, each of
    S slots gets 1 / (e^(1 / k) + S - 1) for its target, and the positive one e^(1 / k) times as much: smooth labels.

    Attributes:
      logit_scale: k, what the logits, and the targets before their softmax, are divided by.
    """

    logit_scale: float = 1.0

    def __call__(self, logits: tf.Tensor, rows: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """See `ClassificationLoss`."""
        return tf.reduce_sum(self.per_anchor(logits, rows, weights))

    def per_anchor(self, logits: tf.Tensor, rows: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
        """See `ClassificationLoss`."""
        slots = logits.shape[-1]
        # S / (e^(1 / k) + S - 1), in a form that does not overflow for small k.
        rest = math.exp(-1.0 / self.logit_scale)
        smoothing = slots * rest / (1.0 + (slots - 1) * rest)
        return _softmax_entropy(logits / self.logit_scale, rows, smoothing) * weights


def _softmax_entropy(logits: tf.Tensor, rows: tf.Tensor, smoothing: float) -> tf.Tensor:
    """Cross entropy of softmaxes against one positive slot each, without a dense target.

    Args:
      logits: float32 [B, A, S].
      rows: int32 [B, A] in -1..S-1.
      smoothing: s makes the targets s / S and 1 - s + s / S.

    Returns:
      float32 [B, A]; 0 for a row of -1.
    """
    # The same number off all of an anchor's logits changes nothing, and keeps small losses exact.
    uses = each_use(logits - tf.stop_gradient(tf.reduce_max(logits, axis=-1, keepdims=True)))
    positive = tf.gather(next(uses), tf.maximum(rows, 0), batch_dims=2)
    log_sum = tf.math.log(tf.reduce_sum(tf.exp(next(uses)), axis=-1))
    if smoothing:
        positive = (1.0 - smoothing) * positive + smoothing * tf.reduce_mean(next(uses), axis=-1)
    return tf.where(rows >= 0, log_sum - positive, 0.0)
