# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Learning rates as functions of the global step: the four schedules of the Object Detection API (TFOD) with their edge
cases, those of google/automl, and a cosine with restarts.

A schedule is a frozen value: two of the same settings are equal, and its `repr` says all there is to know.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

import tensorflow as tf
import tf_keras as keras

CosinePhase = Literal["after_warmup", "from_start"]

_BOUNDARY_TOLERANCE = 1e-6  # steps: what float64 leaves of a boundary that is a whole number, and more


@dataclasses.dataclass(frozen=True)
class Schedule(keras.optimizers.schedules.LearningRateSchedule):
    """Base of the schedules: step (integer or float32 scalar) -> learning rate, float32 []."""

    def __call__(self, step: tf.Tensor | int) -> tf.Tensor:
        """Returns the rate of the update that leads from `step` to `step + 1`, float32 []."""
        return self._rate(tf.cast(step, tf.float32))

    def _rate(self, step: tf.Tensor) -> tf.Tensor:
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """Returns the settings as Keras wants them."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True)
class Constant(Schedule):
    """The same rate at each step."""

    learning_rate: float

    def _rate(self, step: tf.Tensor) -> tf.Tensor:
        return tf.constant(self.learning_rate, tf.float32)


@dataclasses.dataclass(frozen=True)
class CosineDecay(Schedule):
    """A linear warm-up, a plateau, then half a cosine down to zero at `total_steps`, and zero from there on.

    With the phase "from_start" (google/automl) the half cosine, though no longer than what follows warm-up and plateau,
    begins at step 0 below them: the rate drops where they end, and rises again a little before `total_steps`.

    Reference: Loshchilov and Hutter 2017 (arXiv:1608.03983), without restarts; warm-up: Goyal et al. 2017.

    Raises:
      ValueError: on construction, where the warm-up is longer than the training or ends below its start.
    """

    learning_rate_base: float
    total_steps: int
    _: dataclasses.KW_ONLY
    warmup_learning_rate: float
    warmup_steps: int
    hold_base_rate_steps: int
    phase: CosinePhase = "after_warmup"

    def __post_init__(self) -> None:
        _check_warmup(self)

    def _rate(self, step: tf.Tensor) -> tf.Tensor:
        flat_until = float(self.warmup_steps + self.hold_base_rate_steps)
        # A plateau that reaches the end leaves a cosine of no length, none of whose values is used.
        cosine_steps = max(self.total_steps - flat_until, 1.0)
        begin = 0.0 if self.phase == "from_start" else flat_until
        rate = 0.5 * self.learning_rate_base * (1.0 + tf.cos(math.pi * (step - begin) / cosine_steps))
        rate = tf.where(step < flat_until, self.learning_rate_base, rate)
        return tf.where(step > self.total_steps, 0.0, _after_warmup(self, step, rate))


@dataclasses.dataclass(frozen=True)
class CosineRestarts(Schedule):
    """A linear warm-up, then half a cosine from the base rate down to an end rate, again and again.

    Period k (from 0) is `first_period_steps * period_factor^k` steps long, and begins `rate_factor^k` times as far
    above the end rate, `learning_rate_base * end_rate_factor`, as the first. That is how Keras's `CosineDecayRestarts`
    defines it; periods are told apart in float64 here, because float32 misses the ends of some of them.

    Reference: Loshchilov and Hutter 2017, eq. 5 (arXiv:1608.03983).

    Raises:
      ValueError: on construction, where a period would have less than one step, or the warm-up ends below its start.
    """

    learning_rate_base: float
    first_period_steps: int
    _: dataclasses.KW_ONLY
    period_factor: float = 1.0
    rate_factor: float = 1.0
    end_rate_factor: float = 0.0
    warmup_learning_rate: float = 0.0
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        _check_warmup_rates(self)
        if self.first_period_steps < 1:
            raise ValueError(f"first_period_steps ({self.first_period_steps}) must be at least 1")
        if self.period_factor < 1:
            raise ValueError(f"period_factor ({self.period_factor:g}) must be at least 1")

    def _rate(self, step: tf.Tensor) -> tf.Tensor:
        position = tf.maximum(tf.cast(step, tf.float64) - self.warmup_steps, 0.0)
        period = self._period(position)
        length = self.first_period_steps * tf.pow(tf.constant(self.period_factor, tf.float64), period)
        share = tf.clip_by_value((position - self._start(period)) / length, 0.0, 1.0)
        height = 0.5 * tf.pow(tf.constant(self.rate_factor, tf.float64), period) * (1.0 + tf.cos(math.pi * share))
        rate = self.learning_rate_base * ((1.0 - self.end_rate_factor) * height + self.end_rate_factor)
        return _after_warmup(self, step, tf.cast(rate, tf.float32))

    def _start(self, period: tf.Tensor) -> tf.Tensor:
        """The position at which a period begins, float64 []: the sum of a geometric series."""
        if self.period_factor == 1.0:
            return self.first_period_steps * period
        growth = self.period_factor - 1.0
        return self.first_period_steps * (tf.pow(tf.constant(self.period_factor, tf.float64), period) - 1.0) / growth

    def _period(self, position: tf.Tensor) -> tf.Tensor:
        """The number of the period that a position is in, float64 []."""
        periods = position / self.first_period_steps
        if self.period_factor > 1.0:
            growth = self.period_factor - 1.0
            periods = tf.math.log1p(growth * periods) / math.log(self.period_factor)
        period = tf.floor(periods)
        # What rounding has put on the wrong side of a boundary goes back.
        period += tf.cast(position >= self._start(period + 1.0) - _BOUNDARY_TOLERANCE, tf.float64)
        return period - tf.cast(position < self._start(period) - _BOUNDARY_TOLERANCE, tf.float64)


@dataclasses.dataclass(frozen=True)
class PolynomialDecay(Schedule):
    """A linear warm-up, then `learning_rate_base * (1 - step / total_steps) ^ power`, and zero from the end on.

    The decay counts from step 0, below the warm-up, as in google/automl: the rate drops where the warm-up ends.

    Raises:
      ValueError: on construction, where the warm-up is longer than the training or ends below its start, or where the
        power is not positive.
    """

    learning_rate_base: float
    total_steps: int
    _: dataclasses.KW_ONLY
    power: float
    warmup_learning_rate: float
    warmup_steps: int

    def __post_init__(self) -> None:
        _check_warmup(self)
        if self.power <= 0:
            raise ValueError(f"power ({self.power:g}) must be positive")

    def _rate(self, step: tf.Tensor) -> tf.Tensor:
        rest = 1.0 - tf.minimum(step / max(self.total_steps, 1), 1.0)
        rate = self.learning_rate_base * tf.pow(rest, self.power)
        return _after_warmup(self, step, rate)


@dataclasses.dataclass(frozen=True)
class ExponentialDecay(Schedule):
    """A burn-in at one rate, then the initial rate times `decay_factor` per `decay_steps`, never below a floor.

    A `burnin_learning_rate` of 0 means the initial rate. With `staircase` the rate falls once every `decay_steps`,
    otherwise continuously. Decay counts from the end of the burn-in.

    Raises:
      ValueError: on construction, where `decay_steps` is not positive.
    """

    initial_learning_rate: float
    decay_steps: int
    decay_factor: float
    _: dataclasses.KW_ONLY
    burnin_learning_rate: float
    burnin_steps: int
    min_learning_rate: float
    staircase: bool

    def __post_init__(self) -> None:
        if self.decay_steps <= 0:
            raise ValueError(f"decay_steps ({self.decay_steps}) must be positive")

    def _rate(self, step: tf.Tensor) -> tf.Tensor:
        periods = (step - self.burnin_steps) / self.decay_steps
        if self.staircase:
            periods = tf.floor(periods)
        decayed = self.initial_learning_rate * tf.pow(tf.constant(self.decay_factor, tf.float32), periods)
        burnin_rate = self.burnin_learning_rate or self.initial_learning_rate
        # The floor holds for the burn-in too.
        return tf.maximum(tf.where(step < self.burnin_steps, burnin_rate, decayed), self.min_learning_rate)


@dataclasses.dataclass(frozen=True)
class ManualStep(Schedule):
    """Rates that switch at given steps: `rates[i + 1]` holds from step `boundaries[i]` on, that step included.

    With `warmup` the rate rises (or falls) linearly from `rates[0]` to `rates[1]` until the first boundary.

    Raises:
      ValueError: on construction, where boundaries do not increase or rates and boundaries do not fit each other.
    """

    boundaries: tuple[int, ...]
    rates: tuple[float, ...]
    _: dataclasses.KW_ONLY
    warmup: bool

    def __post_init__(self) -> None:
        object.__setattr__(self, "boundaries", tuple(self.boundaries))
        object.__setattr__(self, "rates", tuple(self.rates))
        if len(self.rates) != len(self.boundaries) + 1:
            raise ValueError(
                f"{len(self.boundaries)} boundaries need {len(self.boundaries) + 1} rates, got {len(self.rates)}"
            )
        previous = 0
        for boundary in self.boundaries:
            if boundary <= previous:
                raise ValueError(f"steps of a manual schedule must be positive and increase, got {self.boundaries}")
            previous = boundary

    def _rate(self, step: tf.Tensor) -> tf.Tensor:
        if not self.boundaries:
            return tf.constant(self.rates[0], tf.float32)
        boundaries = tf.constant(self.boundaries, tf.float32)
        period = tf.reduce_sum(tf.cast(step >= boundaries, tf.int32))
        rate = tf.gather(tf.constant(self.rates, tf.float32), period)
        if self.warmup:
            slope = (self.rates[1] - self.rates[0]) / self.boundaries[0]
            rate = tf.where(step < self.boundaries[0], self.rates[0] + slope * step, rate)
        return rate


def _check_warmup(schedule: CosineDecay | PolynomialDecay) -> None:
    if schedule.warmup_steps > schedule.total_steps:
        raise ValueError(
            f"total_steps ({schedule.total_steps}) must not be less than warmup_steps ({schedule.warmup_steps})"
        )
    _check_warmup_rates(schedule)


def _check_warmup_rates(schedule: CosineDecay | CosineRestarts | PolynomialDecay) -> None:
    if schedule.warmup_steps > 0 and schedule.learning_rate_base < schedule.warmup_learning_rate:
        raise ValueError(
            f"learning_rate_base ({schedule.learning_rate_base:g}) must not be below warmup_learning_rate "
            f"({schedule.warmup_learning_rate:g})"
        )


def _after_warmup(
    schedule: CosineDecay | CosineRestarts | PolynomialDecay, step: tf.Tensor, rate: tf.Tensor
) -> tf.Tensor:
    """`rate`, but from the first step to the end of the warm-up a line that rises to the base rate."""
    if not schedule.warmup_steps:
        return rate
    slope = (schedule.learning_rate_base - schedule.warmup_learning_rate) / schedule.warmup_steps
    return tf.where(step < schedule.warmup_steps, schedule.warmup_learning_rate + slope * step, rate)
