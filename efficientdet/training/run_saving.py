# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Saves the work of a run: when it is due, and when something stops the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf

from efficientdet.errors import CheckpointError, DataError, TrainingError
from efficientdet.evaluation.sharing import PeerError
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training.recovery import UnusableStepError
from efficientdet.training.signals import StoppedBySignalError, StopSignals
from efficientdet.training.trainer import Trainer
from efficientdet.training.workers import agree, first_told, workers_of
from efficientdet.types import Losses

# What ends a run whose weights are whole, at the same step on all workers.
_STOPPED = (KeyboardInterrupt, StoppedBySignalError, DataError, PeerError)
# What an evaluation meets on one worker: a full disk, a file system that fails, a device without memory.
_FAILED = (OSError, tf.errors.OpError)

_logger = logging.getLogger(__name__)


class RunSaving:
    """Saves the steps that are known to be good.

    Args:
      trainer: of the run.
      checkpoints: likewise.
      signals: likewise; None obeys none.
    """

    def __init__(self, trainer: Trainer, checkpoints: TrainingCheckpoints, signals: StopSignals | None) -> None:
        self._trainer = trainer
        self._checkpoints = checkpoints
        self._signals = signals
        self._good_step = trainer.step

    def trust(self) -> None:
        """Takes the present step for a good one: its losses were looked at, or it has been restored."""
        self._good_step = self._trainer.step

    def write(self) -> str:
        """Saves the present state, unless it is saved; returns the prefix. See `TrainingCheckpoints.save`."""
        self._trainer.statistics.synchronize()
        return self._checkpoints.save()

    def save(self, losses: Losses) -> None:
        """Saves, and takes weights that are not finite for a fault of the step that left them.

        Args:
          losses: of that step.

        Raises:
          UnusableStepError: there are such weights.
          CheckpointError: nothing can be written.
        """
        step = self._trainer.step
        try:
            self.write()
        except TrainingError as error:
            number = self._trainer.batch_number(step - 1)
            raise UnusableStepError(str(error), "weights", step=step, batch_number=number, losses=losses) from error

    def when_stopped(self) -> None:
        """Saves what was done; what stopped the run matters more than a failure to."""
        step = self._trainer.step
        if step == 0:
            return
        if step != self._good_step:  # a signal came between the update and the look at its losses
            _logger.warning("stopped within step %d, which is not saved; the same command does it anew", step)
            return
        try:
            prefix = self.write()
            _logger.warning("stopped at step %d; the same command goes on from %s", step, prefix)
        except (TrainingError, CheckpointError) as error:
            _logger.warning("stopped at step %d, not saved: %s", step, error)

    @contextmanager
    def kept(self, *, may_save: bool, also_after_failures: bool = False) -> Iterator[None]:
        """Keeps the work of what a signal, a user, or bad data stop in this block.

        Args:
          may_save: whether all workers come here together, since they can only save together.
          also_after_failures: whether the block leaves the weights whole whatever goes wrong in it. Of several workers
            one alone has failed then, and none saves.

        Yields:
          Nothing.
        """
        signals, strategy = self._signals, self._trainer.strategy
        failures = _FAILED if also_after_failures and workers_of(strategy).count == 1 else ()
        try:
            yield
        except (*_STOPPED, *failures):
            if may_save and not (signals is not None and signals.is_urgent):
                self.when_stopped()
                if signals is not None and (number := first_told(strategy, signals.number)):
                    signals.leave(number)
            raise


def require_unchanged(strategy: tf.distribute.Strategy, check: Callable[[], None]) -> None:
    """Ends all workers together when the data have changed under one of them.

    Args:
      strategy: of the run.
      check: raises a DataError when they have.

    Raises:
      DataError: they have, here or there.
    """
    problem: DataError | None = None
    try:
        check()
    except DataError as error:
        problem = error
    if agree(strategy, problem is not None):
        raise problem or DataError("another worker finds the training data changed; its log says which file")
