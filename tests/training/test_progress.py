# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The live line of a terminal and the lines of a log file."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest

from efficientdet.evaluation.evaluation import Evaluation
from efficientdet.training.outcome import StepOutcome
from efficientdet.training.progress import Progress
from efficientdet.types import Losses

_LOSSES = Losses(localization=0.5, classification=1.25, regularization=0.03125, total=1.78125)


def _step(progress: Progress, step: int, seconds: float) -> None:
    trainer: Any = None  # which a line does not look at
    progress.on_step(trainer, StepOutcome(step, _LOSSES, seconds, 0.0, None, is_last=False))


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class _Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_line_says_where_training_stands() -> None:
    stream = io.StringIO()
    progress = Progress(1000, batch_size=8, stream=stream, line_seconds=0.0)
    _step(progress, 1, 30.0)
    _step(progress, 2, 2.0)
    _step(progress, 3, 6.0)
    progress.on_evaluation(Evaluation(3, {"DetectionBoxes_Precision/mAP": 0.3456}, None, 1, 0.0))
    _step(progress, 4, 4.0)
    first, *_, last = stream.getvalue().splitlines()
    losses = "loss 1.7812 (box 0.5000 class 1.2500 reg 0.0312)"
    assert first == f"step 1/1000 | {losses}"
    # The first step, which traces the graph, does not count: 4 seconds a step on average, 2 images a second.
    assert last == f"step 4/1000 | 2.0 images/s | 1:06:24 left | {losses} | AP 0.346"


def test_a_log_file_gets_a_line_now_and_then_and_the_last_one() -> None:
    stream, clock = io.StringIO(), _Clock()
    progress = Progress(10, batch_size=1, stream=stream, line_seconds=5.0, clock=clock)
    for step in range(1, 11):
        _step(progress, step, 2.0)
        clock.now += 2.0
    assert [line.split("/")[0] for line in stream.getvalue().splitlines()] == ["step 1", "step 4", "step 7", "step 10"]


def test_a_terminal_gets_one_live_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    stream = _Terminal()
    with Progress(2, batch_size=1, stream=stream) as progress:
        _step(progress, 1, 1.0)
        _step(progress, 2, 1.0)
    shown = stream.getvalue().split("\r")[1:]
    assert shown == ["step 1/2 | loss 1.7812 (box 0\x1b[K", "step 2/2 | 1.0 images/s | 0:0\x1b[K\n"]


def test_log_lines_push_the_live_line_away() -> None:
    stream = _Terminal()
    root = logging.getLogger()
    handler = logging.StreamHandler(stream)
    root.addHandler(handler)
    try:
        with Progress(2, batch_size=1, stream=stream) as progress:
            _step(progress, 1, 1.0)
            logging.getLogger("test").warning("saved")
            logging.getLogger("test").warning("evaluated")
        assert stream.getvalue().endswith("\x1b[K\r\x1b[Ksaved\nevaluated\n")
    finally:
        root.removeHandler(handler)


def test_the_logging_is_left_as_it_was() -> None:
    before = list(logging.getLogger().handlers)
    with pytest.raises(RuntimeError, match="stop"), Progress(1, batch_size=1, stream=_Terminal()):
        raise RuntimeError("stop")
    assert logging.getLogger().handlers == before


def test_minutes_and_hours() -> None:
    stream = io.StringIO()
    progress = Progress(11, batch_size=1, stream=stream, line_seconds=0.0)
    _step(progress, 1, 1.0)
    _step(progress, 2, 6.7)
    assert "| 1:00 left |" in stream.getvalue()
