# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Classification losses against literals and dense twins in float64."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.losses import (
    BootstrappedSigmoidLoss,
    ClassificationLoss,
    FocalLoss,
    LogitsSoftmaxLoss,
    SigmoidLoss,
    SoftmaxLoss,
)
from tests.losses.dense import dense_bootstrapped, dense_focal, dense_softmax, present

FOCAL = FocalLoss(alpha=0.25, gamma=1.5)
# A logit of ln 3 is a probability of 3/4: a positive then costs EASY and a negative HARD. One of 0 costs EVEN.
LN3, EASY, EVEN, HARD = np.log(3), np.log(4 / 3), np.log(2), np.log(4)


def test_focal_literals() -> None:
    # Unit values of google/automl's focal loss at alpha .25, gamma 1.5, normaliser 2.
    logits = tf.constant([[[-2.0, 0.5, 1.0], [3.0, -1.0, 0.0]]])
    first, second = [0.00195893, 0.01374689, 0.30782992], [6.2727e-05, 0.01638419, 0.09189919]
    classes = tf.constant([[1, 0]])
    assert FOCAL(logits, classes, tf.constant([[1.0, 0.0]])).numpy() / 2 == pytest.approx(sum(first), rel=1e-5)
    assert FOCAL(logits, classes, tf.constant([[0.0, 1.0]])).numpy() / 2 == pytest.approx(sum(second), rel=1e-5)
    assert FOCAL(logits, classes, tf.constant([[1.0, 0.5]])).numpy() / 2 == pytest.approx(sum(first) + sum(second) / 2)


def test_focal_without_gamma_and_alpha_is_cross_entropy() -> None:
    loss = FocalLoss(alpha=None, gamma=0.0)(tf.zeros([1, 1, 2]), tf.constant([[0]]), tf.ones([1, 1]))
    assert loss.numpy() == pytest.approx(2 * np.log(2))


@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 1.5), (0.75, 2.0), (None, 0.5), (0.25, 0.0)])
def test_focal_equals_the_dense_definition(alpha: float | None, gamma: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 5, [2, 50, 7]).astype(np.float32)
    classes = rng.integers(-1, 7, [2, 50]).astype(np.int32)
    weights = rng.choice([0.0, 0.5, 1.0], [2, 50]).astype(np.float32)
    loss = FocalLoss(alpha, gamma)(tf.constant(logits), tf.constant(classes), tf.constant(weights))
    assert loss.numpy() == pytest.approx(dense_focal(logits, classes, weights, alpha, gamma), rel=1e-5)


