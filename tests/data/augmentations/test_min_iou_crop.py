# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""SSD's crop: what it overlaps with, and which boxes stay. Pixels hold their coordinates: a crop tells its place."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentations.min_iou_crop import SSD_MIN_IOUS, random_min_iou_crop
from efficientdet.types import Example
from tests.data.augmentations.examples import assert_same, make_example, with_pixels

_BOXES = [(0.113, 0.151, 0.402, 0.553), (0.5, 0.31, 0.953, 0.907), (0.7, 0.1, 0.785, 0.187)]  # no centre on an edge


def _map(height: int, width: int, boxes=()) -> Example:
    """Pixel (y, x) has the values y, x, 255."""
    y, x = np.mgrid[:height, :width]
    return with_pixels(np.stack([y, x, np.full_like(y, 255)], axis=-1).astype(np.uint8), boxes)


def _traced(original: Example, **settings):
    """The crop as a function of the seed."""
    return tf.function(functools.partial(random_min_iou_crop, original, **settings), autograph=False)


def _window(cropped: Example) -> np.ndarray:
    """(top, left, bottom, right) of a crop of `_map`, pixels."""
    first = cropped.image[0, 0, :2].numpy().astype(int)
    return np.concatenate([first, first + cropped.image.shape[:2]])


def _ious(boxes: np.ndarray, window: np.ndarray) -> np.ndarray:
    low, high = np.maximum(boxes[:, :2], window[:2]), np.minimum(boxes[:, 2:], window[2:])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    return common / (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + np.prod(window[2:] - window[:2]) - common)


@pytest.mark.parametrize("min_iou", SSD_MIN_IOUS)
def test_a_crop_is_what_the_paper_asks_for(min_iou):
    original = _map(100, 160, _BOXES)
    boxes = np.float32(_BOXES) * [100, 160, 100, 160]
    crop = _traced(original, min_ious=[min_iou])
    cuts = set()
    for i in range(40):
        cropped = crop(tf.constant([0, i]))
        assert cropped.image.dtype == tf.uint8
        window = _window(cropped)
        height, width = window[2:] - window[:2]
        if (height, width) == (100, 160):
            assert_same(cropped, original)
            continue
        assert 30 <= height <= 100
        assert 48 <= width <= 160
        assert 0.5 <= width / height <= 2.0
        assert _ious(boxes, window).max() >= min_iou - 1e-6
        centers = (boxes[:, :2] + boxes[:, 2:]) / 2
        inside = ((centers > window[:2]) & (centers < window[2:])).all(axis=1)
        assert inside.any()
        np.testing.assert_array_equal(cropped.classes, np.flatnonzero(inside))
        moved = (boxes[inside] - np.tile(window[:2], 2)) / np.tile([height, width], 2)
        np.testing.assert_allclose(cropped.boxes, moved.clip(0, 1), atol=1e-5)
        cuts.add(tuple(window))
    assert len(cuts) >= (10 if min_iou <= 0.5 else 0)


def test_the_whole_picture_is_one_choice_of_them():
    original = _map(50, 50, [(0.3, 0.3, 0.7, 0.7)])
    crop = _traced(original, min_ious=[0.0, 0.0])
    whole = sum(crop(tf.constant([0, i])).image.shape[0] == 50 for i in range(200))
    assert abs(whole / 200 - 1 / 3) < 0.14  # four standard deviations; a crop of all rows is rare


def test_no_crop_that_is_allowed_leaves_the_picture_whole():
    tiny = _map(60, 60, [(0.5, 0.5, 0.51, 0.51)])  # no crop of 18 x 18 and more overlaps by half
    for example in (tiny, _map(60, 60, ())):
        for i in range(10):
            assert_same(random_min_iou_crop(example, tf.constant([0, i]), min_ious=[0.5]), example)


def test_sides_and_aspect_ratios():
    original = _map(100, 100, [(0.0, 0.0, 1.0, 1.0)])
    crop = functools.partial(random_min_iou_crop, original, min_ious=[0.0], max_attempts=50)
    shapes = {crop(tf.constant([0, i]), scales=(0.5, 0.5)).image.shape[:2] for i in range(12)}
    assert shapes == {(50, 50), (100, 100)}
    shapes = {tuple(crop(tf.constant([0, i]), aspect_ratios=(1.5, 2.0)).image.shape[:2]) for i in range(20)}
    ratios = {width / height for height, width in shapes if (height, width) != (100, 100)}
    assert all(1.5 <= ratio <= 2.0 for ratio in ratios)
    assert len(ratios) > 5


def test_more_attempts_find_more_crops():
    original = _map(100, 100, [(0.2, 0.2, 0.8, 0.8)])
    found = []
    for attempts in (1, 50):
        crop = _traced(original, min_ious=[0.6], max_attempts=attempts)
        found.append(sum(crop(tf.constant([0, i])).image.shape[0] < 100 for i in range(60)))
    assert found[0] < 10 < 20 < found[1]


def test_offsets_reach_both_edges():
    original = _map(4, 4, [(0.0, 0.0, 1.0, 1.0)])
    crop = _traced(original, min_ious=[0.0], scales=(0.75, 0.75))
    windows = {tuple(_window(crop(tf.constant([0, i])))) for i in range(80)}
    assert windows == {(y, x, y + 3, x + 3) for y in (0, 1) for x in (0, 1)} | {(0, 0, 4, 4)}


def test_pictures_of_one_pixel():
    assert random_min_iou_crop(make_example(1, 1), tf.constant([0, 1])).image.shape == (1, 1, 3)
