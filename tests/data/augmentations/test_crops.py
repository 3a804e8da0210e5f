# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Crops: what they may be, and the fate of boxes. Pixels hold their own coordinates, so that a crop tells its place."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentations import windows
from efficientdet.data.augmentations.crops import (
    Crop,
    Padding,
    _border,
    random_crop_image,
    random_crop_pad_image,
    random_crop_to_aspect_ratio,
    random_square_crop_by_scale,
)
from efficientdet.data.augmentations.windows import Window
from efficientdet.types import Example
from tests.data.augmentations.examples import assert_same, make_example, with_pixels

_ANY = Crop(0.0, (0.5, 2.0), (0.1, 1.0), overlap_threshold=0.0)


def _map(height: int, width: int, boxes=()) -> Example:
    """Pixel (y, x) has the values y, x, 255."""
    y, x = np.mgrid[:height, :width]
    return with_pixels(np.stack([y, x, np.full_like(y, 255)], axis=-1).astype(np.uint8), boxes)


def _window(cropped: Example) -> tuple[np.ndarray, np.ndarray]:
    """Offset and size of a crop of `_map`."""
    return cropped.image[0, 0, :2].numpy().astype(int), np.array(cropped.image.shape[:2])


def _check_boxes(cropped: Example, original: Example, threshold: float, clip: bool = True) -> None:
    """Recomputes the fate of every box in pixels."""
    offset, size = _window(cropped)
    sides = np.tile(original.image.shape[:2], 2)
    expected, areas = [], []
    for row, box in enumerate(original.boxes.numpy() * sides):
        moved = box - np.tile(offset, 2)
        visible = np.clip(moved, 0, np.tile(size, 2))
        share = np.prod(visible[2:] - visible[:2]) / np.prod(box[2:] - box[:2])
        assert abs(share - threshold) > 1e-4, "choose boxes that are not on the edge"
        if share > threshold:
            expected.append((visible if clip else moved) / np.tile(size, 2))
            areas.append(10 + row)
    np.testing.assert_allclose(cropped.boxes, np.reshape(expected, [-1, 4]), atol=1e-5)
    np.testing.assert_array_equal(cropped.areas, areas)


@pytest.mark.parametrize(
    ("threshold", "kept"), [(0.0, [0, 1, 2, 5]), (0.25, [0, 1, 2, 5]), (0.3, [0, 1, 5]), (0.6, [0, 5]), (1.0, [0, 5])]
)
def test_fate_of_boxes_by_hand(threshold, kept):
    boxes = [
        (0.25, 0.25, 0.75, 0.75),  # the window itself
        (0.25, 0.5, 0.75, 1.0),  # half of it
        (0.5, 0.5, 1.0, 1.0),  # a quarter
        (0.0, 0.0, 0.25, 1.0),  # touches
        (0.5, 0.5, 0.5, 0.6),  # has no area
        (0.3, 0.3, 0.4, 0.4),  # inside
    ]
    window = Window(tf.constant([2, 2]), tf.constant([4, 4]))
    result = windows.drop_boxes_outside(make_example(8, 8, boxes), window, threshold)
    np.testing.assert_array_equal(result.classes, kept)
    cropped = windows.crop(result, window)
    np.testing.assert_array_equal(cropped.image, make_example(8, 8).image[2:6, 2:6])
    if 2 in kept:
        np.testing.assert_allclose(cropped.boxes[2], [0.5, 0.5, 1.5, 1.5])
        np.testing.assert_allclose(windows.clip_boxes(cropped).boxes[2], [0.5, 0.5, 1.0, 1.0])


def test_a_crop_is_what_its_rule_says():
    boxes = [(0.11, 0.12, 0.43, 0.54), (0.52, 0.33, 0.97, 0.91), (0.7, 0.1, 0.77, 0.17)]
    original = _map(60, 80, boxes)
    crop = Crop(0.7, (0.8, 1.25), (0.2, 0.5), overlap_threshold=0.31, clip_boxes=False)
    places = set()
    for i in range(40):
        cropped = random_crop_image(original, tf.constant([0, i]), crop=crop)
        offset, size = _window(cropped)
        np.testing.assert_array_equal(
            cropped.image, original.image[offset[0] : offset[0] + size[0], offset[1] : offset[1] + size[1]]
        )
        assert 0.75 < size[1] / size[0] < 1.33  # of whole pixels
        assert 0.18 < np.prod(size) / (60 * 80) < 0.52
        _check_boxes(cropped, original, 0.31, clip=False)
        assert cropped.boxes.shape[0] >= 1
        places.add(tuple(offset))
        _check_boxes(
            random_crop_image(original, tf.constant([0, i]), crop=crop._replace(clip_boxes=True)), original, 0.31
        )
    assert len(places) > 20


