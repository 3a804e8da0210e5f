# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a step of training leaves to those who watch, and who they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from efficientdet.evaluation.evaluator import Evaluation
from efficientdet.types import Losses

if TYPE_CHECKING:
    from efficientdet.training.trainer import Trainer


class StepOutcome(NamedTuple):
    """A step that has been done."""

    step: int  # its number, from 1: updates done, this one included
    losses: Losses  # of the global batch before the update, floats
    seconds: float  # what it took, the waiting included
    seconds_waited: float  # for its batch
    gradient_norm: float | None  # of all gradients together, before they are clipped; None where nobody looks
    is_last: bool  # of the run


class Observer(Protocol):
    """Watches a training, and changes nothing in it: a progress line, curves, a symptom in words, a record."""

    def on_step(self, trainer: Trainer, outcome: StepOutcome) -> None:
        """Is told of a step, before it is saved or evaluated."""

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Is told of an evaluation, on the first reader's data."""

    def close(self) -> None:
        """Is told that training ends, whatever ends it."""
