# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The focal loss by formula against its plain form; that one has tests of its own, against literals."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.losses import FocalLoss
from efficientdet.ops.kernels import focal


def _random(seed: int, scale: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    draws = np.random.default_rng(seed)
    logits = draws.normal(-2, scale, [2, 50, 7]).astype(np.float32)
    rows = draws.integers(-1, 7, [2, 50]).astype(np.int32)
    return (
        tf.constant(logits),
        tf.constant(rows),
        tf.constant(draws.choice([0.0, 0.5, 1.0], [2, 50]).astype(np.float32)),
    )


def _value_and_gradient(loss: FocalLoss, logits: tf.Tensor, *targets: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = 3.0 * loss(logits, *targets)
    return value, tape.gradient(value, logits)


def test_literals() -> None:
    # sigmoid(0) = 1/2: a negative costs 3/4 (1/2)^2 ln 2, a positive 1/4 (1/2)^2 ln 2. Their slopes are
    # 3/4 (1/2)^2 (2 * 1/2 ln 2 + 1/2) and -1/4 of the same.
    loss = FocalLoss(alpha=0.25, gamma=2.0, closed_form=True)
    value, gradient = _value_and_gradient(loss, tf.zeros([1, 1, 2]), tf.constant([[1]]), tf.ones([1, 1]))
    assert float(value) == pytest.approx(3 * (3 / 16 + 1 / 16) * np.log(2))
    slope = 3 * (np.log(2) + 0.5) / 4
    np.testing.assert_allclose(gradient, [[[3 / 4 * slope, -1 / 4 * slope]]], rtol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("alpha", [0.25, None])
@pytest.mark.parametrize("gamma", [0, 0.5, 1, 1.2, 1.5, 2, 2.5, 3])
def test_is_the_plain_form(alpha: float | None, gamma: float, smoothing: float) -> None:
    batch = _random(0, 5.0)
    value, gradient = _value_and_gradient(FocalLoss(alpha, gamma, smoothing, closed_form=True), *batch)
    expected, expected_gradient = _value_and_gradient(FocalLoss(alpha, gamma, smoothing), *batch)
    assert float(value) == pytest.approx(float(expected), rel=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-4, atol=1e-5)


def test_extreme_logits_are_finite() -> None:
    logits = tf.constant([[[-1e4, -90.0, 90.0, 1e4]] * 2])
    for form in (True, False):
        loss = FocalLoss(alpha=0.25, gamma=1.5, closed_form=form)
        value, gradient = _value_and_gradient(loss, logits, tf.constant([[0, 3]]), tf.ones([1, 2]))
        assert float(value) == pytest.approx(3 * (0.25 * 1e4 + 0.75 * (90 + 1e4) + 0.75 * 90), rel=1e-5)
        # Where the loss is straight: the positive at -1e4, and the negatives above 0.
        expected = np.array([[[-0.25, 0, 0.75, 0.75], [0, 0, 0.75, 0]]]) * 3
        np.testing.assert_allclose(gradient, expected, atol=1e-6)


def test_no_positives_and_no_anchors() -> None:
    loss, plain = FocalLoss(alpha=0.25, gamma=1.5, closed_form=True), FocalLoss(alpha=0.25, gamma=1.5)
    logits, rows, weights = _random(1, 1.0)
    nothing = tf.fill(rows.shape, -1)
    value, gradient = _value_and_gradient(loss, logits, nothing, weights)
    expected, expected_gradient = _value_and_gradient(plain, logits, nothing, weights)
    assert float(value) == pytest.approx(float(expected), rel=1e-6)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=1e-4, atol=1e-7)
    value, gradient = _value_and_gradient(loss, logits[:, :0], rows[:, :0], weights[:, :0])
    assert float(value) == 0.0
    assert gradient.shape == [2, 0, 7]


def test_a_miner_sees_the_same_losses() -> None:
    batch = _random(2, 2.0)
    fast, plain = (FocalLoss(0.25, 1.5, closed_form=form).per_anchor(*batch) for form in (True, False))
    np.testing.assert_array_equal(fast, plain)


def test_rare_classes_keep_their_digits() -> None:
    # From -17 on, 1 + exp(x) rounds to 1; the loss of a negative is p^1.5 e = exp(2.5 x) there, its slope 2.5 of it.
    logits = tf.constant([[[-12.0, -16.0, -20.0, -24.0]]])
    value, gradient = _value_and_gradient(
        FocalLoss(alpha=None, gamma=1.5, closed_form=True), logits, tf.constant([[-1]]), tf.ones([1, 1])
    )
    exact = np.logaddexp(0, np.float64(logits[0, 0])) * (1 / (1 + np.exp(-np.float64(logits[0, 0])))) ** 1.5
    assert float(value) == pytest.approx(3 * exact.sum(), rel=1e-6)
    np.testing.assert_allclose(gradient[0, 0], 3 * 2.5 * exact, rtol=2e-5)


def test_nothing_whose_number_changes_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    # XLA compiles for each shape: of positives, that were once in every step.
    compiled = []
    for name in ("_fused_value", "_weighted_slope"):
        original = getattr(focal, name)
        monkeypatch.setattr(
            focal, name, lambda x, *rest, call=original: compiled.append(tuple(x.shape)) or call(x, *rest)
        )
    for positives in (0, 3, 17):
        logits, _, weights = _random(0, 1.0)
        rows = tf.constant([[1] * positives + [-1] * (50 - positives)] * 2)
        _value_and_gradient(FocalLoss(0.25, 1.5, closed_form=True), logits, rows, weights)
    assert compiled == [(2, 50, 7)] * 6


@pytest.mark.parametrize("value", [np.nan, np.inf, -1e38, 1e38])
def test_what_is_not_finite_shows(value: float) -> None:
    logits = tf.constant([[[0.5, value, -0.5]]], tf.float32)
    for gamma in (0.0, 1.5):
        fast, plain = (
            _value_and_gradient(FocalLoss(0.25, gamma, closed_form=form), logits, tf.constant([[-1]]), tf.ones([1, 1]))
            for form in (True, False)
        )
        assert np.isfinite(fast[0]) == np.isfinite(plain[0])
        assert np.isfinite(value) == np.isfinite(fast[0])
