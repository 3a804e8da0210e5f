# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Schedules against values worked out by hand and against those of the Object Detection API."""

from __future__ import annotations

import functools
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.training.schedules import (
    Constant,
    CosineDecay,
    CosineRestarts,
    ExponentialDecay,
    ManualStep,
    PolynomialDecay,
    Schedule,
)

# The schedules of the recorded configs, with the defaults of the messages written out.
_cosine = functools.partial(CosineDecay, warmup_learning_rate=0.0, warmup_steps=0, hold_base_rate_steps=0)
_exponential = functools.partial(
    ExponentialDecay, burnin_learning_rate=0.0, burnin_steps=0, min_learning_rate=0.0, staircase=True
)
_RECORDED: dict[str, Schedule] = {
    "zoo_cosine": _cosine(0.08, 300_000, warmup_learning_rate=0.001, warmup_steps=2500),
    "cosine_hold": CosineDecay(
        0.04, 10_000, warmup_learning_rate=0.013333, warmup_steps=1000, hold_base_rate_steps=500
    ),
    "cosine_defaults": _cosine(0.002, 4_000_000, warmup_learning_rate=0.0002, warmup_steps=10_000),
    "exponential_defaults": _exponential(0.002, 4_000_000, 0.95),
    "exponential_staircase": _exponential(
        0.01, 1000, 0.5, burnin_learning_rate=0.001, burnin_steps=100, min_learning_rate=1e-4
    ),
    "exponential_smooth": _exponential(0.01, 1000, 0.5, staircase=False),
    "exponential_smooth_burnin": _exponential(
        0.01, 1000, 0.5, burnin_learning_rate=0.002, burnin_steps=1000, staircase=False
    ),
    "manual_step": ManualStep((1000, 5000, 10_000), (0.0002, 0.01, 0.001, 0.0001), warmup=False),
    "manual_step_warmup": ManualStep((1000, 5000), (0.0002, 0.01, 0.001), warmup=True),
    "constant": Constant(0.003),
    "constant_default": Constant(0.002),
}


def test_every_recorded_schedule_is_compared(shared: Path) -> None:
    recorded = json.loads((shared / "facts" / "tfod_lr_schedules.json").read_text())
    assert recorded.keys() - {"steps"} == _RECORDED.keys()


@pytest.mark.parametrize("name", _RECORDED)
def test_rates_equal_those_of_the_object_detection_api(name: str, shared: Path) -> None:
    recorded = json.loads((shared / "facts" / "tfod_lr_schedules.json").read_text())
    steps = recorded["steps"]
    expected = recorded[name]["values"]
    actual = [float(_RECORDED[name](tf.constant(step, tf.int64))) for step in steps]
    # The last steps of a cosine are differences of nearly equal float32 numbers: an absolute bound of 1e-9 of the rate.
    np.testing.assert_allclose(actual, expected, rtol=2e-6, atol=5e-9)


def test_a_cosine_by_hand() -> None:
    schedule = _cosine(1.0, total_steps=12, warmup_learning_rate=0.2, warmup_steps=2, hold_base_rate_steps=2)
    expected = {0: 0.2, 1: 0.6, 2: 1.0, 3: 1.0, 4: 1.0, 6: 0.5 + 0.5 * math.cos(math.pi / 4), 8: 0.5, 12: 0.0, 13: 0.0}
    assert {step: float(schedule(step)) for step in expected} == pytest.approx(expected, abs=1e-7)


def test_a_cosine_without_warmup_starts_at_its_base() -> None:
    assert float(_cosine(0.5, total_steps=10)(0)) == 0.5


def test_a_cosine_that_never_decays() -> None:
    for hold in (2, 7):
        schedule = _cosine(0.5, total_steps=4, warmup_steps=2, hold_base_rate_steps=hold)
        assert [float(schedule(step)) for step in range(6)] == [0.0, 0.25, 0.5, 0.5, 0.5, 0.0]


