# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What each field of `model.ssd.loss`, and of its surroundings, does to the losses of four anchors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.losses import build_loss
from efficientdet.builders.targets import build_target_assigner
from efficientdet.config import PipelineConfig
from efficientdet.errors import ConfigError
from efficientdet.types import Predictions, Targets
from tests.end_to_end.tiny import CONFIG
from tests.fields.rows import config, fields_of, ssd

_BASE = """
num_classes: 1
normalize_loss_by_num_matches: false
normalize_loc_loss_by_codesize: false
loss { classification_loss { weighted_sigmoid {} } localization_loss { weighted_smooth_l1 {} } }
"""
# Anchors side by side, but that the box of the second is 4/5 of the third's.
_ANCHORS = np.float32([[0, 0, 0.4, 0.4], [0.5, 0.5, 0.9, 0.9], [0.5, 0.5, 0.9, 1.0], [0, 0.6, 0.4, 1.0]])
# The class has odds of 3, 1, 3 and 1/3 over the background or over 1: a probability of 3/4 costs EASY where it should
# be 1 and HARD where it should be 0. The first anchor is matched, with a weight of 3; the others are background.
_LOGITS = np.float32(np.log([3, 1, 3, 1 / 3]))
EASY, EVEN, HARD = np.log(4 / 3), np.log(2), np.log(4)
# The same with twice the logits: odds of 9.
EASY_9, HARD_9 = np.log(10 / 9), np.log(10)
# Its codes are off by 3, where the target is 1, and by 1/2, where the target is 0.
_CODES, _TARGETS = [4.0, 0, 0, 0.5], [1.0, 0, 0, 0]
# Softmax over the positive's 1 and the other's 0, and over twice that.
P1, P2 = np.e / (np.e + 1), np.e**2 / (np.e**2 + 1)


def _config(*texts: str) -> PipelineConfig:
    return config(CONFIG, *ssd(_BASE, *texts))


def _losses(*texts: str, logits: Any = None, codes: Any = None, targets: Any = None) -> tuple[float, float]:
    """(localization, classification) with overrides of `model.ssd`; codes of the first anchor, logits of all."""
    built = _config(*texts)
    background = built.proto.model.ssd.add_background_class
    if logits is None:
        logits = np.stack([np.zeros(4), _LOGITS], axis=-1) if background else _LOGITS[:, np.newaxis]
    box_codes, box_targets = np.zeros([2, 1, 4, 4], np.float32)
    box_codes[0, 0], box_targets[0, 0] = codes or _CODES, targets or _TARGETS
    truth = Targets(
        classes=tf.constant([[0, -1, -1, -1]]),
        class_weights=tf.constant([[3.0, 1, 1, 1]]),
        box_codes=tf.constant(box_targets),
        box_weights=tf.constant([[3.0, 0, 0, 0]]),
    )
    loss = build_loss(built, _ANCHORS, (1, 1))
    predictions = Predictions(tf.constant([logits], tf.float32), tf.constant(box_codes))
    localization, classification = loss(predictions, truth, loss.normalizer(loss.num_matched(truth)))
    return float(localization), float(classification)


