# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What evaluations and the clock decide: which checkpoint is the best, and when a training has had enough."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from efficientdet.errors import TrainingError
from efficientdet.evaluation.metrics import NOT_DEFINED
from efficientdet.training.run_state import BestEvaluation, RunState

_LOSS = "Loss/"

_logger = logging.getLogger(__name__)


class ChosenMetric(NamedTuple):
    """The number of an evaluation by which it is compared with others. Of a metric more is better, of a loss less."""

    name: str = ""  # as metrics.jsonl names it; empty: the first metric

    def find(self, names: Collection[str]) -> str:
        """Returns the name of the number among those of an evaluation, metrics before losses; "" for no metric at all.

        Raises:
          TrainingError: the one that is asked for is not among them.
        """
        if self.name and self.name not in names:
            listed = ", ".join(names) or "none"
            raise TrainingError(f"no number of the evaluation is called {self.name!r}; there are {listed}")
        return self.name or next((name for name in names if not name.startswith(_LOSS)), "")

    def measured(self, step: int, scalars: Mapping[str, float | None]) -> BestEvaluation | None:
        """Returns the number as that of an evaluation; None where there was nothing to measure.

        Args:
          step: of the evaluation.
          scalars: its metrics and losses.

        Raises:
          TrainingError: there is no such number.
        """
        name = self.find(scalars)
        value = scalars.get(name)
        if value is None or not math.isfinite(value) or (value == NOT_DEFINED and not name.startswith(_LOSS)):
            return None
        return BestEvaluation(name, value, step)


def is_better(one: BestEvaluation | None, other: BestEvaluation | None, *, by: float = 0.0) -> bool:
    """Whether an evaluation is better than another, by more than `by`; one of another metric is no match for any."""
    if one is None or other is None or one.metric != other.metric:
        return one is not None
    gain = other.value - one.value if one.metric.startswith(_LOSS) else one.value - other.value
    return gain > by


class EarlyStopping(NamedTuple):
    """When evaluations that are no better end a training."""

    patience: int  # evaluations in a row
    min_delta: float = 0.0  # by how much one has to be better than the best so far
    metric: ChosenMetric = ChosenMetric()


class Judge:
    """Judges evaluations, and remembers in the run's state what it found.

    Args:
      state: of the run.
      best: chooses the checkpoint that is kept apart; None keeps none.
      stopping: None goes on whatever evaluations say.
    """

    def __init__(
        self, state: RunState, *, best: ChosenMetric | None = None, stopping: EarlyStopping | None = None
    ) -> None:
        self._state = state
        self._best = best
        self._stopping = stopping

    def judge(self, step: int, scalars: Mapping[str, float | None]) -> bool:
        """Takes an evaluation into account, once however often it is told of.

        Args:
          step: of the weights.
          scalars: metrics and losses by their names in metrics.jsonl.

        Returns:
          Whether it is the best so far.

        Raises:
          TrainingError: the metric that was asked for is not among them.
        """
        state = self._state
        if step <= state.evaluated_step:
            return self.is_best(step)
        if self._best is not None:
            measured = self._best.measured(step, scalars)
            if is_better(measured, state.best):
                state.best = measured
            elif measured is None:
                _logger.warning("%s is not defined: no checkpoint can be the best by it", self._best.find(scalars))
        if self._stopping is not None:
            self._count(self._stopping, self._stopping.metric.measured(step, scalars))
        state.evaluated_step = step
        return self.is_best(step)

    def is_best(self, step: int) -> bool:
        """Whether the best evaluation so far is that of a step."""
        return self._state.best is not None and self._state.best.step == step

    @property
    def is_over(self) -> bool:
        """Whether so many evaluations were no better that training ends."""
        return self._stopping is not None and self._state.stale_evaluations >= self._stopping.patience

    def reason(self) -> str:
        """Why training ends early, in words."""
        return f"the last {self._state.stale_evaluations} evaluations were no better than the best so far"

    def _count(self, stopping: EarlyStopping, measured: BestEvaluation | None) -> None:
        if is_better(measured, self._state.stopping_best, by=stopping.min_delta):
            self._state.stopping_best = measured
            self._state.stale_evaluations = 0
            return
        self._state.stale_evaluations += 1
        _logger.info(
            "evaluation %d of %d that are no better than the best so far",
            self._state.stale_evaluations, stopping.patience,
        )  # fmt: skip


class Deadline:
    """The time at which a training ends, saved and evaluated, wherever it stands.

    Args:
      stop_at: in seconds of `clock`.
      clock: one that only goes forward; the machine's own may be set while training runs.
    """

    def __init__(self, stop_at: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._stop_at = stop_at
        self._clock = clock

    @property
    def is_over(self) -> bool:
        """Whether it has come."""
        return self._clock() >= self._stop_at
