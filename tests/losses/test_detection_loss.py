# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How losses are mined, weighted and normalised, against literals and TFOD's recordings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.losses import (
    BootstrappedSigmoidLoss,
    ClassificationLoss,
    DetectionLoss,
    FocalLoss,
    HardExampleMiner,
    IouLoss,
    L1Loss,
    L2Loss,
    LocalizationLoss,
    SigmoidLoss,
    SmoothL1Loss,
    SoftmaxLoss,
)
from efficientdet.ops.box_coder import BoxScales
from efficientdet.ops.iou_losses import IOU_KINDS
from efficientdet.types import Predictions, Targets
from tests.losses.dense import dense_focal

_ONES = BoxScales(1.0, 1.0, 1.0, 1.0)


def detection_loss(**changes: Any) -> DetectionLoss:
    settings: dict[str, Any] = {
        "classification": FocalLoss(alpha=0.25, gamma=1.5),
        "localization": SmoothL1Loss(delta=1.0),
        "classification_weight": 1.0,
        "localization_weight": 1.0,
        "normalize_by_matches": True,
        "normalize_loc_by_codesize": True,
    }
    return DetectionLoss(**{**settings, **changes})


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
    iou = IouLoss("iou", np.float32([[0, 0, 2, 2], [0, 0, 2, 2]]), _ONES)
    extra = float(iou(predictions.box_codes, targets.box_codes, targets.box_weights))
    assert extra > 0
    # Codes (1, 1, 1, 1) against (1, 1, 1, 0): the sizes are e and 1 wide, so that the IoU is 1 / e; the weight is 2.
    assert extra == pytest.approx(2 * (1 - 1 / np.e), rel=1e-5)
    both = detection_loss(iou=iou, iou_weight=3.0, localization_weight=5.0)(predictions, targets, tf.constant(3.0))
    assert float(both[0]) == pytest.approx((5.0 * 1.0 + 3.0 * extra) / 3 / 4, rel=1e-6)
    alone = detection_loss(localization_weight=5.0)(predictions, targets, tf.constant(3.0))
    assert float(both[1]) == float(alone[1])


# Of the two anchors' two slots, the first has a probability of 3/4: of the background, or of the first class.
_EASY, _EVEN, _HARD = np.log(4 / 3), np.log(2), np.log(4)


@pytest.mark.parametrize(
    ("background", "expected"),
    [
        ("none", 2 * (_EASY + _EVEN) + _HARD + _EVEN),
        ("zeros", 2 * (_HARD + _EVEN) + _HARD + _EVEN),
        ("row", 2 * (_HARD + _EVEN) + _EASY + _EVEN),
    ],
)
def test_the_background_has_a_slot_or_none(background: str, expected: float) -> None:
    predictions, targets = example()
    predictions = predictions._replace(class_logits=tf.constant([[[np.log(3), 0], [np.log(3), 0]]], tf.float32))
    loss = detection_loss(classification=SigmoidLoss(), background=background, normalize_by_matches=False)
    assert float(loss(predictions, targets, tf.constant(1.0))[1]) == pytest.approx(expected, rel=1e-6)


def multibox(mined: bool) -> tuple[tuple[float, float], np.ndarray, np.ndarray]:
    """The losses of SSD, 3 negatives for each positive or all, and their gradients: of logits and of codes.

    Of six anchors over background and one class, the first is matched; the class has probabilities of 1/2 there, and of
    1/5, 4/5, 3/5, 2/5 and 1/2 elsewhere. The code of every anchor is off by 3.
    """
    odds = np.array([1, 1 / 4, 4, 3 / 2, 2 / 3, 1])
    logits = tf.constant(np.stack([np.zeros(6), np.log(odds)], axis=-1)[np.newaxis], tf.float32)
    codes = tf.constant([[[3.0, 0, 0, 0]] * 6])
    matched = tf.constant([[1.0, 0, 0, 0, 0, 0]])
    targets = Targets(tf.constant([[0, -1, -1, -1, -1, -1]]), tf.ones([1, 6]), tf.zeros([1, 6, 4]), matched)
    anchors = np.zeros([6, 4], np.float32)
    loss = detection_loss(
        classification=SoftmaxLoss(),
        normalize_loc_by_codesize=False,
        background="row",
        miner=HardExampleMiner(None, 1.0, "classification", 3.0, 0, anchors, _ONES) if mined else None,
    )
    with tf.GradientTape() as tape:
        tape.watch([logits, codes])
        losses = loss(Predictions(logits, codes), targets, tf.constant(1.0))
        total = losses[0] + losses[1]
    gradients = tape.gradient(total, [logits, codes])
    return (float(losses[0]), float(losses[1])), gradients[0].numpy()[0], gradients[1].numpy()[0]


def test_the_multibox_loss_by_hand() -> None:
    losses, logits, codes = multibox(mined=False)
    assert losses[0] == pytest.approx(2.5)
    assert losses[1] == pytest.approx(-np.log(1 / 2 * 4 / 5 * 1 / 5 * 2 / 5 * 3 / 5 * 1 / 2), rel=1e-6)
    np.testing.assert_allclose(logits[:, 1], [-1 / 2, 1 / 5, 4 / 5, 3 / 5, 2 / 5, 1 / 2], rtol=1e-5)
    np.testing.assert_allclose(codes[:, 0], [1, 0, 0, 0, 0, 0])


