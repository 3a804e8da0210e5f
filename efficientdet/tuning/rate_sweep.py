# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A training whose rate grows by a factor in each step, from the weights that the real one starts from.

The config of a sweep needs no TensorFlow; the sweep itself does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from google.protobuf import text_format

from efficientdet.config import PipelineConfig, with_seed
from efficientdet.errors import TrainingError
from efficientdet.tuning.rate_choice import SweepPoint, has_diverged

_MOMENTUM_RANGE = (1e-4, 1e1)
_ADAM_RANGE = (1e-6, 1e-1)  # its steps are as large as its rate, whatever the gradients
_SAFE_LOSS_JUMP = 0.0  # none: a loss that jumps is what a sweep looks for


class SweepRange(NamedTuple):
    """Which rates are tried, in how many steps."""

    low: float
    high: float
    steps: int

    @property
    def factor(self) -> float:
        """From one step to the next."""
        return float((self.high / self.low) ** (1 / (self.steps - 1)))


def usual_range(config: PipelineConfig, steps: int) -> SweepRange:
    """The rates that are worth a try for the optimizer of a config."""
    kind = config.proto.train_config.optimizer.WhichOneof("optimizer")
    return SweepRange(*(_ADAM_RANGE if kind in ("adam_optimizer", "adamw_optimizer") else _MOMENTUM_RANGE), steps)


def sweep_config(config: PipelineConfig, rates: SweepRange) -> PipelineConfig:
    """A config that trains with rising rates: optimizer, clipping, data and augmentation stay as they are.

    Args:
      config: resolved and validated for training.
      rates: to be gone through.

    Raises:
      ConfigError: the config has no optimizer.
    """
    copy = with_seed(config).copy()
    train = copy.proto.train_config
    kind = train.optimizer.WhichOneof("optimizer")
    if kind is None:
        raise config.error("train_config.optimizer", "must hold an optimizer")
    rate = getattr(train.optimizer, kind).learning_rate
    rate.Clear()
    growth = f"initial_learning_rate: {rates.low:.9g} decay_steps: 1 decay_factor: {rates.factor:.9g} staircase: false"
    text_format.Parse(f"exponential_decay_learning_rate {{ {growth} }}", rate)
    train.num_steps = rates.steps
    train.schedule_start_step = 0
    train.max_hours = 0
    train.optimizer.use_moving_average = False  # nothing is evaluated
    train.fault_handling.Clear()
    train.fault_handling.max_loss_jump = _SAFE_LOSS_JUMP
    train.ClearField("early_stopping")
    copy.proto.train_input_reader.num_epochs = 0
    return copy


def sweep_rates(
    config: PipelineConfig, rates: SweepRange, on_step: Callable[[int, SweepPoint], None] = lambda step, point: None
) -> list[SweepPoint]:
    """Trains until all rates have been tried, or the loss has diverged.

    Args:
      config: resolved and validated for training.
      rates: to be gone through.
      on_step: is told the number of a step, from 1, and what it gave.

    Returns:
      A point for each step that was done; the last one's loss may be infinite.

    Raises:
      EfficientDetError: what is wrong with config, data or weights, as a training would say it.
    """
    from efficientdet.builders.trainer import require_divisible_batch
    from efficientdet.experiment import Experiment
    from efficientdet.training import distribution

    sweep = sweep_config(config, rates)
    distribution.settle_computation()
    strategy = distribution.local_strategy()  # alone, whatever TF_CONFIG says
    require_divisible_batch(sweep, strategy.num_replicas_in_sync)
    experiment = Experiment(sweep)
    trainer = experiment.build_trainer(strategy, experiment.build_train_input(), with_start_weights=True)
    points: list[SweepPoint] = []
    for step in range(rates.steps):
        try:
            losses = trainer.train_step()
            loss = float(losses.localization + losses.classification)  # the L2 terms teach nothing
        except TrainingError:
            loss = math.inf
        points.append(SweepPoint(rates.low * rates.factor**step, loss))
        on_step(step + 1, points[-1])
        if has_diverged([point.loss for point in points]):
            break
    return points
