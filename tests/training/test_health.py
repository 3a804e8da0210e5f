# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The course of a training, judged: courses that are sick in one way each, and healthy ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from efficientdet.evaluation.evaluator import Evaluation
from efficientdet.training.health import Health, Run
from efficientdet.training.look import Look, Units
from efficientdet.training.outcome import StepOutcome
from efficientdet.types import Losses

_TRAINER: Any = SimpleNamespace(
    optimizer=SimpleNamespace(learning_rate=lambda step: 0.1 - step / 10_000),
    inputs_started=1,
    rules=SimpleNamespace(lines=lambda: ["frozen: 8 of 9 trainable variables"]),
)
_RUN = Run(num_steps=1000, batch_size=4, num_records=400)  # epochs of 100 steps

Curve = Callable[[int], float]


class _Course:
    """A training on paper."""

    def __init__(self, folder: Path, run: Run = _RUN, shared: tuple[int, int] = (0, 50)) -> None:
        self._path = folder / "health.jsonl"
        self.counted = 0

        def count() -> tuple[int, int]:
            self.counted += 1
            return shared

        self.health = Health(self._path, run, count_shared=count)

    def steps(
        self,
        numbers: Iterable[int],
        loss: Curve = lambda step: 100 / (step + 50),
        norm: Callable[[int], float | None] = lambda step: 2.0,
        waited: Curve = lambda step: 0.01,
    ) -> _Course:
        for step in numbers:
            losses = Losses(*(np.float32(loss(step) * share) for share in (0.25, 0.75, 0.1, 1.1)))
            outcome = StepOutcome(step, losses, 0.5 + waited(step), waited(step), norm(step), False)
            self.health.on_step(_TRAINER, outcome)
        return self

    def evaluation(self, step: int, loss: float, metric: float = 0.5) -> _Course:
        losses = Losses(np.float64(loss), np.float64(0.0), np.float64(9.0), np.float64(loss + 9.0))
        self.health.on_evaluation(Evaluation(step, {"AP": metric}, losses, 50, 1.0))
        return self

    @property
    def told(self) -> list[tuple[int, str]]:
        """(step, symptom) of each line."""
        if not self._path.exists():
            return []
        lines = [json.loads(line) for line in self._path.read_text().splitlines()]
        return [(line["step"], line["symptom"]) for line in lines]

    @property
    def text(self) -> str:
        return self._path.read_text()


def test_a_healthy_course_is_not_talked_about(tmp_path: Path) -> None:
    noise = np.random.default_rng(1)

    def loss(step: int) -> float:
        return 100 / (step + 50) * noise.lognormal(0, 0.4)

    def norm(step: int) -> float:
        return (20 if step < 30 else 3) * noise.lognormal(0, 0.7)

    course = _Course(tmp_path)
    for end in range(100, 1001, 100):
        course.steps(range(end - 99, end + 1), loss, norm, lambda step: 0.05 * noise.lognormal(0, 1))
        course.evaluation(end, 1.2 * loss(end))
    assert course.told == []
    assert course.counted == 1


def test_a_loss_that_explodes_is_told_of_within_a_few_steps(tmp_path: Path) -> None:
    course = _Course(tmp_path).steps(range(1, 20), loss=lambda step: 2.0 if step < 4 else 2.0 * 3.0 ** (step - 3))
    # The median of the last five steps passes ten times the first loss at its third step above that.
    assert course.told[0] == (8, "loss_rising")
    assert {symptom for _, symptom in course.told} == {"loss_rising"}


def test_a_single_bad_batch_is_no_rise(tmp_path: Path) -> None:
    assert _Course(tmp_path).steps(range(1, 90), loss=lambda step: 90.0 if step in (5, 40, 41) else 2.0).told == []


def test_gradients_that_explode(tmp_path: Path) -> None:
    course = _Course(tmp_path).steps(range(1, 101), norm=lambda step: 500.0 if step > 80 else 2.0)
    assert course.told == [(85, "gradients_exploding")]


def test_norms_that_nobody_took_or_that_are_not_finite_are_passed_over(tmp_path: Path) -> None:
    odd = [None, float("inf"), float("nan")]
    course = _Course(tmp_path).steps(range(1, 101), norm=lambda step: 2.0 if step % 2 else odd[step % 3])
    assert course.told == []