def test_a_cosine_from_the_start_by_hand() -> None:
    # A half cosine of 8 steps from step 0 on: it drops where warm-up and plateau end, and rises again behind step 8.
    schedule = CosineDecay(
        1.0, 12, warmup_learning_rate=0.2, warmup_steps=2, hold_base_rate_steps=2, phase="from_start"
    )
    expected = {0: 0.2, 1: 0.6, 2: 1.0, 3: 1.0, 4: 0.5, 6: 0.5 - 0.5 * math.sqrt(0.5), 8: 0.0, 12: 0.5, 13: 0.0}
    assert {step: float(schedule(step)) for step in expected} == pytest.approx(expected, abs=1e-7)


def test_a_polynomial_by_hand() -> None:
    schedule = PolynomialDecay(2.0, 8, power=2.0, warmup_learning_rate=0.5, warmup_steps=2)
    expected = {0: 0.5, 1: 1.25, 2: 2 * 0.75**2, 4: 0.5, 7: 2 / 64, 8: 0.0, 9: 0.0}
    assert {step: float(schedule(step)) for step in expected} == pytest.approx(expected, abs=1e-7)
    line = PolynomialDecay(1.0, 4, power=1.0, warmup_learning_rate=0.0, warmup_steps=0)
    assert [float(line(step)) for step in range(6)] == [1.0, 0.75, 0.5, 0.25, 0.0, 0.0]


def test_restarts_by_hand() -> None:
    # Warm-up to step 2, then periods of 2, 4 and 8 steps, whose starts at 2, 4 and 8 are 1, .5 and .25 above .5: with
    # an end rate of half the base rate of 1, halves of (1, .5, .25).
    schedule = CosineRestarts(
        1.0, 2, period_factor=2.0, rate_factor=0.5, end_rate_factor=0.5, warmup_learning_rate=0.2, warmup_steps=2
    )
    expected = {0: 0.2, 1: 0.6, 2: 1.0, 3: 0.75, 4: 0.75, 6: 0.625, 8: 0.625, 12: 0.5625, 16: 0.5625}
    expected[7] = 0.5 + 0.25 * 0.5 * (1 + math.cos(0.75 * math.pi))
    assert {step: float(schedule(step)) for step in expected} == pytest.approx(expected, abs=1e-7)


def test_restarts_of_one_step_and_of_periods_alike() -> None:
    assert [float(CosineRestarts(0.5, 1)(step)) for step in range(3)] == [0.5, 0.5, 0.5]
    rates = [float(CosineRestarts(1.0, 2)(step)) for step in range(5)]
    assert rates == pytest.approx([1.0, 0.5, 1.0, 0.5, 1.0])


# Starts of period k where the first is 10,000 steps long: k * 10,000; 10,000 * (1.1^k - 1) / .1, whole up to 46,410;
# 10,000 * (2^k - 1).
@pytest.mark.parametrize(
    ("factor", "starts"),
    [
        (1.0, [10_000, 1_270_000, 16_770_000]),
        (1.1, [10_000, 21_000, 33_100, 46_410]),
        (2.0, [10_000, 30_000, 70_000, 10_230_000]),
    ],
)
def test_restarts_are_exact_at_their_boundaries(factor: float, starts: list[int]) -> None:
    schedule = CosineRestarts(0.25, 10_000, period_factor=factor)
    for start in starts:
        assert float(schedule(tf.constant(start, tf.int64))) == 0.25
        assert float(schedule(start - 1)) < 1e-6
        assert 0.2499 < float(schedule(start + 1)) <= 0.25


@pytest.mark.parametrize("factor", [1.0, 1.5, 2.0, 3.0])
def test_restarts_equal_those_of_keras(factor: float) -> None:
    ours = CosineRestarts(0.4, 10, period_factor=factor, rate_factor=0.5, end_rate_factor=0.1)
    keras_schedule = keras.optimizers.schedules.CosineDecayRestarts(0.4, 10, t_mul=factor, m_mul=0.5, alpha=0.1)
    steps = range(0, 140, 3)
    np.testing.assert_allclose([float(ours(s)) for s in steps], [float(keras_schedule(s)) for s in steps], atol=1e-6)


# Batch 128, 100 steps an epoch, 30 epochs: a base rate of .08 per 64 pictures, a warm-up of one epoch.
_AUTOML_WARMUP: dict[str, Any] = {"warmup_learning_rate": 0.008, "warmup_steps": 100}
_AUTOML: dict[str, Schedule] = {
    "cosine": CosineDecay(0.16, 3000, hold_base_rate_steps=0, phase="from_start", **_AUTOML_WARMUP),
    "polynomial": PolynomialDecay(0.16, 3000, power=0.9, **_AUTOML_WARMUP),
    "stepwise": ManualStep((100, 1500, 2500), (0.008, 0.16, 0.016, 0.0016), warmup=True),
}


