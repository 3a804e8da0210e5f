# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Each symptom once, and again when it is worth another word."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from efficientdet.training.event_file import EventFile
from efficientdet.training.symptom_log import SymptomLog
from efficientdet.training.symptoms import Symptom

from .events import read_events


def _judge(path: Path, figures: list[float | None], *, steps: int = 10) -> list[int]:
    """The steps at which a symptom of these figures, judged every `steps` steps, is told."""
    log = SymptomLog(path, None)
    for number, figure in enumerate(figures, start=1):
        symptom = None if figure is None else Symptom("x", figure, f"it is {figure}.")
        log.judge(number * steps, "x", symptom)
    return [json.loads(line)["step"] for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ([None] * 9, []),
        ([1, 1, 1, 1], [10]),
        ([1, 1.9, 2, 3.9, 4], [10, 30, 50]),  # at each doubling of what was told
        ([1, None, None, None, 1], [10]),  # gone for 30 steps: it may only hover about its threshold
        ([1, None, None, None, None, None, 1], [10, 70]),
    ],
)
def test_when_a_symptom_is_told(figures: list[float | None], told: list[int], tmp_path: Path) -> None:
    assert _judge(tmp_path / "health.jsonl", figures) == told


def test_a_symptom_that_is_judged_seldom_has_to_be_gone_three_times(tmp_path: Path) -> None:
    assert _judge(tmp_path / "a", [1, None, None, 1], steps=1000) == [1000]
    assert _judge(tmp_path / "b", [1, None, None, None, 1], steps=1000) == [1000, 5000]


def test_a_line_goes_to_the_log_the_file_and_tensorboard(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = SymptomLog(tmp_path / "health.jsonl", events := EventFile(tmp_path / "train"))
    log.judge(7, "loss_rising", Symptom("loss_rising", 12.5, "the loss is 25, 12 times what it was."))
    events.close()
    assert "health: step 7: the loss is 25, 12 times what it was." in caplog.text
    assert json.loads((tmp_path / "health.jsonl").read_text()) == {
        "step": 7,
        "symptom": "loss_rising",
        "figure": 12.5,
        "text": "the loss is 25, 12 times what it was.",
    }
    text = read_events(tmp_path / "train")["health/loss_rising"][7]
    assert text == b"the loss is 25, 12 times what it was."


def test_a_figure_without_end_is_null_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "health.jsonl"
    SymptomLog(path, None).judge(1, "x", Symptom("x", math.inf, "."))
    assert json.loads(path.read_text())["figure"] is None


def test_half_a_line_of_a_killed_process_spoils_no_other(tmp_path: Path) -> None:
    path = tmp_path / "health.jsonl"
    path.write_text('{"step": 1, "sym')
    SymptomLog(path, None).judge(2, "x", Symptom("x", 1, "."))
    assert json.loads(path.read_text().splitlines()[1])["step"] == 2


def test_a_file_that_cannot_be_written_ends_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "health.jsonl").mkdir()
    SymptomLog(tmp_path / "health.jsonl", None).judge(2, "x", Symptom("x", 1, "the sentence"))
    assert "the sentence" in caplog.text
    assert "not written" in caplog.text
