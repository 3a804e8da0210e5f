# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Losses against literals, dense twins in float64, and TFOD's recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.losses import DetectionLoss, FocalLoss, IouLoss, SmoothL1Loss
from efficientdet.ops.box_coder import BoxScales, encode
from efficientdet.types import Predictions, Targets

FOCAL = FocalLoss(alpha=0.25, gamma=1.5)


def detection_loss(**changes: Any) -> DetectionLoss:
    settings: dict[str, Any] = {
        "classification_weight": 1.0,
        "localization_weight": 1.0,
        "normalize_by_matches": True,
        "normalize_loc_by_codesize": True,
    }
    return DetectionLoss(FOCAL, SmoothL1Loss(delta=1.0), **{**settings, **changes})


def dense_focal(
    logits: np.ndarray,
    classes: np.ndarray,
    weights: np.ndarray,
    alpha: float | None,
    gamma: float,
    smoothing: float = 0.0,
) -> float:
    """The definition, elementwise on one-hot targets."""
    present = np.arange(logits.shape[-1]) == classes[..., np.newaxis]
    log_p = -np.logaddexp(0, -logits.astype(np.float64))
    log_rest = -np.logaddexp(0, logits.astype(np.float64))
    alpha_t = 1.0 if alpha is None else np.where(present, alpha, 1 - alpha)
    modulation = np.exp(gamma * np.where(present, log_rest, log_p))
    truth = np.where(present, 1 - smoothing / 2, smoothing / 2)
    entropy = -truth * log_p - (1 - truth) * log_rest
    return float((alpha_t * modulation * entropy * weights[..., np.newaxis]).sum())


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


