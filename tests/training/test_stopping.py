# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What evaluations and the clock decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from efficientdet.errors import TrainingError
from efficientdet.training.run_state import BestEvaluation, RunState
from efficientdet.training.stopping import ChosenMetric, Deadline, EarlyStopping, Judge

_LOSS = "Loss/total_loss"


def _judged(judge: Judge, values: Sequence[float | None], name: str = "AP") -> list[bool]:
    """Whether each evaluation was the best so far."""
    return [judge.judge(step, {name: value}) for step, value in enumerate(values, 1)]


def test_the_best_is_strictly_better_than_all_before() -> None:
    state = RunState()
    assert _judged(Judge(state, best=ChosenMetric()), [0.2, 0.2, 0.5, 0.4]) == [True, False, True, False]
    assert state.best == BestEvaluation("AP", 0.5, 3)


def test_of_a_loss_less_is_better() -> None:
    state = RunState()
    judged = _judged(Judge(state, best=ChosenMetric(_LOSS)), [2.0, 3.0, 0.5, 0.0], _LOSS)
    assert judged == [True, False, True, True]
    assert state.best == BestEvaluation(_LOSS, 0.0, 4)


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), -1.0])
def test_what_is_not_defined_is_never_the_best(value: float | None) -> None:
    state = RunState()
    assert _judged(Judge(state, best=ChosenMetric()), [value, 0.0]) == [False, True]


@pytest.mark.parametrize(
    ("metric", "scalars", "name"),
    [
        (ChosenMetric(), {"AP": 0.5, "AP50": 0.7, _LOSS: 1.0}, "AP"),
        (ChosenMetric("AP50"), {"AP": 0.5, "AP50": 0.7}, "AP50"),
        (ChosenMetric(), {_LOSS: 1.0}, ""),  # a loss has to be asked for
        (ChosenMetric(), {}, ""),
    ],
)
def test_the_number_that_chooses(metric: ChosenMetric, scalars: Mapping[str, float], name: str) -> None:
    assert metric.find(scalars) == name


def test_a_name_that_is_none_is_an_error_which_lists_what_there_is() -> None:
    with pytest.raises(TrainingError, match=r"called 'mAP'; there are AP, Loss/total_loss"):
        ChosenMetric("mAP").find({"AP": 0.5, _LOSS: 1.0})


def test_an_evaluation_by_another_metric_begins_anew() -> None:
    state = RunState()
    _judged(Judge(state, best=ChosenMetric()), [0.9])
    assert Judge(state, best=ChosenMetric("AR")).judge(2, {"AP": 0.9, "AR": 0.1})
    assert state.best == BestEvaluation("AR", 0.1, 2)


def test_patience_counts_evaluations_in_a_row() -> None:
    state = RunState()
    judge = Judge(state, stopping=EarlyStopping(patience=2))
    over = []
    for step, value in enumerate([0.5, 0.4, 0.6, 0.6, 0.5], 1):
        judge.judge(step, {"AP": value})
        over.append(judge.is_over)
    assert over == [False, False, False, False, True]
    assert state.best is None  # nothing is kept apart


def test_small_gains_count_together() -> None:
    state = RunState()
    judge = Judge(state, stopping=EarlyStopping(patience=9, min_delta=0.125))
    stale = []
    for step, value in enumerate([0.5, 0.5625, 0.625, 0.6875, 0.75], 1):
        judge.judge(step, {"AP": value})
        stale.append(state.stale_evaluations)
    assert stale == [0, 1, 2, 0, 1]  # 0.625 is better by 0.125, not by more


def test_an_evaluation_counts_once_however_often_it_is_told() -> None:
    state = RunState()
    judge = Judge(state, best=ChosenMetric(), stopping=EarlyStopping(patience=2))
    assert judge.judge(1, {"AP": 0.5})
    assert judge.judge(1, {"AP": 0.5})  # still the best, whose checkpoint may not have been kept yet
    judge.judge(2, {"AP": 0.4})
    judge.judge(2, {"AP": 0.4})
    assert state.stale_evaluations == 1
    assert not judge.is_over


def test_no_evaluation_has_had_enough() -> None:
    assert not Judge(RunState(), stopping=EarlyStopping(patience=1)).is_over
    assert not Judge(RunState()).judge(1, {"AP": 1.0})


def test_a_deadline() -> None:
    now = [0.0]
    deadline = Deadline(2.0, clock=lambda: now[0])
    assert not deadline.is_over
    now[0] = 2.0
    assert deadline.is_over
