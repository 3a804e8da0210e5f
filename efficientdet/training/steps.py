# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The compiled step: the pictures of a batch to new weights, at once or part by part."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import tensorflow as tf

from efficientdet.start_up import uncollected
from efficientdet.training.backward import Backward
from efficientdet.training.optimizers import Gradients
from efficientdet.training.update import Update
from efficientdet.types import Losses, Targets


class StepResult(NamedTuple):
    """What a step computes besides the weights."""

    losses: tf.Tensor  # float32 [4], `Losses` of the global batch before the update
    gradient_norm: tf.Tensor | None  # float32 [], of all gradients before they are clipped


class Step(Protocol):
    """One step on all replicas."""

    def __call__(self, inputs: tf.Tensor, targets: Targets) -> StepResult:
        """Updates the weights once.

        Args:
          inputs: per replica, float32 [B, H, W, 3].
          targets: per replica, of [B, A] anchors.
        """


class WholeStep:
    """Computes all pictures of a replica at once.

    Args:
      backward: computes losses and gradients.
      update: changes the weights.
      strategy: on whose replicas.
    """

    def __init__(self, backward: Backward, update: Update, strategy: tf.distribute.Strategy) -> None:
        self._backward = backward
        self._update = update
        self._strategy = strategy
        self.compiled = _compiled(self._step)
        """The whole of it, a `tf.function`."""

    def __call__(self, inputs: tf.Tensor, targets: Targets) -> StepResult:
        """See `Step`."""
        with uncollected():  # the first call traces
            return self.compiled(inputs, targets)

    def _step(self, inputs: tf.Tensor, targets: Targets) -> StepResult:
        losses, gradients = self._strategy.run(self._shares, args=(inputs, targets))
        norm = self._update(gradients)
        return StepResult(self._strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None), norm)

    def _shares(self, inputs: tf.Tensor, targets: Targets) -> tuple[tf.Tensor, Gradients]:
        losses, gradients = self._backward.of_batch(inputs, targets)
        return tf.stack(losses), gradients


class AccumulatedStep:
    """Computes the pictures of a replica in parts, one after the other, and adds up their gradients.

    All targets are there before the first part is computed, so that each part divides its losses by the normaliser of
    the whole batch: sums of gradients are then those of the batch computed at once, but for batch norm, which sees
    the statistics of a part at a time. Regularisation counts once. The parts are calls from the host of one function
    and not a loop inside it, in which replicas could not exchange the statistics of synchronized batch norm.

    Args:
      backward: computes losses and gradients.
      update: changes the weights.
      strategy: on whose replicas; its scope is entered here.
      variables: `rules.trained`.
      parts: how many there are. The pictures of a replica divide by it.
    """

    def __init__(
        self,
        backward: Backward,
        update: Update,
        strategy: tf.distribute.Strategy,
        *,
        variables: Sequence[tf.Variable],
        parts: int,
    ) -> None:
        self._backward = backward
        self._update = update
        self._strategy = strategy
        self._parts = parts
        with strategy.scope():
            self._gradients = [_sum_per_replica(variable.shape) for variable in variables]
            self._losses = _sum_per_replica([2])  # localization and classification
        self._reached: list[bool] = []  # the variables that a gradient reaches; known once a part has been traced
        self.accumulate = _compiled(self._distributed_part)
        """(inputs, targets, number of the part, int32 []): adds one part to the sums, a `tf.function`."""
        self.apply = _compiled(self._distributed_update)
        """Updates the weights by the sums, a `tf.function`."""

    def __call__(self, inputs: tf.Tensor, targets: Targets) -> StepResult:
        """See `Step`."""
        with uncollected():  # the first calls trace
            for part in range(self._parts):
                self.accumulate(inputs, targets, tf.constant(part))
            return self.apply()

    def _distributed_part(self, inputs: tf.Tensor, targets: Targets, part: tf.Tensor) -> None:
        self._strategy.run(self._add_part, args=(inputs, targets, part))

    def _add_part(self, inputs: tf.Tensor, targets: Targets, part: tf.Tensor) -> None:
        seed, normalizer = self._backward.seed(part), self._backward.normalizer(targets)
        own_inputs, own_targets = tf.nest.map_structure(lambda rows: _part(rows, part, self._parts), (inputs, targets))

        def losses_of() -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
            losses = self._backward.of_pictures(own_inputs, own_targets, normalizer=normalizer, seed=seed)
            return *losses, losses[0] + losses[1]

        losses, gradients = self._backward.gradients(losses_of)
        self._reached = [gradient is not None for gradient in gradients]
        self._add(self._losses, tf.stack(losses[:2]), part)
        for total, gradient in zip(self._gradients, gradients, strict=True):
            if gradient is not None:
                self._add(total, gradient, part)

    def _add(self, total: tf.Variable, value: tf.Tensor, part: tf.Tensor) -> None:
        # The first part replaces what was there, which may be that of a step that was never finished.
        total.assign(tf.where(part > 0, total.read_value() + value, value))

    def _distributed_update(self) -> StepResult:
        losses, gradients = self._strategy.run(self._sums)
        norm = self._update(gradients)
        return StepResult(self._strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None), norm)

    def _sums(self) -> tuple[tf.Tensor, Gradients]:
        localization, classification = tf.unstack(self._losses.read_value())
        (regularization,), decay = self._backward.gradients(lambda: (self._backward.of_weights(),))
        sums = [
            total.read_value() if is_reached else None
            for total, is_reached in zip(self._gradients, self._reached, strict=True)
        ]
        losses = Losses(localization, classification, regularization, localization + classification + regularization)
        return tf.stack(losses), [_sum(one, other) for one, other in zip(sums, decay, strict=True)]


def _compiled(function: Callable[..., StepResult | None]) -> Callable[..., StepResult]:
    # Unless its caller forbids it, Keras converts the call of each layer with AutoGraph: seconds of tracing wasted.
    return tf.function(tf.autograph.experimental.do_not_convert(function), autograph=False)


def _sum_per_replica(shape: tf.TensorShape | Sequence[int]) -> tf.Variable:
    """A variable of which each replica has a value of its own."""
    return tf.Variable(
        tf.zeros(shape),
        trainable=False,
        synchronization=tf.VariableSynchronization.ON_READ,
        aggregation=tf.VariableAggregation.SUM,
    )


def _part(rows: tf.Tensor, part: tf.Tensor, parts: int) -> tf.Tensor:
    """One of `parts` equal runs of neighbouring rows."""
    return tf.reshape(rows, [parts, -1, *rows.shape[1:]])[part]


def _sum(one: tf.Tensor | None, other: tf.Tensor | None) -> tf.Tensor | None:
    if one is None or other is None:
        return other if one is None else one
    return one + other