def test_smoothed_focal_equals_its_dense_definition() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 4, [2, 50, 7]).astype(np.float32)
    classes = rng.integers(-1, 7, [2, 50]).astype(np.int32)
    weights = rng.choice([0.0, 0.5, 1.0], [2, 50]).astype(np.float32)
    loss = FocalLoss(0.25, 1.5, label_smoothing=0.2)(*map(tf.constant, (logits, classes, weights)))
    assert loss.numpy() == pytest.approx(dense_focal(logits, classes, weights, 0.25, 1.5, 0.2), rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("class_row", [-1, 0])
def test_focal_is_finite_for_extreme_logits(class_row: int, smoothing: float) -> None:
    logits = tf.constant([[[-300.0], [-90.0], [0.0], [90.0], [300.0]]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = FocalLoss(0.25, 1.5, smoothing)(logits, tf.fill([1, 5], class_row), tf.ones([1, 5]))
    assert np.isfinite(loss)
    assert np.isfinite(tape.gradient(loss, logits)).all()


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


def test_smooth_l1_weighs_anchors_and_skips_those_of_weight_zero() -> None:
    codes = tf.constant([[[0.5, 0, 0, 0], [3.0, 0, 0, 0], [np.nan, 0, 0, 0]]], tf.float32)
    loss = SmoothL1Loss(delta=1.0)(codes, tf.zeros([1, 3, 4]), tf.constant([[1.0, 0.5, 0.0]]))
    assert loss.numpy() == pytest.approx(0.125 + 0.5 * 2.5)


_ANCHORS = np.array([[0, 0, 10, 10], [0, 10, 10, 20], [10, 0, 30, 20]], np.float32)


def test_iou_loss_compares_decoded_boxes_of_matched_anchors() -> None:
    scales = BoxScales(10.0, 10.0, 5.0, 5.0)
    # Half of the first anchor, against the whole of it; the third anchor's own box, predicted twice as large.
    boxes = tf.constant([[0.0, 0, 10, 5], [0, 0, 1, 1], [0, -10, 40, 30]])
    truth = tf.constant([[0.0, 0, 10, 10], [5, 5, 5, 5], [10, 0, 30, 20]])
    codes, targets = (encode(x, tf.constant(_ANCHORS), scales)[tf.newaxis] for x in (boxes, truth))
    weights = tf.constant([[1.0, 0.0, 0.5]])
    loss = IouLoss("iou", _ANCHORS, scales)(codes, targets, weights)
    assert float(loss) == pytest.approx(0.5 + 0.5 * 0.75, rel=1e-5)
    assert float(IouLoss("giou", _ANCHORS, scales)(codes, targets, tf.zeros([1, 3]))) == 0.0


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


def example() -> tuple[Predictions, Targets]:
    """One matched anchor of weight 2 with an error of 1 in one code, one background anchor."""
    predictions = Predictions(class_logits=tf.zeros([1, 2, 1]), box_codes=tf.ones([1, 2, 4]))
    targets = Targets(
        classes=tf.constant([[0, -1]]),
        class_weights=tf.constant([[2.0, 1.0]]),
        box_codes=tf.constant([[[1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]]]),
        box_weights=tf.constant([[2.0, 0.0]]),
    )
    return predictions, targets


def test_detection_loss_by_hand() -> None:
    predictions, targets = example()
    element = 0.5**1.5 * np.log(2)
    classification, localization = element * (0.25 * 2 + 0.75 * 1), 0.5 * 2
    normalizer = tf.constant(3.0)
    cases: list[tuple[dict[str, Any], tuple[int, int]]] = [
        ({}, (12, 3)),
        ({"normalize_loc_by_codesize": False}, (3, 3)),
        ({"normalize_by_matches": False}, (4, 1)),
        ({"localization_weight": 2.0, "classification_weight": 0.5}, (6, 6)),
    ]
    for changes, divisors in cases:
        losses = detection_loss(**changes)(predictions, targets, normalizer)
        assert losses[0].numpy() == pytest.approx(localization / divisors[0])
        assert losses[1].numpy() == pytest.approx(classification / divisors[1])


def test_num_matched_sums_weights() -> None:
    assert detection_loss().num_matched(example()[1]).numpy() == 2.0


@pytest.mark.parametrize(("rule", "expected"), [("at_least_one", [1.0, 1.0, 7.0]), ("plus_one", [1.0, 1.5, 8.0])])
def test_losses_are_divided_by_the_matches_but_never_by_less_than_one(rule: str, expected: list[float]) -> None:
    loss = detection_loss(normalizer_rule=rule)
    assert [float(loss.normalizer(tf.constant(matched))) for matched in (0.0, 0.5, 7.0)] == expected


def test_the_iou_loss_is_part_of_the_localisation_loss_and_normalised_as_it_is() -> None:
    predictions, targets = example()
    iou = IouLoss("iou", np.float32([[0, 0, 2, 2], [0, 0, 2, 2]]), BoxScales(1.0, 1.0, 1.0, 1.0))
    extra = float(iou(predictions.box_codes, targets.box_codes, targets.box_weights))
    assert extra > 0
    # Codes (1, 1, 1, 1) against (1, 1, 1, 0): the sizes are e and 1 wide, so that the IoU is 1 / e; the weight is 2.
    assert extra == pytest.approx(2 * (1 - 1 / np.e), rel=1e-5)
    both = detection_loss(iou=iou, iou_weight=3.0, localization_weight=5.0)(predictions, targets, tf.constant(3.0))
    assert float(both[0]) == pytest.approx((5.0 * 1.0 + 3.0 * extra) / 3 / 4, rel=1e-6)
    alone = detection_loss(localization_weight=5.0)(predictions, targets, tf.constant(3.0))
    assert float(both[1]) == float(alone[1])


def test_a_batch_without_boxes_has_a_classification_loss_only() -> None:
    predictions, targets = example()
    targets = Targets(tf.fill([1, 2], -1), tf.ones([1, 2]), tf.zeros([1, 2, 4]), tf.zeros([1, 2]))
    localization, classification = detection_loss()(predictions, targets, tf.constant(1.0))
    assert localization.numpy() == 0.0
    assert classification.numpy() == pytest.approx(2 * 0.75 * 0.5**1.5 * np.log(2))


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_equals_dense_definitions_on_recorded_predictions(shared: Path, mode: str) -> None:
    """Every 16th anchor of TFOD's D0 on two pictures; those of all anchors need the model."""
    with np.load(shared / "fixtures" / "tfod_d0_loss.npz") as archive:
        codes = archive[f"{mode}_unpadded/box_encodings__every16"]
        logits = archive[f"{mode}_unpadded/class_predictions_with_background__every16"]
        classes = archive["targets_unpadded/cls_targets_argmax"][:, ::16].astype(np.int32)
        class_weights = archive["targets_unpadded/cls_weights"][:, ::16]
        box_codes = archive["targets_unpadded/reg_targets__every16"]
        box_weights = archive["targets_unpadded/reg_weights"][:, ::16]
    targets = Targets(*map(tf.constant, (classes, class_weights, box_codes, box_weights)))
    normalizer = detection_loss().normalizer(detection_loss().num_matched(targets))
    predictions = Predictions(tf.constant(logits), tf.constant(codes))
    localization, classification = detection_loss()(predictions, targets, normalizer)
    expected = dense_focal(logits, classes, class_weights, 0.25, 1.5) / box_weights.sum()
    assert classification.numpy() == pytest.approx(expected, rel=1e-5)
    errors = np.abs(codes.astype(np.float64) - box_codes)
    huber = np.where(errors <= 1, errors**2 / 2, errors - 0.5) * box_weights[..., np.newaxis]
    assert localization.numpy() == pytest.approx(huber.sum() / box_weights.sum() / 4, rel=1e-5)
