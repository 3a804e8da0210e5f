# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Localisation losses against literals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.losses import IouLoss, L1Loss, L2Loss, LocalizationLoss, SmoothL1Loss
from efficientdet.ops.box_coder import BoxScales, MeanStddevCoder


def test_smooth_l1_literal() -> None:
    # google/automl's unit value: delta .1, 2 positives (a divisor of 4 * 2), and its mask takes out the target 0.
    codes, targets = tf.constant([[[0.1, -0.2]]]), tf.constant([[[-0.3, 1.0]]])
    rest = 0.1 * (0.4 - 0.05) + 0.1 * (1.2 - 0.05)
    loss = SmoothL1Loss(delta=0.1)
    assert loss(codes, targets, tf.ones([1, 1])).numpy() == pytest.approx(rest)
    codes, targets = tf.constant([[[0.1, 0.1, -0.2]]]), tf.constant([[[0.05, -0.3, 1.0]]])
    assert loss(codes, targets, tf.ones([1, 1])).numpy() / 8 == pytest.approx(0.01890625, rel=1e-6)


def test_a_mask_of_nonzero_targets_looks_within_matched_anchors() -> None:
    # google/automl's unit value again, with its target of exactly 0; the background anchor counts nothing either way.
    codes = tf.constant([[[0.4, 0.1, 0.1, -0.2], [9.0, 9.0, 9.0, 9.0]]])
    targets = tf.constant([[[0.0, 0.05, -0.3, 1.0], [1.0, 0.0, 1.0, 1.0]]])
    weights = tf.constant([[1.0, 0.0]])
    masked, plain = (SmoothL1Loss(0.1, mask=mask) for mask in ("nonzero_targets", "matched_anchors"))
    assert float(masked(codes, targets, weights)) / 8 == pytest.approx(0.01890625, rel=1e-6)
    assert float(plain(codes, targets, weights)) / 8 == pytest.approx(0.01890625 + 0.1 * (0.4 - 0.05) / 8, rel=1e-6)
    with tf.GradientTape() as tape:
        tape.watch(codes)
        loss = masked(codes, targets, weights)
    np.testing.assert_allclose(tape.gradient(loss, codes), [[[0, 0.05, 0.1, -0.1], [0, 0, 0, 0]]], rtol=1e-5)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (SmoothL1Loss(delta=1.0), [0.5 + 4.5, 0.5 * 2.5, 0]),
        (L2Loss(), [0.5 * (1 + 25), 0.5 * (0.5 * 3) ** 2, 0]),  # the weight is squared, as in TFOD
        (L1Loss(), [6, 0.5 * 3, 0]),
    ],
)
def test_losses_of_codes_weigh_anchors_and_skip_those_of_weight_zero(
    loss: LocalizationLoss, expected: list[float]
) -> None:
    codes = tf.constant([[[1.0, -5, 0, 0], [3, 0, 0, 0], [np.nan, 0, 0, 0]]], tf.float32)
    tensors = codes, tf.zeros([1, 3, 4]), tf.constant([[1.0, 0.5, 0.0]])
    np.testing.assert_allclose(loss.per_anchor(*tensors), [expected], rtol=1e-6)
    assert float(loss(*tensors)) == pytest.approx(sum(expected), rel=1e-6)


_ANCHORS = np.array([[0, 0, 10, 10], [0, 10, 10, 20], [10, 0, 30, 20]], np.float32)


def test_iou_loss_compares_decoded_boxes_of_matched_anchors() -> None:
    scales = BoxScales(10.0, 10.0, 5.0, 5.0)
    # Half of the first anchor, against the whole of it; the third anchor's own box, predicted twice as large.
    boxes = tf.constant([[0.0, 0, 10, 5], [0, 0, 1, 1], [0, -10, 40, 30]])
    truth = tf.constant([[0.0, 0, 10, 10], [5, 5, 5, 5], [10, 0, 30, 20]])
    codes, targets = (scales.encode(x, tf.constant(_ANCHORS))[tf.newaxis] for x in (boxes, truth))
    weights = tf.constant([[1.0, 0.0, 0.5]])
    loss = IouLoss("iou", _ANCHORS, scales)
    assert float(loss(codes, targets, weights)) == pytest.approx(0.5 + 0.5 * 0.75, rel=1e-5)
    np.testing.assert_allclose(loss.per_anchor(codes, targets, weights), [[0.5, 0, 0.375]], rtol=1e-5)
    assert float(IouLoss("giou", _ANCHORS, scales)(codes, targets, tf.zeros([1, 3]))) == 0.0


