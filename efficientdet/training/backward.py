# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Forward and back on one replica: the losses of its pictures, and their gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf
import tf_keras as keras

from efficientdet.losses import Loss
from efficientdet.training.loss_scale import LossScale
from efficientdet.training.optimizers import Gradients, Optimizer
from efficientdet.training.settings import TrainerSettings
from efficientdet.training.variable_rules import VariableRules
from efficientdet.types import Losses, Targets


class Backward:
    """Computes losses and gradients; all its methods are called in replica context.

    What it returns are shares: their sums over the replicas are those of the global batch.

    Args:
      model: see `Trainer`.
      loss: judges predictions against targets.
      optimizer: its `iterations` is the global step, which decides what is drawn.
      rules: which variables are trained.
      seed: of every random draw in the model.
      settings: of the step.
      scale: what the loss is multiplied by while gradients are computed.
    """

    def __init__(
        self,
        model: keras.Model,
        loss: Loss,
        optimizer: Optimizer,
        rules: VariableRules,
        *,
        seed: int,
        settings: TrainerSettings,
        scale: LossScale,
    ) -> None:
        self._model = model
        self._loss = loss
        self._optimizer = optimizer
        self._trained = rules.trained
        self._settings = settings
        self._scale = scale
        # A config's seed is unsigned; random ops take its bits as a signed number.
        self._seed = tf.constant([np.uint32(seed).astype(np.int32), 0])

    def seed(self, part: tf.Tensor | None = None) -> tf.Tensor:
        """The seed of this replica's draws in this step, or in one part of it; int32 [2]."""
        fold_in = tf.random.experimental.stateless_fold_in
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        seed = fold_in(fold_in(self._seed, self._optimizer.iterations), replica)
        return seed if part is None else fold_in(seed, part)

    def normalizer(self, targets: Targets) -> tf.Tensor:
        """What losses are divided by, float32 [].

        Args:
          targets: of all pictures that this replica has in the step, [B, A].
        """
        matched = self._loss.num_matched(targets)
        if self._settings.normalizer_scope == "global_batch":
            matched = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, matched)
        return self._loss.normalizer(matched)

    def gradients(self, losses_of: Callable[[], Sequence[tf.Tensor]]) -> tuple[Sequence[tf.Tensor], Gradients]:
        """Computes losses, and the gradients of the last of them.

        Args:
          losses_of: computes losses, float32 [] each.

        Returns:
          The losses, and the gradients for `rules.trained`.
        """
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self._trained)  # nothing is computed for the others
            losses = losses_of()
            scaled = self._scale.scaled(losses[-1])
        return losses, self._scale.unscaled(tape.gradient(scaled, self._trained))

    def of_pictures(
        self, inputs: tf.Tensor, targets: Targets, *, normalizer: tf.Tensor, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """(localization, classification), float32 [], of pictures [B, H, W, 3]."""
        predictions = self._model(inputs, training=True, seed=seed)
        localization, classification = self._loss(predictions, targets, normalizer)
        replicas = tf.distribute.get_replica_context().num_replicas_in_sync
        if self._settings.normalizer_scope == "replica" and replicas > 1:
            return localization / replicas, classification / replicas
        return localization, classification

    def of_weights(self) -> tf.Tensor:
        """The regularisation loss, float32 []."""
        total = self._model.regularization_loss() if self._settings.regularize else tf.zeros([])
        return total / tf.distribute.get_replica_context().num_replicas_in_sync

    def of_batch(self, inputs: tf.Tensor, targets: Targets) -> tuple[Losses, Gradients]:
        """The losses, and the gradients of their total, of all that this replica has to do in a step.

        Args:
          inputs: float32 [B, H, W, 3].
          targets: of [B, A] anchors.
        """
        seed, normalizer = self.seed(), self.normalizer(targets)

        def losses_of() -> Losses:
            localization, classification = self.of_pictures(inputs, targets, normalizer=normalizer, seed=seed)
            regularization = self.of_weights()
            return Losses(localization, classification, regularization, localization + classification + regularization)

        losses, gradients = self.gradients(losses_of)
        return Losses(*losses), gradients
