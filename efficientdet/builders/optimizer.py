# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the optimizer and its learning rate from `train_config.optimizer`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from efficientdet.builders.choice import as_written, choice
from efficientdet.builders.variable_rules import all_matched
from efficientdet.config import PipelineConfig
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.protos import optimizer_pb2
from efficientdet.training import optimizers, schedules
from efficientdet.training.derived_schedules import Delayed
from efficientdet.training.variable_rules import trainable_by_path

PHASES: dict[int, schedules.CosinePhase] = {
    optimizer_pb2.CosineDecayLearningRate.AFTER_WARMUP: "after_warmup",
    optimizer_pb2.CosineDecayLearningRate.FROM_START: "from_start",
}
DECAY_MEANINGS: dict[int, optimizers.DecayMeaning] = {
    optimizer_pb2.RMSPropOptimizer.LEARNING_RATE: "learning_rate",
    optimizer_pb2.RMSPropOptimizer.SQUARED_GRADIENTS: "squared_gradients",
}

VariablesOf = Callable[[str], list[tf.Variable]]
"""Name of a list of expressions in an optimizer's message -> the trainable variables that any of them matches."""


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


def _cosine_restarts(message: optimizer_pb2.CosineRestartsLearningRate) -> schedules.Schedule:
    return schedules.CosineRestarts(
        message.learning_rate_base,
        message.first_period_steps,
        # As it is written: the float32 nearest to 1.1 would move the ends of later periods.
        period_factor=as_written(message.period_factor),
        rate_factor=message.rate_factor,
        end_rate_factor=message.end_rate_factor,
        warmup_learning_rate=message.warmup_learning_rate,
        warmup_steps=message.warmup_steps,
    )


def _momentum(
    message: optimizer_pb2.MomentumOptimizer, rate: schedules.Schedule, _: VariablesOf
) -> optimizers.Optimizer:
    return optimizers.momentum(rate, momentum=message.momentum_optimizer_value, nesterov=message.nesterov)


def _rmsprop(message: optimizer_pb2.RMSPropOptimizer, rate: schedules.Schedule, _: VariablesOf) -> optimizers.Optimizer:
    return optimizers.rmsprop(
        rate,
        decay=message.decay,
        decay_meaning=DECAY_MEANINGS[message.decay_meaning],
        momentum=message.momentum_optimizer_value,
        epsilon=message.epsilon,
    )


def _adam(message: optimizer_pb2.AdamOptimizer, rate: schedules.Schedule, _: VariablesOf) -> optimizers.Optimizer:
    return optimizers.adam(rate, epsilon=message.epsilon)


def _adamw(
    message: optimizer_pb2.AdamWOptimizer, rate: schedules.Schedule, variables_of: VariablesOf
) -> optimizers.Optimizer:
    optimizer = optimizers.AdamW(
        rate,
        weight_decay=message.weight_decay,
        beta_1=message.beta_1,
        beta_2=message.beta_2,
        epsilon=message.epsilon,
    )
    optimizer.exclude_from_weight_decay(variables_of("exclude_from_decay"))
    return optimizer


SCHEDULES: dict[str, Callable[[Any], schedules.Schedule]] = {
    "constant_learning_rate": _constant,
    "exponential_decay_learning_rate": _exponential,
    "manual_step_learning_rate": _manual_step,
    "cosine_decay_learning_rate": _cosine,
    "cosine_restarts_learning_rate": _cosine_restarts,
    "polynomial_decay_learning_rate": _polynomial,
}
OPTIMIZERS: dict[str, Callable[[Any, schedules.Schedule, VariablesOf], optimizers.Optimizer]] = {
    "momentum_optimizer": _momentum,
    "rms_prop_optimizer": _rmsprop,
    "adam_optimizer": _adam,
    "adamw_optimizer": _adamw,
}


def build_optimizer(config: PipelineConfig, model: DetectionModel) -> optimizers.Optimizer:
    """Builds the optimizer with its schedule.

    Args:
      config: resolved.
      model: what it is going to update, made in the scope of the strategy that is in force now.

    Raises:
      ConfigError: no optimizer or no learning rate is chosen, or an expression for variables matches none.
    """
    kind, settings = choice(config, "train_config.optimizer")
    path = f"train_config.optimizer.{kind}"
    variables = trainable_by_path(model)

    def variables_of(field: str) -> list[tf.Variable]:
        matched = all_matched(config, f"{path}.{field}", getattr(settings, field), variables)
        return [variables[name] for name in matched]

    optimizer = OPTIMIZERS[kind](settings, build_schedule(config, f"{path}.learning_rate"), variables_of)
    if start_step := config.proto.train_config.schedule_start_step:
        # Around all that the optimizer itself has laid around the schedule: its decay starts there too.
        optimizer.learning_rate = Delayed(optimizer.learning_rate, start_step)
    return optimizer


def build_schedule(config: PipelineConfig, path: str) -> schedules.Schedule:
    """Builds the learning rate as a function of the step; `path` is that of its message."""
    kind, settings = choice(config, path)
    try:
        return SCHEDULES[kind](settings)
    except ValueError as error:
        raise config.error(f"{path}.{kind}", str(error)) from None
