# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which anchors are mined: small examples by hand, and the definition as a loop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.losses import HardExampleMiner
from efficientdet.ops.box_coder import BoxScales
from efficientdet.types import Targets

_SCALES = BoxScales(10.0, 10.0, 5.0, 5.0)
# Side by side, but for the last one, which has half of its area in common with the one before: IoU 1/3.
_ANCHORS = np.array([[0, x, 1, x + 1] for x in (0, 1, 2, 3, 4, 5, 5.5)], np.float32)


def miner(**changes: Any) -> HardExampleMiner:
    settings: dict[str, Any] = {
        "num_hard_examples": None,
        "iou_threshold": 1.0,
        "loss_type": "classification",
        "max_negatives_per_positive": None,
        "min_negatives_per_image": 0,
        "anchors": _ANCHORS,
        "coder": _SCALES,
    }
    return HardExampleMiner(**{**settings, **changes})


def targets(classes: list[list[int]], class_weights: Any = None) -> Targets:
    shape = np.shape(classes)
    weights = tf.ones(shape) if class_weights is None else tf.constant(class_weights, tf.float32)
    return Targets(tf.constant(classes), weights, tf.zeros([*shape, 4]), tf.cast(np.array(classes) >= 0, tf.float32))


def mined(rule: HardExampleMiner, localization: Any, classification: Any, truth: Targets) -> list[list[int]]:
    """The anchors that are mined in each picture, whose boxes are predicted to be the anchors themselves."""
    losses = tf.constant(localization, tf.float32), tf.constant(classification, tf.float32)
    mask = rule(*losses, tf.zeros([*losses[0].shape, 4]), truth).numpy()
    assert set(np.unique(mask)) <= {0.0, 1.0}
    return [list(np.flatnonzero(row)) for row in mask]


_NONE = [-1] * 7
_LOCALIZATION = [[0, 9, 0, 0, 0, 0, 0]]
_CLASSIFICATION = [[5, 1, 6, 2, 7, 3, 4]]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5, 6]),
        ({"num_hard_examples": 3}, [0, 2, 4]),
        ({"num_hard_examples": 99}, [0, 1, 2, 3, 4, 5, 6]),
        ({"num_hard_examples": 1, "loss_type": "localization"}, [1]),
        ({"num_hard_examples": 2, "loss_type": "localization"}, [0, 1]),  # equal losses: the first anchor
        ({"num_hard_examples": 2, "loss_type": "both"}, [1, 4]),  # 10 and 7
        ({"iou_threshold": 0.3}, [0, 1, 2, 3, 4, 6]),  # 6 is harder than its neighbour 5
        ({"iou_threshold": 0.3, "loss_type": "localization"}, [0, 1, 2, 3, 4, 5]),
        ({"iou_threshold": 0.34}, [0, 1, 2, 3, 4, 5, 6]),
        ({"iou_threshold": 0.3, "num_hard_examples": 4}, [0, 2, 4, 6]),
        ({"min_negatives_per_image": 2}, [0, 1, 2, 3, 4, 5, 6]),  # without a ratio, no negative is left out
    ],
)
def test_the_hardest_are_mined(changes: dict[str, Any], expected: list[int]) -> None:
    assert mined(miner(**changes), _LOCALIZATION, _CLASSIFICATION, targets([_NONE])) == [expected]


@pytest.mark.parametrize(
    ("changes", "classes", "expected"),
    [
        # One positive, the easiest: it stays, with the three hardest negatives.
        ({"max_negatives_per_positive": 3.0}, [-1, 0, -1, -1, -1, -1, -1], [0, 1, 2, 4]),
        ({"max_negatives_per_positive": 3.0}, _NONE, []),
        ({"max_negatives_per_positive": 3.0, "min_negatives_per_image": 2}, _NONE, [2, 4]),
        ({"max_negatives_per_positive": 1.0, "min_negatives_per_image": 2}, [-1, -1, -1, -1, -1, 0, -1], [2, 4, 5]),
        ({"max_negatives_per_positive": 1.5}, [-1, 0, -1, -1, -1, 0, -1], [0, 1, 2, 4, 5]),  # 1.5 * 2
        ({"max_negatives_per_positive": 1.5}, [-1, 0, -1, -1, -1, -1, -1], [1, 4]),  # rounded down
        # Among the three hardest (4, 2, 0), one is positive; a positive that is not taken allows no negatives.
        ({"max_negatives_per_positive": 1.0, "num_hard_examples": 3}, [0, 0, -1, -1, -1, -1, -1], [0, 4]),
        ({"max_negatives_per_positive": 1.0, "num_hard_examples": 3}, [-1, 0, -1, -1, -1, -1, -1], []),
        # The positive 5 is suppressed by the negative 6.
        ({"max_negatives_per_positive": 1.0, "iou_threshold": 0.3}, [-1, 0, -1, -1, -1, 0, -1], [1, 4]),
    ],
)
def test_negatives_are_mined_in_proportion(changes: dict[str, Any], classes: list[int], expected: list[int]) -> None:
    assert mined(miner(**changes), _LOCALIZATION, _CLASSIFICATION, targets([classes])) == [expected]