@pytest.mark.parametrize("name", _AUTOML)
def test_rates_equal_those_of_automl(name: str, shared: Path) -> None:
    with np.load(shared / "fixtures" / "automl_postprocess_small.npz") as recorded:
        steps, expected = recorded["lr_steps"], recorded[f"lr_{name}"]
    actual = [float(_AUTOML[name](tf.constant(step))) for step in steps]
    # Near its end a cosine is a difference of nearly equal float32 numbers: 1e-7 of the base rate is their precision.
    np.testing.assert_allclose(actual, expected, rtol=3e-7, atol=0.16e-7)


def test_a_staircase_by_hand() -> None:
    schedule = _exponential(8.0, decay_steps=2, decay_factor=0.5, burnin_learning_rate=3.0, burnin_steps=1)
    assert [float(schedule(step)) for step in range(6)] == [3.0, 8.0, 8.0, 4.0, 4.0, 2.0]


def test_manual_rates_switch_at_their_step() -> None:
    schedule = ManualStep((2, 4), (1.0, 3.0, 0.5), warmup=False)
    assert [float(schedule(step)) for step in range(6)] == [1.0, 1.0, 3.0, 3.0, 0.5, 0.5]
    warming = ManualStep((2, 4), (1.0, 3.0, 0.5), warmup=True)
    assert [float(warming(step)) for step in range(6)] == [1.0, 2.0, 3.0, 3.0, 0.5, 0.5]


def test_manual_rates_without_boundaries() -> None:
    assert float(ManualStep((), (0.25,), warmup=True)(100)) == 0.25


def test_schedules_are_values_that_keras_can_describe() -> None:
    assert Constant(0.1) == Constant(0.1)
    assert Constant(0.1) != Constant(0.2)
    assert Constant(0.1).get_config() == {"learning_rate": 0.1}


def test_schedules_work_inside_a_graph() -> None:
    restarts = CosineRestarts(0.1, 100, period_factor=1.5, warmup_learning_rate=0.01, warmup_steps=10)
    for schedule in (*_RECORDED.values(), *_AUTOML.values(), restarts):
        traced = tf.function(schedule, autograph=False)
        assert float(traced(tf.constant(1234, tf.int64))) == pytest.approx(float(schedule(1234)), rel=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: _cosine(0.1, total_steps=10, warmup_steps=11), r"total_steps \(10\)"),
        (
            lambda: _cosine(0.1, total_steps=10, warmup_steps=2, warmup_learning_rate=0.2),
            r"learning_rate_base \(0.1\)",
        ),
        (
            lambda: PolynomialDecay(0.1, 10, power=1.0, warmup_learning_rate=0.0, warmup_steps=11),
            r"total_steps \(10\)",
        ),
        (
            lambda: PolynomialDecay(0.1, 10, power=0.0, warmup_learning_rate=0.0, warmup_steps=0),
            r"power \(0\) must be positive",
        ),
        (lambda: CosineRestarts(0.1, 0), r"first_period_steps \(0\) must be at least 1"),
        (lambda: CosineRestarts(0.1, 1, period_factor=0.5), r"period_factor \(0.5\) must be at least 1"),
        (
            lambda: CosineRestarts(0.1, 1, warmup_learning_rate=0.2, warmup_steps=1),
            r"learning_rate_base \(0.1\) must not be below",
        ),
        (lambda: _exponential(0.1, decay_steps=0, decay_factor=0.5), r"decay_steps \(0\) must be positive"),
        (lambda: ManualStep((1, 2), (0.1, 0.2), warmup=False), "2 boundaries need 3 rates, got 2"),
        (lambda: ManualStep((2, 2), (0.1, 0.2, 0.3), warmup=False), r"increase, got \(2, 2\)"),
        (lambda: ManualStep((0,), (0.1, 0.2), warmup=False), "positive"),
    ],
)
def test_impossible_settings_are_refused(make: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()  # type: ignore[operator]
