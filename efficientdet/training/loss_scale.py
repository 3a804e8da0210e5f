# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A factor on the loss, so that small gradients are not lost where activations are float16.

float16 ends at 6e-8, below which many gradients lie, and at 65,504. The loss is multiplied before its gradients are
computed, and these are divided again, by a power of two, which changes no bit of them. Gradients that overflow all the
same leave the weights as they are and lower the factor (Micikevicius et al. 2018, arXiv:1710.03740, section 3.2).

`keras.mixed_precision.LossScaleOptimizer` does not serve here: it clips gradients before the sum over replicas, and
keeps the factor inside the optimizer, whose slots checkpoints would then name differently.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import tensorflow as tf

from efficientdet.training.optimizers import Gradients

_START = 2.0**15  # Keras's
_GROWTH_STEPS = 2000  # Keras's, and that of the paper's authors in apex
_LEAST = 1.0  # below it the gradients overflow of themselves


class LossScale(Protocol):
    """What a step asks of a factor on its loss."""

    needs_norm: bool  # of the gradients

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """The loss, float32 [], whose gradients are computed; in replica context."""

    def unscaled(self, gradients: Gradients) -> Gradients:
        """The gradients of the loss itself, from those of the scaled one; in replica context."""

    def guard(self, norm: tf.Tensor | None, update: Callable[[], None], skip: Callable[[], None]) -> None:
        """Does one of both, in cross-replica context.

        Args:
          norm: of the unscaled gradients, float32 []; of no use unless `needs_norm`.
          update: changes the weights.
          skip: leaves them as they are.
        """


class NoLossScale:
    """The loss as it is."""

    needs_norm = False

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """See `LossScale`."""
        return loss

    def unscaled(self, gradients: Gradients) -> Gradients:
        """See `LossScale`."""
        return gradients

    def guard(self, norm: tf.Tensor | None, update: Callable[[], None], skip: Callable[[], None]) -> None:
        """See `LossScale`."""
        update()


class DynamicLossScale(tf.Module):
    """A factor that doubles after so many good steps in a row, and is halved by each overflow.

    To be constructed in the strategy's scope. Its two variables are its state, to be saved with the run.

    Args:
      start: the first factor, a power of two.
      growth_steps: after so many steps without an overflow the factor doubles.
    """

    needs_norm = True

    def __init__(self, start: float = _START, growth_steps: int = _GROWTH_STEPS) -> None:
        super().__init__(name="loss_scale")
        self._growth_steps = growth_steps
        same = tf.VariableAggregation.ONLY_FIRST_REPLICA  # all replicas see the same gradients
        self.scale = tf.Variable(start, trainable=False, dtype=tf.float32, aggregation=same, name="scale")
        self.good_steps = tf.Variable(0, trainable=False, dtype=tf.int64, aggregation=same, name="good_steps")

    @property
    def is_exhausted(self) -> bool:
        """Whether gradients overflow that are not multiplied at all."""
        return float(self.scale.numpy()) < _LEAST

    def scaled(self, loss: tf.Tensor) -> tf.Tensor:
        """See `LossScale`."""
        return loss * self.scale

    def unscaled(self, gradients: Gradients) -> Gradients:
        """See `LossScale`."""
        factor = 1.0 / self.scale
        return [None if gradient is None else gradient * factor for gradient in gradients]

    def guard(self, norm: tf.Tensor | None, update: Callable[[], None], skip: Callable[[], None]) -> None:
        """Updates where the norm is finite, and skips where it is not; the factor follows. See `LossScale`."""
        is_finite = tf.math.is_finite(norm)
        tf.cond(is_finite, _branch(update), _branch(skip))
        scale = self.scale.read_value()
        good_steps = tf.where(is_finite, self.good_steps + 1, 0)
        grows = good_steps >= self._growth_steps
        self.scale.assign(tf.where(is_finite, tf.where(grows, 2.0 * scale, scale), 0.5 * scale))
        self.good_steps.assign(tf.where(grows, tf.zeros_like(good_steps), good_steps))


def _branch(function: Callable[[], None]) -> Callable[[], tf.Tensor]:
    """A branch of a condition has to return something."""

    def branch() -> tf.Tensor:
        function()
        return tf.constant(True)

    return branch