def test_the_mined_multibox_loss_by_hand() -> None:
    # The background's three lowest probabilities: 1/5, 2/5 and 1/2.
    losses, logits, codes = multibox(mined=True)
    assert losses[0] == pytest.approx(2.5)
    assert losses[1] == pytest.approx(-np.log(1 / 2 * 1 / 5 * 2 / 5 * 1 / 2), rel=1e-6)
    np.testing.assert_allclose(logits[:, 1], [-1 / 2, 0, 4 / 5, 3 / 5, 0, 1 / 2], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(logits[:, 0], -logits[:, 1], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(codes[:, 0], [1, 0, 0, 0, 0, 0])


def test_a_miner_sees_weighted_losses_and_both_box_losses() -> None:
    predictions, targets = example()
    iou = IouLoss("iou", np.float32([[0, 0, 2, 2], [0, 0, 2, 2]]), _ONES)
    seen = []

    def rule(localization: tf.Tensor, classification: tf.Tensor, *_: Any) -> tf.Tensor:
        seen.extend([localization, classification])
        return tf.constant([[1.0, 0.0]])

    loss = detection_loss(
        classification=SigmoidLoss(), classification_weight=7.0, localization_weight=5.0, iou=iou, iou_weight=3.0,
        normalize_loc_by_codesize=False, miner=rule,
    )  # fmt: skip
    localization, classification = loss(predictions, targets, tf.constant(2.0))
    boxes = 5 * 1.0 + 3 * 2 * (1 - 1 / np.e)
    np.testing.assert_allclose(seen[0], [[boxes, 0]], rtol=1e-5)
    np.testing.assert_allclose(seen[1], [[7 * 2 * np.log(2), 7 * np.log(2)]], rtol=1e-5)
    assert float(localization) == pytest.approx(boxes / 2, rel=1e-5)
    assert float(classification) == pytest.approx(7 * np.log(2), rel=1e-5)


_MINER = HardExampleMiner(None, 1.0, "both", 3.0, 2, np.zeros([2, 4], np.float32), _ONES)


@pytest.mark.parametrize("miner", [None, _MINER])
def test_a_batch_without_boxes_has_a_classification_loss_only(miner: HardExampleMiner | None) -> None:
    predictions, _ = example()
    targets = Targets(tf.fill([1, 2], -1), tf.ones([1, 2]), tf.zeros([1, 2, 4]), tf.zeros([1, 2]))
    codes = predictions.box_codes
    with tf.GradientTape() as tape:
        tape.watch(codes)
        losses = detection_loss(miner=miner)(predictions, targets, tf.constant(1.0))
        total = losses[0] + losses[1]
    assert losses[0].numpy() == 0.0
    assert losses[1].numpy() == pytest.approx(2 * 0.75 * 0.5**1.5 * np.log(2))
    np.testing.assert_array_equal(tape.gradient(total, codes), np.zeros([1, 2, 4]))


_BOXES = np.zeros([2, 4], np.float32)
_OF_LOGITS: list[ClassificationLoss] = [
    FocalLoss(0.25, 1.5, 0.1), SigmoidLoss(0.1), SoftmaxLoss(2.0, 0.1), BootstrappedSigmoidLoss(0.5, hard=False),
]  # fmt: skip
_OF_BOXES: list[LocalizationLoss] = [
    SmoothL1Loss(1.0, "nonzero_targets"), L1Loss(), L2Loss(), *(IouLoss(kind, _BOXES, _ONES) for kind in IOU_KINDS),
]  # fmt: skip


def _added(function: Callable[[tf.Tensor], tf.Tensor], spec: tf.TensorSpec) -> set[int]:
    """How many tensors are added at once in the gradient of the sum of `function`."""

    @tf.function(autograph=False, input_signature=[spec])
    def gradient(inputs: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            values = function(inputs)
        return tape.gradient(values, inputs)

    operations = gradient.get_concrete_function().graph.get_operations()
    return {len(op.inputs) for op in operations if op.type == "AddN"}


def test_no_more_than_two_gradients_are_added_at_once() -> None:
    """Three and more would be added in an order that depends on the threads' timing, see `ops.uses`."""
    _, targets = example()
    classes, boxes = (targets.classes, targets.class_weights), (targets.box_codes, targets.box_weights)
    for of_logits in _OF_LOGITS:
        for call in (of_logits, of_logits.per_anchor):
            assert _added(lambda x, call=call: call(x, *classes), tf.TensorSpec([1, 2, 3])) == {2}, call
    for of_boxes in _OF_BOXES:
        assert _added(lambda x, loss=of_boxes: loss(x, *boxes), tf.TensorSpec([1, 2, 4])) <= {2}, of_boxes
    whole = detection_loss(localization=L1Loss(), iou=IouLoss("ciou", _BOXES, _ONES), miner=_MINER)
    predictions, one = example()[0], tf.constant(1.0)
    for_codes = tf.TensorSpec([1, 2, 4])
    assert _added(lambda x: sum(whole(predictions._replace(box_codes=x), targets, one)), for_codes) == {2}


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
