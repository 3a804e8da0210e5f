# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Learning rates that are made from another schedule."""

from __future__ import annotations

import dataclasses
from typing import Any

import tensorflow as tf

from efficientdet.training.schedules import Schedule


@dataclasses.dataclass(frozen=True)
class InverseTimeDecay(Schedule):
    """Another schedule divided by `1 + decay * step`.

    This is what TFOD makes of `rms_prop_optimizer.decay`, which it hands to Keras as a decay of the learning rate and
    not as the decay of the squared-gradient average.
    """

    schedule: Schedule
    decay: float

    def _rate(self, step: tf.Tensor) -> tf.Tensor:
        return self.schedule(step) / (1.0 + self.decay * step)


@dataclasses.dataclass(frozen=True)
class Delayed(Schedule):
    """Another schedule that begins at `start_step`, with its warm-up; before it, its first rate."""

    schedule: Schedule
    start_step: int

    def _rate(self, step: tf.Tensor) -> tf.Tensor:
        return self.schedule(tf.maximum(step - self.start_step, 0.0))


@dataclasses.dataclass(frozen=True)
class Adjustable(Schedule):
    """Another schedule times a factor that may change between two steps.

    Attributes:
      schedule: the other.
      factor: a variable, float32 [], made in the strategy's scope. It is no part of what two schedules are compared by.
    """

    schedule: Schedule
    factor: tf.Variable = dataclasses.field(compare=False)

    def _rate(self, step: tf.Tensor) -> tf.Tensor:
        return self.schedule(step) * self.factor

    def get_config(self) -> dict[str, Any]:
        """Returns the settings as Keras wants them, without the factor, which is state."""
        return {"schedule": dataclasses.asdict(self.schedule)}
