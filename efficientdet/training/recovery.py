# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is done about a step that cannot stand: end, or go back to the latest checkpoint and on in another way."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Literal, NamedTuple, NoReturn

from efficientdet.errors import CheckpointError, TrainingError
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training.incidents import Action, Incident, Incidents
from efficientdet.training.loss_jump import jump
from efficientdet.training.run_state import RunState
from efficientdet.training.trainer import StepFault, Trainer
from efficientdet.training.workers import require_alike
from efficientdet.types import Losses

_logger = logging.getLogger(__name__)


class UnusableStepError(TrainingError):
    """A step whose numbers are finite, and which cannot stand nonetheless. The update has been made.

    Args:
      text: what is wrong, with the step.
      kind: the loss jumped, or the weights that the update left are not finite.
      step: its number, from 1.
      batch_number: of its batch, from 0.
      losses: of the step, floats.
    """

    def __init__(
        self, text: str, kind: Literal["jump", "weights"], *, step: int, batch_number: int, losses: Losses
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.step = step
        self.batch_number = batch_number
        self.losses = losses


FAULTS = (StepFault, UnusableStepError)
"""The errors of a step that a training can recover from."""

Fault = StepFault | UnusableStepError


class FaultPolicy(NamedTuple):
    """What is done about a fault."""

    action: Action = "stop"
    max_recoveries: int = 3  # over all starts of the run
    rate_factor: float = 0.5  # of "lower_rate"
    max_loss_jump: float = 100.0  # times the median of the recent losses, and far above all of them; 0 allows any


class FaultReport(NamedTuple):
    """What was found out about a fault."""

    source_ids: tuple[str, ...] = ()  # of the batch's pictures
    causes: tuple[str, ...] = ()  # likely ones, the likeliest first
    folder: str = ""  # below the run's, with the batch; "" where it could not be had


class Recovery:
    """Watches the losses of a run, and brings it back from faults.

    Args:
      policy: what to do.
      incidents: of the run, earlier starts included.
      state: of the run.
      report: finds out about a fault, and writes its batch where this process writes.
    """

    def __init__(
        self, policy: FaultPolicy, incidents: Incidents, state: RunState, report: Callable[[Fault], FaultReport]
    ) -> None:
        self._policy = policy
        self._incidents = incidents
        self._state = state
        self._report = report

    def begin(self, trainer: Trainer, checkpoints: TrainingCheckpoints) -> None:
        """Brings a trainer that has been restored, or is new, to where the incidents so far leave it.

        A run that may have to go back saves its start: else there would be nothing to go back to before its first
        checkpoint.
        """
        self._leave_out(trainer)
        if trainer.step == 0 and self._may_recover:
            checkpoints.save()

    def before_step(self, trainer: Trainer) -> None:
        """Gives the update that follows its rate, which an incident may have changed at this step."""
        if self._incidents.changes_rate:
            factor = self._incidents.rate_factor(trainer.step)
            if factor != trainer.rate_factor:
                trainer.rate_factor = factor

    def _leave_out(self, trainer: Trainer) -> None:
        """Leaves out the batches that incidents left out."""
        for number in self._incidents.skipped_batches - trainer.skipped:
            trainer.skip(number)

    def watch(self, step: int, batch_number: int, losses: Losses) -> None:
        """Takes the losses of a step into account.

        Args:
          step: its number, from 1.
          batch_number: of its batch.
          losses: floats.

        Raises:
          UnusableStepError: the loss jumped.
        """
        recent, limit, total = self._state.recent_losses, self._policy.max_loss_jump, float(losses.total)
        if how := jump(list(recent), total, limit):
            text = (
                f"the loss of step {step} (batch {batch_number}) {how}: more than fault_handling.max_loss_jump "
                f"({limit:g}) allows"
            )
            raise UnusableStepError(text, "jump", step=step, batch_number=batch_number, losses=losses)
        recent.append(total)

    def recover(self, fault: Fault, trainer: Trainer, checkpoints: TrainingCheckpoints) -> None:
        """Does what the policy says, and records it.

        Args:
          fault: one of `FAULTS`.
          trainer: has made the update.
          checkpoints: of the run.

        Raises:
          TrainingError: training ends; the text says why, and where the batch is.
          UsageError: the workers have gone back to different steps.
        """
        report = self._report(fault)
        if not self._may_recover:
            self._end(fault, report, self._spent)
        try:
            restored = checkpoints.restore_latest()
        except CheckpointError as error:
            self._end(fault, report, f" Training cannot go back: {error}")
        what = "the checkpoint to which training goes back"
        require_alike(trainer.strategy, what, "none" if restored is None else f"that of step {restored}")
        if restored is None:
            self._end(fault, report, " There is no checkpoint to go back to")
        action = self._policy.action
        factor = self._policy.rate_factor if action == "lower_rate" else None
        self._incidents.add(_incident(fault, report, action, restored, factor))
        self._leave_out(trainer)
        done = f"goes on from step {restored}"
        if action == "skip_batch":
            done += f" without batch {fault.batch_number}"
        else:
            done += f" with {self._incidents.rate_factor(restored):g} times the learning rate"
        count = f"recovery {len(self._incidents.recoveries)} of at most {self._policy.max_recoveries}"
        _logger.warning("%s%s. Training %s; %s", fault, _why(report), done, count)

    @property
    def _may_recover(self) -> bool:
        return self._policy.action != "stop" and len(self._incidents.recoveries) < self._policy.max_recoveries

    @property
    def _spent(self) -> str:
        """Why there is no further recovery, where some were made and more are asked for; as the end of a text."""
        if self._policy.action == "stop" or not self._policy.max_recoveries:
            return ""
        return f" The {self._policy.max_recoveries} recoveries of fault_handling.max_recoveries are spent."

    def _end(self, fault: Fault, report: FaultReport, remark: str) -> NoReturn:
        self._incidents.add(_incident(fault, report, "stop"))
        raise TrainingError(f"{fault}{_why(report)}{remark}") from fault


def _why(report: FaultReport) -> str:
    folder = f" Its batch, in pictures: {report.folder}." if report.folder else ""
    return f".{folder} Likely causes: {'; '.join(report.causes)}" if report.causes else folder


def _incident(
    fault: Fault, report: FaultReport, action: Action, restored: int | None = None, factor: float | None = None
) -> Incident:
    losses = {tag: value if math.isfinite(value) else None for tag, value in fault.losses.tags().items()}
    return Incident(
        step=fault.step,
        batch=fault.batch_number,
        kind=fault.kind,
        losses=losses,
        source_ids=report.source_ids,
        causes=report.causes,
        folder=report.folder,
        action=action,
        restored_step=restored,
        rate_factor=factor,
    )
