# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The error of a step whose loss or gradients are no numbers any more."""

from __future__ import annotations

import math
from typing import Literal

from efficientdet.errors import TrainingError
from efficientdet.types import Losses

FaultKind = Literal["loss", "gradient"]

_ADVICE = (
    "A lower learning rate, a longer warm-up or gradient_clipping_by_norm usually helps; so does a look at the boxes "
    "of the training data"
)


class StepFault(TrainingError):
    """A loss, or the norm of all gradients, is not finite. The update has been made: the weights are spoilt.

    Args:
      kind: which of the two; "loss" where it is both.
      step: its number, from 1.
      batch_number: of the batch, from 0, see `Trainer.batch_number`.
      losses: of the step, floats.
      gradient_norm: of all gradients; None where nobody looks.
    """

    def __init__(
        self, kind: FaultKind, *, step: int, batch_number: int, losses: Losses, gradient_norm: float | None = None
    ) -> None:
        self.kind = kind
        self.step = step
        self.batch_number = batch_number
        self.losses = losses
        self.gradient_norm = gradient_norm
        parts = ", ".join(f"{name} {value:g}" for name, value in losses._asdict().items())
        what = "the loss is" if kind == "loss" else f"the gradients of the losses (norm {gradient_norm}) are"
        super().__init__(
            f"{what} not finite at step {step} ({parts}; batch {batch_number}): training stops, and nothing is saved "
            f"of this step. {_likely_cause(kind, losses)} {_ADVICE}"
        )


def _likely_cause(kind: FaultKind, losses: Losses) -> str:
    """Where to look first, in a sentence."""
    if kind == "gradient":
        return "A loss has no slope where it is, or a sum overflows on the way back."
    if not math.isfinite(losses.regularization):
        return "The weights themselves are not finite: the update before was far too large."
    if math.isfinite(losses.classification):
        return "Only the boxes' loss is at fault: a box without extent or far outside its picture, or codes ran away."
    if math.isfinite(losses.localization):
        return "Only the classes' loss is at fault: the logits ran away."
    return "Both losses are at fault: the network's output is, after an update that was too large or for a bad picture."
