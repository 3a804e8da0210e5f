# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Geometry by hand, the picture against plain numpy, distribution, determinism, tf.data."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from efficientdet.data.augmentations.geometry import (
    random_downscale_to_target_pixels,
    random_horizontal_flip,
    random_image_scale,
    random_rotation90,
    random_scale_crop_and_pad_to_square,
    random_self_concat_image,
    random_vertical_flip,
)
from tests.data.augmentations.examples import assert_same, make_example


def test_flip_by_hand():
    example = make_example()
    flipped = random_horizontal_flip(example, tf.constant([1, 2]), probability=1.0)
    np.testing.assert_array_equal(flipped.image, example.image.numpy()[:, ::-1])
    np.testing.assert_array_equal(flipped.boxes, [[0.25, 0.5, 0.75, 1.0], [0.0, 0.0, 1.0, 0.5]])
    kept = random_horizontal_flip(example, tf.constant([1, 2]), probability=0.0)
    np.testing.assert_array_equal(kept.image, example.image)
    np.testing.assert_array_equal(kept.boxes, example.boxes)


def test_flip_happens_as_often_as_asked():
    @tf.function
    def flipped(seed):
        return random_horizontal_flip(make_example(), seed, probability=0.25).boxes[0, 1] > 0

    share = np.mean([flipped(tf.constant([0, i])).numpy() for i in range(800)])
    assert abs(share - 0.25) < 0.06  # four standard deviations


