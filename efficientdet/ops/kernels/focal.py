# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The focal loss, summed, with its gradient by formula."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

_ValueAndSlope = tuple[tf.Tensor, tf.Tensor]


def focal_sum(
    logits: tf.Tensor,
    rows: tf.Tensor,
    weights: tf.Tensor,
    alpha: float | None,
    gamma: float,
    label_smoothing: float,
) -> tf.Tensor:
    """Sums the sigmoid focal loss over pictures, anchors and classes; only a first derivative exists.

    One pass takes every logit for a negative, value and slope at once, since both are made of the same few functions of
    it; what the positives among them cost more is added for those few. Only the slopes are kept for the gradient.

    Args:
      logits: float32 [B, A, S].
      rows: int32 [B, A] in -1..S-1, the slot that is positive; all slots of an anchor with -1 are negative.
      weights: float32 [B, A].
      alpha: weight of positives, 1 - alpha that of negatives; None weighs both with 1.
      gamma: the exponent, 0 or more.
      label_smoothing: s makes the targets of the cross entropy s / 2 and 1 - s / 2.

    Returns:
      float32 [].
    """
    of_positive, of_negative = (1.0, 1.0) if alpha is None else (alpha, 1.0 - alpha)
    anchors = tf.where(rows >= 0)
    slots = tf.cast(tf.gather_nd(rows, anchors), tf.int64)
    positives = tf.concat([anchors, slots[:, tf.newaxis]], axis=1)

    @tf.custom_gradient
    def summed(logits: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        values, slopes = _absent(logits, gamma, label_smoothing)
        total = of_negative * tf.reduce_sum(tf.reduce_sum(values, axis=-1) * weights)
        corrections, corrected_slopes = _corrections(tf.gather_nd(logits, positives))
        weights_there = tf.gather_nd(weights, anchors)
        total += tf.reduce_sum(corrections * weights_there)

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            dense = slopes * ((upstream * of_negative) * weights)[..., tf.newaxis]
            return tf.tensor_scatter_nd_add(dense, positives, corrected_slopes * (weights_there * upstream))

        return total, gradient

    def _corrections(chosen: tf.Tensor) -> _ValueAndSlope:
        """What positives [P] cost more than the negatives that they were taken for."""
        # A logit whose class is present costs what its negative does whose class is absent.
        mirrored, mirrored_slope = _absent(-chosen, gamma, label_smoothing)
        value, slope = _absent(chosen, gamma, label_smoothing)
        return of_positive * mirrored - of_negative * value, -of_positive * mirrored_slope - of_negative * slope

    return summed(logits)


def _absent(logits: tf.Tensor, gamma: float, label_smoothing: float) -> _ValueAndSlope:
    """The loss p^gamma * e of logits x whose class is absent, and its slope in x.

    Here p = sigmoid(x), e = softplus(x) - s / 2 x. Their slopes are p (1 - p) and p - s / 2; that of the loss is
    p^gamma (gamma (1 - p) e + p - s / 2).
    """
    p = tf.sigmoid(logits)
    modulation = _power(p, gamma)
    entropy = tf.nn.softplus(logits)
    entropy_slope = p
    if label_smoothing:
        entropy -= label_smoothing / 2 * logits
        entropy_slope -= label_smoothing / 2
    if gamma == 0.0:
        return entropy, entropy_slope
    return modulation * entropy, modulation * (gamma * (entropy - p * entropy) + entropy_slope)


def _power(p: tf.Tensor, exponent: float) -> tf.Tensor:
    """Raises p in 0..1; to halves, which all published losses have, by roots and products: `tf.pow` is slow."""
    whole, rest = divmod(exponent, 1.0)
    if rest not in (0.0, 0.5) or whole > 2:
        return tf.pow(p, exponent)
    factors = [p] * int(whole) + [tf.sqrt(p)] * bool(rest)
    result = factors[0] if factors else tf.ones_like(p)
    for factor in factors[1:]:
        result *= factor
    return result
