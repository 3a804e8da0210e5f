# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import math

import numpy as np
import pytest

from efficientdet.tuning.rate_choice import SweepPoint, choose_rate, has_diverged, smooth

_RATES = np.logspace(-4, 1, 151)


def _sweep(loss: np.ndarray) -> list[SweepPoint]:
    return [SweepPoint(float(rate), float(value)) for rate, value in zip(_RATES, loss, strict=True)]


def _falling_until(rate: float) -> np.ndarray:
    """A loss of 2 that falls to 1, the fastest at a rate, over about a decade."""
    return 2 - 1 / (1 + (rate / _RATES) ** 2)


def test_a_tenth_of_the_rate_that_diverges() -> None:
    loss = _falling_until(0.3) + np.where(_RATES > 1, 10 * (_RATES - 1), 0)
    choice = choose_rate(_sweep(loss))
    assert choice.diverged == pytest.approx(1.0, rel=0.25)
    assert choice.steepest == pytest.approx(0.3, rel=0.3)
    assert choice.reason == "tenth"
    assert choice.rate == choice.diverged / 10


def test_the_steepest_place_where_it_is_far_below_the_divergence() -> None:
    loss = _falling_until(0.02) + np.where(_RATES > 2, 10 * (_RATES - 2), 0)
    choice = choose_rate(_sweep(loss))
    assert choice.reason == "steepest"
    assert choice.rate == choice.steepest == pytest.approx(0.02, rel=0.3)


def test_a_loss_that_never_diverges() -> None:
    choice = choose_rate(_sweep(_falling_until(0.1)))
    assert math.isinf(choice.diverged)
    assert choice.rate == pytest.approx(0.1, rel=0.3)


def test_chance_does_not_move_the_choice_far() -> None:
    loss = _falling_until(0.3) + np.where(_RATES > 1, 10 * (_RATES - 1), 0)
    clean = choose_rate(_sweep(loss)).rate
    for seed in range(10):
        noisy = loss + np.random.default_rng(seed).normal(0, 0.05, len(loss))
        assert clean / 1.7 < choose_rate(_sweep(noisy)).rate < clean * 1.7


def test_one_overflow_at_the_end_is_a_divergence() -> None:
    loss = _falling_until(0.3)[:120]
    points = [*(SweepPoint(float(r), float(v)) for r, v in zip(_RATES, loss, strict=False)), SweepPoint(1.0, math.inf)]
    choice = choose_rate(points)
    assert choice.diverged == 1.0
    assert choice.rate == pytest.approx(0.1)


def test_a_loss_that_does_not_fall_gives_no_rate() -> None:
    flat = 2 + np.random.default_rng(1).normal(0, 0.02, len(_RATES))
    assert choose_rate(_sweep(flat)).rate == 0
    assert choose_rate(_sweep(np.linspace(1, 9, len(_RATES)))).rate == 0


@pytest.mark.parametrize("points", [[], [SweepPoint(0.1, math.nan)], [SweepPoint(0.1, 2.0)]])
def test_hardly_a_sweep(points: list[SweepPoint]) -> None:
    assert choose_rate(points).rate == 0


def test_one_odd_batch_does_not_spread() -> None:
    loss = np.ones(len(_RATES))
    loss[50] = 1e6
    assert smooth(_RATES, loss) == pytest.approx(np.ones(len(_RATES)))


def test_a_line_stays_a_line() -> None:
    line = np.linspace(3, 1, len(_RATES))
    assert smooth(_RATES, line)[20:-20] == pytest.approx(line[20:-20], abs=0.02)


def test_when_a_sweep_can_stop() -> None:
    assert not has_diverged([])
    assert has_diverged([1.0, math.nan])
    assert not has_diverged([1.0] * 11)
    assert not has_diverged([1.0] * 11 + [9.0, 1.1, 9.0])  # one odd batch
    assert has_diverged([1.0] * 11 + [9.0, 9.0, 9.0])