# With anchors of zeros and a deviation of 1, codes are boxes. A square, and two units to the right of it a box as high
# and sqrt(3) as wide: nothing in common. The box around both is 2 + sqrt(3) wide and high 1; 1 of its area is in
# neither. The centres are 1.5 + sqrt(3) / 2 apart: squared, 3/8 of the diagonal's square. The angles of the diagonals
# differ by pi / 12, (2 / pi)^2 of whose square is 1/36, with a weight of 1/36 over 1 + 1/36.
_APART = {"iou": 1.0, "giou": 1 + 1 / (2 + 3**0.5), "diou": 1.375, "ciou": 1.375 + 1 / (36 * 37)}


@pytest.mark.parametrize("kind", _APART)
def test_iou_losses_of_boxes_apart(kind: Any) -> None:
    codes, targets = tf.constant([[[0.0, 0, 1, 1]]]), tf.constant([[[0, 2, 1, 2 + 3**0.5]]], tf.float32)
    loss = IouLoss(kind, np.zeros([1, 4], np.float32), MeanStddevCoder(1.0))
    assert float(loss(codes, targets, tf.constant([[2.0]]))) == pytest.approx(2 * _APART[kind], rel=1e-6)


def test_distances_are_measured_in_pixels() -> None:
    # Squares of side 1 three apart; with pixels half as wide as high, 6 apart in a frame of 1 x 8: 36 / 65.
    codes, targets, one = tf.constant([[[0.0, 0, 1, 1]]]), tf.constant([[[0.0, 3, 1, 4]]]), tf.ones([1, 1])
    plain, wide = (
        IouLoss("diou", np.zeros([1, 4], np.float32), MeanStddevCoder(1.0), unit) for unit in ((1.0, 1.0), (1.0, 2.0))
    )
    assert float(plain(codes, targets, one)) == pytest.approx(1 + 9 / 17, rel=1e-6)
    assert float(wide(codes, targets, one)) == pytest.approx(1 + 36 / 65, rel=1e-6)


@pytest.mark.parametrize("kind", ["iou", "giou", "diou", "ciou"])
def test_iou_loss_has_finite_gradients_whatever_is_predicted(kind: Any) -> None:
    # Far away, tiny, huge, exact: th and tw of -60 leave boxes without area.
    codes = tf.constant([[[50.0, 50, 0, 0], [0, 0, -60, -60], [0, 0, 20, 20], [0, 0, 0, 0], [0, 0, -60, 3]]])
    anchors = np.tile(_ANCHORS[:1], [5, 1])
    with tf.GradientTape() as tape:
        tape.watch(codes)
        loss = IouLoss(kind, anchors, BoxScales(1.0, 1.0, 1.0, 1.0))(codes, tf.zeros([1, 5, 4]), tf.ones([1, 5]))
    gradient = tape.gradient(loss, codes).numpy()
    assert np.isfinite(loss)
    assert np.isfinite(gradient).all()
    np.testing.assert_allclose(gradient[0, 3, :2], 0, atol=0.2)  # at the truth: a corner of IoU, a minimum of the rest
    assert gradient[0, 0, :2].any() == (kind != "iou")  # what is apart is pulled by all but IoU


@pytest.mark.parametrize(
    "loss", [SmoothL1Loss(1.0), L2Loss(), L1Loss(), IouLoss("ciou", _ANCHORS, BoxScales(1.0, 1.0, 1.0, 1.0))]
)
def test_without_matches_there_is_no_loss_and_no_gradient(loss: LocalizationLoss) -> None:
    codes = tf.fill([2, 3, 4], 7.0)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(codes)
        nothing = codes, tf.zeros([2, 3, 4]), tf.zeros([2, 3])
        total, by_anchor = loss(*nothing), loss.per_anchor(*nothing)
    assert float(total) == 0
    np.testing.assert_array_equal(by_anchor, np.zeros([2, 3]))
    for value in (total, by_anchor):
        np.testing.assert_array_equal(tape.gradient(value, codes), np.zeros([2, 3, 4]))
