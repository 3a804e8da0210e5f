# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the fields of augmentation by policy do to a picture of one pixel, (100, 100, 100), without boxes.

Its middle stays where it is when it is turned or sheared; any translation, of 50 pixels and more, and any cutout leaves
128 of it. It has no contrast, no colour and no neighbours to change. So a policy makes of it what follows from its
table for the rest: v -> 255 - v (Invert), v + n below 128 (SolarizeAdd), f * v up to 255 (Brightness), upper bits of v
(Posterize).
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.augmentation import build_augmentations
from efficientdet.config import load_config
from efficientdet.data.augmentation_chain import Augmentation
from efficientdet.data.augmentations.mixing import Mixing
from efficientdet.data.record_order import plain
from tests.data.augmentations.examples import with_pixels
from tests.end_to_end.tiny import CONFIG

_ONE_PIXEL = with_pixels(np.full((1, 1, 3), 100, np.uint8))

_field = pytest.mark.field
_NAME = _field("AutoAugmentImage.policy_name")


def _augment(step: str) -> Augmentation:
    config = load_config(CONFIG, [f"train_config {{ data_augmentation_options {{ {step} }} }}"])
    (augment,) = build_augmentations(config.proto.train_config.data_augmentation_options)
    assert not isinstance(augment, Mixing)
    return augment


def _values(step: str, draws: int) -> set[int]:
    """What becomes of the pixel, in many draws."""
    augment = _augment(step)
    seeds = np.int32([(1, index) for index in range(draws)])
    draw = plain(lambda seed: augment(_ONE_PIXEL, seed).image[0, 0])
    pixels = np.array(list(tf.data.Dataset.from_tensor_slices(seeds).map(draw).as_numpy_iterator()))
    assert (pixels == pixels[:, :1]).all()
    return {int(value) for value in pixels[:, 0]}


def _some_values(step: str, draws: int = 40) -> set[int]:
    """What becomes of it in so few draws that it is not worth while to trace them."""
    augment = _augment(step)
    return {int(augment(_ONE_PIXEL, tf.constant([1, index])).image[0, 0, 0]) for index in range(draws)}


def _check(values: set[int], expected: set[int], others: set[int]) -> None:
    """That there are no values but the expected ones, and some that other settings do not give."""
    assert len(values) > 1
    assert values <= expected
    assert values - others


# Each table's sub-policies with something to do, their steps applied or not. The rarest value is 46 in v2: Brightness
# at 2 (with .2) but not at 8 (.8), in one of 15 sub-policies, is one draw in 375.
_EXPECTED = {
    # Translation or Cutout.
    "v0": ({100, 128}, 100),
    # And Brightness at 10 (1.9) before or after Cutout, SolarizeAdd at 4 (44), at 8 (88) and then Brightness.
    "v1": ({100, 128, 190, 243, 144, 188, 255}, 500),
    # SolarizeAdd at 6 (66), at 8 (88), at 10 (110); Brightness at 8 (1.54) before or after Cutout, at 2 (.46), both.
    "v2": ({100, 128, 166, 188, 210, 154, 197, 46, 70}, 1200),
    # SolarizeAdd at 2 (22), at 6 (66); Posterize at 2 (1 bit). Brightness is followed by a certain translation.
    "v3": ({100, 128, 122, 166, 0}, 400),
}


@pytest.mark.parametrize(
    ("name", "expected", "draws"), [pytest.param(name, *row, marks=_NAME) for name, row in _EXPECTED.items()]
)
def test_policy_name(name: str, expected: set[int], draws: int) -> None:
    step = f'autoaugment_image {{ policy_name: "{name}" }}'
    _check(_some_values(step), expected, _EXPECTED["v0"][0] if name != "v0" else set())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "expected", "draws"), [pytest.param(name, *row, marks=_NAME) for name, row in _EXPECTED.items()]
)
def test_all_that_a_policy_does(name: str, expected: set[int], draws: int) -> None:
    assert _values(f'autoaugment_image {{ policy_name: "{name}" }}', draws) == expected


_INVERTED, _GRAY, _KEPT = 155, 128, 100
_ONCE = {_KEPT, _INVERTED, _GRAY, 96, 190, 210}  # 4 bits of 100; 1.9 times 100; 100 + 110
# What each of `_ONCE` becomes when it is inverted, posterised, brightened or added to.
_TWICE = _ONCE | {144, 255} | {159, 182, 206} | {65, 176} | {127, 243} | {45, 208}
_HALF = {_KEPT, _INVERTED, _GRAY, 64}  # two bits, a factor of 1, 55 more
_RAND_AUGMENT = [
    pytest.param("num_layers: 1", _ONCE, set(), 300, marks=_field("RandAugmentImage.num_layers")),
    # Each two of 17 choices are one draw in 289.
    pytest.param("num_layers: 2", _TWICE, _ONCE, 1500, marks=_field("RandAugmentImage.num_layers")),
    pytest.param("num_layers: 1 magnitude: 5", _HALF, _ONCE, 300, marks=_field("RandAugmentImage.magnitude")),
]


@pytest.mark.parametrize(("fields", "expected", "others", "draws"), _RAND_AUGMENT)
def test_rand_augment(fields: str, expected: set[int], others: set[int], draws: int) -> None:
    _check(_some_values(f"rand_augment_image {{ {fields} }}"), expected, others)


@pytest.mark.slow
@pytest.mark.parametrize(("fields", "expected", "others", "draws"), _RAND_AUGMENT)
def test_all_that_rand_augment_does(fields: str, expected: set[int], others: set[int], draws: int) -> None:
    assert _values(f"rand_augment_image {{ {fields} }}", draws) == expected
