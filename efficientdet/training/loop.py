# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The run around the steps: train to an exact step, save, evaluate, recover, and end when asked to.

The trainer implements orbit's `AbstractTrainer`, and an `orbit.Controller` can drive it. This loop takes the place of
the controller because that one restores whatever matches and ignores the rest, counts its intervals from the step at
which it was started (a run that was interrupted would save and evaluate at other steps than one that was not), and
prints through the live line.

A step is saved before it is evaluated, so that nothing that happens in an evaluation costs steps. What evaluations
decide is in the run's state, which is part of a checkpoint; a run that comes back to a step whose evaluation is due,
and not yet in that state, takes the evaluation up again before it goes on. So every run decides the same, wherever it
was cut. Of several replicas' moving statistics the last bits depend on where a run was stopped, see
`moving_statistics`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from efficientdet.evaluation.evaluator import Evaluation
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training.outcome import Observer, StepOutcome
from efficientdet.training.recovery import FAULTS
from efficientdet.training.run_saving import RunSaving, require_unchanged
from efficientdet.training.run_state import RunState
from efficientdet.training.signals import StopSignals
from efficientdet.training.steering import Scalars, Steering
from efficientdet.training.trainer import DataEndedError, Trainer
from efficientdet.training.workers import agree, first_told, workers_of
from efficientdet.types import Losses

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
    evaluate_fn: Callable[[int], Evaluation] | None = None,
    observers: Sequence[Observer] = (),
    steering: Steering | None = None,
) -> Evaluation | None:
    """Trains from the trainer's present step, restored or the first, until `num_steps` updates have been done in all.

    Evaluations that stopped getting better, a deadline, or data that are limited to some epochs may end it before:
    those are ends like the other, with their checkpoint and their evaluation.

    Args:
      trainer: does the steps.
      checkpoints: of this trainer's model and optimizer.
      num_steps: the global step to end at, exactly.
      intervals: in multiples of which checkpoints and evaluations are due, whenever the run was started.
      evaluate_fn: global step -> evaluation of the present weights. A run that is complete already is evaluated once
        more.
      observers: are told of steps and evaluations, in this order, and closed at the end. One that fails is left out.
      steering: without it the run goes on to its last step.

    Returns:
      The last evaluation, or None without `evaluate_fn`.

    Raises:
      TrainingError: a step cannot stand, and the run does not recover from it, or there are no data at all. The latest
        checkpoint is a good one.
      DataError: a record cannot be used. The steps before it are saved where one worker trains; of several workers one
        alone meets it, and the latest checkpoint is what stays.
      CheckpointError: a checkpoint cannot be written.
      KeyboardInterrupt: SIGINT has ended the run, saved; after a second one, at once and not saved.
      StoppedBySignalError: another signal has, saved.
    """
    run = _Run(trainer, checkpoints, num_steps, intervals, evaluate_fn, observers, steering or Steering(RunState()))
    try:
        return run.go()
    finally:
        for observer in observers:
            _close(observer)


def _close(observer: Observer) -> None:
    """Closes an observer; one that fails must not hide what ended the run."""
    try:
        observer.close()
    except Exception:
        _logger.exception("%s failed when it was closed", type(observer).__name__)