def test_the_picture_stays_whole_where_no_crop_is_allowed_or_none_is_wanted():
    example = make_example(20, 20, [(0.0, 0.0, 1.0, 1.0)])
    impossible = Crop(1.0, (1.0, 1.0), (0.1, 0.5), overlap_threshold=0.0)
    assert_same(random_crop_image(example, tf.constant([0, 0]), crop=impossible), example)
    unwanted = _ANY._replace(skip_probability=1.0)
    assert_same(random_crop_image(example, tf.constant([0, 0]), crop=unwanted), example)
    often = _ANY._replace(skip_probability=0.75)
    whole = [random_crop_image(example, tf.constant([0, i]), crop=often).image.shape == (20, 20, 3) for i in range(200)]
    assert abs(np.mean(whole) - 0.75) < 0.13  # four standard deviations


def test_without_boxes_anything_is_cropped():
    sizes = {tuple(random_crop_image(_map(30, 30), tf.constant([0, i]), crop=_ANY).image.shape) for i in range(20)}
    assert len(sizes) > 10


def test_a_padded_crop_refers_to_the_whole_picture():
    original = _map(40, 40, [(0.2, 0.2, 0.6, 0.6)])
    crop = Crop(1.0, (1.0, 1.0), (0.3, 0.5), overlap_threshold=0.5)
    pad = functools.partial(random_crop_pad_image, original, crop=crop)
    for i in range(10):
        padding = Padding((1.0, 1.0), (1.0, 1.5), color=(7.0, 7.0, 7.0))
        result = pad(tf.constant([0, i]), padding=padding)
        assert result.image.shape[0] == 40
        assert 40 <= result.image.shape[1] < 60
        image, sides = result.image.numpy(), np.tile(result.image.shape[:2], 2)
        top, left, bottom, right = np.rint(result.boxes[0].numpy() * sides).astype(int)
        np.testing.assert_allclose(image[top, left], [8, 8, 255], atol=1e-3)
        np.testing.assert_allclose(image[bottom - 1, right - 1], [23, 23, 255], atol=1e-3)
        is_padding = np.isclose(image, 7, atol=1e-3).all(axis=-1)
        assert 0.25 < np.count_nonzero(~is_padding) / 1600 < 0.55
    small = pad(tf.constant([0, 0]), padding=Padding((0.1, 0.1), (0.2, 0.2)))
    assert 0.25 < np.prod(small.image.shape[:2]) / 1600 < 0.55  # the crop as it is


@pytest.mark.parametrize(
    ("aspect_ratio", "size", "room"),
    [(1.0, (6, 6), (0, 3)), (2.0, (4, 9), (2, 0)), (1.5, (6, 9), (0, 0)), (50, (1, 9), (5, 0))],
)
def test_crop_to_an_aspect_ratio(aspect_ratio, size, room):
    original = _map(6, 9, [(0.0, 0.0, 0.52, 0.49), (0.31, 0.12, 0.9, 0.83)])
    offsets = []
    for i in range(40):
        cropped = random_crop_to_aspect_ratio(
            original, tf.constant([0, i]), aspect_ratio=aspect_ratio, overlap_threshold=0.35
        )
        offset, cropped_size = _window(cropped)
        assert tuple(cropped_size) == size
        _check_boxes(cropped, original, 0.35)
        offsets.append(offset)
    np.testing.assert_array_equal(np.min(offsets, axis=0), [0, 0])
    np.testing.assert_array_equal(np.max(offsets, axis=0), room)


@pytest.mark.parametrize(
    ("most", "side", "border"),
    [(128, 300, 128), (128, 256, 128), (128, 255, 64), (128, 100, 32), (128, 3, 1), (128, 1, 0), (0, 9, 0), (7, 9, 3)],
)
def test_the_border_is_halved_until_it_fits(most, side, border):
    assert int(_border(most, tf.constant(side))) == border


def test_square_windows():
    original = _map(30, 50, [(0.11, 0.12, 0.43, 0.54), (0.52, 0.33, 0.97, 0.91)])
    sides, middles = set(), []
    for i in range(150):
        result = random_square_crop_by_scale(
            original, tf.constant([0, i]), max_border=8, scale_min=0.5, scale_max=1.5, num_scales=3
        )
        side = result.image.shape[0]
        assert result.image.shape == (side, side, 3)
        sides.add(side)
        image = result.image.numpy()
        inside = image[..., 2] == 255
        assert not image[~inside].any()
        y, x = (indices[0] for indices in np.nonzero(inside))
        offset = image[y, x, :2] - [y, x]
        rows, columns = np.nonzero(inside)
        np.testing.assert_array_equal(image[inside][:, :2], np.stack([rows, columns], axis=1) + offset)
        end = np.minimum(offset + side, [30, 50])
        assert np.count_nonzero(inside) == np.prod(end - np.maximum(offset, 0))
        middles.append(offset + side // 2)
        moved = (original.boxes.numpy() * [30, 50, 30, 50] - np.tile(offset, 2)) / side
        seen = (moved[:, :2] < 1).all(axis=1) & (moved[:, 2:] > 0).all(axis=1)
        np.testing.assert_allclose(result.boxes, np.clip(moved[seen], 0, 1), atol=1e-5)
        np.testing.assert_array_equal(result.classes, np.flatnonzero(seen))
    assert sides == {25, 50, 75}
    np.testing.assert_array_equal(np.min(middles, axis=0), [8, 8])
    np.testing.assert_array_equal(np.max(middles, axis=0), [22, 42])