_CLASSIFICATION = [
    ("weighted_sigmoid {}", 4 * EASY + EVEN + HARD, "weighted_sigmoid Loss.classification_loss"),
    # Targets of .9 and .1.
    ("weighted_sigmoid { label_smoothing: 0.2 }", 3.7 * EASY + EVEN + 1.3 * HARD,
     "WeightedSigmoidClassificationLoss.label_smoothing"),
    ("weighted_sigmoid_focal { alpha: 0.25 gamma: 2 }",
     3 * 0.25 / 16 * EASY + 0.75 * (EVEN / 4 + 9 / 16 * HARD + EASY / 16), "weighted_sigmoid_focal"),
    ("weighted_sigmoid_focal { alpha: 0.25 gamma: 1 }",
     3 * 0.25 / 4 * EASY + 0.75 * (EVEN / 2 + 3 / 4 * HARD + EASY / 4), "SigmoidFocalClassificationLoss.gamma"),
    ("weighted_sigmoid_focal { alpha: 0.5 gamma: 0 }", (4 * EASY + EVEN + HARD) / 2,
     "SigmoidFocalClassificationLoss.alpha"),
    ("weighted_sigmoid_focal { alpha: 0.5 gamma: 0 label_smoothing: 0.2 }", (3.7 * EASY + EVEN + 1.3 * HARD) / 2,
     "SigmoidFocalClassificationLoss.label_smoothing"),
    # Targets are alpha or 0, plus 1 - alpha of what is predicted: 1 - .25 b, .5 b (of an even chance: it costs EVEN
    # whatever the target), .75 b and .25 b, with b = 1 - alpha.
    ("bootstrapped_sigmoid { alpha: 0.5 }", 3.875 * EASY + EVEN + 1.125 * HARD, "bootstrapped_sigmoid"),
    ("bootstrapped_sigmoid { alpha: 0.2 }", 3.8 * EASY + EVEN + 1.2 * HARD,
     "BootstrappedSigmoidClassificationLoss.alpha"),
    # 3/4 is said to be 1, and the rest to be 0.
    ("bootstrapped_sigmoid { alpha: 0.5 hard_bootstrap: true }", 4.5 * EASY + EVEN + 0.5 * HARD,
     "BootstrappedSigmoidClassificationLoss.hard_bootstrap"),
]  # fmt: skip
# Over the background's logit of 0, softmax and sigmoid are the same.
_SOFTMAX = [
    ("weighted_softmax {}", 4 * EASY + EVEN + HARD, "weighted_softmax"),
    ("weighted_softmax { logit_scale: 0.5 }", 4 * EASY_9 + EVEN + HARD_9,
     "WeightedSoftmaxClassificationLoss.logit_scale"),
    ("weighted_softmax { label_smoothing: 0.2 }", 3.7 * EASY + EVEN + 1.3 * HARD,
     "WeightedSoftmaxClassificationLoss.label_smoothing"),
    ("weighted_logits_softmax {}", (4 * P1 + 1 - P1) * EASY + EVEN + (P1 + 4 * (1 - P1)) * HARD,
     "weighted_logits_softmax"),
    ("weighted_logits_softmax { logit_scale: 0.5 }",
     (4 * P2 + 1 - P2) * EASY_9 + EVEN + (P2 + 4 * (1 - P2)) * HARD_9,
     "WeightedSoftmaxClassificationAgainstLogitsLoss.logit_scale"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), fields_of("ClassificationLoss", _CLASSIFICATION))
def test_a_classification_loss(text: str, expected: float) -> None:
    assert _losses(f"loss {{ classification_loss {{ {text} }} }}")[1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("text", "expected"), fields_of("ClassificationLoss", _SOFTMAX))
def test_a_classification_loss_over_the_background(text: str, expected: float) -> None:
    background = "add_background_class: true encode_background_as_zeros: false"
    _, found = _losses(f"{background} loss {{ classification_loss {{ {text} }} }}")
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("weighted_smooth_l1 {}", 3 * (2.5 + 0.125), marks=pytest.mark.field(
            "LocalizationLoss.weighted_smooth_l1", "Loss.localization_loss")),
        pytest.param("weighted_smooth_l1 { delta: 2 }", 3 * (2 * (3 - 1) + 0.125), marks=pytest.mark.field(
            "WeightedSmoothL1LocalizationLoss.delta")),
        pytest.param("weighted_smooth_l1 { mask: MATCHED_ANCHORS }", 3 * (2.5 + 0.125), marks=pytest.mark.field(
            "WeightedSmoothL1LocalizationLoss.mask")),
        pytest.param("weighted_smooth_l1 { mask: NONZERO_TARGETS }", 3 * 2.5, marks=pytest.mark.field(
            "WeightedSmoothL1LocalizationLoss.mask")),
        pytest.param("weighted_l2 {}", (3 * 3) ** 2 / 2 + (3 * 0.5) ** 2 / 2, marks=pytest.mark.field(
            "LocalizationLoss.weighted_l2")),
        pytest.param("l1_localization_loss {}", 3 * (3 + 0.5), marks=pytest.mark.field(
            "LocalizationLoss.l1_localization_loss")),
    ],
)  # fmt: skip
def test_a_loss_of_box_codes(text: str, expected: float) -> None:
    assert _losses(f"loss {{ localization_loss {{ {text} }} }}")[0] == pytest.approx(expected, rel=1e-6)


