# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Learning rates in a few figures, whatever schedule they are written as. No TensorFlow."""

from __future__ import annotations

from typing import Any, NamedTuple


class Rate(NamedTuple):
    """A learning rate.

    Attributes:
      kind: name of the schedule's field, without "_learning_rate"; "" where there is none.
      peak: the greatest rate.
      field: of the schedule's message, that holds the peak.
      warmup_steps: until the peak is reached; 0 where the run starts with it.
      warmup_rate: at step 0; the peak without a warm-up.
      decay_steps: at which the rate has decayed; 0 where the schedule has no such end.
    """

    kind: str = ""
    peak: float = 0.0
    field: str = ""
    warmup_steps: int = 0
    warmup_rate: float = 0.0
    decay_steps: int = 0

    @property
    def path(self) -> str:
        """Of the peak, below the optimizer's message."""
        return f"learning_rate.{self.kind}_learning_rate.{self.field}"


def read_rate(rate: Any) -> Rate:
    """Reads a `LearningRate`; None for none."""
    name = rate.WhichOneof("learning_rate") if rate is not None else None
    if name is None:
        return Rate()
    schedule, kind = getattr(rate, name), name.removesuffix("_learning_rate")
    if kind == "constant":
        return _rate(kind, "learning_rate", schedule.learning_rate)
    if kind == "manual_step":
        return _manual(schedule)
    if kind == "exponential_decay":
        peak, steps = schedule.initial_learning_rate, schedule.burnin_steps
        start = (schedule.burnin_learning_rate or peak) if steps else peak
        return _rate(kind, "initial_learning_rate", peak, steps, start)
    steps = schedule.warmup_steps
    start = schedule.warmup_learning_rate if steps else schedule.learning_rate_base
    end = schedule.total_steps if hasattr(schedule, "total_steps") else 0
    return _rate(kind, "learning_rate_base", schedule.learning_rate_base, steps, start, end)


def _manual(schedule: Any) -> Rate:
    """The peak of a list of rates: with `warmup`, the first step is where the first listed rate is reached."""
    first = schedule.initial_learning_rate
    peak = max([first, *(entry.learning_rate for entry in schedule.schedule)])
    listed = [index for index, entry in enumerate(schedule.schedule) if entry.learning_rate == peak]
    field = "initial_learning_rate" if peak == first else f"schedule[{listed[0]}].learning_rate"
    is_warmed = peak > first and listed
    steps = schedule.schedule[listed[0]].step if is_warmed else 0
    return _rate("manual_step", field, peak, steps, first if is_warmed else peak)


def _rate(kind: str, field: str, peak: float, steps: int = 0, start: float | None = None, end: int = 0) -> Rate:
    written = [float(f"{value:.7g}") for value in (peak, peak if start is None else start)]
    return Rate(kind, written[0], field, steps, written[1], end)