def test_pictures_are_mined_each_on_its_own() -> None:
    truth = targets([[-1, 0, -1, -1, -1, -1, -1], _NONE])
    rule = miner(max_negatives_per_positive=2.0, min_negatives_per_image=1)
    hard = [*_CLASSIFICATION, [1, 2, 3, 4, 5, 6, 7]]
    assert mined(rule, np.zeros([2, 7]), hard, truth) == [[1, 2, 4], [6]]


def test_ignored_anchors_are_no_negatives() -> None:
    # Nor do they add to a loss; 4, the hardest, would use up what is allowed.
    weights = [[1.0, 1, 1, 1, 0, 1, 1]]
    truth = targets([[-1, 0, -1, -1, -1, -1, -1]], weights)
    assert mined(miner(max_negatives_per_positive=1.0), _LOCALIZATION, _CLASSIFICATION, truth) == [[1, 2, 4]]


def _by_loop(rule: HardExampleMiner, scores: np.ndarray, boxes: np.ndarray, classes: np.ndarray) -> set[int]:
    """The definition for one picture."""

    def iou(one: np.ndarray, other: np.ndarray) -> float:
        common = np.prod(np.maximum(0, np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])))
        return float(common / (np.prod(one[2:] - one[:2]) + np.prod(other[2:] - other[:2]) - common))

    taken: list[int] = []
    for anchor in np.argsort(-scores, kind="stable"):
        if len(taken) == (rule.num_hard_examples or len(scores)):
            break
        if all(iou(boxes[anchor], boxes[earlier]) <= rule.iou_threshold for earlier in taken):
            taken.append(anchor)
    positives = [anchor for anchor in taken if classes[anchor] >= 0]
    assert rule.max_negatives_per_positive is not None
    limit = max(rule.min_negatives_per_image, int(rule.max_negatives_per_positive * len(positives)))
    return {*positives, *[anchor for anchor in taken if classes[anchor] < 0][:limit]}


@pytest.mark.parametrize(
    ("num_hard_examples", "iou_threshold"), [(None, 1.0), (40, 1.0), (None, 0.5), (20, 0.5), (40, 0.9)]
)
def test_equals_the_definition_as_a_loop(num_hard_examples: int | None, iou_threshold: float) -> None:
    rng = np.random.default_rng(3)
    corners = rng.uniform(0, 0.6, [60, 2])
    anchors = np.concatenate([corners, corners + rng.uniform(0.2, 0.4, [60, 2])], axis=1).astype(np.float32)
    rule = miner(
        num_hard_examples=num_hard_examples,
        iou_threshold=iou_threshold,
        max_negatives_per_positive=3.0,
        min_negatives_per_image=2,
        anchors=anchors,
    )
    scores = rng.exponential(1, [3, 60]).astype(np.float32)
    codes = rng.normal(0, 0.5, [3, 60, 4]).astype(np.float32)
    classes = np.where(rng.random([3, 60]) < 0.05, 1, -1).astype(np.int32)
    classes[2] = -1

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 60]),
            tf.TensorSpec([None, 60, 4]),
            tf.TensorSpec([None, 60], tf.int32),
        ]
    )
    def mask(losses: tf.Tensor, box_codes: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
        truth = Targets(rows, tf.ones_like(losses), tf.zeros_like(box_codes), tf.zeros_like(losses))
        return rule(tf.zeros_like(losses), losses, box_codes, truth)

    found = mask(scores, codes, classes).numpy()
    for picture in range(3):
        boxes = _SCALES.decode(tf.constant(codes[picture]), tf.constant(anchors)).numpy()
        assert set(np.flatnonzero(found[picture])) == _by_loop(rule, scores[picture], boxes, classes[picture])
    assert mask(scores[:0], codes[:0], classes[:0]).shape == (0, 60)


@pytest.mark.parametrize("iou_threshold", [0.3, 1.0])
def test_nothing_of_the_selection_has_a_gradient(iou_threshold: float) -> None:
    losses, codes = tf.constant(_CLASSIFICATION, tf.float32), tf.zeros([1, 7, 4])
    rule = miner(iou_threshold=iou_threshold, num_hard_examples=3, max_negatives_per_positive=1.0)
    with tf.GradientTape() as tape:
        tape.watch([losses, codes])
        mask = rule(losses, losses, codes, targets([[0] * 7]))
    assert tape.gradient(mask, [losses, codes]) == [None, None]
