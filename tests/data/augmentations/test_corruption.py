# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is spoilt, how much of it, and what is left alone."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentations.corruption import random_black_patches, random_jpeg_quality, random_patch_gaussian
from tests.data.augmentations.examples import make_example, with_pixels


def _flat(height: int, width: int, value: int = 128):
    return with_pixels(np.full((height, width, 3), value, np.uint8))


def _extent(changed: np.ndarray) -> list[tuple[int, int]]:
    """First and last changed row, first and last changed column."""
    return [(int(where.min()), int(where.max())) for where in np.nonzero(changed.any(axis=-1))]


def test_a_black_patch_is_a_square_inside_the_picture():
    patch = functools.partial(random_black_patches, max_black_patches=1, probability=1.0, size_to_image_ratio=0.5)
    corners = set()
    for i in range(30):
        image = patch(_flat(8, 12), tf.constant([0, i])).image.numpy()
        assert image.dtype == np.uint8
        (top, bottom), (left, right) = _extent(image == 0)
        assert (bottom - top, right - left) == (3, 3)
        assert np.count_nonzero(image == 0) == 4 * 4 * 3
        corners.add((top, left))
    assert len(corners) > 10
    assert max(top for top, _ in corners) <= 4
    assert 3 <= max(left for _, left in corners) <= 6


@pytest.mark.parametrize(
    ("count", "probability", "least", "most"), [(10, 0.0, 0, 0), (0, 1.0, 0, 0), (9, 1.0, 60, 900)]
)
def test_number_of_black_patches(count, probability, least, most):
    image = random_black_patches(
        _flat(100, 100), tf.constant([0, 1]), max_black_patches=count, probability=probability, size_to_image_ratio=0.1
    ).image
    assert least <= np.count_nonzero(image[..., 0] == 0) <= most


def test_each_black_patch_is_drawn_for_itself():
    covered = [
        np.count_nonzero(
            random_black_patches(
                _flat(400, 400), tf.constant([0, i]), max_black_patches=4, probability=0.25, size_to_image_ratio=0.01
            ).image[..., 0]
            == 0
        )
        for i in range(100)
    ]
    assert abs(np.mean(covered) / 16 - 1.0) < 0.35  # 4 x .25; four standard deviations
    assert len({round(pixels / 16) for pixels in covered}) >= 3


def test_noise_lies_in_a_square():
    noisy = functools.partial(random_patch_gaussian, min_patch_size=4, max_patch_size=4, min_stddev=0.1, max_stddev=0.1)
    middles, values = set(), []
    for i in range(60):
        image = noisy(_flat(10, 14), tf.constant([0, i])).image.numpy()
        (top, bottom), (left, right) = _extent(image != 128)
        assert bottom - top == 3 or top == 0 or bottom == 9
        assert right - left == 3 or left == 0 or right == 13
        middles.add((bottom, right))
        values.append(image[image != 128] - 128)
    assert len(middles) > 30
    np.testing.assert_allclose(np.std(np.concatenate(values)), 25.5, rtol=0.05)
    assert noisy(_flat(2, 2), tf.constant([0, 1])).image.shape == (2, 2, 3)


def test_noise_is_clipped_and_can_be_left_out():
    noisy = functools.partial(
        random_patch_gaussian, min_patch_size=99, max_patch_size=100, min_stddev=3.0, max_stddev=3.0
    )
    image = noisy(_flat(9, 9), tf.constant([0, 1])).image.numpy()
    assert (image.min(), image.max()) == (0, 255)
    kept = noisy(make_example(), tf.constant([0, 1]), skip_probability=1.0).image
    np.testing.assert_array_equal(kept, make_example().image)
    assert kept.dtype == tf.float32
    still = random_patch_gaussian(
        make_example(), tf.constant([0, 1]), min_patch_size=99, max_patch_size=100, min_stddev=0.0, max_stddev=0.0
    )
    np.testing.assert_array_equal(still.image, make_example().image)


def test_jpeg_quality():
    ramp = np.arange(0, 256, 8)[:, np.newaxis, np.newaxis] + np.random.default_rng(0).integers(0, 40, (32, 32, 1))
    example = with_pixels(np.repeat(ramp.clip(0, 255), 3, axis=-1).astype(np.uint8))

    def error(low: int, high: int, seed: int = 1) -> float:
        image = random_jpeg_quality(example, tf.constant([0, seed]), min_quality=low, max_quality=high).image
        return float(np.abs(image - tf.cast(example.image, tf.float32)).mean())

    errors = [error(quality, quality) for quality in (95, 30, 0)]
    assert errors == sorted(errors)
    assert errors[0] < 3 < 8 < errors[2]
    assert len({error(0, 100, seed) for seed in range(8)}) > 4
    kept = random_jpeg_quality(example, tf.constant([0, 1]), min_quality=0, max_quality=1, skip_probability=1.0).image
    np.testing.assert_array_equal(kept, example.image)
