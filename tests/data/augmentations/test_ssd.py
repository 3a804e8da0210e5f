# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The crops of SSD: one rule of several, and aspect ratios that are kept."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentations import ssd
from efficientdet.data.augmentations.crops import Crop, Padding
from tests.data.augmentations.examples import make_example

_BOX = [(0.3, 0.3, 0.7, 0.7)]
_WHOLE = Crop(0.0, (1.0, 1.0), (1.0, 1.0), overlap_threshold=0.0, skip_probability=1.0)
_QUARTER = Crop(0.0, (1.0, 1.0), (0.25, 0.25), overlap_threshold=0.0)


def test_the_rules_by_default():
    assert [crop.min_object_covered for crop in ssd.SSD_CROPS] == [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
    assert [crop.overlap_threshold for crop in ssd.SSD_CROPS] == [0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
    assert {crop[1:3] + crop[4:] for crop in ssd.SSD_CROPS} == {((0.5, 2.0), (0.1, 1.0), True, 0.15)}
    assert [crop for crop, _ in ssd.SSD_PADDED_CROPS] == list(ssd.SSD_CROPS[1:])
    assert {padding for _, padding in ssd.SSD_PADDED_CROPS} == {((1.0, 1.0), (2.0, 2.0), None)}


def test_each_rule_is_as_likely():
    results = [
        ssd.ssd_random_crop(make_example(40, 40, _BOX), tf.constant([0, i]), crops=[_WHOLE, _QUARTER, _WHOLE])
        for i in range(200)
    ]
    sides = [result.image.shape[0] for result in results]
    assert set(sides) == {20, 40}
    assert abs(sides.count(20) / 200 - 1 / 3) < 0.14  # four standard deviations


def test_every_rule_has_its_own_padding():
    crops = [(_QUARTER, Padding((1, 1), (1, 1), (9.0, 0.0, 0.0))), (_WHOLE, Padding((2, 2), (2, 2), (0.0, 9.0, 0.0)))]
    seen = set()
    for i in range(20):
        image = ssd.ssd_random_crop_pad(make_example(40, 40, _BOX), tf.constant([0, i]), crops=crops).image
        side = image.shape[0]
        assert side in (40, 80)
        color = [9, 0, 0] if side == 40 else [0, 9, 0]
        padding = np.isclose(image, color, atol=1e-3).all(axis=-1)
        assert np.count_nonzero(~padding) == (400 if side == 40 else 1600)
        seen.add(side)
    assert seen == {40, 80}


@pytest.mark.parametrize("aspect_ratio", [0.5, 1.0, 1.6])
def test_a_fixed_aspect_ratio(aspect_ratio):
    for i in range(12):
        seed = tf.constant([0, i])
        for result in (
            ssd.ssd_random_crop_fixed_aspect_ratio(make_example(60, 90, _BOX), seed, aspect_ratio=aspect_ratio),
            ssd.ssd_random_crop_pad_fixed_aspect_ratio(
                make_example(60, 90, _BOX), seed, aspect_ratio=aspect_ratio, padding=Padding()
            ),
        ):
            height, width, _ = result.image.shape
            assert abs(width - aspect_ratio * height) <= 1 + aspect_ratio


@pytest.mark.parametrize(("clip", "side"), [(True, 1.0), (False, 2**0.5)])
def test_clipping_is_the_rule_s(clip, side):
    half = Crop(0.0, (1.0, 1.0), (0.45, 0.5), overlap_threshold=0.0, clip_boxes=clip)
    result = ssd.ssd_random_crop_fixed_aspect_ratio(
        make_example(40, 40, [(0.0, 0.0, 1.0, 1.0)]), tf.constant([0, 0]), aspect_ratio=1.0, crops=[half]
    )
    np.testing.assert_allclose(result.boxes[0, 2:] - result.boxes[0, :2], [side] * 2, atol=0.06)