def test_focal_gradient_equals_the_slope_of_the_dense_definition() -> None:
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, [1, 4, 3])
    classes, weights = np.array([[0, -1, 2, 1]], np.int32), np.array([[1.0, 1.0, 0.5, 0.0]], np.float32)
    variable = tf.constant(logits, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        loss = FOCAL(variable, tf.constant(classes), tf.constant(weights))
    slopes = np.zeros_like(logits)
    for index in np.ndindex(logits.shape):
        step = np.zeros_like(logits)
        step[index] = 1e-5
        # dense_focal computes in float64 whatever it is given
        up, down = (dense_focal(np.asarray(logits + sign * step), classes, weights, 0.25, 1.5) for sign in (1, -1))
        slopes[index] = (up - down) / 2e-5
    np.testing.assert_allclose(tape.gradient(loss, variable), slopes, rtol=1e-4, atol=1e-6)


def test_smoothed_focal_literals() -> None:
    # Unit values of google/automl at alpha .25, gamma 1.5, label smoothing .1, normaliser 2: element by element.
    loss = FocalLoss(alpha=0.25, gamma=1.5, label_smoothing=0.1)
    logits = np.float32([[-2.0, 0.5, 1.0], [3.0, -1.0, 0.0]])
    expected = [[0.00350227, 0.01447182, 0.29611], [0.00025638, 0.01899929, 0.09189919]]
    for row, class_row in enumerate((1, 0)):
        for column in range(3):
            one = tf.constant([[0 if column == class_row else -1]])
            value = loss(tf.reshape(logits[row, column], [1, 1, 1]), one, tf.ones([1, 1])) / 2
            # A positive is a correction of the negative it was taken for: absolutely exact to float32's precision.
            assert float(value) == pytest.approx(expected[row][column], rel=1e-6, abs=3e-7)


_LITERALS: list[tuple[ClassificationLoss, list[list[float]], list[int], list[float]]] = [
    (SigmoidLoss(), [[LN3, 0], [LN3, LN3], [0, 0]], [0, 0, -1], [EASY + EVEN, EASY + HARD, 2 * EVEN]),
    # Targets of .9 and .1.
    (SigmoidLoss(0.2), [[LN3, 0], [LN3, 0]], [0, -1], [0.9 * EASY + 0.1 * HARD + EVEN, 0.1 * EASY + 0.9 * HARD + EVEN]),
    # Targets of .5 + .5 * .75 = .875, and of .5 * .75 = .375.
    (
        BootstrappedSigmoidLoss(0.5, hard=False),
        [[LN3], [LN3]],
        [0, -1],
        [0.875 * EASY + 0.125 * HARD, 0.375 * EASY + 0.625 * HARD],
    ),
    # Targets of 1 and .5: .75 is said to be 1. An even chance is said to be 0, as .25 is.
    (
        BootstrappedSigmoidLoss(0.5, hard=True),
        [[LN3], [LN3], [-LN3], [0]],
        [0, -1, -1, -1],
        [EASY, (EASY + HARD) / 2, EASY, EVEN],
    ),
    # Probabilities of 1/4, 1/2, 1/4.
    (SoftmaxLoss(), [[0, np.log(2), 0]] * 3, [1, 0, -1], [np.log(2), np.log(4), 0]),
    (SoftmaxLoss(logit_scale=2), [[0, 2 * np.log(2), 0]], [1], [np.log(2)]),
    # Targets of .8, .1, .1: each costs 1 ln 2 or 2 ln 2.
    (SoftmaxLoss(label_smoothing=0.3), [[0, np.log(2), 0]] * 2, [1, 0], [1.2 * np.log(2), 1.9 * np.log(2)]),
    (LogitsSoftmaxLoss(), [[0, np.log(2), 0]], [1], [np.log(2) * (np.e + 4) / (np.e + 2)]),
    # e^(1 / k) = 4: targets of 4/6, 1/6, 1/6, and logits of 0, ln 2, 0 after division by k.
    (LogitsSoftmaxLoss(1 / np.log(4)), [[0, 0.5, 0]] * 2, [1, -1], [np.log(2) * 8 / 6, 0]),
]


@pytest.mark.parametrize(("loss", "logits", "rows", "expected"), _LITERALS, ids=lambda x: str(x)[:40])
def test_literals(loss: ClassificationLoss, logits: list[list[float]], rows: list[int], expected: list[float]) -> None:
    weights = np.arange(1.0, 1 + len(rows))
    tensors = tf.constant([logits], tf.float32), tf.constant([rows]), tf.constant([weights], tf.float32)
    np.testing.assert_allclose(loss.per_anchor(*tensors), [expected * weights], rtol=2e-6, atol=2e-7)
    np.testing.assert_allclose(loss(*tensors), (expected * weights).sum(), rtol=2e-6)


def test_the_softmax_loss_of_a_multibox_example() -> None:
    # Two pictures of three anchors over background, cat, dog: 2/4, 1/4, 1/4 everywhere. Background anchors cost ln 2,
    # matched ones ln 4, and what is ignored nothing: 2 ln 4 + .5 ln 4 + 2 ln 2.
    logits = tf.tile(tf.constant([[[np.log(2), 0, 0]]], tf.float32), [2, 3, 1])
    rows, weights = tf.constant([[1, 0, 0], [2, 1, 0]]), tf.constant([[1.0, 1, 1], [1, 0.5, 0]])
    assert float(SoftmaxLoss()(logits, rows, weights)) == pytest.approx(2.5 * np.log(4) + 2 * np.log(2), rel=1e-6)


def test_softmax_keeps_small_losses_exact() -> None:
    # ln(1 + 2 e^-15); logits this large have steps of 1e-6.
    loss = SoftmaxLoss()(tf.constant([[[5.0, 20.0, 5.0]]]), tf.constant([[1]]), tf.ones([1, 1]))
    assert float(loss) == pytest.approx(np.log1p(2 * np.exp(-15)), abs=1.2e-7)


def test_the_gradient_of_soft_bootstrapping_flows_through_the_prediction() -> None:
    # d/dx softplus(x) - .5 x p = p - .5 (p + x p (1 - p)), at x = ln 3 and p = .75.
    logits = tf.constant([[[LN3]]], tf.float32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(logits)
        soft, hard = (
            BootstrappedSigmoidLoss(0.5, hard=hard)(logits, tf.constant([[-1]]), tf.ones([1, 1]))
            for hard in (False, True)
        )
    assert tape.gradient(soft, logits).numpy().item() == pytest.approx(0.375 - 0.5 * LN3 * 0.1875, rel=1e-5)
    assert tape.gradient(hard, logits).numpy().item() == pytest.approx(0.75 - 0.5, rel=1e-5)


def _logits_targets(logits: np.ndarray, rows: np.ndarray, scale: float) -> np.ndarray:
    powers = np.exp(present(logits, rows) / scale)
    return (powers / powers.sum(-1, keepdims=True)) * (rows >= 0)[..., np.newaxis]


_DENSE: list[tuple[ClassificationLoss, Callable[[np.ndarray, np.ndarray, np.ndarray], float]]] = [
    (FocalLoss(0.25, 1.5, 0.2), lambda x, r, w: dense_focal(x, r, w, 0.25, 1.5, 0.2)),
    (SigmoidLoss(), lambda x, r, w: dense_focal(x, r, w, None, 0)),
    (SigmoidLoss(0.3), lambda x, r, w: dense_focal(x, r, w, None, 0, 0.3)),
    (BootstrappedSigmoidLoss(0.8, hard=False), lambda x, r, w: dense_bootstrapped(x, r, w, 0.8, hard=False)),
    (BootstrappedSigmoidLoss(0.8, hard=True), lambda x, r, w: dense_bootstrapped(x, r, w, 0.8, hard=True)),
    (SoftmaxLoss(3.0), lambda x, r, w: dense_softmax(x, present(x, r), w, 3.0)),
    (
        SoftmaxLoss(1.0, 0.1),
        lambda x, r, w: dense_softmax(x, (present(x, r) * 0.9 + 0.1 / 7) * (r >= 0)[..., None], w, 1.0),
    ),
    (LogitsSoftmaxLoss(0.5), lambda x, r, w: dense_softmax(x, _logits_targets(x, r, 0.5), w, 0.5)),
]


@pytest.mark.parametrize(
    ("loss", "dense"), _DENSE, ids=lambda x: str(x)[:40] if not callable(x) or hasattr(x, "per_anchor") else "dense"
)
def test_a_loss_equals_its_dense_definition(
    loss: ClassificationLoss, dense: Callable[[np.ndarray, np.ndarray, np.ndarray], float]
) -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 4, [2, 50, 7]).astype(np.float32)
    rows = rng.integers(-1, 7, [2, 50]).astype(np.int32)
    weights = rng.choice([0.0, 0.5, 1.0], [2, 50]).astype(np.float32)
    tensors = tf.constant(rows), tf.constant(weights)
    variable = tf.constant(logits)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(variable)
        total, by_anchor = loss(variable, *tensors), loss.per_anchor(variable, *tensors)
        total_by_anchor = tf.reduce_sum(by_anchor)
    assert float(total) == pytest.approx(dense(logits, rows, weights), rel=1e-5)
    assert by_anchor.shape == (2, 50)
    one = rng.integers(50)
    here = np.float32(np.arange(50) == one) * weights
    assert float(by_anchor[1, one]) == pytest.approx(dense(logits[1:], rows[1:], here[1:]), rel=1e-4, abs=1e-6)
    assert float(total_by_anchor) == pytest.approx(float(total), rel=1e-5)
    gradients = [tape.gradient(value, variable) for value in (total, total_by_anchor)]
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("loss", [loss for loss, _ in _DENSE], ids=lambda x: str(x)[:40])
@pytest.mark.parametrize("row", [-1, 0, 1])
def test_a_loss_is_finite_for_extreme_logits(loss: ClassificationLoss, row: int) -> None:
    logits = tf.constant([[[-300.0, 300], [-90, 0], [0, 0], [90, 90], [300, -300]]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        value = loss(logits, tf.fill([1, 5], row), tf.ones([1, 5]))
    assert np.isfinite(value)
    assert np.isfinite(tape.gradient(value, logits)).all()


@pytest.mark.parametrize("loss", [loss for loss, _ in _DENSE], ids=lambda x: str(x)[:40])
def test_no_anchors_cost_nothing(loss: ClassificationLoss) -> None:
    nothing = tf.zeros([2, 0, 3]), tf.zeros([2, 0], tf.int32), tf.zeros([2, 0])
    assert float(loss(*nothing)) == 0
    assert loss.per_anchor(*nothing).shape == (2, 0)
