# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Why a step may have failed, in words."""

from __future__ import annotations

import numpy as np
import pytest

from efficientdet.training.fault_causes import Circumstances, likely_causes
from efficientdet.types import Batch

from . import stubs

_STEADY = Circumstances(step=500, rate=lambda step: 0.1 * (1 - step / 1000), recent_losses=[1.0] * 50)


def _batch() -> Batch:
    batch = stubs.make_batch(0, batch_size=3)
    return batch._replace(source_ids=np.array([b"one", b"two", b"three"]))


def _with_box(box: list[float], *, row: int = 1, weight: float = 1.0) -> Batch:
    batch = _batch()
    boxes, weights = np.array(batch.ground_truth.boxes), np.array(batch.ground_truth.weights)
    boxes[row, 0], weights[row, 0] = box, weight
    return batch._replace(ground_truth=batch.ground_truth._replace(boxes=boxes, weights=weights))


def test_a_batch_like_any_other() -> None:
    assert likely_causes(_batch(), _STEADY) == [
        "nothing is odd about the batch, and the losses before it were as usual"
    ]
    assert len(likely_causes(None, _STEADY)) == 1


@pytest.mark.parametrize(
    ("box", "cause"),
    [
        ([0.1, 0.1, float("nan"), 0.5], "a box whose coordinates are no numbers, in two"),
        ([0.1, 0.5, 0.2, 0.5], "a box without extent, in two"),
        ([0.5, 0.1, 0.2, 0.5], "a box without extent, in two"),
        ([0.1, 0.1, 0.5, 1.5], "a box that lies outside its picture, in two"),
        ([0.1, 0.1, 0.5, 0.2], "a box less than 1 pixel wide or high, in two"),  # of 4 pixels
    ],
)
def test_a_box_that_should_not_train(box: list[float], cause: str) -> None:
    assert likely_causes(_with_box(box), _STEADY) == [cause]
    assert cause not in likely_causes(_with_box(box, weight=0.0), _STEADY)


def test_pixels_and_targets_that_are_no_numbers() -> None:
    batch = _batch()
    codes, weights = np.array(batch.targets.box_codes), np.zeros_like(batch.targets.box_weights)
    codes[:2], weights[1] = np.inf, 1.0  # of the first, nothing trains
    targets = batch.targets._replace(box_codes=codes, box_weights=weights)
    batch = batch._replace(inputs=batch.inputs * [[[[np.nan]]], [[[1]]], [[[np.nan]]]], targets=targets)
    assert likely_causes(batch, _STEADY) == [
        "pixels that are no numbers, in one, three",
        "anchors whose target is no number, in two",
    ]


def test_losses_that_grew_before() -> None:
    growing = _STEADY._replace(recent_losses=[1.0] * 20 + [2.5, 3.0, 5.0, 9.0, 20.0])
    (cause,) = likely_causes(_batch(), growing)
    assert cause.startswith("the loss was growing before: 5 in the last 5 steps, 1 before them")


@pytest.mark.parametrize(
    ("step", "cause"),
    [
        (61, "had just risen to 0.6, from 0 at the first step"),  # within the warm-up
        (101, "had just risen to 1, from 0 at the first step"),  # at its end
        (150, "had just risen to 1, from 0 at the first step"),
        (400, "nothing is odd"),
    ],
)
def test_a_rate_that_had_just_risen(step: int, cause: str) -> None:
    warm = _STEADY._replace(step=step, rate=lambda now: now / 100 if now <= 100 else 1 - (now - 100) / 10000)
    assert cause in likely_causes(_batch(), warm)[0]


def test_a_rate_without_a_warm_up() -> None:
    assert likely_causes(_batch(), _STEADY._replace(step=3)) == [
        "the learning rate is 0.0998 from the first steps on, without a warm-up"
    ]


def test_an_overflow_of_float16() -> None:
    (cause,) = likely_causes(_batch(), _STEADY._replace(is_float16=True))
    assert "float16 ends" in cause
