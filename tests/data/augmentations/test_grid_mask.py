# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A grid of squares: how many, how large, how turned, and what stays."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentations.grid_mask import random_grid_mask
from tests.data.augmentations.examples import assert_same, make_example, with_pixels

_mask = functools.partial(
    random_grid_mask, probability=1.0, min_period=0.25, max_period=0.25, ratio=0.5, max_rotation=0.0
)


def _covered(height: int, width: int, seed: int, **changes) -> np.ndarray:
    """Where a picture of 255 is black; bool [h, w]."""
    image = _mask(with_pixels(np.full((height, width, 3), 255, np.uint8)), tf.constant([0, seed]), **changes).image
    assert set(np.unique(image)) <= {0, 255}
    assert image.dtype == tf.uint8
    return image.numpy()[..., 0] == 0


def test_squares_by_hand():
    """Cells of 4 pixels (a quarter of the shorter side, 16), squares of 2."""
    places = set()
    for seed in range(20):
        covered = _covered(16, 32, seed)
        rows, columns = covered.any(axis=1), covered.any(axis=0)
        np.testing.assert_array_equal(covered, rows[:, np.newaxis] & columns)
        for line in (rows, columns):
            np.testing.assert_array_equal(line, np.tile(line[:4], len(line) // 4))
            assert line[:4].sum() == 2
            assert line[:4].tolist() not in ([True, False, True, False], [False, True, False, True])
        places.add((tuple(rows[:4]), tuple(columns[:4])))
    assert len(places) > 8  # of 16


@pytest.mark.parametrize(("ratio", "share"), [(0.0, 0.0), (0.25, 1 / 16), (0.75, 9 / 16), (1.0, 1.0)])
def test_the_masked_share(ratio, share):
    assert _covered(32, 32, 1, ratio=ratio).mean() == share


def test_the_period_is_drawn():
    periods = set()
    for seed in range(30):
        columns = _covered(100, 100, seed, min_period=0.1, max_period=0.5).any(axis=0)
        starts = np.flatnonzero(np.diff(columns.astype(int)) == 1)
        if len(starts) > 1:
            periods.add(int(starts[1] - starts[0]))
    assert min(periods) >= 10
    assert max(periods) <= 50
    assert len(periods) > 12


def test_rotation():
    upright, turned = _covered(64, 64, 5), _covered(64, 64, 5, max_rotation=45.0)
    assert len(np.unique(upright, axis=0)) == 2
    assert len(np.unique(turned, axis=0)) > 10
    assert abs(turned.mean() - 0.25) < 0.03


def test_what_stays():
    example = make_example(20, 30)
    assert_same(_mask(example, tf.constant([0, 1]), probability=0.0), example)
    masked = _mask(example, tf.constant([0, 1]))
    assert_same(masked._replace(image=example.image), example)
    assert 0 < np.count_nonzero((masked.image.numpy() != example.image.numpy()).any(axis=-1)) < 20 * 30 / 2


def test_a_color_and_float_pictures():
    example = make_example(8, 8)
    example = example._replace(image=tf.cast(example.image, tf.float32))
    masked = _mask(example, tf.constant([0, 1]), color=(1.5, 2.0, 3.25))
    is_paint = (masked.image.numpy() == [1.5, 2.0, 3.25]).all(axis=-1)
    assert np.count_nonzero(is_paint) == 16
    np.testing.assert_array_equal(masked.image[~is_paint], example.image[~is_paint])


def test_one_pixel():
    assert _mask(with_pixels(np.full((1, 1, 3), 9, np.uint8)), tf.constant([0, 1])).image.shape == (1, 1, 3)
