# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Losses by overlap: by hand, against google/automl's, and where they have no area or no overlap."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.ops.iou_losses import IOU_KINDS, IouKind, iou_loss

# 2 x 4 against 4 x 4 pixels, overlapping in 2 x 2: IoU 4 / 20. Around both: 4 x 6; centres 1 and 2 apart.
_BOX, _TARGET = [0.0, 0.0, 2.0, 4.0], [0.0, 2.0, 4.0, 6.0]


def test_by_hand() -> None:
    ratio = 4 / math.pi**2 * (math.atan(4 / 4) - math.atan(4 / 2)) ** 2
    diou = 0.8 + (1**2 + 2**2) / (4**2 + 6**2)
    expected = {"iou": 0.8, "giou": 0.8 + 4 / 24, "diou": diou, "ciou": diou + ratio**2 / (0.8 + ratio)}
    actual = {kind: float(iou_loss(tf.constant(_BOX), tf.constant(_TARGET), kind)) for kind in IOU_KINDS}
    assert actual == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", IOU_KINDS)
def test_equal_boxes_cost_nothing_and_the_order_of_a_pair_does_not_matter(kind: IouKind) -> None:
    box, target = tf.constant([[_BOX]]), tf.constant([[_TARGET]])
    np.testing.assert_allclose(iou_loss(box, box, kind), [[0.0]], atol=1e-6)
    np.testing.assert_allclose(iou_loss(box, target, kind), iou_loss(target, box, kind), rtol=1e-6)


def test_boxes_apart_cost_the_more_the_farther() -> None:
    box = tf.constant([0.0, 0.0, 2.0, 2.0])
    near, far = (box + tf.constant([0.0, shift, 0.0, shift]) for shift in (3.0, 30.0))
    assert float(iou_loss(box, near, "iou")) == float(iou_loss(box, far, "iou")) == 1.0
    for kind in IOU_KINDS[1:]:
        assert 1.0 < float(iou_loss(box, near, kind)) < float(iou_loss(box, far, kind)) < 2.0


@pytest.mark.parametrize("kind", IOU_KINDS)
def test_values_and_gradients_are_finite_for_any_pair(kind: IouKind) -> None:
    boxes = [
        [0, 0, 0, 0],  # points
        [7, 7, 7, 7],
        [5, 5, 5, 9],  # a line
        [5, 5, 4, 9],  # inside out
        [0, 0, 1e-20, 1e-20],  # whose area is 0 in float32
        [0, 0, 1e-30, 5],
        [10, 10, 20, 20],
        [0, 0, 1e15, 1e15],
    ]
    pairs = np.float32(list(itertools.product(boxes, boxes)))
    box, target = tf.constant(pairs[:, 0]), tf.constant(pairs[:, 1])
    with tf.GradientTape() as tape:
        tape.watch(box)
        loss = iou_loss(box, target, kind)
    assert np.isfinite(loss).all()
    assert np.isfinite(tape.gradient(loss, box)).all()
    limit = {"iou": 1.0, "giou": 2.0, "diou": 2.0, "ciou": 3.0}[kind]
    assert ((loss >= -1e-6) & (loss <= limit)).numpy().all()


@pytest.mark.parametrize("kind", IOU_KINDS)
def test_gradients_are_slopes(kind: IouKind) -> None:
    rng = np.random.default_rng(0)
    target = np.array([20.0, 30.0, 60.0, 50.0])
    box = target + rng.uniform(-4, 4, 4)

    def loss(sides: np.ndarray) -> tuple[float, np.ndarray]:
        values = tf.constant(sides, tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(values)
            # The weight of the aspect ratio's penalty is a constant to the gradient: the slope of what it multiplies.
            result = iou_loss(tf.cast(values, tf.float32), tf.constant(target, tf.float32), kind)
        return float(result), tape.gradient(result, values).numpy()

    slopes = [(loss(box + step)[0] - loss(box - step)[0]) / 0.1 for step in 0.05 * np.eye(4)]
    # The penalty is small for boxes of nearly one shape, and so is what its changing weight adds to the slopes.
    np.testing.assert_allclose(loss(box)[1], slopes, atol=2e-4 if kind == "ciou" else 5e-5)


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match=r"kind \('siou'\) must be one of iou, giou, diou, ciou"):
        iou_loss(tf.constant(_BOX), tf.constant(_TARGET), "siou")  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", IOU_KINDS)
def test_parity_with_automl(shared: Path, kind: IouKind) -> None:
    with np.load(shared / "fixtures" / "automl_d0.npz") as recorded:
        loss = iou_loss(tf.constant(recorded["iou_pred"]), tf.constant(recorded["iou_target"]), kind)
        np.testing.assert_allclose(loss, recorded[f"iou_loss_{kind}"], atol=1e-6)
