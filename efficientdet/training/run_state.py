# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What was decided on the way of a training: part of its checkpoints, because no seed and no step tells it."""

from __future__ import annotations

import collections
import json
from typing import Any, NamedTuple

import tensorflow as tf

RECENT_LOSSES = 100
"""Steps whose losses are kept, to know what is usual."""


class BestEvaluation(NamedTuple):
    """The best evaluation so far."""

    metric: str  # its name in metrics.jsonl
    value: float
    step: int


class RunState(tf.train.experimental.PythonState):
    """The state of a run beside its weights. Plain attributes, which a checkpoint saves and restores as they are.

    Attributes:
      evaluated_step: the latest step whose evaluation has been judged; 0 before the first one.
      best: the evaluation whose checkpoint is kept apart; None before the first one.
      stopping_best: the evaluation that another one has to beat, for training not to be stopped early; None before
        the first one.
      stale_evaluations: that did not beat it, in a row.
      recent_losses: the total losses of the latest steps, oldest first.
      schedule_start_step: at which the learning rate's schedule began when this was saved.
    """

    def __init__(self) -> None:
        super().__init__()
        self.evaluated_step = 0
        self.best: BestEvaluation | None = None
        self.stopping_best: BestEvaluation | None = None
        self.stale_evaluations = 0
        self.recent_losses: collections.deque[float] = collections.deque(maxlen=RECENT_LOSSES)
        self.schedule_start_step = 0
        self._begun: int | None = None  # what this start of the run was told

    def serialize(self) -> str:
        """The state as JSON, whose numbers read back exactly."""
        state = {
            "evaluated_step": self.evaluated_step,
            "best": self.best,
            "stopping_best": self.stopping_best,
            "stale_evaluations": self.stale_evaluations,
            "recent_losses": list(self.recent_losses),
            "schedule_start_step": self.schedule_start_step,
        }
        return json.dumps(state)

    def deserialize(self, string_value: str | bytes) -> None:
        """Takes over a state; what an older version did not save keeps the value it has at the start of a run."""
        state: dict[str, Any] = json.loads(string_value)
        fresh = RunState()
        self.evaluated_step = state.get("evaluated_step", fresh.evaluated_step)
        self.best = _evaluation(state.get("best"))
        self.stopping_best = _evaluation(state.get("stopping_best"))
        self.stale_evaluations = state.get("stale_evaluations", fresh.stale_evaluations)
        self.recent_losses = collections.deque(state.get("recent_losses", ()), maxlen=RECENT_LOSSES)
        self.schedule_start_step = state.get("schedule_start_step", fresh.schedule_start_step)
        if self._begun is not None:  # a run that goes back goes back to the state, not to the former schedule
            self.begin_schedule(self._begun)

    def begin_schedule(self, step: int) -> None:
        """Is told at which step the learning rate's schedule begins: with a new one, patience begins anew as well."""
        self._begun = step
        if step != self.schedule_start_step:
            self.schedule_start_step = step
            self.stale_evaluations = 0


def _evaluation(values: list[Any] | None) -> BestEvaluation | None:
    return None if values is None else BestEvaluation(*values)
