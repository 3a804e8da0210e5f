# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Where the learning rate's schedule begins, when it is to begin anew."""

from __future__ import annotations

import logging
from pathlib import Path

from efficientdet import model_directory
from efficientdet.config import PipelineConfig
from efficientdet.training.checkpoint_damage import damage_of
from efficientdet.training.checkpoint_files import checkpoint_prefix, saved_steps

_logger = logging.getLogger(__name__)


def schedule_start(model_dir: Path) -> int:
    """The step at which `--restart_schedule` lets the schedule begin.

    Started once more with the flag, a run goes on with the schedule that it began anew before: what starts runs again
    by itself repeats the command, and must not begin anew each time.

    Args:
      model_dir: of the run.

    Returns:
      The step of the latest checkpoint that is whole, 0 for none; or that at which the schedule under way began.
    """
    latest = next((s for s in saved_steps(model_dir) if damage_of(checkpoint_prefix(model_dir, s)) is None), 0)
    start = model_directory.restarted_at(model_dir, latest)
    if start is None:
        return latest
    _logger.info(
        "--restart_schedule: the schedule that an earlier start began at step %d is under way, and goes on; to begin "
        "anew at step %d set train_config.schedule_start_step to it, without the flag", start, latest,
    )  # fmt: skip
    return start


def log_schedule(config: PipelineConfig) -> None:
    """Says which steps a schedule covers that does not begin at the first one."""
    train = config.proto.train_config
    if train.schedule_start_step:
        _logger.info(
            "the learning rate's schedule begins at step %d, and num_steps counts from there: to step %d",
            train.schedule_start_step, train.schedule_start_step + train.num_steps,
        )  # fmt: skip
