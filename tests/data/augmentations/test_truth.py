# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Boxes and classes by hand."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentations.truth import drop_label_probabilistically, random_jitter_boxes, remap_labels
from tests.data.augmentations.examples import assert_same, make_example

_SEED = tf.constant([6, 7])
_BOX = (0.4, 0.4, 0.6, 0.8)  # centre (.5, .6), half as high as wide


def _jittered(count: int = 400, box=_BOX, **settings) -> np.ndarray:
    """float32 [count, 4]."""
    return random_jitter_boxes(make_example(boxes=[box] * count), _SEED, **settings).boxes.numpy()


@pytest.mark.parametrize(("shrink", "expand"), [(0.5, 0.5), (0.0, 0.5), (0.5, 0.0)])
def test_edges_move_by_a_share_of_half_the_box(shrink, expand):
    boxes = _jittered(shrink=shrink, expand=expand)
    centre, half = np.float32([0.5, 0.6]), np.float32([0.1, 0.2])
    factors = np.concatenate([centre - boxes[:, :2], boxes[:, 2:] - centre], axis=1) / np.tile(half, 2)
    assert (factors >= 1 - shrink - 1e-5).all()
    assert (factors <= 1 + expand + 1e-5).all()
    np.testing.assert_allclose(factors.mean(axis=0), 1 + (expand - shrink) / 2, atol=0.06)
    assert np.abs(np.corrcoef(factors.T) - np.eye(4)).max() < 0.25


def test_symmetric_jitter():
    for symmetry in ("center", "center_and_shape"):
        boxes = _jittered(shrink=0.5, expand=0.0, symmetry=symmetry)
        np.testing.assert_allclose((boxes[:, :2] + boxes[:, 2:]) / 2, [[0.5, 0.6]] * 400, atol=1e-6)
        height, width = (boxes[:, 2:] - boxes[:, :2]).T
        assert 0.1 <= height.min() < 0.11 < 0.19 < height.max() <= 0.2
        assert np.allclose(width / height, 2, atol=1e-4) == (symmetry == "center_and_shape")


def test_symmetric_expansion_ends_where_the_picture_does():
    box = (0.1, 0.4, 0.3, 0.6)  # centre (.2, .5): twice as high or 5 times as wide at most
    boxes = _jittered(box=box, shrink=0.0, expand=99.0, symmetry="center")
    reached = boxes[boxes[:, 1] < 1e-6]
    np.testing.assert_allclose(reached[0], [0, 0, 0.4, 1], atol=1e-6)
    boxes = _jittered(box=box, shrink=0.0, expand=99.0, symmetry="center_and_shape")
    np.testing.assert_allclose(boxes[boxes[:, 0] < 1e-6][0], [0, 0.3, 0.4, 0.7], atol=1e-6)
    boxes = _jittered(box=box, shrink=0.0, expand=99.0)
    assert ((boxes >= 0) & (boxes <= 1)).all()


def test_no_jitter_and_no_boxes():
    example = make_example()
    still = random_jitter_boxes(example, _SEED, shrink=0.0, expand=0.0)
    np.testing.assert_allclose(still.boxes, example.boxes, atol=1e-6)
    assert random_jitter_boxes(make_example(boxes=()), _SEED, shrink=0.1, expand=0.1).boxes.shape == (0, 4)


def test_a_label_is_dropped_box_by_box():
    example = make_example(boxes=[_BOX] * 300)
    example = example._replace(classes=tf.range(300) % 3)
    drop = functools.partial(drop_label_probabilistically, example, _SEED, row=1)
    assert_same(drop(probability=0.0), example)
    np.testing.assert_array_equal(drop(probability=1.0).areas, [10 + i for i in range(300) if i % 3 != 1])
    left = np.bincount(drop(probability=0.4).classes)
    np.testing.assert_array_equal(left[[0, 2]], [100, 100])
    assert abs(left[1] - 60) < 20  # four standard deviations


def test_labels_are_remapped():
    example = make_example(boxes=[_BOX] * 5)
    np.testing.assert_array_equal(remap_labels(example, _SEED, rows=[0, 3], new_row=7).classes, [7, 1, 2, 7, 4])
    np.testing.assert_array_equal(remap_labels(example, _SEED, rows=[9], new_row=7).classes, range(5))
    assert remap_labels(make_example(boxes=()), _SEED, rows=[0], new_row=1).classes.shape == (0,)
