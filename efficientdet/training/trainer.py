# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A training step by step: which batch is next, what the step leaves, and which end it can come to.

All losses are those of the *global* batch: localisation and classification are divided by the matches of all replicas,
and regularisation counts once. What a step does is a function of the weights, the batch, the seed and the step's number
alone, so that a run which was interrupted goes on bit by bit as if it had not been (with several replicas: but for what
`moving_statistics` says).
"""

from __future__ import annotations

import contextlib
import functools
import math
import time
from collections.abc import Callable

import orbit
import tensorflow as tf
import tf_keras as keras

from efficientdet.data.checks import INPUT_ERRORS, READING_ERRORS, reading_failed
from efficientdet.data.input_share import InputShare
from efficientdet.errors import TrainingError
from efficientdet.losses import Loss
from efficientdet.training import optimizers
from efficientdet.training.backward import Backward
from efficientdet.training.derived_schedules import Adjustable
from efficientdet.training.distribution import distributed
from efficientdet.training.loss_scale import DynamicLossScale, LossScale, NoLossScale
from efficientdet.training.moving_average import MovingAverage
from efficientdet.training.moving_statistics import MovingStatistics
from efficientdet.training.probe import Probe
from efficientdet.training.settings import TrainerSettings
from efficientdet.training.step_fault import FaultKind, StepFault
from efficientdet.training.steps import AccumulatedStep, Step, WholeStep
from efficientdet.training.update import Update
from efficientdet.training.variable_rules import VariableRules, trainable_by_path
from efficientdet.training.workers import tells_of_lost_worker
from efficientdet.types import Batch, Losses, Targets

__all__ = ["DataEndedError", "StepFault", "Trainer", "TrainerSettings"]


class DataEndedError(TrainingError):
    """No batch is left: the data are limited to a number of epochs. The weights are those of the last full step."""


class Trainer(orbit.AbstractTrainer):
    """Trains a model step by step.

    Args:
      model: called as `model(inputs, training=True, seed=int32 [2])`; its variables exist already, and its
        `regularization_loss()` is a float32 [].
      loss: judges predictions against targets.
      optimizer: one of `optimizers`; its `iterations` is the global step, and its `learning_rate` a `Schedule`.
      dataset_fn: returns a worker's part of the batches from the one of a number on, endlessly.
      strategy: in whose scope model and optimizer were made.
      seed: of every random draw in the model.
      settings: see `TrainerSettings`.
      rules: which variables are trained, and how much; None trains all that are trainable alike. Slots and averages
        exist for all of them, so that checkpoints of the model are the same whatever is frozen.
      on_input_error: is asked about an error of `data.checks.INPUT_ERRORS`, raised where the batch of a number is
        fetched: returns what to raise in its place, or None where the batch is to be fetched anew. Without it the error
        itself is raised. Errors of the step are never taken for errors of the data.
    """

    def __init__(
        self,
        *,
        model: keras.Model,
        loss: Loss,
        optimizer: optimizers.Optimizer,
        dataset_fn: Callable[[int, InputShare], tf.data.Dataset],
        strategy: tf.distribute.Strategy,
        seed: int,
        settings: TrainerSettings = TrainerSettings(),  # noqa: B008 (immutable)
        rules: VariableRules | None = None,
        on_input_error: Callable[[Exception, int], Exception | None] | None = None,
    ) -> None:
        super().__init__(name="trainer")
        self.model = model
        self.optimizer = optimizer
        self.strategy = strategy
        self.rules = rules or VariableRules(trainable_by_path(model))
        self.statistics = MovingStatistics(strategy, model)
        """Of batch normalisation, to be synchronised before they are saved or evaluated."""
        self._dataset_fn = dataset_fn
        self._on_input_error = on_input_error
        self._average: MovingAverage | None = None
        self._rate_factor = self._made_adjustable() if settings.adjustable_rate else None
        self.loss_scale: DynamicLossScale | None = None
        """The factor on the loss, whose variables belong into checkpoints; None where there is none."""
        with strategy.scope():
            optimizers.create_slots(optimizer, model.trainable_variables)
            if settings.average_decay is not None:
                self._average = MovingAverage(optimizer, model.trainable_variables, settings.average_decay)
            if settings.scale_losses:
                self.loss_scale = DynamicLossScale()
        scale = self.loss_scale or NoLossScale()
        backward = Backward(model, loss, optimizer, self.rules, seed=seed, settings=settings, scale=scale)
        self._step = self._build_step(backward, settings, scale)
        self._probe = Probe(backward, model, self.rules, parts=settings.parts)
        self._iterator: tf.data.Iterator | None = None
        self._position = -1  # number of the batch that the iterator gives next
        self._skipped: set[int] = set()
        self._last_batch: Batch | None = None
        self.inputs_started = 0
        """How often the input has begun anew: at the first step, after a restore, before a batch that is left out."""
        self.seconds_waited = 0.0
        """How long the latest step had to wait for its batch; the first one's includes the filling of buffers."""
        self.gradient_norm: float | None = None
        """The norm of all gradients in the latest step, before they were clipped; None where nobody looks."""

    @property
    def step(self) -> int:
        """Updates done so far, over all starts of the run."""
        return int(self.optimizer.iterations.numpy())

    @property
    def learning_rate(self) -> float:
        """The rate of the latest update."""
        return float(self.optimizer.learning_rate(max(self.step - 1, 0)))

    @property
    def rate_factor(self) -> float:
        """What the rates of the schedule are multiplied by, from the next update on."""
        return 1.0 if self._rate_factor is None else float(self._rate_factor.numpy())

    @rate_factor.setter
    def rate_factor(self, factor: float) -> None:
        if self._rate_factor is None:
            if self._position >= 0:  # the step has been traced, with the schedule alone
                raise ValueError("the rate can change after the first step only with TrainerSettings.adjustable_rate")
            self._rate_factor = self._made_adjustable()
        self._rate_factor.assign(factor)

    @property
    def skipped(self) -> frozenset[int]:
        """Numbers of the batches that are left out."""
        return frozenset(self._skipped)

    def skip(self, number: int) -> None:
        """Leaves out the batch of a number from now on: that of `batch_number`, not of the step."""
        self._skipped.add(number)

    def batch_number(self, step: int) -> int:
        """The number, from 0, of the batch that the update from `step` to `step + 1` is made with."""
        number = step
        for skipped in sorted(self._skipped):
            number += skipped <= number
        return number

    @property
    def last_batch(self) -> Batch | None:
        """The latest batch, or the first replica's part of it; None before the first step."""
        if self._last_batch is None:
            return None
        return tf.nest.map_structure(lambda t: self.strategy.experimental_local_results(t)[0], self._last_batch)

    @property
    def last_global_batch(self) -> Batch | None:
        """The latest batch as `strategy.run` takes it, of all replicas of this process; None before the first step."""
        return self._last_batch

    def averaged_weights(self) -> contextlib.AbstractContextManager[None]:
        """Puts the averaged weights into the model for the time of a `with` block; does nothing without an average."""
        return self._average.applied() if self._average else contextlib.nullcontext()

    def train_step(self) -> Losses:
        """Does one step.

        Returns:
          The losses of the global batch before the update, NumPy scalars.

        Raises:
          StepFault: a loss is not finite, or the norm of the gradients where it is watched (the update has been made:
            do not save the weights). Gradients that nobody watches spoil the weights with this update, and the next
            step fails, or before it `TrainingCheckpoints.save`, which looks at all weights and saves none of them.
          DataEndedError: no batch is left.
          DataError: the disk or the network that the data come from fails.
          Exception: what `on_input_error` makes of an error in the data.
        """
        step = self.step
        number = self.batch_number(step)
        started = time.perf_counter()
        batch = self._next_batch(number, step)
        self.seconds_waited = time.perf_counter() - started
        result = self._step(batch.inputs, batch.targets)
        losses = Losses(*result.losses.numpy())
        self.gradient_norm = None if result.gradient_norm is None else float(result.gradient_norm.numpy())
        self._last_batch = batch
        self._require_finite(losses, step, number)
        return losses

    def train(self, num_steps: tf.Tensor | int) -> dict[str, float]:
        """Does a number of steps (orbit's interface), and returns the losses of the last one by their summary tags."""
        losses = None
        for _ in range(int(num_steps)):
            losses = self.train_step()
        return {} if losses is None else losses.tags()

    def replica_gradients(self, inputs: tf.Tensor, targets: Targets) -> tuple[Losses, optimizers.Gradients]:
        """Losses and gradients at the present weights, without any trace; in replica context, see `Probe`."""
        return self._probe(inputs, targets)

    def _build_step(self, backward: Backward, settings: TrainerSettings, scale: LossScale) -> Step:
        update = Update(
            self.optimizer,
            self.rules,
            self.strategy,
            clipping=settings.clipping,
            average=self._average,
            scale=scale,
            watch=settings.watch_gradients,
        )
        if settings.parts == 1:
            return WholeStep(backward, update, self.strategy)
        return AccumulatedStep(backward, update, self.strategy, variables=self.rules.trained, parts=settings.parts)

    def _made_adjustable(self) -> tf.Variable:
        """Lays a factor around the optimizer's schedule, and returns it."""
        with self.strategy.scope():
            same = tf.VariableAggregation.ONLY_FIRST_REPLICA
            factor = tf.Variable(1.0, trainable=False, aggregation=same, name="rate_factor")
        self.optimizer.learning_rate = Adjustable(self.optimizer.learning_rate, factor)
        return factor

    def _next_batch(self, number: int, step: int) -> Batch:
        while True:
            try:
                if self._iterator is None or number != self._position:
                    # The first step, the first after a restore, or one whose batch is left out.
                    self.inputs_started += 1
                    dataset_fn = functools.partial(self._dataset_fn, number)
                    self._iterator = iter(distributed(self.strategy, dataset_fn))
                batch = next(self._iterator)
            except StopIteration:
                raise DataEndedError(f"the training data ended before step {step + 1}") from None
            except INPUT_ERRORS as error:
                self._iterator = None
                if self._on_input_error is None:
                    raise
                if (explained := self._on_input_error(error, number)) is not None:
                    raise explained from error
            except READING_ERRORS as error:
                self._iterator = None
                if tells_of_lost_worker(error):
                    raise
                raise reading_failed(error, number) from error
            else:
                self._position = number + 1
                return batch

    def _require_finite(self, losses: Losses, step: int, number: int) -> None:
        norm = self.gradient_norm
        if not all(math.isfinite(loss) for loss in losses):
            kind: FaultKind = "loss"
        elif norm is None or math.isfinite(norm) or (self.loss_scale is not None and not self.loss_scale.is_exhausted):
            return
        else:
            kind = "gradient"
        raise StepFault(kind, step=step + 1, batch_number=number, losses=losses, gradient_norm=norm)