class _Run:
    """One start of a training; see `run_training`."""

    def __init__(
        self,
        trainer: Trainer,
        checkpoints: TrainingCheckpoints,
        num_steps: int,
        intervals: Intervals,
        evaluate_fn: Callable[[int], Evaluation] | None,
        observers: Sequence[Observer],
        steering: Steering,
    ) -> None:
        self._trainer = trainer
        self._checkpoints = checkpoints
        self._num_steps = num_steps
        self._intervals = intervals
        self._evaluate_fn = evaluate_fn
        self._observers = list(observers)
        self._steering = steering
        self._saving = RunSaving(trainer, checkpoints, steering.signals)
        self._evaluation: Evaluation | None = None
        self._is_cut_short = False  # by the clock, or the end of the data

    def go(self) -> Evaluation | None:
        """Trains to the end."""
        steering = self._steering
        if steering.signals and workers_of(self._trainer.strategy).count > 1:
            steering.signals.hold_back()  # nothing that the workers do together is cut in between
        if steering.recovery:
            steering.recovery.begin(self._trainer, self._checkpoints)
        if self._trainer.step >= self._num_steps:
            _logger.info(
                "trained to step %d already: nothing left to do of %d steps", self._trainer.step, self._num_steps
            )
        self._catch_up()
        while not self._is_over():
            try:
                self._do_step()
            except FAULTS as fault:
                if steering.recovery is None:
                    raise
                steering.recovery.recover(fault, self._trainer, self._checkpoints)
                self._saving.trust()
                steering.forget_after(self._trainer.step)
                self._catch_up()
        self._saving.write()
        if self._evaluation is None or self._evaluation.step != self._trainer.step:
            self._evaluate()
        return self._evaluation

    def _is_over(self) -> bool:
        step, judge = self._trainer.step, self._steering.judge
        if step >= self._num_steps or self._is_cut_short:
            return True
        if judge is not None and judge.is_over:
            _logger.info("training ends at step %d of %d: %s", step, self._num_steps, judge.reason())
            return True
        return False

    def _do_step(self) -> None:
        """Does a step, and whatever is due after it."""
        recovery = self._steering.recovery
        if recovery:
            recovery.before_step(self._trainer)
        try:
            with self._saving.kept(may_save=workers_of(self._trainer.strategy).count == 1):
                losses = self._train()
        except DataEndedError:
            if self._trainer.step == 0:
                raise
            step = self._trainer.step
            _logger.warning("the training data ended at step %d, before step %d", step, self._num_steps)
            self._is_cut_short = True
            return
        step = self._trainer.step
        if step % self._intervals.checkpoint == 0 or step == self._num_steps:
            self._saving.save(losses)
            require_unchanged(self._trainer.strategy, self._steering.check_data)
        self._look_outside()
        if not self._is_cut_short and self._is_evaluation_due(step):
            self._evaluate()

    def _train(self) -> Losses:
        """Does a step, and tells of it."""
        trainer, recovery, signals = self._trainer, self._steering.recovery, self._steering.signals
        started = time.perf_counter()
        losses = trainer.train_step()
        seconds = time.perf_counter() - started
        step = trainer.step
        if recovery:
            recovery.watch(step, trainer.batch_number(step - 1), losses)
        self._saving.trust()
        if signals:
            signals.hold_back()
        is_last = step == self._num_steps
        outcome = StepOutcome(step, losses, seconds, trainer.seconds_waited, trainer.gradient_norm, is_last)
        self._tell(lambda observer: observer.on_step(trainer, outcome))
        return losses

    def _tell(self, something: Callable[[Observer], None]) -> None:
        """Tells the observers something. One that fails is told nothing any more: days of work are worth more.

        Of several workers none can do without: what an observer computes together with the others, they wait for.
        """
        for observer in tuple(self._observers):
            try:
                something(observer)
            except Exception:
                if workers_of(self._trainer.strategy).count > 1:
                    raise
                name, step = type(observer).__name__, self._trainer.step
                _logger.exception("%s failed at step %d: training goes on without it", name, step)
                self._observers.remove(observer)

    def _look_outside(self) -> None:
        """Ends the run if a signal asks for it, or lets it end if its time is over; all workers at the same step."""
        signals, deadline, strategy = self._steering.signals, self._steering.deadline, self._trainer.strategy
        is_asked = signals is not None and signals.requested
        is_late = deadline is not None and deadline.is_over
        if not agree(strategy, is_asked or is_late):
            return
        if number := first_told(strategy, signals.number if signals else 0):
            self._saving.when_stopped()
            (signals or StopSignals()).leave(number)
        _logger.info("the time is over at step %d of %d: training ends", self._trainer.step, self._num_steps)
        self._is_cut_short = True

    def _is_evaluation_due(self, step: int) -> bool:
        return step == self._num_steps or step % (self._intervals.evaluation or self._intervals.checkpoint) == 0

    def _catch_up(self) -> None:
        """Does what the step that the run comes back to still lacks: its evaluation, its judgement, its copy.

        An evaluation is judged after the step was saved, so that a checkpoint knows nothing of it. What is recorded is
        judged whether or not it is due now: the last one of a run is not, where the run is made longer.
        """
        step, state, judge = self._trainer.step, self._steering.state, self._steering.judge
        if step == 0 or self._evaluate_fn is None:
            return
        recorded = self._steering.recorded(step)
        if judge is not None and judge.is_best(step):  # it may have been saved, and not yet been kept
            self._keep_best(recorded or {})
        if state.evaluated_step >= step:
            return
        if not agree(self._trainer.strategy, recorded is None) and recorded is not None:
            self._judge(step, recorded)
        elif self._is_evaluation_due(step):
            self._evaluate()

    def _evaluate(self) -> None:
        if self._evaluate_fn is None:
            return
        self._trainer.statistics.synchronize()
        with self._saving.kept(may_save=True, also_after_failures=True):
            evaluation = self._evaluation = self._evaluate_fn(self._trainer.step)
        self._tell(lambda observer: observer.on_evaluation(evaluation))
        self._judge(evaluation.step, evaluation.scalars())

    def _judge(self, step: int, scalars: Scalars) -> None:
        judge = self._steering.judge
        if judge is not None and judge.judge(step, scalars):
            self._keep_best(scalars)

    def _keep_best(self, scalars: Scalars) -> None:
        best = self._steering.state.best
        assert best is not None
        prefix = self._saving.write()
        metrics = {name: value for name, value in scalars.items() if value is not None}
        self._checkpoints.keep_best(prefix, best.value, metric=best.metric, metrics=metrics)
