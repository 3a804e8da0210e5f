# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Padding: sizes, places, colours, and boxes that stay on their pixels."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentations.pads import (
    random_absolute_pad_image,
    random_pad_image,
    random_pad_to_aspect_ratio,
    random_zoom_out,
)
from efficientdet.types import Example
from tests.data.augmentations.examples import make_example, with_pixels

_COLOR = (1.0, 2.0, 3.0)


def _place(example: Example, color=_COLOR) -> tuple[int, int]:
    """The (y, x) of a picture whose boxes are all of it, and which holds nothing of `color`."""
    height, width = example.image.shape[:2]
    top, left, bottom, right = np.rint(example.boxes[0].numpy() * [height, width, height, width]).astype(int)
    is_padding = np.isclose(example.image, color, atol=1e-3).all(axis=-1)
    assert not is_padding[top:bottom, left:right].any()
    assert np.count_nonzero(~is_padding) == (bottom - top) * (right - left)
    return top, left


@pytest.fixture
def whole() -> Example:
    return with_pixels(np.full((4, 6, 3), 100, np.uint8), [(0.0, 0.0, 1.0, 1.0)])


def test_a_fixed_size_and_a_random_place(whole):
    pad = functools.partial(random_pad_image, whole, min_size=(8, 9), max_size=(8, 9), color=_COLOR)
    results = [pad(tf.constant([0, i])) for i in range(80)]
    assert {tuple(result.image.shape) for result in results} == {(8, 9, 3)}
    places = [_place(result) for result in results]
    assert {top for top, _ in places} == {0, 1, 2, 3}  # 4 rows of room: drawn below that
    assert {left for _, left in places} == {0, 1, 2}


def test_pixels_by_hand():
    example = make_example(2, 2, [(0.0, 0.5, 0.5, 1.0)])
    padded = random_pad_image(example, tf.constant([0, 0]), min_size=(3, 3), max_size=(3, 3), color=_COLOR)
    expected = np.broadcast_to(np.float32(_COLOR), (3, 3, 3)).copy()
    expected[:2, :2] = example.image  # one row of room: none is above
    np.testing.assert_allclose(padded.image, expected, atol=1e-4)
    np.testing.assert_allclose(padded.boxes, [[0, 1 / 3, 1 / 3, 2 / 3]], atol=1e-6)
    assert padded.image.dtype == tf.float32


def test_by_default_up_to_twice_the_picture_in_its_mean_colour():
    example = make_example(10, 20)
    shapes = []
    for i in range(60):
        padded = random_pad_image(example, tf.constant([0, i]))
        shapes.append(padded.image.shape[:2])
        mean = example.image.numpy().mean(axis=(0, 1))
        is_mean = np.isclose(padded.image, mean, atol=1e-2).all(axis=-1)
        assert np.count_nonzero(~is_mean) == 200
    heights, widths = zip(*shapes, strict=True)
    assert (min(heights), min(widths)) == (10, 20)
    assert 18 <= max(heights) < 20
    assert 37 <= max(widths) < 40


def test_a_size_below_the_picture_s_pads_nothing(whole):
    padded = random_pad_image(whole, tf.constant([0, 0]), min_size=(2, 2), max_size=(3, 9), color=_COLOR)
    assert padded.image.shape[0] == 4
    assert 6 <= padded.image.shape[1] < 9


def test_absolute_padding(whole):
    pad = functools.partial(random_absolute_pad_image, whole, color=_COLOR)
    results = [pad(tf.constant([0, i]), max_height_padding=3, max_width_padding=0) for i in range(40)]
    assert {result.image.shape[0] for result in results} == {4, 5, 6}
    assert {result.image.shape[1] for result in results} == {6}
    for result in results:
        _place(result)


def test_zooming_out(whole):
    zoom = functools.partial(random_zoom_out, whole, probability=0.5, max_ratio=4.0, color=_COLOR)
    results = [zoom(tf.constant([0, i])) for i in range(120)]
    ratios = np.array([result.image.shape[0] / 4 for result in results])
    assert {result.image.dtype for result in results} == {tf.float32}
    assert abs((ratios == 1).mean() - 0.5 * (1 + 1 / 12)) < 0.18  # a twelfth of 1 to 4 adds no row; four deviations
    assert ratios.max() == 3.75
    for result, ratio in zip(results, ratios, strict=True):
        assert abs(result.image.shape[1] / 6 - ratio) < 1 / 4  # both sides are whole pixels
    zoomed = [(*_place(result), *result.image.shape[:2]) for result in results if result.image.shape[0] > 4]
    assert {top == 0 for top, _, _, _ in zoomed} == {True, False}
    assert {top == height - 4 for top, _, height, _ in zoomed} == {True, False}
    assert {left == width - 6 for _, left, _, width in zoomed} == {True, False}
    np.testing.assert_array_equal(zoom(tf.constant([0, 0]), probability=0.0).image, whole.image)
    np.testing.assert_array_equal(zoom(tf.constant([0, 0]), probability=1.0, max_ratio=1.0).image, whole.image)


def test_zooming_out_by_hand():
    example = make_example(2, 2, [(0.0, 0.5, 0.5, 1.0)])
    zoomed = random_zoom_out(example, tf.constant([1, 2]), probability=1.0, max_ratio=2.0)
    # The ratio is 1 + .8838 (see `tests/fields`): 3.77, so that one row and one column are added.
    assert zoomed.image.shape == (3, 3, 3)
    top, left = np.rint(zoomed.boxes[0, :2].numpy() * 3).astype(int) - [0, 1]
    np.testing.assert_array_equal(zoomed.image[top : top + 2, left : left + 2], example.image)
    np.testing.assert_allclose(zoomed.boxes * 3, [[top, left + 1, top + 1, left + 2]], atol=1e-6)
    mean = example.image.numpy().mean(axis=(0, 1))
    np.testing.assert_allclose(zoomed.image.numpy().sum(axis=(0, 1)), 9 * mean, rtol=1e-6)


@pytest.mark.parametrize(
    ("aspect_ratio", "least", "most", "shape"),
    [
        (1.5, (1, 1), (1, 1), (4, 6)),
        (3.0, (1, 1), (1, 1), (4, 12)),
        (0.75, (1, 1), (1, 1), (8, 6)),
        (1.5, (2, 2), (2, 2), (8, 12)),
        (1.0, (1, 2), (2, 2), (8, 8)),  # 12 columns are asked for, but 8 rows allowed
    ],
)
def test_padding_to_an_aspect_ratio_by_hand(whole, aspect_ratio, least, most, shape):
    padded = random_pad_to_aspect_ratio(
        whole, tf.constant([0, 0]), aspect_ratio=aspect_ratio, min_ratio=least, max_ratio=most
    )
    assert padded.image.shape == (*shape, 3)
    np.testing.assert_allclose(padded.boxes, [[0, 0, 4 / shape[0], 6 / shape[1]]], atol=1e-6)
    assert _place(padded, color=(0, 0, 0)) == (0, 0)


def test_the_size_is_drawn():
    sides = {
        random_pad_to_aspect_ratio(
            make_example(10, 10), tf.constant([0, i]), aspect_ratio=1.0, min_ratio=(1.0, 1.0), max_ratio=(2.0, 2.0)
        ).image.shape[0]
        for i in range(60)
    }
    assert min(sides) <= 11
    assert max(sides) >= 19
