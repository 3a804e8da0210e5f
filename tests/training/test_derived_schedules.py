# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Schedules made from others, by hand."""

from __future__ import annotations

import pytest
import tensorflow as tf

from efficientdet.training.derived_schedules import Adjustable, Delayed, InverseTimeDecay
from efficientdet.training.schedules import Constant, CosineDecay, ManualStep

_STAIRS = ManualStep((2, 4), (1.0, 3.0, 0.5), warmup=False)


def test_inverse_time_decay_divides_the_rate() -> None:
    assert float(InverseTimeDecay(Constant(6.0), 0.5)(4)) == 2.0


def test_a_delayed_schedule_begins_where_it_is_told_to() -> None:
    assert [float(Delayed(_STAIRS, 10)(step)) for step in (0, 10, 11, 12, 13, 14)] == [1.0, 1.0, 1.0, 3.0, 3.0, 0.5]


def test_a_delayed_warm_up_warms_up_again() -> None:
    cosine = CosineDecay(1.0, 12, warmup_learning_rate=0.2, warmup_steps=2, hold_base_rate_steps=2)
    again = Delayed(cosine, 100)
    assert [float(again(step)) for step in (100, 101, 102, 108, 112)] == pytest.approx([0.2, 0.6, 1.0, 0.5, 0.0])


def test_a_factor_takes_effect_in_what_was_traced_before() -> None:
    factor = tf.Variable(1.0)
    schedule = Adjustable(_STAIRS, factor)
    traced = tf.function(schedule, autograph=False)
    rates = [float(traced(tf.constant(2)))]
    factor.assign(0.25)
    assert [*rates, float(traced(tf.constant(2)))] == [3.0, 0.75]


def test_keras_can_describe_them() -> None:
    assert InverseTimeDecay(Constant(0.1), 0.5).get_config() == {"schedule": {"learning_rate": 0.1}, "decay": 0.5}
    assert Delayed(Constant(0.1), 5).get_config() == {"schedule": {"learning_rate": 0.1}, "start_step": 5}
    assert Adjustable(Constant(0.1), tf.Variable(1.0)).get_config() == {"schedule": {"learning_rate": 0.1}}
    assert Adjustable(Constant(0.1), tf.Variable(1.0)) == Adjustable(Constant(0.1), tf.Variable(2.0))