# A deviation of 1 makes codes boxes, here relative to the corners of the first anchor. See the boxes apart in
# tests/losses/test_localization.py for where the numbers come from: a square, and a box two units to the right of it.
_CORNERS = "box_coder { mean_stddev_box_coder { stddev: 1 } }"
_SQUARE = list(np.array([0, 0, 1, 1]) - _ANCHORS[0])
_AWAY = list(np.array([0, 2, 1, 2 + 3**0.5]) - _ANCHORS[0])
_APART = {"iou": 1.0, "giou": 1 + 1 / (2 + 3**0.5), "diou": 1.375, "ciou": 1.375 + 1 / (36 * 37)}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.field(f"LocalizationLoss.weighted_{kind}")) for kind in _APART]
)
def test_a_loss_of_boxes(kind: str) -> None:
    text = f"{_CORNERS} loss {{ localization_loss {{ weighted_{kind} {{}} }} }}"
    found, _ = _losses(text, codes=_SQUARE, targets=_AWAY)
    assert found == pytest.approx(3 * _APART[kind], rel=1e-5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", _APART["ciou"], marks=pytest.mark.field("Loss.iou_loss")),
        *(
            pytest.param(f"kind: {kind.upper()}", loss, marks=pytest.mark.field("IouLoss.kind"))
            for kind, loss in _APART.items()
        ),
        pytest.param("kind: GIOU weight: 5", 5 * _APART["giou"], marks=pytest.mark.field("IouLoss.weight")),
    ],
)
def test_a_second_loss_of_boxes(text: str, expected: float) -> None:
    # Off by 2 and by 1 + sqrt(3), at a delta of 1.
    first = 1.5 + 0.5 + 3**0.5
    found, _ = _losses(f"{_CORNERS} loss {{ iou_loss {{ {text} }} }}", codes=_SQUARE, targets=_AWAY)
    assert found == pytest.approx(3 * (first + expected), rel=1e-5)


_BOXES, _CLASSES = 3 * 2.625, 4 * EASY + EVEN + HARD


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", (_BOXES, _CLASSES), marks=pytest.mark.field("Ssd.loss")),
        pytest.param("loss { localization_weight: 4 }", (4 * _BOXES, _CLASSES), marks=pytest.mark.field(
            "Loss.localization_weight")),
        pytest.param("loss { classification_weight: 4 }", (_BOXES, 4 * _CLASSES), marks=pytest.mark.field(
            "Loss.classification_weight")),
        pytest.param("normalize_loc_loss_by_codesize: true", (_BOXES / 4, _CLASSES), marks=pytest.mark.field(
            "Ssd.normalize_loc_loss_by_codesize")),
        pytest.param("normalize_loss_by_num_matches: true", (_BOXES / 3, _CLASSES / 3), marks=pytest.mark.field(
            "Ssd.normalize_loss_by_num_matches")),
        pytest.param("normalize_loss_by_num_matches: true loss_normalizer: MATCHES_PLUS_ONE",
            (_BOXES / 4, _CLASSES / 4), marks=pytest.mark.field("Ssd.loss_normalizer")),
    ],
)  # fmt: skip
def test_how_losses_are_weighted_and_normalised(text: str, expected: tuple[float, float]) -> None:
    assert _losses(text) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The first slot is the only class's, and the second that of none: odds of 3 everywhere, and even ones.
        pytest.param("num_classes: 2", 3 * EASY + 3 * HARD + 6 * EVEN, marks=pytest.mark.field("Ssd.num_classes")),
        # It is the background's, which the matched anchor is not, and the others are.
        pytest.param("add_background_class: true encode_background_as_zeros: false", 3 * HARD + 3 * EASY + 6 * EVEN,
            marks=pytest.mark.field("Ssd.add_background_class")),
        pytest.param("add_background_class: true", 6 * HARD + 6 * EVEN, marks=pytest.mark.field(
            "Ssd.encode_background_as_zeros")),
    ],
)  # fmt: skip
def test_the_background_has_a_slot_or_none(text: str, expected: float) -> None:
    logits = np.tile(np.log([3.0, 1.0]), [4, 1])
    assert _losses(text, logits=logits)[1] == pytest.approx(expected, rel=1e-5)


