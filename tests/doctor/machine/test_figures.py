# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest

from efficientdet.doctor.machine.figures import StepFigures, evaluation_figures, predict, steps_within, times_due
from tests.doctor.machine.figures import PLAN, RUN, STEPS


@pytest.mark.parametrize(("steps", "interval", "times"), [(100, 50, 2), (101, 50, 3), (10, 50, 1), (50, 50, 1)])
def test_what_is_due_at_an_interval_is_due_at_the_end_too(steps: int, interval: int, times: int) -> None:
    assert times_due(steps, interval) == times


def test_the_time_of_a_run_is_the_sum_of_its_parts() -> None:
    time = predict(RUN)
    # 101 steps: one is the first; evaluated at 40, 80 and 101, each 1 + 5 * 0.2; saved at 50, 100 and 101.
    assert time.start == 5.0 + 10.0
    assert time.training == pytest.approx(50.0)
    assert time.evaluations == pytest.approx(4.0 + 3 * 2.0)
    assert time.checkpoints == pytest.approx(6.0)
    assert time.total == pytest.approx(81.0)


def test_without_evaluation_data_nothing_is_evaluated() -> None:
    assert predict(RUN._replace(evaluation=None, plan=PLAN._replace(eval_batches=0))).evaluations == 0


def test_the_steps_that_fit_are_the_most_whose_run_ends_in_time() -> None:
    for seconds in (22.0, 40.0, 80.9, 81.0, 1000.0):
        steps = steps_within(RUN, seconds)
        assert steps == 0 or predict(RUN, steps).total <= seconds
        assert steps == PLAN.num_steps or predict(RUN, steps + 1).total > seconds


def test_no_step_fits_into_less_than_the_start() -> None:
    assert steps_within(RUN, 10.0) == 0


@pytest.mark.parametrize(
    ("first", "few", "many", "batches", "figures"),
    [
        (9.0, 2.0, 5.0, (1, 4), (7.0, 1.0, 1.0)),  # 1 s, and 1 s for each batch
        (9.0, 4.0, 6.0, (2, 6), (5.0, 3.0, 0.5)),
        (9.0, 2.0, 2.0, (1, 1), (7.0, 0.0, 2.0)),
        (1.0, 2.0, 1.0, (1, 4), (0.0, 0.0, 0.25)),  # nothing but noise
        (9.0, 1.0, 8.0, (1, 4), (8.0, 0.0, 2.0)),  # no less than nothing for the evaluation as such
    ],
)
def test_a_line_through_two_evaluations(
    first: float, few: float, many: float, batches: tuple[int, int], figures: tuple[float, float, float]
) -> None:
    assert evaluation_figures(first, few, many, batches) == pytest.approx(figures)


def test_reading_costs_what_is_waited_for() -> None:
    figures = StepFigures(1.0, (1.0, 3.0), (0.5, 1.5), computing=2.0, reading=2.0)
    assert figures.mean == 2.0
    assert figures.waiting_share == 0.5
    assert figures.input_share == 0.5


def test_reading_costs_the_cores_that_it_takes_from_computing() -> None:
    figures = StepFigures(1.0, (1.0, 1.0), (0.0, 0.0), computing=0.75, reading=0.5)
    assert figures.waiting_share == 0.0
    assert figures.input_share == 0.25


def test_noise_does_not_make_reading_cost_less_than_nothing() -> None:
    assert STEPS._replace(computing=0.7).input_share == 0.0


def test_the_error_of_the_mean() -> None:
    # Deviations of 1 around 2: a standard deviation of 1.1547 over 4 values, halved by the root of 4, of a mean of 2.
    assert STEPS._replace(seconds=(1.0, 3.0, 1.0, 3.0)).relative_error == pytest.approx(0.288675)
    assert STEPS._replace(seconds=(1.0,)).relative_error == 0.0
