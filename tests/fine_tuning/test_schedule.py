# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Length and pace of a training."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from efficientdet.fine_tuning.schedule import Schedule, plan_schedule


def test_the_recipe_that_was_measured() -> None:
    schedule = plan_schedule(205, from_detector=False)
    assert schedule == Schedule(
        num_steps=1500,
        epochs=pytest.approx(58.54, abs=0.01),
        rate=0.05,
        warmup_steps=100,
        warmup_rate=pytest.approx(0.005),
        batch_norm_decay=0.97,
        average_decay=0.998,
        interval=300,
    )
    assert schedule.averaged_steps == 500


@pytest.mark.parametrize(
    ("pictures", "steps", "rate", "warmup", "batch_norm", "average"),
    [
        (1, 1_000, 0.05, 100, 0.97, 0.997),
        (820, 3_000, 0.035, 200, 0.97, 0.999),  # four times 205 pictures, twice the steps, .05 / sqrt(2)
        (4_000, 6_600, 0.024, 440, 0.99, 0.9995),
        (10_000, 15_000, 0.016, 1_000, 0.99, 0.9998),  # 12 epochs
        (100_000, 150_000, 0.01, 2_000, 0.99, 0.9998),
        (1_000_000, 200_000, 0.01, 2_000, 0.99, 0.9998),
    ],
)
def test_by_number_of_pictures(
    pictures: int, steps: int, rate: float, warmup: int, batch_norm: float, average: float
) -> None:
    schedule = plan_schedule(pictures, from_detector=False)
    found = (schedule.num_steps, schedule.rate, schedule.warmup_steps, schedule.batch_norm_decay)
    assert found == (steps, rate, warmup, batch_norm)
    assert schedule.average_decay == pytest.approx(average)


def test_a_whole_detector_is_taught_gently() -> None:
    assert plan_schedule(205, from_detector=True).rate == 0.02
    assert plan_schedule(100_000, from_detector=True).rate == 0.01


@given(st.integers(1, 10**7), st.booleans())
def test_whatever_the_number_of_pictures(pictures: int, from_detector: bool) -> None:
    schedule = plan_schedule(pictures, from_detector=from_detector)
    assert 1_000 <= schedule.num_steps <= 200_000
    assert schedule.epochs == pytest.approx(schedule.num_steps * 8 / pictures)
    assert 0.01 <= schedule.rate <= 0.05
    assert 0 < schedule.warmup_rate < schedule.rate
    assert schedule.warmup_steps <= schedule.num_steps / 10
    assert schedule.averaged_steps <= schedule.num_steps / 2
    assert 0 < schedule.interval <= schedule.num_steps
    longer = plan_schedule(pictures + pictures // 2 + 1, from_detector=from_detector)
    assert longer.num_steps >= schedule.num_steps
    assert longer.rate <= schedule.rate
