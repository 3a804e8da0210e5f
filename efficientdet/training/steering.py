# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""All that can end a training before its last step, or send it back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from efficientdet.training.recovery import Recovery
from efficientdet.training.run_state import RunState
from efficientdet.training.signals import StopSignals
from efficientdet.training.stopping import Deadline, Judge

Scalars = Mapping[str, float | None]
"""Metrics and losses of an evaluation, as metrics.jsonl has them."""


class Steering(NamedTuple):
    """What can end a run before its last step, or send it back.

    Attributes:
      state: of the run; one of the extras of its checkpoints.
      judge: of its evaluations, with that state; None compares none.
      recovery: with that state; None lets every fault end the run.
      signals: entered already; None obeys none.
      deadline: None for none.
      recorded: step -> what an earlier start of this run has recorded of the evaluation of the step, None for nothing.
      forget_after: step -> removes what is recorded of evaluations of later steps, when training has gone
        back to it and does them anew.
      check_data: raises a DataError when the training data have changed; is called at each checkpoint that is due.
    """

    state: RunState
    judge: Judge | None = None
    recovery: Recovery | None = None
    signals: StopSignals | None = None
    deadline: Deadline | None = None
    recorded: Callable[[int], Scalars | None] = lambda step: None
    forget_after: Callable[[int], None] = lambda step: None
    check_data: Callable[[], None] = lambda: None