def _numpy_resize(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear, pixel i at i * (input size / output size), borders repeated."""

    def weights(size: int, result: int) -> np.ndarray:
        position = np.arange(result) * (size / result)
        low = np.floor(position).astype(int)
        matrix = np.zeros((result, size))
        np.add.at(matrix, (np.arange(result), low), 1 - (position - low))
        np.add.at(matrix, (np.arange(result), np.minimum(low + 1, size - 1)), position - low)
        return matrix

    rows, columns = weights(image.shape[0], height), weights(image.shape[1], width)
    return np.einsum("yh,xw,hwc->yxc", rows, columns, image.astype(np.float64))


@settings(max_examples=25, deadline=None)
@given(
    height=st.integers(3, 40), width=st.integers(3, 40), output=st.integers(4, 30),
    scale=st.floats(0.1, 2.0), seed=st.integers(0, 1000),
)  # fmt: skip
def test_picture_and_boxes_against_numpy(height, width, output, scale, seed):
    example = make_example(height, width)
    result = random_scale_crop_and_pad_to_square(
        example, tf.constant([7, seed]), output_size=output, scale_min=scale, scale_max=scale
    )
    draws = tf.random.stateless_uniform([3], tf.constant([7, seed])).numpy()
    factor = np.float32(scale) * np.float32(output) / np.float32(max(height, width))
    scaled = [max(int(factor * np.float32(side)), 1) for side in (height, width)]
    offset = [int(np.float32(max(side - output, 0)) * draw) for side, draw in zip(scaled, draws[1:], strict=True)]
    window = _numpy_resize(example.image.numpy(), *scaled)[offset[0] :, offset[1] :][:output, :output]
    expected = np.zeros((output, output, 3))
    expected[: window.shape[0], : window.shape[1]] = window
    np.testing.assert_allclose(result.image, expected, atol=0.05)
    moved = (example.boxes.numpy() * (scaled * 2) - offset * 2) / output
    visible = (moved[:, :2] < 1).all(axis=1) & (moved[:, 2:] > 0).all(axis=1)
    np.testing.assert_allclose(result.boxes, np.clip(moved, 0, 1)[visible], atol=1e-5)
    np.testing.assert_array_equal(result.classes, np.flatnonzero(visible))
    np.testing.assert_array_equal(result.areas, 10 + np.flatnonzero(visible))


def test_half_scale_by_hand():
    boxes = [(0.0, 0.0, 1.0, 1.0), (0.5, 0.25, 1.0, 0.5)]
    result = random_scale_crop_and_pad_to_square(
        make_example(8, 8, boxes), tf.constant([0, 0]), output_size=8, scale_min=0.5, scale_max=0.5
    )
    np.testing.assert_allclose(result.boxes, [[0, 0, 0.5, 0.5], [0.25, 0.125, 0.5, 0.25]])
    assert not result.image.numpy()[4:].any()  # black, in raw pixel values
    assert not result.image.numpy()[:, 4:].any()
    assert result.image.numpy()[:4, :4].any()
    np.testing.assert_array_equal(result.original_size, [8, 8])


def test_boxes_outside_the_window_are_dropped_and_the_rest_clipped():
    quarters = [(y, x, y + 0.25, x + 0.25) for y in (0.0, 0.25, 0.5, 0.75) for x in (0.0, 0.25, 0.5, 0.75)]
    seen = set()
    for seed in range(20):
        result = random_scale_crop_and_pad_to_square(
            make_example(16, 16, quarters), tf.constant([0, seed]), output_size=16, scale_min=2.0, scale_max=2.0
        )
        boxes = result.boxes.numpy()
        assert ((boxes >= 0) & (boxes <= 1)).all()
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        # The window is half as wide as the scaled picture: it meets 2 or 3 of 4 quarters along each axis.
        assert len(boxes) in (4, 6, 9)
        np.testing.assert_allclose(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1).sum(), 1.0, atol=1e-5)
        seen.add(len(boxes))
    assert 9 in seen


def test_scale_is_uniform():
    @tf.function
    def side(seed):
        example = make_example(40, 40, [(0.0, 0.0, 1.0, 1.0)])
        return random_scale_crop_and_pad_to_square(example, seed, output_size=100, scale_min=0.2, scale_max=0.8).boxes[
            0, 2
        ]

    sides = np.sort([side(tf.constant([3, i])).numpy() for i in range(600)])
    assert 0.19 <= sides[0] < 0.22
    assert 0.78 < sides[-1] <= 0.8
    # Kolmogorov-Smirnov against U(.2, .8); 1.95 / sqrt(n) is the .1 % bound, .01 the truncation to whole pixels.
    distance = np.abs(sides - np.linspace(0.2, 0.8, len(sides))).max() / 0.6
    assert distance < 1.95 / np.sqrt(len(sides)) + 0.01 / 0.6


@pytest.mark.parametrize(
    "augment",
    [
        functools.partial(random_horizontal_flip, probability=0.5),
        functools.partial(random_scale_crop_and_pad_to_square, output_size=16, scale_min=0.1, scale_max=2.0),
    ],
)
@pytest.mark.parametrize("boxes", [((0.0, 0.0, 0.5, 0.5),), ()])
def test_alone_and_inside_tf_data_the_same(augment, boxes):
    example = make_example(20, 30, boxes)
    seeds = [(1, i) for i in range(6)]
    inside = tf.data.Dataset.from_tensor_slices(np.int32(seeds)).map(lambda seed: augment(example, seed))
    for seed, element in zip(seeds, inside, strict=True):
        alone = augment(example, tf.constant(seed))
        for left, right in zip(alone, element, strict=True):
            np.testing.assert_array_equal(left, right)


def test_a_sliver_survives_the_smallest_scale():
    result = random_scale_crop_and_pad_to_square(
        make_example(2, 100), tf.constant([0, 0]), output_size=32, scale_min=0.1, scale_max=0.1
    )
    assert result.image.shape == (32, 32, 3)
    assert result.image.numpy()[0, :3].any()  # 3.2 x 0.064 pixels become 3 x 1


@pytest.mark.parametrize("scale", [0.3, 0.7, 0.71, 1.0, 2.0])  # to fewer and to more pixels than half the picture's
@pytest.mark.parametrize("half_pixel_centers", [False, True])
def test_bytes_are_sampled_as_the_same_floats(scale, half_pixel_centers):
    example = make_example(13, 16)
    floats = example._replace(image=tf.cast(example.image, tf.float32))
    of_bytes, of_floats = (
        random_scale_crop_and_pad_to_square(
            given_one, tf.constant([3, 4]), output_size=16, scale_min=scale, scale_max=scale,
            half_pixel_centers=half_pixel_centers,
        )
        for given_one in (example, floats)
    )  # fmt: skip
    np.testing.assert_array_equal(of_bytes.image, of_floats.image)


def test_padding_in_a_colour_and_half_pixel_centers():
    example = make_example(8, 8, [(0.0, 0.0, 1.0, 1.0)])
    scale = functools.partial(
        random_scale_crop_and_pad_to_square,
        example, tf.constant([0, 0]), output_size=8, scale_min=0.5, scale_max=0.5, pad_value=(123.5, 0.0, 7.0),
    )  # fmt: skip
    for half_pixel_centers in (False, True):
        image = scale(half_pixel_centers=half_pixel_centers).image.numpy()
        np.testing.assert_array_equal(image[4:], np.broadcast_to(np.float32([123.5, 0, 7]), (4, 8, 3)))
        np.testing.assert_array_equal(image[:, 4:], np.broadcast_to(np.float32([123.5, 0, 7]), (8, 4, 3)))
        pixels = example.image.numpy().astype(np.float32)
        expected = pixels.reshape(4, 2, 4, 2, 3).mean(axis=(1, 3)) if half_pixel_centers else pixels[::2, ::2]
        np.testing.assert_allclose(image[:4, :4], expected, atol=1e-3)


_SEED = tf.constant([1, 2])


@pytest.mark.parametrize(
    ("augment", "turn", "boxes"),
    [
        (random_vertical_flip, lambda pixels: pixels[::-1], [[0.25, 0.0, 0.75, 0.5], [0.0, 0.5, 1.0, 1.0]]),
        (random_rotation90, np.rot90, [[0.5, 0.25, 1.0, 0.75], [0.0, 0.0, 0.5, 1.0]]),
    ],
)
def test_turned_by_hand(augment, turn, boxes):
    example = make_example()
    turned = augment(example, _SEED, probability=1.0)
    np.testing.assert_array_equal(turned.image, turn(example.image.numpy()))
    np.testing.assert_array_equal(turned.boxes, boxes)
    np.testing.assert_array_equal(turned.original_size, [6, 8])
    assert_same(augment(example, _SEED, probability=0.0), example)


def test_a_box_turns_with_its_pixels():
    pixels = np.zeros((4, 8, 3), np.uint8)
    pixels[1, 6] = 255
    box = [1 / 4, 6 / 8, 2 / 4, 7 / 8]
    example = make_example(4, 8, [box])._replace(image=tf.constant(pixels))
    for augment in (random_horizontal_flip, random_vertical_flip, random_rotation90):
        example = augment(example, _SEED, probability=1.0)
        sides = np.tile(example.image.shape[:2], 2)
        top, left, bottom, right = np.rint(example.boxes[0].numpy() * sides).astype(int)
        assert (example.image.numpy()[top:bottom, left:right] == 255).all()
        assert np.count_nonzero(example.image) == 3


@pytest.mark.parametrize(
    ("down", "right", "boxes"),
    [
        (0.0, 0.0, [[0.5, 0.0, 1.0, 0.5]]),
        (1.0, 0.0, [[0.25, 0.0, 0.5, 0.5], [0.75, 0.0, 1.0, 0.5]]),
        (0.0, 1.0, [[0.5, 0.0, 1.0, 0.25], [0.5, 0.5, 1.0, 0.75]]),
        (1.0, 1.0, [[y, x, y + 0.25, x + 0.25] for x in (0.0, 0.5) for y in (0.25, 0.75)]),
    ],
)
def test_self_concatenation_by_hand(down, right, boxes):
    example = make_example(2, 3, [(0.5, 0.0, 1.0, 0.5)])
    result = random_self_concat_image(example, _SEED, vertical_probability=down, horizontal_probability=right)
    np.testing.assert_array_equal(result.image, np.tile(example.image, (1 + int(down), 1 + int(right), 1)))
    np.testing.assert_array_equal(result.boxes, boxes)
    np.testing.assert_array_equal(result.areas, [10] * len(boxes))
    assert result.is_crowd.shape == (len(boxes),)


def test_image_scale_aligns_the_corners():
    pixels = np.float32([[0, 10, 20], [30, 40, 50], [60, 70, 80]])
    example = make_example(3, 3)._replace(image=tf.constant(np.repeat(pixels[..., np.newaxis], 3, axis=-1)))
    result = random_image_scale(example, _SEED, min_scale=5 / 3 + 0.01, max_scale=5 / 3 + 0.01)
    expected = np.arange(5) * 5 + np.arange(5)[:, np.newaxis] * 15
    np.testing.assert_allclose(result.image[..., 1], expected, atol=1e-4)
    np.testing.assert_array_equal(result.boxes, example.boxes)
    sizes = [
        random_image_scale(make_example(50, 100), tf.constant([0, i]), min_scale=0.5, max_scale=2.0).image.shape
        for i in range(40)
    ]
    heights = [height for height, _, _ in sizes]
    assert 25 <= min(heights) < 35
    assert 85 < max(heights) <= 100
    assert all(abs(width - 2 * height) <= 1 for height, width, _ in sizes)


def test_downscaling_only_shrinks():
    shrink = functools.partial(random_downscale_to_target_pixels, min_target_pixels=200, max_target_pixels=201)
    assert shrink(make_example(20, 40), _SEED).image.shape == (10, 20, 3)
    assert shrink(make_example(10, 20), _SEED).image.shape == (10, 20, 3)
    assert shrink(make_example(4, 4), _SEED).image.shape == (4, 4, 3)
    kept = shrink(make_example(20, 40), _SEED, skip_probability=1.0).image
    np.testing.assert_array_equal(kept, make_example(20, 40).image)
    assert kept.dtype == tf.float32
    sizes = [
        np.prod(
            random_downscale_to_target_pixels(
                make_example(40, 40), tf.constant([0, i]), min_target_pixels=100, max_target_pixels=400
            ).image.shape[:2]
        )
        for i in range(40)
    ]
    assert 81 <= min(sizes) < 150
    assert 300 < max(sizes) <= 400
