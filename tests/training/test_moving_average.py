# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The moving average of the weights, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.training import optimizers
from efficientdet.training.moving_average import SLOT_NAME, MovingAverage
from efficientdet.training.schedules import Constant


def _average_of(variable: tf.Variable, decay: float) -> tuple[MovingAverage, optimizers.Optimizer]:
    optimizer = optimizers.momentum(Constant(0.1), momentum=0.9)
    optimizers.create_slots(optimizer, [variable])
    return MovingAverage(optimizer, [variable], decay), optimizer


def _update(average: MovingAverage, optimizer: optimizers.Optimizer, variable: tf.Variable, value: float) -> float:
    variable.assign([value])
    optimizer.iterations.assign_add(1)
    average.update()
    return float(optimizer.get_slot(variable, SLOT_NAME).numpy()[0])


def test_decay_rises_with_the_updates_until_its_limit() -> None:
    variable = tf.Variable([11.0])
    average, optimizer = _average_of(variable, decay=0.3)
    # decay 2/11: 2/11 * 11 + 9/11 * 22 = 20; 3/12: .25 * 20 + .75 * 0 = 5; min(.3, 4/13) = .3: .3 * 5 + .7 * 10 = 8.5
    assert _update(average, optimizer, variable, 22.0) == pytest.approx(20.0)
    assert _update(average, optimizer, variable, 0.0) == pytest.approx(5.0)
    assert _update(average, optimizer, variable, 10.0) == pytest.approx(8.5)


def test_an_average_of_equal_weights_is_that_weight() -> None:
    variable = tf.Variable([0.7])
    average, optimizer = _average_of(variable, decay=0.9998)
    for _ in range(5):
        assert _update(average, optimizer, variable, 0.7) == np.float32(0.7)


def test_averages_take_the_place_of_weights_for_a_while() -> None:
    variable = tf.Variable([1.0])
    average, optimizer = _average_of(variable, decay=0.5)
    expected = _update(average, optimizer, variable, 1.0 / 3.0)
    before = variable.numpy()
    with average.applied():
        assert variable.numpy() == np.float32(expected)
    np.testing.assert_array_equal(variable.numpy(), before)
    assert optimizer.get_slot(variable, SLOT_NAME).numpy() == np.float32(expected)


def test_weights_come_back_when_the_evaluation_fails() -> None:
    variable = tf.Variable([1.0])
    average, optimizer = _average_of(variable, decay=0.5)
    _update(average, optimizer, variable, 2.0)
    with pytest.raises(RuntimeError, match="no metric"), average.applied():
        raise RuntimeError("no metric")
    assert variable.numpy() == [2.0]
