# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is measured on a machine, in numbers. No TensorFlow."""

from __future__ import annotations

from typing import NamedTuple


class RunPlan(NamedTuple):
    """What a config asks for, where its data have been counted."""

    num_steps: int
    batch_size: int  # over all replicas
    checkpoint_interval: int  # steps
    evaluation_interval: int  # steps
    eval_batches: int  # of one evaluation, over all readers; 0: nothing is evaluated
    checkpoints_kept: int

    @property
    def num_evaluations(self) -> int:
        """In the whole run, see `training.loop.Intervals`."""
        return times_due(self.num_steps, self.evaluation_interval) if self.eval_batches else 0

    @property
    def num_checkpoints(self) -> int:
        """Written in the whole run."""
        return times_due(self.num_steps, self.checkpoint_interval)


class StepFigures(NamedTuple):
    """Training steps, in seconds each."""

    first: float  # tracing and the filling of the shuffle buffer included
    seconds: tuple[float, ...]  # of those after it, as they come in training
    waited: tuple[float, ...]  # of these, for the batch
    computing: float  # mean, on a batch that is there already
    reading: float  # mean, of the input alone, a batch

    @property
    def mean(self) -> float:
        """Of a step as it comes in training."""
        return sum(self.seconds) / len(self.seconds)

    @property
    def relative_error(self) -> float:
        """The standard error of the mean, as a share of it; 0 of one step."""
        count = len(self.seconds)
        if count < 2:
            return 0.0
        variance = sum((value - self.mean) ** 2 for value in self.seconds) / (count - 1)
        return float((variance / count) ** 0.5 / self.mean)

    @property
    def waiting_share(self) -> float:
        """Of the steps' time, in which nothing is computed because the batch is not there yet."""
        return min(sum(self.waited) / sum(self.seconds), 1.0)

    @property
    def input_share(self) -> float:
        """Of the steps' time, what reading costs: waiting, and on a CPU the cores that it takes from computing."""
        return min(max(self.waiting_share, 1.0 - self.computing / self.mean), 1.0)


class EvaluationFigures(NamedTuple):
    """Evaluations, in seconds."""

    tracing: float  # once
    overhead: float  # of each, whatever the number of its batches
    batch: float  # of each batch


class CheckpointFigures(NamedTuple):
    """Checkpoints."""

    seconds: float  # to write one
    num_bytes: int  # of one


class RunFigures(NamedTuple):
    """All that the run itself shows."""

    plan: RunPlan
    num_images: int  # in the training data
    device: str  # "the CPU", "1 x NVIDIA H100"
    replicas: int
    start: float  # seconds from the start of the process until the first step can begin
    steps: StepFigures
    evaluation: EvaluationFigures | None
    checkpoint: CheckpointFigures
    host_bytes: int  # the most that the process held, evaluation and checkpoint included


class MemoryFigures(NamedTuple):
    """The most that steps on the largest pictures held."""

    batch_size: int
    host_bytes: int
    device_bytes: int  # of one GPU; 0 without
    address_bytes: int = 0  # the most that the process mapped; 0 where the system does not tell
    replicas: int = 1  # that shared the batch


class RunTime(NamedTuple):
    """Where the time of a run goes, in seconds."""

    start: float  # up to the end of the first step
    training: float
    evaluations: float
    checkpoints: float

    @property
    def total(self) -> float:
        """Of the run."""
        return sum(self)


def evaluation_figures(first: float, few: float, many: float, batches: tuple[int, int]) -> EvaluationFigures:
    """What three evaluations say of all.

    Args:
      first: seconds of the first one, of the smaller number of batches.
      few: of another one of so many.
      many: of one of the larger number.
      batches: both numbers; where they are one, `many` is `few`.

    Returns:
      The line through both points; through the latter alone where noise makes it fall.
    """
    fewer, more = batches
    batch = (many - few) / (more - fewer) if more > fewer and many > few else many / more
    return EvaluationFigures(max(first - few, 0.0), max(many - more * batch, 0.0), min(batch, many / more))


def times_due(num_steps: int, interval: int) -> int:
    """How often something happens that is due at every multiple of an interval, and at the end."""
    return -(-num_steps // interval)


def predict(figures: RunFigures, num_steps: int | None = None) -> RunTime:
    """The time of a run.

    Args:
      figures: as measured.
      num_steps: instead of the plan's.
    """
    plan = figures.plan if num_steps is None else figures.plan._replace(num_steps=num_steps)
    evaluations = 0.0
    if figures.evaluation and plan.num_evaluations:
        each = figures.evaluation.overhead + plan.eval_batches * figures.evaluation.batch
        evaluations = figures.evaluation.tracing + plan.num_evaluations * each
    return RunTime(
        start=figures.start + figures.steps.first,
        training=(plan.num_steps - 1) * figures.steps.mean,
        evaluations=evaluations,
        checkpoints=plan.num_checkpoints * figures.checkpoint.seconds,
    )


def steps_within(figures: RunFigures, seconds: float) -> int:
    """The most steps, up to the plan's, whose run ends within a time; 0 where one is too many."""
    low, high = 0, figures.plan.num_steps
    while low < high:
        middle = (low + high + 1) // 2
        if predict(figures, middle).total <= seconds:
            low = middle
        else:
            high = middle - 1
    return low
