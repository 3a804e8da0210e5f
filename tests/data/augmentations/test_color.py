# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Colours worked out by hand, and the ranges of what is drawn."""

from __future__ import annotations

import colorsys
import functools

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentations import color, draws
from tests.data.augmentations.examples import assert_same, make_example, with_pixels

_SEED = tf.constant([4, 2])
_COLORS = np.uint8([[[200, 100, 50], [0, 0, 0]], [[10, 250, 90], [255, 255, 255]]])


def _drawn(seed: tf.Tensor, low: float, high: float) -> float:
    return low + (high - low) * tf.random.stateless_uniform([], seed).numpy()


def _gray_pictures(augment) -> np.ndarray:
    """The value that a picture of 100 gets, for many seeds."""
    example = with_pixels(np.full((1, 1, 3), 100, np.uint8))
    value = tf.function(lambda i: augment(example, tf.stack([0, i])).image[0, 0, 0], autograph=False)
    return np.array([value(tf.constant(i)) for i in range(200)])


def test_brightness():
    changed = color.random_adjust_brightness(with_pixels(_COLORS), _SEED, max_delta=0.2)
    expected = np.clip(_COLORS + 255 * _drawn(_SEED, -0.2, 0.2), 0, 255)
    np.testing.assert_allclose(changed.image, expected, atol=1e-3)
    values = _gray_pictures(functools.partial(color.random_adjust_brightness, max_delta=0.2))
    assert 49 <= values.min() < 53 < 147 < values.max() <= 151


def test_contrast_turns_about_the_mean_of_each_channel():
    pixels = np.uint8([[[100, 0, 7], [120, 200, 7]]])
    doubled = color.random_adjust_contrast(with_pixels(pixels), _SEED, min_factor=2.0, max_factor=2.0)
    np.testing.assert_allclose(doubled.image, [[[90, 0, 7], [130, 255, 7]]], atol=1e-3)
    flat = color.random_adjust_contrast(with_pixels(pixels), _SEED, min_factor=0.0, max_factor=0.0)
    np.testing.assert_allclose(flat.image, [[[110, 100, 7], [110, 100, 7]]], atol=1e-3)


@pytest.mark.parametrize(
    ("factor", "first"),
    [(0.0, [200, 200, 200]), (0.5, [200, 150, 125]), (1.0, [200, 100, 50]), (2.0, [200, 200 / 3, 0])],
)
def test_saturation(factor, first):
    changed = color.random_adjust_saturation(with_pixels(_COLORS), _SEED, min_factor=factor, max_factor=factor)
    np.testing.assert_allclose(changed.image[0, 0], first, atol=1e-2)
    np.testing.assert_allclose(changed.image[:, 1], [[0, 0, 0], [255, 255, 255]], atol=1e-2)


def test_hue():
    changed = color.random_adjust_hue(with_pixels(_COLORS), _SEED, max_delta=0.3)
    delta = _drawn(_SEED, -0.3, 0.3)
    for pixel, result in zip(_COLORS.reshape(-1, 3), changed.image.numpy().reshape(-1, 3), strict=True):
        hue, saturation, value = colorsys.rgb_to_hsv(*(pixel / 255))
        expected = 255 * np.array(colorsys.hsv_to_rgb((hue + delta) % 1, saturation, value))
        np.testing.assert_allclose(result, expected, atol=1e-2)


def test_both_orders_of_distortion():
    example = make_example()
    seeds = draws.split(_SEED, 4)
    bright = color.random_adjust_brightness(example, seeds[0], max_delta=32 / 255)
    contrast = functools.partial(color.random_adjust_contrast, seed=seeds[1], min_factor=0.5, max_factor=1.5)
    saturation = functools.partial(color.random_adjust_saturation, seed=seeds[2], min_factor=0.5, max_factor=1.5)
    hue = functools.partial(color.random_adjust_hue, seed=seeds[3], max_delta=0.2)
    last = color.random_distort_color(example, _SEED, contrast="last")
    assert_same(last, contrast(hue(saturation(bright))))
    first = color.random_distort_color(example, _SEED, contrast="first")
    assert_same(first, hue(saturation(contrast(bright))))
    assert np.abs(first.image - last.image).max() > 1