@pytest.mark.field("BootstrappedSigmoidClassificationLoss.alpha")
def test_the_truth_has_a_share_in_bootstrapped_targets() -> None:
    with pytest.raises(ConfigError, match="must be set, above 0 and at most 1"):
        _config("loss { classification_loss { bootstrapped_sigmoid {} } }")


def test_a_background_that_is_taught_needs_a_slot() -> None:
    with pytest.raises(ConfigError, match="must be true without add_background_class"):
        _config("encode_background_as_zeros: false")


# By classification, the third anchor (HARD) is the hardest; then come the first (3 EASY), the second (EVEN) and the
# last (EASY). By localisation it is the first, and the others are alike.
_FIRST = 3 * EASY
_ALONE = "iou_threshold: 1"
_MINED = [
    (f"{_ALONE}", (_BOXES, _CLASSES), "Loss.hard_example_miner"),
    (f"{_ALONE} loss_type: CLASSIFICATION num_hard_examples: 1", (0, HARD), "num_hard_examples loss_type"),
    (f"{_ALONE} loss_type: CLASSIFICATION num_hard_examples: 2", (_BOXES, HARD + _FIRST), "num_hard_examples"),
    (f"{_ALONE} loss_type: CLASSIFICATION num_hard_examples: 0", (_BOXES, _CLASSES), "num_hard_examples"),
    (f"{_ALONE} loss_type: LOCALIZATION num_hard_examples: 1", (_BOXES, _FIRST), "loss_type"),
    (f"{_ALONE} loss_type: BOTH num_hard_examples: 2", (_BOXES, _FIRST + HARD), "loss_type"),
    ("", (_BOXES, _CLASSES - EVEN), "iou_threshold"),  # .7: the second box is one with the third
    ("iou_threshold: 0.85", (_BOXES, _CLASSES), "iou_threshold"),
    (f"{_ALONE} max_negatives_per_positive: 1", (_BOXES, _FIRST + HARD), "max_negatives_per_positive"),
    (f"{_ALONE} max_negatives_per_positive: 2", (_BOXES, _FIRST + HARD + EVEN), "max_negatives_per_positive"),
    (f"{_ALONE} max_negatives_per_positive: 1 min_negatives_per_image: 2", (_BOXES, _FIRST + HARD + EVEN),
     "min_negatives_per_image"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), fields_of("HardExampleMiner", _MINED))
def test_mining(text: str, expected: tuple[float, float]) -> None:
    assert _losses(f"loss {{ hard_example_miner {{ {text} }} }}") == pytest.approx(expected, rel=1e-5)


@pytest.mark.field("HardExampleMiner.loss_type", "Loss.classification_weight", "Loss.localization_weight")
def test_both_losses_are_mined_by_with_their_weights() -> None:
    miner = "loss { hard_example_miner { iou_threshold: 1 num_hard_examples: 1 } }"
    # The first anchor has .05 * 7.875 + .863, the third 1.386.
    assert _losses(miner, "loss { localization_weight: 0.05 }") == pytest.approx((0, HARD), rel=1e-5)
    # 7.875 + 20 * .863 = 25.1, and 27.7.
    assert _losses(miner, "loss { classification_weight: 20 }") == pytest.approx((0, 20 * HARD), rel=1e-5)


@pytest.mark.field("Loss.class_weights")
def test_classes_have_weights() -> None:
    built = _config("num_classes: 2 loss { class_weights: [4, 0.5] }")
    targets = build_target_assigner(built, _ANCHORS)(
        tf.constant(_ANCHORS[[0, 3]]), tf.constant([0, 1]), tf.constant([3.0, 1.0])
    )
    np.testing.assert_array_equal(targets.class_weights, [12, 1, 1, 0.5])
    np.testing.assert_array_equal(targets.box_weights, [3, 0, 0, 1])
