# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Optimizers and the update over replicas, by hand."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.training import optimizers
from efficientdet.training.optimizers import AdamW, Clipping
from efficientdet.training.schedules import Constant, ManualStep
from efficientdet.training.variable_rules import VariableRules


def _apply(
    optimizer: optimizers.Optimizer, variables: list[tf.Variable], gradients: list[Any], *options: Clipping
) -> None:
    optimizers.create_slots(optimizer, variables)
    rules = VariableRules({f"{index}/kernel": variable for index, variable in enumerate(variables)})
    given = [None if gradient is None else tf.constant(gradient) for gradient in gradients]

    def step() -> None:
        gradients, _ = optimizers.clipped(optimizers.summed(given, rules), *(options or [Clipping()]))
        optimizers.update(optimizer, gradients, rules)

    tf.distribute.get_strategy().run(step)


def test_momentum_keeps_the_rate_inside_the_velocity() -> None:
    # v1 = -.1 * 1 = -.1; v2 = .5 * -.1 - .01 * 1 = -.06: with the rate outside it would be -.015.
    variable = tf.Variable([1.0])
    optimizer = optimizers.momentum(ManualStep((1,), (0.1, 0.01), warmup=False), momentum=0.5)
    _apply(optimizer, [variable], [[1.0]])
    np.testing.assert_allclose(variable.numpy(), [0.9], rtol=1e-6)
    _apply(optimizer, [variable], [[1.0]])
    np.testing.assert_allclose(variable.numpy(), [0.84], rtol=1e-6)
    assert int(optimizer.iterations.numpy()) == 2


def test_nesterov_looks_ahead() -> None:
    # v1 = -.1, w = 1 + .5 * -.1 - .1 = .85; v2 = -.05 - .1 = -.15, w = .85 - .075 - .1 = .675.
    variable = tf.Variable([1.0])
    optimizer = optimizers.momentum(Constant(0.1), momentum=0.5, nesterov=True)
    weights = []
    for _ in range(2):
        _apply(optimizer, [variable], [[1.0]])
        weights.append(float(variable.numpy()[0]))
    assert weights == pytest.approx([0.85, 0.675])
    assert optimizer.get_slot_names() == ["momentum"]


def test_adam_first_step_is_the_rate_against_the_sign() -> None:
    variable = tf.Variable([1.0, 1.0])
    _apply(optimizers.adam(Constant(0.1), epsilon=1e-8), [variable], [[0.5, -3.0]])
    np.testing.assert_allclose(variable.numpy(), [0.9, 1.1], rtol=1e-5)


def test_adamw_takes_decay_off_kernels_alone() -> None:
    # The first step of Adam is the rate against the sign: 2 - .1 - .1 * .5 * 2 = 1.8; without decay 1.9.
    kernel, excluded, bias = tf.Variable([[2.0]]), tf.Variable([[2.0]]), tf.Variable([2.0])
    optimizer = AdamW(Constant(0.1), weight_decay=0.5)
    optimizer.exclude_from_weight_decay([excluded])
    _apply(optimizer, [kernel, excluded, bias], [[[3.0]], [[3.0]], [3.0]])
    assert [float(v.numpy().item()) for v in (kernel, excluded, bias)] == pytest.approx([1.8, 1.9, 1.9])
    assert optimizer.get_slot_names() == ["m", "v"]


def test_adamw_decays_by_the_scheduled_rate_and_not_through_the_moments() -> None:
    # Gradients of 0 leave Adam's own update 0: 4 * (1 - .1 * .5) * (1 - .2 * .5) = 3.42.
    kernel = tf.Variable([[4.0]])
    optimizer = AdamW(ManualStep((1,), (0.1, 0.2), warmup=False), weight_decay=0.5)
    for _ in range(2):
        _apply(optimizer, [kernel], [[[0.0]]])
    assert float(kernel.numpy().item()) == pytest.approx(3.42)
    assert float(optimizer.get_slot(kernel, "m").numpy().item()) == 0.0


def test_adamw_without_decay_is_adam() -> None:
    one, other = tf.Variable([[1.0, -2.0]]), tf.Variable([[1.0, -2.0]])
    decaying, plain = AdamW(Constant(0.1), weight_decay=0.0), optimizers.adam(Constant(0.1), epsilon=1e-8)
    for gradient in ([[0.3, 5.0]], [[-1.0, 0.1]]):
        _apply(decaying, [one], [gradient])
        _apply(plain, [other], [gradient])
    np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_adamws_betas() -> None:
    # m = .5 * 1 then .25 + .5 * 3 = 1.75, corrected by 1 - .5^2: 7/3; v = .25 then .1875 + .25 * 9 = 2.4375, corrected
    # by 1 - .75^2: 39/7.
    kernel = tf.Variable([[0.0]])
    optimizer = AdamW(ManualStep((1,), (0.0, 1.0), warmup=False), weight_decay=1.0, beta_1=0.5, beta_2=0.75)
    for gradient in ([[1.0]], [[3.0]]):
        _apply(optimizer, [kernel], [gradient])
    assert float(kernel.numpy().item()) == pytest.approx(-(7 / 3) / np.sqrt(39 / 7))


def test_rmsprop_decay_lowers_the_rate() -> None:
    # First step: mean square = .1 * g^2, update = lr * g / sqrt(.1 g^2 + epsilon) = .2 * 2 / sqrt(.4 + .6) = .4.
    variable = tf.Variable([1.0])
    optimizer = optimizers.rmsprop(Constant(0.2), decay=0.5, decay_meaning="learning_rate", momentum=0.9, epsilon=0.6)
    _apply(optimizer, [variable], [[2.0]])
    np.testing.assert_allclose(variable.numpy(), [0.6], rtol=1e-5)
    assert float(optimizer.learning_rate(1)) == pytest.approx(0.2 / 1.5)


