# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The focal loss, summed, with its gradient by formula, each in one pass over the logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from efficientdet.ops.kernels.fusing import fused, later


class _Form(NamedTuple):
    """A focal loss of logits whose class is absent; Python numbers, which are compiled into the passes."""

    gamma: float
    label_smoothing: float


class _Terms(NamedTuple):
    """What the loss p^gamma * e of logits whose class is absent is made of, and its slope; in the logits' shape."""

    p: tf.Tensor  # the sigmoid
    modulation: tf.Tensor  # p^gamma
    entropy: tf.Tensor  # e = softplus(x) - s / 2 x
    entropy_slope: tf.Tensor  # p - s / 2


def focal_sum(
    logits: tf.Tensor,
    rows: tf.Tensor,
    weights: tf.Tensor,
    alpha: float | None,
    gamma: float,
    label_smoothing: float,
) -> tf.Tensor:
    """Sums the sigmoid focal loss over pictures, anchors and classes; only a first derivative exists.

    One pass takes every logit for a negative; what the positives among them cost more is added for those few. The
    gradient does the same once more: to compute a logit's terms again is sooner done than to keep them.

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
    form = _Form(gamma, label_smoothing)
    of_positive, of_negative = (1.0, 1.0) if alpha is None else (alpha, 1.0 - alpha)
    anchors = tf.where(rows >= 0)
    slots = tf.cast(tf.gather_nd(rows, anchors), tf.int64)
    positives = tf.concat([anchors, slots[:, tf.newaxis]], axis=1)
    weights_there = tf.gather_nd(weights, anchors)

    @tf.custom_gradient
    def summed(logits: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        chosen = tf.gather_nd(logits, positives)
        # A logit whose class is present costs what its negative does whose class is absent. Not fused: the number of
        # positives is another one in each batch.
        corrections = of_positive * _value(-chosen, form) - of_negative * _value(chosen, form)
        total = of_negative * tf.reduce_sum(tf.reduce_sum(_fused_value(logits, form), axis=-1) * weights)
        total += tf.reduce_sum(corrections * weights_there)

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            dense = _weighted_slope(later(logits, upstream), (upstream * of_negative) * weights, form)
            corrections = -of_positive * _slope(-chosen, form) - of_negative * _slope(chosen, form)
            return tf.tensor_scatter_nd_add(dense, positives, corrections * (weights_there * upstream))

        return total, gradient

    return summed(logits)


def _value(logits: tf.Tensor, form: _Form) -> tf.Tensor:
    """The loss of logits whose class is absent."""
    terms = _terms(logits, form)
    return terms.modulation * terms.entropy


def _slope(logits: tf.Tensor, form: _Form) -> tf.Tensor:
    """The derivative of `_value`: with p' = p (1 - p), it is p^gamma (gamma (1 - p) e + e')."""
    terms = _terms(logits, form)
    if form.gamma == 0.0:
        return terms.entropy_slope
    return terms.modulation * (form.gamma * (terms.entropy - terms.p * terms.entropy) + terms.entropy_slope)


@fused
def _fused_value(logits: tf.Tensor, form: _Form) -> tf.Tensor:
    return _value(logits, form)


@fused
def _weighted_slope(logits: tf.Tensor, weights: tf.Tensor, form: _Form) -> tf.Tensor:
    """`_slope` of [B, A, S], times `weights` [B, A]."""
    return _slope(logits, form) * weights[..., tf.newaxis]


def _terms(logits: tf.Tensor, form: _Form) -> _Terms:
    small = tf.exp(-tf.abs(logits))
    inverse = 1.0 / (1.0 + small)
    p = tf.where(logits >= 0.0, inverse, small * inverse)
    entropy = tf.nn.relu(logits) + _log1p(small)
    entropy_slope = p
    if form.label_smoothing:
        entropy -= form.label_smoothing / 2 * logits
        entropy_slope -= form.label_smoothing / 2
    return _Terms(p, _power(p, form.gamma), entropy, entropy_slope)


def _log1p(x: tf.Tensor) -> tf.Tensor:
    """log(1 + x) of x in 0..1: what rounding takes from 1 + x is given back by a factor, after W. Kahan.

    XLA's own takes five times as long, which is half of the whole loss.
    """
    rounded = 1.0 + x
    kept = rounded - 1.0
    nothing_kept = tf.equal(kept, 0.0)
    return tf.where(nothing_kept, x, tf.math.log(rounded) * (x / tf.where(nothing_kept, 1.0, kept)))


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
