# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Optimizers and the update over replicas, by hand."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.training import optimizers
from efficientdet.training.schedules import Constant, ManualStep


def _apply(optimizer: optimizers.Optimizer, variable: tf.Variable, gradient: list[float], **options: float) -> None:
    optimizers.create_slots(optimizer, [variable])
    tf.distribute.get_strategy().run(
        lambda: optimizers.apply_gradients(optimizer, [tf.constant(gradient)], [variable], **options)
    )


def test_momentum_keeps_the_rate_inside_the_velocity() -> None:
    # v1 = -.1 * 1 = -.1; v2 = .5 * -.1 - .01 * 1 = -.06: with the rate outside it would be -.015.
    variable = tf.Variable([1.0])
    optimizer = optimizers.momentum(ManualStep((1,), (0.1, 0.01), warmup=False), momentum=0.5)
    _apply(optimizer, variable, [1.0])
    np.testing.assert_allclose(variable.numpy(), [0.9], rtol=1e-6)
    _apply(optimizer, variable, [1.0])
    np.testing.assert_allclose(variable.numpy(), [0.84], rtol=1e-6)
    assert int(optimizer.iterations.numpy()) == 2


def test_adam_first_step_is_the_rate_against_the_sign() -> None:
    variable = tf.Variable([1.0, 1.0])
    _apply(optimizers.adam(Constant(0.1), epsilon=1e-8), variable, [0.5, -3.0])
    np.testing.assert_allclose(variable.numpy(), [0.9, 1.1], rtol=1e-5)


def test_rmsprop_decay_lowers_the_rate() -> None:
    # First step: mean square = .1 * g^2, update = lr * g / sqrt(.1 g^2 + epsilon) = .2 * 2 / sqrt(.4 + .6) = .4.
    variable = tf.Variable([1.0])
    optimizer = optimizers.rmsprop(Constant(0.2), decay=0.5, momentum=0.9, epsilon=0.6)
    _apply(optimizer, variable, [2.0])
    np.testing.assert_allclose(variable.numpy(), [0.6], rtol=1e-5)
    assert float(optimizer.learning_rate(1)) == pytest.approx(0.2 / 1.5)


def test_rmsprop_without_decay_keeps_its_schedule() -> None:
    assert optimizers.rmsprop(Constant(0.2), decay=0.0, momentum=0.9, epsilon=1.0).learning_rate == Constant(0.2)


def test_gradients_are_clipped_by_their_global_norm() -> None:
    variable = tf.Variable([0.0, 0.0])
    _apply(optimizers.momentum(Constant(1.0), momentum=0.0), variable, [3.0, 4.0], clip_norm=1.0)
    np.testing.assert_allclose(variable.numpy(), [-0.6, -0.8], rtol=1e-6)


def test_each_gradient_is_clipped_before_all_together() -> None:
    # Norms 5 and 2 become 2.5 and 2 (the second is within its limit), together sqrt(10.25), then 1.
    first, second = tf.Variable([0.0, 0.0]), tf.Variable([0.0])
    optimizer = optimizers.momentum(Constant(1.0), momentum=0.0)
    optimizers.create_slots(optimizer, [first, second])

    def update(**limits: float) -> list[np.ndarray]:
        first.assign([0.0, 0.0])
        second.assign([0.0])
        gradients = [tf.constant([3.0, 4.0]), tf.constant([2.0])]
        tf.distribute.get_strategy().run(
            lambda: optimizers.apply_gradients(optimizer, gradients, [first, second], **limits)
        )
        return [-first.numpy(), -second.numpy()]

    for actual, expected in zip(update(clip_tensor_norm=2.5), ([1.5, 2.0], [2.0]), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-6)
    norm = np.sqrt(10.25)
    for actual, expected in zip(update(clip_tensor_norm=2.5, clip_norm=1.0), ([1.5, 2.0], [2.0]), strict=True):
        np.testing.assert_allclose(actual, np.array(expected) / norm, rtol=1e-6)


@pytest.mark.parametrize("clip_norm", [0.0, 5.0, 100.0])
def test_gradients_within_the_norm_stay(clip_norm: float) -> None:
    variable = tf.Variable([0.0, 0.0])
    _apply(optimizers.momentum(Constant(1.0), momentum=0.0), variable, [3.0, 4.0], clip_norm=clip_norm)
    np.testing.assert_allclose(variable.numpy(), [-3.0, -4.0], rtol=1e-6)


def test_a_variable_without_gradient_stays_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    used, unused = tf.Variable([1.0], name="used"), tf.Variable([1.0], name="unused")
    optimizer = optimizers.momentum(Constant(0.1), momentum=0.9)
    optimizers.create_slots(optimizer, [used, unused])
    with caplog.at_level(logging.WARNING):
        tf.distribute.get_strategy().run(
            lambda: optimizers.apply_gradients(optimizer, [tf.constant([1.0]), None], [used, unused])
        )
    assert unused.numpy() == [1.0]
    assert used.numpy() < [1.0]
    assert "unused:0" in caplog.text


def test_slots_exist_before_the_first_update() -> None:
    variable = tf.Variable([1.0])
    optimizer = optimizers.momentum(Constant(0.1), momentum=0.9)
    optimizers.create_slots(optimizer, [variable])
    assert optimizer.get_slot(variable, "momentum").numpy() == [0.0]
