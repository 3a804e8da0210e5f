# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""From the gradients of all replicas to new weights."""

from __future__ import annotations

import tensorflow as tf

from efficientdet.training import optimizers
from efficientdet.training.loss_scale import LossScale
from efficientdet.training.moving_average import MovingAverage
from efficientdet.training.optimizers import Clipping, Gradients, Optimizer
from efficientdet.training.variable_rules import VariableRules


class Update:
    """Sums, weighs and clips gradients, updates the variables, and moves their averages.

    Args:
      optimizer: one of `optimizers`.
      rules: which variables are trained, and how much.
      strategy: in whose scope all of them were made.
      clipping: of the gradients of the global batch.
      average: of the variables; None keeps none.
      scale: decides whether there is an update.
      watch: whether the norm of all gradients is wanted.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        rules: VariableRules,
        strategy: tf.distribute.Strategy,
        *,
        clipping: Clipping,
        average: MovingAverage | None,
        scale: LossScale,
        watch: bool,
    ) -> None:
        self._optimizer = optimizer
        self._rules = rules
        self._strategy = strategy
        self._clipping = clipping
        self._average = average
        self._scale = scale
        self._with_norm = watch or scale.needs_norm

    def __call__(self, gradients: Gradients) -> tf.Tensor | None:
        """Does the update of one step, in cross-replica context.

        Args:
          gradients: per replica, of that replica's losses.

        Returns:
          The norm of all gradients before they were clipped, float32 []; None where it is neither needed nor wanted.
        """
        clipped, norms = self._strategy.run(self._clipped, args=(gradients,))
        norm = None if norms is None else self._strategy.experimental_local_results(norms)[0]
        self._scale.guard(norm, lambda: self._assign(clipped), self._skip)
        return norm

    def _clipped(self, gradients: Gradients) -> tuple[Gradients, tf.Tensor | None]:
        summed = optimizers.summed(gradients, self._rules)
        return optimizers.clipped(summed, self._clipping, with_norm=self._with_norm)

    def _assign(self, gradients: Gradients) -> None:
        with self._rules.scaled_updates(self._strategy):
            self._strategy.run(optimizers.update, args=(self._optimizer, gradients, self._rules))
        if self._average is not None:
            self._average.update()

    def _skip(self) -> None:
        """A step whose gradients overflow counts as one all the same."""
        self._optimizer.iterations.assign_add(1, read_value=False)
