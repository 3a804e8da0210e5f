# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The run around the steps: train to an exact step, save, evaluate, and report.

The trainer implements orbit's `AbstractTrainer`, and an `orbit.Controller` can drive it. This loop takes the place of
the controller because that one restores whatever matches and ignores the rest, counts its intervals from the step at
which it was started (a run that was interrupted would save and evaluate at other steps than one that was not), and
prints through the live line.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from efficientdet.errors import CheckpointError, DataError, TrainingError
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training.progress import Progress
from efficientdet.training.summaries import TrainingSummaries
from efficientdet.training.trainer import DataEndedError, Trainer

Metrics = Mapping[str, float]

_logger = logging.getLogger(__name__)


class Intervals(NamedTuple):
    """How often things are done besides training, in steps. What is done at all is also done at the end."""

    checkpoint: int
    evaluation: int  # 0: with every checkpoint


def run_training(
    trainer: Trainer,
    checkpoints: TrainingCheckpoints,
    *,
    num_steps: int,
    intervals: Intervals,
    evaluate_fn: Callable[[int], Metrics] | None = None,
    summaries: TrainingSummaries | None = None,
    progress: Progress | None = None,
) -> Metrics | None:
    """Trains from the trainer's present step, restored or the first, until `num_steps` updates have been done in all.

    Data that are limited to some epochs may end before: that is an end like the other, with its checkpoint and its
    evaluation.

    Args:
      trainer: does the steps.
      checkpoints: of this trainer's model and optimizer.
      num_steps: the global step to end at, exactly.
      intervals: in multiples of which checkpoints and evaluations are due, whenever the run was started.
      evaluate_fn: global step -> metrics of the present weights. A run that is complete already is evaluated once more.
      summaries: for TensorBoard.
      progress: for the person who waits; entered already.

    Returns:
      The metrics of the last evaluation, or None without `evaluate_fn`.

    Raises:
      TrainingError: a loss or a weight is not finite, or there are no data at all. The latest checkpoint is a good one.
      DataError: a record cannot be used. The steps before it are saved, as they are when the user interrupts the run.
      CheckpointError: a checkpoint cannot be written.
    """
    if trainer.step >= num_steps:
        _logger.info("trained to step %d already: nothing left to do of %d steps", trainer.step, num_steps)
        return _evaluate(trainer, evaluate_fn, progress)
    metrics: Metrics | None = None
    is_evaluated = False
    try:
        while trainer.step < num_steps:
            started = time.perf_counter()
            try:
                losses = trainer.train_step()
            except DataEndedError:
                if trainer.step == 0:
                    raise
                _logger.warning("the training data ended at step %d, before step %d", trainer.step, num_steps)
                checkpoints.save()
                return metrics if is_evaluated else _evaluate(trainer, evaluate_fn, progress)
            seconds = time.perf_counter() - started
            step, last = trainer.step, trainer.step == num_steps
            if progress:
                progress.update(step, losses, seconds)
            if summaries:
                summaries.update(trainer, losses, seconds, last=last)
            if last or step % intervals.checkpoint == 0:
                checkpoints.save()
            is_evaluated = last or step % (intervals.evaluation or intervals.checkpoint) == 0
            if is_evaluated:
                metrics = _evaluate(trainer, evaluate_fn, progress)
    except (KeyboardInterrupt, DataError) as error:
        _save_interrupted(trainer, checkpoints, "interrupted" if isinstance(error, KeyboardInterrupt) else "stopped")
        raise
    finally:
        if summaries:
            summaries.close()
    return metrics


def _evaluate(
    trainer: Trainer, evaluate_fn: Callable[[int], Metrics] | None, progress: Progress | None
) -> Metrics | None:
    if evaluate_fn is None:
        return None
    metrics = evaluate_fn(trainer.step)
    if progress:
        progress.show_metrics(metrics)
    return metrics


def _save_interrupted(trainer: Trainer, checkpoints: TrainingCheckpoints, what: str) -> None:
    """Keeps the work of a run that its user, or its data, stop; what stopped it matters more than a failure to."""
    try:
        if trainer.step > 0:
            _logger.info("%s at step %d; the same command goes on from %s", what, trainer.step, checkpoints.save())
    except (TrainingError, CheckpointError) as error:
        _logger.warning("%s at step %d, not saved: %s", what, trainer.step, error)
