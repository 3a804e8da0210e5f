# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""One step of training: a batch in, updated weights and the losses out, on one device or on many.

All losses are those of the *global* batch: localisation and classification are divided by the matches of all replicas,
and regularisation counts once. What a step does is a function of the weights, the batch, the seed and the step's number
alone, so that a run which was interrupted goes on bit by bit as if it had not been.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import orbit
import tensorflow as tf
import tf_keras as keras

from efficientdet.data.checks import INPUT_ERRORS
from efficientdet.errors import TrainingError
from efficientdet.losses import Loss
from efficientdet.training import optimizers
from efficientdet.training.moving_average import MovingAverage
from efficientdet.training.variable_rules import VariableRules, trainable_by_path
from efficientdet.types import Batch, Losses, Targets


class DataEndedError(TrainingError):
    """No batch is left: the data are limited to a number of epochs. The weights are those of the last full step."""


class TrainerSettings(NamedTuple):
    """How a step updates the weights."""

    clipping: optimizers.Clipping = optimizers.Clipping()  # of the gradients of the global batch
    average_decay: float | None = None  # of the moving average of the weights; None keeps none
    regularize: bool = True  # whether the model's regularisation losses are added


class Trainer(orbit.AbstractTrainer):
    """Trains a model step by step.

    Args:
      model: called as `model(inputs, training=True, seed=int32 [2])`; its variables exist already, and its
        `regularization_loss()` is a float32 [].
      loss: judges predictions against targets.
      optimizer: one of `optimizers`; its `iterations` is the global step, and its `learning_rate` a `Schedule`.
      dataset_fn: returns the batches from a global step on, endlessly. Global batches: they are split among replicas.
      strategy: in whose scope model and optimizer were made.
      seed: of every random draw in the model.
      settings: see `TrainerSettings`.
      rules: which variables are trained, and how much; None trains all that are trainable alike. Slots and averages
        exist for all of them, so that checkpoints of the model are the same whatever is frozen.
      explain_error: turns an error of `data.checks.INPUT_ERRORS`, raised where a batch is fetched, into the error to
        raise in its place; None lets it through. Errors of the step itself are never taken for errors of the data.
    """

    def __init__(
        self,
        *,
        model: keras.Model,
        loss: Loss,
        optimizer: optimizers.Optimizer,
        dataset_fn: Callable[[int], tf.data.Dataset],
        strategy: tf.distribute.Strategy,
        seed: int,
        settings: TrainerSettings = TrainerSettings(),  # noqa: B008 (immutable)
        rules: VariableRules | None = None,
        explain_error: Callable[[Exception], Exception] | None = None,
    ) -> None:
        super().__init__(name="trainer")
        self.model = model
        self.optimizer = optimizer
        self.strategy = strategy
        self.rules = rules or VariableRules(trainable_by_path(model))
        self._loss = loss
        self._dataset_fn = dataset_fn
        self._settings = settings
        self._explain_error = explain_error
        # A config's seed is unsigned; random ops take its bits as a signed number.
        self._seed = tf.constant([np.uint32(seed).astype(np.int32), 0])
        self._average: MovingAverage | None = None
        with strategy.scope():
            optimizers.create_slots(optimizer, model.trainable_variables)
            if settings.average_decay is not None:
                self._average = MovingAverage(optimizer, model.trainable_variables, settings.average_decay)
        self._iterator: tf.data.Iterator | None = None
        self._next_step = -1
        self._last_batch: Batch | None = None
        self.seconds_waited = 0.0
        """How long the latest step had to wait for its batch; the first one's includes the filling of buffers."""
        # Unless its caller forbids it, Keras converts the call of each layer with AutoGraph: seconds of tracing wasted.
        step = tf.autograph.experimental.do_not_convert(self._distributed_step)
        self._compiled_step = tf.function(step, autograph=False)

    @property
    def step(self) -> int:
        """Updates done so far, over all starts of the run."""
        return int(self.optimizer.iterations.numpy())

    @property
    def learning_rate(self) -> float:
        """The rate of the latest update."""
        return float(self.optimizer.learning_rate(max(self.step - 1, 0)))

    @property
    def last_batch(self) -> Batch | None:
        """The latest batch, or the first replica's part of it; None before the first step."""
        if self._last_batch is None:
            return None
        return tf.nest.map_structure(lambda t: self.strategy.experimental_local_results(t)[0], self._last_batch)

    def averaged_weights(self) -> contextlib.AbstractContextManager[None]:
        """Puts the averaged weights into the model for the time of a `with` block; does nothing without an average."""
        return self._average.applied() if self._average else contextlib.nullcontext()

    def train_step(self) -> Losses:
        """Does one step.

        Returns:
          The losses of the global batch before the update, NumPy scalars.

        Raises:
          TrainingError: a loss is not finite (the update has been made: do not save the weights). Finite losses can
            still have gradients that are not: then this update spoils the weights, and the next step fails, or before
            it `TrainingCheckpoints.save`, which looks at all weights and saves none of them.
          DataEndedError: no batch is left.
          Exception: what `explain_error` makes of an error in the data.
        """
        step = self.step
        started = time.perf_counter()
        batch = self._next_batch(step)
        self.seconds_waited = time.perf_counter() - started
        losses = Losses(*self._compiled_step(batch.inputs, batch.targets).numpy())
        self._next_step = step + 1
        self._last_batch = batch
        if not all(math.isfinite(loss) for loss in losses):
            parts = ", ".join(f"{name} {value:g}" for name, value in losses._asdict().items())
            raise TrainingError(
                f"the loss is not finite at step {step + 1} ({parts}): training stops, and nothing is saved of this "
                "step. A lower learning rate, a longer warm-up or gradient_clipping_by_norm usually helps; so does a "
                "look at the boxes of the training data"
            )
        return losses

    def _next_batch(self, step: int) -> Batch:
        try:
            if self._iterator is None or step != self._next_step:  # the first step, or the first after a restore
                self._iterator = iter(self.strategy.experimental_distribute_dataset(self._dataset_fn(step)))
            return next(self._iterator)
        except StopIteration:
            raise DataEndedError(f"the training data ended before step {step + 1}") from None
        except INPUT_ERRORS as error:
            if self._explain_error is None:
                raise
            raise self._explain_error(error) from error

    def train(self, num_steps: tf.Tensor | int) -> dict[str, float]:
        """Does a number of steps (orbit's interface), and returns the losses of the last one by their summary tags."""
        losses = None
        for _ in range(int(num_steps)):
            losses = self.train_step()
        return {} if losses is None else losses.tags()

    def _distributed_step(self, inputs: tf.Tensor, targets: Targets) -> tf.Tensor:
        """Does one step on all replicas, and returns the four losses, float32 [4]."""
        with self.rules.scaled_updates(self.strategy):
            losses = self.strategy.run(self._replica_step, args=(inputs, targets))
        if self._average is not None:
            self._average.update()
        return self.strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    def _replica_step(self, inputs: tf.Tensor, targets: Targets) -> tf.Tensor:
        """Does one replica's part of a step, and returns its share of the four losses, float32 [4]."""
        context = tf.distribute.get_replica_context()
        fold_in = tf.random.experimental.stateless_fold_in
        seed = fold_in(fold_in(self._seed, self.optimizer.iterations), context.replica_id_in_sync_group)
        matched = context.all_reduce(tf.distribute.ReduceOp.SUM, self._loss.num_matched(targets))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.rules.trained)  # nothing is computed for the others
            predictions = self.model(inputs, training=True, seed=seed)
            localization, classification = self._loss(predictions, targets, self._loss.normalizer(matched))
            regularization = self._regularization() / context.num_replicas_in_sync
            total = localization + classification + regularization
        gradients = tape.gradient(total, self.rules.trained)
        optimizers.apply_gradients(self.optimizer, gradients, self.rules, self._settings.clipping)
        return tf.stack(Losses(localization, classification, regularization, total))

    def _regularization(self) -> tf.Tensor:
        return self.model.regularization_loss() if self._settings.regularize else tf.zeros([])
