# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the optimizer and its learning rate from `train_config.optimizer`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from efficientdet.builders.choice import choice
from efficientdet.config import PipelineConfig
from efficientdet.protos import optimizer_pb2
from efficientdet.training import optimizers, schedules

PHASES: dict[int, schedules.CosinePhase] = {
    optimizer_pb2.CosineDecayLearningRate.AFTER_WARMUP: "after_warmup",
    optimizer_pb2.CosineDecayLearningRate.FROM_START: "from_start",
}


def _constant(message: optimizer_pb2.ConstantLearningRate) -> schedules.Schedule:
    return schedules.Constant(message.learning_rate)


def _exponential(message: optimizer_pb2.ExponentialDecayLearningRate) -> schedules.Schedule:
    return schedules.ExponentialDecay(
        message.initial_learning_rate,
        message.decay_steps,
        message.decay_factor,
        burnin_learning_rate=message.burnin_learning_rate,
        burnin_steps=message.burnin_steps,
        min_learning_rate=message.min_learning_rate,
        staircase=message.staircase,
    )


def _manual_step(message: optimizer_pb2.ManualStepLearningRate) -> schedules.Schedule:
    return schedules.ManualStep(
        boundaries=tuple(entry.step for entry in message.schedule),
        rates=(message.initial_learning_rate, *(entry.learning_rate for entry in message.schedule)),
        warmup=message.warmup,
    )


def _cosine(message: optimizer_pb2.CosineDecayLearningRate) -> schedules.Schedule:
    return schedules.CosineDecay(
        message.learning_rate_base,
        message.total_steps,
        warmup_learning_rate=message.warmup_learning_rate,
        warmup_steps=message.warmup_steps,
        hold_base_rate_steps=message.hold_base_rate_steps,
        phase=PHASES[message.phase],
    )


def _polynomial(message: optimizer_pb2.PolynomialDecayLearningRate) -> schedules.Schedule:
    return schedules.PolynomialDecay(
        message.learning_rate_base,
        message.total_steps,
        power=message.power,
        warmup_learning_rate=message.warmup_learning_rate,
        warmup_steps=message.warmup_steps,
    )


def _momentum(message: optimizer_pb2.MomentumOptimizer, rate: schedules.Schedule) -> optimizers.Optimizer:
    return optimizers.momentum(rate, momentum=message.momentum_optimizer_value)


def _rmsprop(message: optimizer_pb2.RMSPropOptimizer, rate: schedules.Schedule) -> optimizers.Optimizer:
    return optimizers.rmsprop(
        rate, decay=message.decay, momentum=message.momentum_optimizer_value, epsilon=message.epsilon
    )


def _adam(message: optimizer_pb2.AdamOptimizer, rate: schedules.Schedule) -> optimizers.Optimizer:
    return optimizers.adam(rate, epsilon=message.epsilon)


SCHEDULES: dict[str, Callable[[Any], schedules.Schedule]] = {
    "constant_learning_rate": _constant,
    "exponential_decay_learning_rate": _exponential,
    "manual_step_learning_rate": _manual_step,
    "cosine_decay_learning_rate": _cosine,
    "polynomial_decay_learning_rate": _polynomial,
}
OPTIMIZERS: dict[str, Callable[[Any, schedules.Schedule], optimizers.Optimizer]] = {
    "momentum_optimizer": _momentum,
    "rms_prop_optimizer": _rmsprop,
    "adam_optimizer": _adam,
}


def build_optimizer(config: PipelineConfig) -> optimizers.Optimizer:
    """Builds the optimizer with its schedule, in the scope of a strategy.

    Raises:
      ConfigError: no optimizer or no learning rate is chosen.
    """
    kind, settings = choice(config, "train_config.optimizer")
    return OPTIMIZERS[kind](settings, build_schedule(config, f"train_config.optimizer.{kind}.learning_rate"))


def build_schedule(config: PipelineConfig, path: str) -> schedules.Schedule:
    """Builds the learning rate as a function of the step; `path` is that of its message."""
    kind, settings = choice(config, path)
    try:
        return SCHEDULES[kind](settings)
    except ValueError as error:
        raise config.error(f"{path}.{kind}", str(error)) from None
