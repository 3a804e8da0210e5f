# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Anchors against literals and the recordings of both lineages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from efficientdet.ops.anchors import feature_sizes, generate_anchors

RETINA: dict[str, Any] = {
    "min_level": 3,
    "max_level": 7,
    "anchor_scale": 4.0,
    "aspect_ratios": [1.0, 2.0, 0.5],
    "scales_per_octave": 3,
}
TFOD = dict(RETINA, order="aspect_major", strides="power_of_two")
AUTOML = dict(RETINA, order="scale_major", strides="exact")


def heights_and_widths(anchors: np.ndarray) -> np.ndarray:
    return anchors[:, 2:] - anchors[:, :2]


def test_feature_sizes_round_up() -> None:
    assert feature_sizes((320, 320), 3, 7) == [(40, 40), (20, 20), (10, 10), (5, 5), (3, 3)]
    assert feature_sizes((512, 100), 6, 7) == [(8, 2), (4, 1)]


@pytest.mark.parametrize(
    ("size", "count"),
    [(512, 49104), (640, 76725), (768, 110484), (896, 150381), (1024, 196416), (1280, 306900), (1536, 441936)],
)
def test_number_of_anchors(size: int, count: int) -> None:
    assert generate_anchors((size, size), **TFOD).shape == (count, 4)


def test_first_cell_aspect_major() -> None:
    cell = heights_and_widths(generate_anchors((512, 512), **TFOD)[:9]) * 512
    expected = [
        *[(32, 32), (40.3175, 40.3175), (50.7968, 50.7968)],
        *[(22.6274, 45.2548), (28.5088, 57.0175), (35.9188, 71.8376)],
        *[(45.2548, 22.6274), (57.0175, 28.5088), (71.8376, 35.9188)],
    ]
    np.testing.assert_allclose(cell, expected, rtol=1e-5)


def test_first_cell_scale_major() -> None:
    cell = heights_and_widths(generate_anchors((512, 512), **AUTOML)[:4]) * 512
    np.testing.assert_allclose(cell, [(32, 32), (22.6274, 45.2548), (45.2548, 22.6274), (40.3175, 40.3175)], rtol=1e-5)


def test_rows_before_columns_before_the_next_level() -> None:
    anchors = generate_anchors((512, 512), **TFOD)
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2 * 512
    np.testing.assert_allclose(centers[[0, 9, 9 * 64, 36864]], [(4, 4), (4, 12), (12, 4), (8, 8)], atol=1e-4)


def test_power_of_two_strides_start_on_the_edge_of_a_side_they_do_not_divide() -> None:
    one: dict[str, Any] = {
        "min_level": 7,
        "max_level": 7,
        "anchor_scale": 1.0,
        "aspect_ratios": [1.0],
        "scales_per_octave": 1,
    }
    anchors = generate_anchors((320, 256), **one, order="aspect_major", strides="power_of_two")
    centers = (anchors[:, :2] + anchors[:, 2:]) / 2 * [320, 256]
    np.testing.assert_allclose(centers, [(0, 64), (0, 192), (128, 64), (128, 192), (256, 64), (256, 192)], atol=1e-4)


def test_exact_strides_divide_an_odd_pyramid_evenly() -> None:
    one: dict[str, Any] = {
        "min_level": 7,
        "max_level": 7,
        "anchor_scale": 3.0,
        "aspect_ratios": [1.0],
        "scales_per_octave": 1,
    }
    anchors = generate_anchors((320, 320), **one, order="scale_major", strides="exact")
    np.testing.assert_allclose(anchors[4], [0.0, 0.0, 1.0, 1.0], atol=1e-6)
    np.testing.assert_allclose((anchors[:3, 1] + anchors[:3, 3]) / 2, [1 / 6, 3 / 6, 5 / 6], atol=1e-6)


def test_one_anchor_scale_for_each_level() -> None:
    settings = dict(TFOD, anchor_scale=[4.0, 4.0, 4.0, 4.0, 8.0])
    anchors, usual = generate_anchors((512, 512), **settings), generate_anchors((512, 512), **TFOD)
    np.testing.assert_array_equal(anchors[:48960], usual[:48960])
    np.testing.assert_allclose(heights_and_widths(anchors[48960:]), 2 * heights_and_widths(usual[48960:]), rtol=1e-5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"anchor_scale": [4.0, 4.0]}, "anchor_scale has 2 values, levels 3 to 7 need 5"),
        ({"order": "rows"}, "order is 'rows'"),
        ({"strides": "odd"}, "strides is 'odd'"),
    ],
)
def test_bad_settings_are_named(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate_anchors((512, 512), **{**TFOD, **change})


def test_parity_with_tfod(shared: Path) -> None:
    with np.load(shared / "fixtures" / "tfod_d0_parity.npz") as recorded:
        np.testing.assert_allclose(generate_anchors((512, 512), **TFOD), recorded["anchors"], atol=2e-7)


def test_parity_with_automl(shared: Path) -> None:
    with np.load(shared / "fixtures" / "automl_d0.npz") as recorded:
        np.testing.assert_allclose(generate_anchors((512, 512), **AUTOML) * 512, recorded["anchors"], atol=1e-4)
