# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The greatest overlap of a box with anchors, against all pairs."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efficientdet.ops.anchor_overlap import best_overlaps
from efficientdet.ops.anchors import generate_anchors
from tests.ops.anchor_sets import ANCHOR_SETS, random_boxes
from tests.ops.test_anchors import TFOD


def _of_all_pairs(boxes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    boxes, anchors = boxes.astype(np.float64)[:, np.newaxis], anchors.astype(np.float64)
    shared = np.minimum(boxes[..., 2:], anchors[:, 2:]) - np.maximum(boxes[..., :2], anchors[:, :2])
    intersections = np.maximum(shared, 0).prod(axis=-1)
    areas = [np.prod(corners[..., 2:] - corners[..., :2], axis=-1) for corners in (boxes, anchors)]
    return (intersections / (areas[0] + areas[1] - intersections)).max(axis=1)


@pytest.mark.parametrize("name", ANCHOR_SETS)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 20))
@settings(max_examples=10, deadline=None)
def test_it_is_the_greatest_of_all_pairs(name: str, seed: int, count: int) -> None:
    anchors = ANCHOR_SETS[name]
    boxes = random_boxes(seed, count) * np.abs(anchors).max()
    found = best_overlaps(boxes, anchors)
    assert (found.dtype, found.shape) == (np.float32, (count,))
    np.testing.assert_allclose(found, _of_all_pairs(boxes, anchors), atol=2e-4 if name == "rounded" else 2e-5)


def test_by_hand() -> None:
    anchors = np.array([[0, 0, 2, 2], [0, 2, 2, 4], [2, 0, 4, 2], [2, 2, 4, 4]])
    boxes = np.array([[0, 2, 2, 4], [0, 0, 4, 4], [1, 1, 3, 3], [0, 0, 2, 1], [9, 9, 10, 10]])
    np.testing.assert_allclose(best_overlaps(boxes, anchors), [1, 4 / 16, 1 / 7, 2 / 4, 0])


def test_what_has_no_area_overlaps_nothing() -> None:
    boxes = np.array([[0, 0, 1, 1], [0, 0, 0, 1], [1, 1, 0, 0], [0, np.nan, 1, 1], [0, 0, np.inf, 1]])
    anchors = np.array([[0, 0, 1, 0.5], [0, 0, np.nan, 1], [1, 1, 0, 0]])
    assert best_overlaps(boxes, anchors).tolist() == [0.5, 0, 0, 0, 0]
    assert best_overlaps(boxes, np.empty((0, 4))).tolist() == [0] * 5
    assert best_overlaps(np.empty((0, 4)), anchors).shape == (0,)


@pytest.mark.parametrize("shape", [(4,), (2, 5), (1, 2, 4)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"boxes have shape .*must be \[\*, 4\]"):
        best_overlaps(np.zeros(shape), np.zeros((1, 4)))


def test_a_whole_data_set_takes_no_time() -> None:
    anchors = generate_anchors((512, 512), **TFOD)
    start = time.perf_counter()
    best_overlaps(random_boxes(4, 50_000), anchors)
    assert time.perf_counter() - start < 5  # .06 s on two free cores; all pairs would take a minute
