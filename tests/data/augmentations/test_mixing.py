# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Combined pictures: pixels, boxes and weights worked out by hand."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentations.mixing import _beta, random_mix_up, random_mosaic
from efficientdet.data.record_order import plain
from efficientdet.types import Example
from tests.data.augmentations.examples import assert_same, make_example, with_pixels

_WHOLE = [(0.0, 0.0, 1.0, 1.0)]


def _flat(height: int, width: int, value: int, boxes=()) -> Example:
    return with_pixels(np.full((height, width, 3), value, np.uint8), boxes)


def _never() -> Example:
    raise AssertionError("a partner was read")


def test_mix_up_by_hand():
    """A 2 x 4 picture of 100 and a 4 x 2 picture of 200, on a canvas of 4 x 4."""
    one, other = _flat(2, 4, 100, [(0.0, 0.0, 1.0, 0.5)]), _flat(4, 2, 200, [(0.5, 0.0, 1.0, 1.0), *_WHOLE])
    mixed = random_mix_up(one, [lambda: other], tf.constant([0, 1]), probability=1.0, alpha=1.5)
    share = float(mixed.weights[0])
    assert 0 < share < 1
    np.testing.assert_allclose(mixed.weights, [share, 1 - share, 1 - share], rtol=1e-6)
    expected = np.zeros([4, 4])
    expected[:2] += 100 * share
    expected[:, :2] += 200 * (1 - share)
    np.testing.assert_allclose(mixed.image[..., 1], expected, rtol=1e-5)
    np.testing.assert_allclose(mixed.boxes, [(0, 0, 0.5, 0.5), (0.5, 0, 1, 0.5), (0, 0, 1, 0.5)])
    np.testing.assert_array_equal(mixed.classes, [0, 0, 1])
    np.testing.assert_array_equal(mixed.areas, [10, 10, 11])
    np.testing.assert_array_equal(mixed.is_difficult, [False, False, True])
    assert (mixed.source_id, mixed.image.dtype, list(mixed.original_size)) == (b"x", tf.float32, [2, 4])


@pytest.mark.parametrize("boxes", [((), ()), (_WHOLE, ()), ((), _WHOLE)])
def test_mix_up_without_truth(boxes):
    one, other = _flat(3, 3, 0, boxes[0]), _flat(3, 3, 0, boxes[1])
    mixed = random_mix_up(one, [lambda: other], tf.constant([0, 1]), probability=1.0, alpha=1.0)
    assert len(mixed.boxes) == len(boxes[0]) + len(boxes[1])


@pytest.mark.parametrize(
    ("alpha", "variance"), [(1.5, 1 / 16), (1.0, 1 / 12), (0.1, 1 / 4.8), (50.0, 1 / 404), (1e-4, 1 / 4.0008)]
)
def test_shares_are_beta_distributed(alpha, variance):
    """Beta(a, a) has the mean 1/2 and the variance 1 / (8 a + 4)."""
    draw = plain(lambda i: _beta(tf.stack([3, i]), alpha))
    shares = np.array(list(tf.data.Dataset.range(400, output_type=tf.int32).map(draw).as_numpy_iterator()))
    assert np.isfinite(shares).all()
    assert (shares >= 0).all()
    assert (shares <= 1).all()
    assert abs(shares.mean() - 0.5) < 4 * (variance / 400) ** 0.5
    np.testing.assert_allclose(shares.var(), variance, rtol=0.3)


@pytest.mark.parametrize("mix", [
    functools.partial(random_mix_up, probability=0.0, alpha=1.0),
    functools.partial(
        random_mosaic, probability=0.0, output_size=8, min_center=0.5, max_center=0.5, min_box_share=0.0
    ),
])  # fmt: skip
def test_what_is_not_drawn_stays_and_reads_nothing(mix):
    kept = mix(make_example(), [_never] * 3, tf.constant([0, 1]))
    assert kept.image.dtype == tf.float32
    assert_same(kept, make_example())


_mosaic = functools.partial(
    random_mosaic, probability=1.0, output_size=8, min_center=0.5, max_center=0.5, min_box_share=0.25
)


def _pattern(height: int, width: int, base: int, boxes=()) -> Example:
    """Pixel (y, x) is base + 10 y + x."""
    y, x = np.mgrid[:height, :width]
    return with_pixels(np.repeat((base + 10 * y + x)[..., np.newaxis], 3, axis=-1).astype(np.uint8), boxes)


def test_inner_corners_meet_at_the_point():
    """8 x 8 pictures keep their scale, and each tile of 4 x 4 shows the quarter at the picture's inner corner."""
    box = [(0.25, 0.25, 0.75, 0.75)]  # a quarter of it lies in the tile
    pictures = [_pattern(8, 8, base, box) for base in (0, 80, 100, 150)]
    result = _mosaic(pictures[0], [lambda i=i: pictures[i] for i in (1, 2, 3)], tf.constant([0, 1]))
    expected = np.concatenate([
        np.concatenate([pictures[0].image[4:, 4:], pictures[1].image[4:, :4]], axis=1),
        np.concatenate([pictures[2].image[:4, 4:], pictures[3].image[:4, :4]], axis=1),
    ])  # fmt: skip
    np.testing.assert_array_equal(result.image, expected)
    corners = [(0, 0, 0.25, 0.25), (0, 0.75, 0.25, 1), (0.75, 0, 1, 0.25), (0.75, 0.75, 1, 1)]
    np.testing.assert_allclose(result.boxes, corners)
    np.testing.assert_array_equal(result.areas, [10] * 4)