def test_rmsprop_without_decay_keeps_its_schedule() -> None:
    optimizer = optimizers.rmsprop(Constant(0.2), decay=0.0, decay_meaning="learning_rate", momentum=0.9, epsilon=1.0)
    assert optimizer.learning_rate == Constant(0.2)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_rmsprop_whose_squared_gradients_decay_is_tensorflow_1s(momentum: float) -> None:
    ours, theirs = tf.Variable([1.0, -1.0]), tf.Variable([1.0, -1.0])
    optimizer = optimizers.rmsprop(
        Constant(0.2), decay=0.75, decay_meaning="squared_gradients", momentum=momentum, epsilon=0.25
    )
    reference = tf.compat.v1.train.RMSPropOptimizer(0.2, decay=0.75, momentum=momentum, epsilon=0.25)
    for gradient in ([2.0, 0.5], [-1.0, 0.0], [3.0, 1.0]):
        _apply(optimizer, [ours], [gradient])
        reference.apply_gradients([(tf.constant(gradient), theirs)])
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-6)
    assert optimizer.learning_rate == Constant(0.2)
    assert optimizer.get_slot_names() == ["rms", "momentum"]


def test_rmsprop_whose_squared_gradients_decay_by_hand() -> None:
    # Mean square = .75 * 1 + .25 * 4 = 1.75; update = .2 * 2 / sqrt(1.75 + .5) = .4 / 1.5.
    variable = tf.Variable([1.0])
    optimizer = optimizers.rmsprop(
        Constant(0.2), decay=0.75, decay_meaning="squared_gradients", momentum=0.9, epsilon=0.5
    )
    _apply(optimizer, [variable], [[2.0]])
    np.testing.assert_allclose(variable.numpy(), [1 - 0.4 / 1.5], rtol=1e-6)


_ROOT = float(np.sqrt(10.25))


@pytest.mark.parametrize(
    ("clipping", "expected"),
    [
        (Clipping(), ([3.0, 4.0], [2.0])),
        # Elements alone.
        (Clipping(value=2.5), ([2.5, 2.5], [2.0])),
        # Norms 5 and 2 become 2.5 and 2: the second is within its limit.
        (Clipping(tensor_norm=2.5), ([1.5, 2.0], [2.0])),
        # The global norm is sqrt(9 + 16 + 4).
        (Clipping(norm=1.0), ([3 / 29**0.5, 4 / 29**0.5], [2 / 29**0.5])),
        (Clipping(norm=6.0), ([3.0, 4.0], [2.0])),
        # Each before all together: sqrt(1.5^2 + 2^2 + 2^2) = sqrt(10.25).
        (Clipping(tensor_norm=2.5, norm=1.0), ([1.5 / _ROOT, 2 / _ROOT], [2 / _ROOT])),
        # Elements before norms: [3, 3] and [2], of norms 4.24 and 2.
        (Clipping(value=3.0, tensor_norm=1.0), ([0.5**0.5, 0.5**0.5], [1.0])),
    ],
)
def test_gradients_are_clipped(clipping: Clipping, expected: tuple[list[float], list[float]]) -> None:
    first, second = tf.Variable([0.0, 0.0]), tf.Variable([0.0])
    _apply(optimizers.momentum(Constant(1.0), momentum=0.0), [first, second], [[3.0, 4.0], [2.0]], clipping)
    for variable, gradient in zip((first, second), expected, strict=True):
        np.testing.assert_allclose(-variable.numpy(), gradient, rtol=1e-6)


@pytest.mark.parametrize("norm", [0.1, 1.0, 7.3, 1e3])
def test_clipping_all_together_is_tensorflows_bit_for_bit(norm: float) -> None:
    draws = np.random.default_rng(0)
    gradients = [tf.constant(draws.normal(size=shape), tf.float32) for shape in [(3, 4), (5,), (1, 7, 2)]]
    expected, _ = tf.clip_by_global_norm(gradients, norm)
    clipped, _ = optimizers.clipped(gradients, Clipping(norm=norm))
    for one, other in zip(clipped, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_gradients_whose_norm_is_not_finite_are_not_hidden_by_clipping() -> None:
    clipped, _ = optimizers.clipped([tf.constant([np.inf]), tf.constant([1.0])], Clipping(norm=1.0))
    assert all(np.isnan(gradient.numpy()).all() for gradient in clipped)


def test_negative_elements_are_clipped_too() -> None:
    variable = tf.Variable([0.0, 0.0])
    _apply(optimizers.momentum(Constant(1.0), momentum=0.0), [variable], [[-3.0, 0.25]], Clipping(value=0.5))
    np.testing.assert_array_equal(-variable.numpy(), [-0.5, 0.25])


def test_a_variable_without_gradient_stays_and_is_named(caplog: pytest.LogCaptureFixture) -> None:
    used, unused = tf.Variable([1.0], name="used"), tf.Variable([1.0], name="unused")
    with caplog.at_level(logging.WARNING):
        _apply(optimizers.momentum(Constant(0.1), momentum=0.9), [used, unused], [[1.0], None])
    assert unused.numpy() == [1.0]
    assert used.numpy() < [1.0]
    assert "unused:0" in caplog.text


def test_slots_exist_before_the_first_update() -> None:
    variable = tf.Variable([1.0])
    optimizer = optimizers.momentum(Constant(0.1), momentum=0.9)
    optimizers.create_slots(optimizer, [variable])
    assert optimizer.get_slot(variable, "momentum").numpy() == [0.0]
