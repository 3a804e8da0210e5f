# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A look at the gradients of the present weights, which leaves a training as it was."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import tensorflow as tf
import tf_keras as keras

from efficientdet.training import optimizers
from efficientdet.training.backward import Backward
from efficientdet.training.optimizers import Gradients
from efficientdet.training.variable_rules import VariableRules
from efficientdet.types import Losses, Targets


class Probe:
    """Computes what a step would compute, and updates nothing.

    Args:
      backward: computes losses and gradients.
      model: whose moving statistics stay as they are.
      rules: which variables are trained.
      parts: that a step computes its pictures in: a look sees the first of them, for the others may not fit.
    """

    def __init__(self, backward: Backward, model: keras.Model, rules: VariableRules, *, parts: int = 1) -> None:
        self._backward = backward
        self._model = model
        self._rules = rules
        self._parts = parts

    def __call__(self, inputs: tf.Tensor, targets: Targets) -> tuple[Losses, Gradients]:
        """Looks at a batch, in replica context, inside a `tf.function`.

        Args:
          inputs: of this replica, float32 [B, H, W, 3].
          targets: of [B, A] anchors.

        Returns:
          The losses of the global batch, and the gradients for `rules.trained` as they are before they are clipped.
        """
        if self._parts > 1:
            size = tf.shape(inputs)[0] // self._parts
            inputs, targets = tf.nest.map_structure(lambda rows: rows[:size], (inputs, targets))
        with self._unmoved_statistics():
            losses, gradients = self._backward.of_batch(inputs, targets)
        total = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, list(losses))
        return Losses(*total), optimizers.summed(gradients, self._rules)

    @contextlib.contextmanager
    def _unmoved_statistics(self) -> Iterator[None]:
        """Puts back what a forward pass in training moves."""
        before = [variable.read_value() for variable in self._model.non_trainable_variables]
        yield
        for variable, value in zip(self._model.non_trainable_variables, before, strict=True):
            variable.assign(value)