def test_a_loss_that_is_flat_since_the_second_epoch(tmp_path: Path) -> None:
    course = _Course(tmp_path).steps(range(1, 601), loss=lambda step: 3.0 if step <= 100 else 2.0)
    assert course.told == [(500, "loss_flat")]
    assert "after it. Frozen: 8 of 9 trainable variables" in course.text


def test_epochs_of_a_few_steps_count_together(tmp_path: Path) -> None:
    course = _Course(tmp_path, Run(num_steps=400, batch_size=4, num_records=40))
    course.steps(range(1, 601), loss=lambda step: 3.0 if step <= 100 else 2.0)
    assert course.told == [(500, "loss_flat")]


def test_a_warm_up_and_the_end_of_a_schedule_need_no_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rates = SimpleNamespace(learning_rate=lambda step: step / 500 if step < 500 else 0.09)  # one in 500 steps
    monkeypatch.setattr(_TRAINER, "optimizer", rates)
    assert _Course(tmp_path).steps(range(1, 1001), loss=lambda step: 2.0).told == []


def test_a_run_that_goes_on_is_not_asked_whether_its_loss_falls(tmp_path: Path) -> None:
    assert _Course(tmp_path).steps(range(5001, 5601), loss=lambda step: 2.0).told == []


def test_an_input_that_starves_after_the_first_steps(tmp_path: Path) -> None:
    course = _Course(tmp_path)
    course.steps(range(1, 11), waited=lambda step: 9.0).steps(range(11, 61))  # buffers fill
    assert course.told == []
    course.steps(range(61, 121), waited=lambda step: 0.5)
    assert course.told == [(110, "input_starving")]
    assert "50% of the time since step 61" in course.text


def test_an_input_that_begins_anew_may_be_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    course = _Course(tmp_path).steps(range(1, 51))
    monkeypatch.setattr(_TRAINER, "inputs_started", 2)
    assert course.steps(range(51, 121), waited=lambda step: 60.0 if step == 51 else 0.01).told == []


def test_validation_that_gets_worse(tmp_path: Path) -> None:
    course = _Course(tmp_path)
    for number, loss in enumerate([1.0, 0.8, 1.1, 1.2, 1.3], start=1):
        course.steps(range(100 * number - 99, 100 * number + 1)).evaluation(100 * number, loss)
    assert course.told == [(500, "validation_diverging")]
    assert "its loss is 1.3, and was 0.8 at step 200" in course.text


def test_evaluation_on_records_of_the_training_is_counted_once(tmp_path: Path) -> None:
    course = _Course(tmp_path, shared=(50, 50))
    for end in (100, 200):
        course.steps(range(end - 99, end + 1)).evaluation(end, 0.5, metric=0.875)
    assert course.told == [(100, "evaluation_data_seen")]
    assert course.counted == 1
    assert "a validation loss of 0.5, AP 0.875, no higher than" in course.text


def test_an_evaluation_without_truth_or_training_is_passed_over(tmp_path: Path) -> None:
    course = _Course(tmp_path, shared=(50, 50)).evaluation(100, 0.5)
    course.health.on_evaluation(Evaluation(100, {}, None, 50, 1.0))
    assert (course.told, course.counted) == ([], 0)


def _look(step: int, ratio: float, rate: float, dead: float = 0.0) -> Look:
    return Look(step, rate, {}, ratio, {}, {"fpn/cell_1": Units(64, dead, 0.5, 1000)}, {})


@pytest.mark.parametrize(
    ("look", "told"),
    [
        (_look(100, 1e-3, 0.09), []),
        (_look(100, 1e-8, 0.09), [(100, "weights_not_moving")]),
        (_look(100, 1e-8, 0.009), []),  # below a tenth of the schedule's highest rate, 0.1
        (_look(100, 0.5, 0.09), [(100, "updates_too_large")]),
        (_look(100, 1e-3, 0.09, dead=0.6), [(100, "units_dying")]),
    ],
)
def test_looks_are_judged(look: Look, told: list[tuple[int, str]], tmp_path: Path) -> None:
    course = _Course(tmp_path).steps(range(1, 100))
    course.health.on_look(look)
    course.health.close()
    assert course.told == told