def test_little_that_is_left_of_a_box_is_dropped():
    boxes = [(0.0, 0.0, 1.0, 1.0), (0.25, 0.0, 0.5, 0.5), (0.4375, 0.0, 0.6875, 0.5), (0.45, 0.1, 0.7, 0.2)]
    # In the tile at the bottom right (rows 0 to .5, columns 0 to .5) lie: a quarter; all; a quarter; a fifth.
    others = [lambda: _flat(8, 8, 0), lambda: _flat(8, 8, 0), lambda: _pattern(8, 8, 0, boxes)]
    result = _mosaic(_flat(8, 8, 0), others, tf.constant([0, 1]))
    np.testing.assert_array_equal(result.classes, [0, 1, 2])
    np.testing.assert_allclose(result.boxes, [(0.5, 0.5, 1, 1), (0.75, 0.5, 1, 1), (0.9375, 0.5, 1, 1)], atol=1e-6)
    np.testing.assert_array_equal(result.is_difficult, [False, True, True])
    everything = _mosaic(_flat(8, 8, 0), others, tf.constant([0, 1]), min_box_share=0.0)
    np.testing.assert_array_equal(everything.classes, [0, 1, 2, 3])
    whole = _mosaic(_flat(8, 8, 0), others, tf.constant([0, 1]), min_box_share=1.0)
    np.testing.assert_array_equal(whole.classes, [1])


def test_a_picture_is_scaled_as_if_alone_or_until_it_covers_its_tile():
    """4 x 2 and 4 x 16 pictures for tiles of 4 x 4 of an 8 x 8 square."""
    narrow, wide = _pattern(4, 2, 0, _WHOLE), _pattern(4, 16, 100, _WHOLE)
    # Twice the size (8 rows) covers the tile with 2 rows and 2 columns; the half of the wide one (8 columns) has 2 rows
    # only, so that it keeps its scale.
    result = _mosaic(narrow, [lambda: wide, lambda: narrow, lambda: wide], tf.constant([0, 1]), min_box_share=0.0)
    np.testing.assert_array_equal(result.image[:4, 4:], wide.image[:, :4])
    np.testing.assert_array_equal(result.image[4:, 4:], wide.image[:, :4])
    # Bilinear, with half pixel centres: rows 2 and 3 of the picture, each as two of the tile (-.25, .25, .75, 1.25).
    rows = np.float32([[20], [22.5], [27.5], [30]]) + np.float32([0, 0.25, 0.75, 1])
    np.testing.assert_allclose(result.image[:4, :4, 0], rows)
    np.testing.assert_allclose(result.boxes, [(0, 0, 0.5, 0.5), (0, 0.5, 0.5, 1), (0.5, 0, 1, 0.5), (0.5, 0.5, 1, 1)])


@pytest.mark.parametrize(("center", "shape"), [(0.25, (2, 2)), (0.75, (6, 6)), (0.0, (0, 0)), (1.0, (8, 8))])
def test_where_the_pictures_meet(center, shape):
    pictures = [_flat(8, 8, value, _WHOLE) for value in (10, 20, 30, 40)]
    others = [lambda i=i: pictures[i] for i in (1, 2, 3)]
    result = _mosaic(pictures[0], others, tf.constant([0, 1]), min_center=center, max_center=center, min_box_share=0.0)
    height, width = shape
    expected = np.full([8, 8], 40.0)
    expected[:height, :width], expected[:height, width:], expected[height:, :width] = 10, 20, 30
    np.testing.assert_array_equal(result.image[..., 0], expected)
    tiles = [(0, 0, center, center), (0, center, center, 1), (center, 0, 1, center), (center, center, 1, 1)]
    tiles = [tile for tile in tiles if tile[0] < tile[2] and tile[1] < tile[3]]  # without area: no box
    np.testing.assert_allclose(result.boxes, tiles)


def test_the_point_is_drawn_in_both_directions():
    pictures = [_flat(40, 40, value) for value in (10, 20, 30, 40)]
    others = [lambda i=i: pictures[i] for i in (1, 2, 3)]
    mosaic = functools.partial(_mosaic, output_size=40, min_center=0.25, max_center=0.75)
    run = tf.function(lambda i: mosaic(pictures[0], others, tf.stack([0, i])).image[..., 0], autograph=False)
    points = []
    for i in range(60):
        first = run(tf.constant(i)).numpy() == 10
        points.append((first[:, 0].sum(), first[0].sum()))
    heights, widths = np.array(points).T
    for sides in (heights, widths):
        assert 10 <= sides.min() <= 12
        assert 28 <= sides.max() <= 30
    assert abs(np.corrcoef(heights, widths)[0, 1]) < 0.5


def test_a_mosaic_of_pictures_of_one_pixel_and_of_very_narrow_ones():
    pictures = [_flat(1, 1, 10, _WHOLE), _flat(1, 3000, 20, _WHOLE), _flat(3000, 1, 30, ()), _flat(2, 7, 40, _WHOLE)]
    result = _mosaic(pictures[0], [lambda i=i: pictures[i] for i in (1, 2, 3)], tf.constant([0, 1]), min_box_share=0.0)
    np.testing.assert_array_equal(result.image[::4, ::4, 0], [[10, 20], [30, 40]])
    assert len(result.boxes) == 3
    assert (result.boxes.numpy() >= 0).all()
    assert (result.boxes.numpy() <= 1).all()