_SURELY = {
    "probability": 1.0, "max_brightness_delta": 0.0, "contrast": (1.0, 1.0), "saturation": (1.0, 1.0),
    "max_hue_delta": 0.0,
}  # fmt: skip


def _photometric(**changes):
    return functools.partial(color.random_photometric_distort, **(_SURELY | changes))


def test_contrast_comes_first_or_last():
    distort = _photometric(contrast=(2.0, 2.0), saturation=(0.5, 0.5))
    pixel = with_pixels(_COLORS[:1, :1])
    first = tf.function(lambda i: distort(pixel, tf.stack([0, i])).image[0, 0], autograph=False)
    results = np.array([first(tf.constant(i)) for i in range(60)])
    # (400, 200, 100), clipped: (255, 200, 100), of which half the saturation; or half of it, (200, 150, 125), doubled.
    is_first = np.isclose(results, [255, 227.5, 177.5]).all(axis=1)
    assert (is_first | np.isclose(results, [255, 255, 250]).all(axis=1)).all()
    assert abs(is_first.mean() - 0.5) < 0.26  # four standard deviations


def test_each_photometric_change_happens_half_of_the_time():
    values = _gray_pictures(_photometric(probability=0.5, max_brightness_delta=0.2, contrast=(1.5, 1.5)))
    is_same, is_contrast = values == 100, values == 150
    brightened = values[~(is_same | is_contrast)]
    assert 49 <= brightened.min() < brightened.max() <= 226.5
    for share in (is_same.mean(), is_contrast.mean(), len(brightened) / 400):
        assert abs(share - 0.25) < 0.13  # four standard deviations


def test_photometric_distortion_leaves_gray_gray_and_nothing_drawn_as_it_is():
    example = make_example()
    same = color.random_photometric_distort(example, _SEED, **(_SURELY | {"probability": 0.0}))
    assert_same(same, example._replace(image=tf.cast(example.image, tf.float32)))
    values = _gray_pictures(_photometric(saturation=(0.0, 2.0), max_hue_delta=0.5))
    np.testing.assert_allclose(values, 100, atol=1e-3)


def test_pixel_values_are_scaled_one_by_one():
    example = with_pixels(np.full((40, 50, 3), 100, np.uint8))
    values = color.random_pixel_value_scale(example, _SEED, min_factor=0.5, max_factor=3.0).image.numpy()
    assert 50 <= values.min() < 51
    assert values.max() == 255
    np.testing.assert_allclose((values == 255).mean(), (300 - 255) / 250, atol=0.02)
    assert np.unique(values[..., 0]).size > 1000


def test_gray():
    gray = color.rgb_to_gray(with_pixels(_COLORS), _SEED).image
    assert gray.shape == (2, 2, 3)
    np.testing.assert_allclose(gray[0, 0], [0.2989 * 200 + 0.587 * 100 + 0.114 * 50] * 3, atol=1e-3)
    np.testing.assert_array_equal(color.random_rgb_to_gray(with_pixels(_COLORS), _SEED, probability=1.0).image, gray)
    kept = color.random_rgb_to_gray(with_pixels(_COLORS), _SEED, probability=0.0).image
    np.testing.assert_array_equal(kept, _COLORS)


def test_gamma():
    changed = color.adjust_gamma(with_pixels(_COLORS), _SEED, gamma=2.0, gain=1.5).image
    np.testing.assert_allclose(changed[0, 0], 1.5 * np.float32([200, 100, 50]) ** 2 / 255, atol=1e-3)
    np.testing.assert_array_equal(changed[1, 1], [255, 255, 255])
