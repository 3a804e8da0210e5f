# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The learning rate and the length of a config, changed as a whole: one schedule, higher or shorter. No TensorFlow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.protobuf.message import Message

from efficientdet import field_paths
from efficientdet.config import PipelineConfig
from efficientdet.doctor.recipe.settings import read_training

_RATES = (
    "learning_rate",
    "learning_rate_base",
    "initial_learning_rate",
    "warmup_learning_rate",
    "burnin_learning_rate",
    "min_learning_rate",
)
# Parts of the run's length; what has none of them has at least one step.
_LENGTHS = ("total_steps", "decay_steps", "first_period_steps")
_PHASES = ("warmup_steps", "hold_base_rate_steps", "burnin_steps")


def peak_rate(config: PipelineConfig) -> float:
    """The greatest learning rate of a config; 0 where it has none."""
    return read_training(config.proto).rate.peak


def with_peak_rate(config: PipelineConfig, peak: float) -> PipelineConfig:
    """A copy whose greatest learning rate is another, and whose other rates keep their proportion to it.

    Args:
      config: resolved.
      peak: above 0.

    Raises:
      ConfigError: the config has no learning rate that could be scaled.
    """
    before = peak_rate(config)
    if before <= 0:
        raise config.error("train_config.optimizer", "must have a learning rate above 0")
    copy = config.copy()
    for message in _schedules(copy):
        for name in _RATES:
            field = message.DESCRIPTOR.fields_by_name.get(name)
            if field is not None and not field_paths.is_message(field):
                value = getattr(message, name)
                # As written: 0.05 / 0.05 of a float32 is not 1 in the last place.
                setattr(message, name, float(f"{value * peak / before:.7g}"))
    return copy


def with_length(config: PipelineConfig, num_steps: int) -> PipelineConfig:
    """A copy with another number of steps, whose schedule is as much shorter or longer in all its parts.

    Args:
      config: resolved; its num_steps is above 0.
      num_steps: above 0.
    """
    copy = config.copy()
    share = num_steps / config.proto.train_config.num_steps
    copy.proto.train_config.num_steps = num_steps
    for message in _schedules(copy):
        for name in _LENGTHS:
            if name in message.DESCRIPTOR.fields_by_name:
                setattr(message, name, max(round(getattr(message, name) * share), 1))
        for name in _PHASES:  # rounded down, so that they never reach beyond the whole
            if name in message.DESCRIPTOR.fields_by_name:
                setattr(message, name, int(getattr(message, name) * share))
        if "schedule" in message.DESCRIPTOR.fields_by_name:
            _move_steps(message, share)
    return copy


def _move_steps(manual: Any, share: float) -> None:
    """The steps of a list of rates, which go on rising from above 0 however close they come."""
    previous = 0
    for entry in manual.schedule:
        previous = entry.step = max(round(entry.step * share), previous + 1)


def _schedules(config: PipelineConfig) -> Iterator[Any]:
    """The messages of the learning rate: a schedule, and the entries of one that is a list."""
    for path, message in field_paths.messages(config.proto.train_config.optimizer):
        if ".learning_rate." in f".{path}.":
            yield _as_any(message)


def _as_any(message: Message) -> Any:
    return message
