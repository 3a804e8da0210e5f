# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A run that is to end within some hours: its speed is measured, and its schedule shortened. No TensorFlow here."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from efficientdet.config import PipelineConfig
from efficientdet.doctor.live_line import LiveLine
from efficientdet.doctor.machine import run_figures
from efficientdet.doctor.machine.child import Job, OnProgress, run_job
from efficientdet.doctor.machine.figures import RunFigures, predict, steps_within
from efficientdet.doctor.quantities import duration
from efficientdet.model_directory import recorded_config, restarted_at
from efficientdet.tuning.schedule import with_length

_logger = logging.getLogger(__name__)

RunJob = Callable[[Job, OnProgress], dict[str, Any]]

_MEASURED_SECONDS = 20.0  # of steps, at most; a small budget is not spent on measuring it
_MEASURED_SHARE = 0.02
# What is left free: a machine drifts by several percent over an hour, and the schedule should reach its end.
_RESERVE = 0.05


class TimedRun(NamedTuple):
    """A run with its end."""

    config: PipelineConfig
    stop_at: float | None  # when this start of it is to end at the latest, in seconds of `time.monotonic`


def in_time(
    config: PipelineConfig,
    model_dir: str | Path,
    *,
    started: float,
    begins_anew: bool = False,
    run: RunJob = run_job,
) -> TimedRun:
    """Makes a run end within `train_config.max_hours`.

    A new run is measured, and gets fewer steps where not all of them fit. A run that is resumed keeps the steps it was
    given, as it keeps its seed, though the config may not say max_hours any more: another length would change the rate
    of every step. With max_hours: 0 it gets the config's own again. Each start has the whole time.

    Args:
      config: of the run, resolved and validated for training.
      model_dir: of the run.
      started: `time.monotonic()` at this start; measuring is part of it.
      begins_anew: whether the schedule begins anew at the latest checkpoint, and its length with it.
      run: runs a job in a process of its own.

    Returns:
      The run.

    Raises:
      ConfigError: not even one step fits.
      EfficientDetError: what is wrong with config, data or weights, as a training would say it.
    """
    earlier = _begun(model_dir, begins_anew=begins_anew)
    train = config.proto.train_config
    if earlier is not None:
        begun = earlier.proto.train_config
        if begun.max_hours and not train.HasField("max_hours"):
            train.max_hours = begun.max_hours
        if begun.max_hours and train.max_hours and begun.num_steps != train.num_steps:
            _logger.info("max_hours: the run keeps the %d steps that it was given at its start", begun.num_steps)
            config = with_length(config, begun.num_steps)
    elif train.max_hours:
        config = within_hours(config, started=started, run=run)
    hours = config.proto.train_config.max_hours
    return TimedRun(config, started + 3600.0 * hours if hours else None)


def within_hours(config: PipelineConfig, *, started: float, run: RunJob = run_job) -> PipelineConfig:
    """A config whose run ends within `train_config.max_hours`: itself, or a copy with fewer steps.

    Args:
      config: of a new run, resolved and validated for training; its max_hours is above 0.
      started: `time.monotonic()` at the run's start; measuring is part of it.
      run: runs a job in a process of its own.

    Returns:
      The config, its num_steps and its learning rate's schedule shortened alike where they did not fit.

    Raises:
      ConfigError: not even one step fits.
      EfficientDetError: what is wrong with config, data or weights, as a training would say it.
    """
    budget = 3600.0 * config.proto.train_config.max_hours
    if "TF_CONFIG" in os.environ:  # a measurement by one of several workers would wait for the others
        _logger.warning(
            "max_hours: several workers do not measure their speed: num_steps and the learning rate's schedule stay as "
            "they are, and the time ends the run, wherever the schedule is by then"
        )
        return config
    figures = _measured(config, min(_MEASURED_SECONDS, _MEASURED_SHARE * budget), run)
    left = (1.0 - _RESERVE) * (budget - (time.monotonic() - started))
    wanted = figures.plan.num_steps
    steps = steps_within(figures, left)
    if not steps:
        needed = predict(figures, 1).total
        rule = f"is too short: start, one step, its evaluation and its checkpoint take {duration(needed)}"
        raise config.error("train_config.max_hours", f"{rule}, and {duration(max(left, 0.0))} are left")
    told = f"{figures.plan.batch_size / figures.steps.mean:.1f} images/s on {figures.device}"
    if steps == wanted:
        taken = duration(predict(figures).total)
        _logger.info("max_hours: all %d steps fit: about %s of %s, at %s", wanted, taken, duration(budget), told)
        return config
    _logger.info(
        "max_hours: %d of %d steps fit into %s, at %s: num_steps and the learning rate's schedule are shortened",
        steps, wanted, duration(budget), told,
    )  # fmt: skip
    return with_length(config, steps)


def _begun(model_dir: str | Path, *, begins_anew: bool) -> PipelineConfig | None:
    """The config of the run that would be resumed; without a checkpoint nothing has begun."""
    recorded = recorded_config(model_dir)
    if recorded is None:
        return None
    from efficientdet.training.checkpoint_files import saved_steps  # TensorFlow comes with it

    steps = saved_steps(model_dir)
    if begins_anew and restarted_at(model_dir, max(steps, default=0)) is None:
        return None
    return recorded if steps else None


def _measured(config: PipelineConfig, seconds: float, run: RunJob) -> RunFigures:
    with tempfile.TemporaryDirectory(prefix="efficientdet-hours-") as folder, LiveLine() as line:
        job = Job("run", config, str(Path(folder)), seconds)
        return run_figures(run(job, lambda detail, left: line.show("measuring the run", detail, left)))
