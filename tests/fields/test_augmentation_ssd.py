# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What each field of the SSD paper's zoom-out and photometric distortion does to a picture of 40 x 60 pixels."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentations import draws
from tests.data.augmentations.examples import with_pixels
from tests.fields.augment import COLOR, Augment, check, color, num_pixels, size

field = pytest.mark.field

_SEED = (1, 2)
_WHETHER, _RATIO = 0.52847421, 0.88380110
"""What the zoom-out draws: of the first two of the four seeds that [1, 2] is split into."""
_CONTRAST, _BRIGHTNESS, _SATURATION, _HUE = 0.29774940, 0.79804587, 0.78702176, 0.91907728
"""What the distortion draws: of the second of two seeds of each of the last four of five."""

_NOTHING = {
    "probability": 1, "max_brightness_delta": 0, "min_contrast": 1, "max_contrast": 1, "min_saturation": 1,
    "max_saturation": 1, "max_hue_delta": 0,
}  # fmt: skip


def _only(**changes: float) -> str:
    """The distortion with nothing but `changes`."""
    return " ".join(f"{name}: {value}" for name, value in (_NOTHING | changes).items())


def _times(factor: float) -> list[float]:
    return [factor * value for value in COLOR]


def _saturated(factor: float) -> tuple[float, float, float]:
    """(200, 100, 50) lacks 100 and 150 of its greatest value; that is what the saturation scales."""
    return 200, 200 - 100 * factor, 200 - 150 * factor


def _red(augment: Augment) -> Any:
    """What becomes of pure red."""
    return augment(with_pixels(np.uint8([[[255, 0, 0]]]))).image[0, 0]


def _turned(by: float) -> tuple[float, ...]:
    """Pure red, its hue turned by a share of the circle."""
    return tuple(255 * value for value in colorsys.hsv_to_rgb(by % 1, 1, 1))


_ROWS = [
    ("random_zoom_out", "probability: 1 max_ratio: 1", size, (40, 60), field("RandomZoomOut.max_ratio")),
    # 40 and 60 times 1 + .8838: 75.4 and 113.0; times 1 + 3 * .8838: 146.1 and 219.1.
    ("random_zoom_out", "probability: 1 max_ratio: 2", size, (75, 113), field("RandomZoomOut.max_ratio")),
    ("random_zoom_out", "probability: 1", size, (146, 219), field("RandomZoomOut.max_ratio")),
    ("random_zoom_out", "probability: .52", size, (40, 60), field("RandomZoomOut.probability")),
    ("random_zoom_out", "probability: .53", size, (146, 219), field("RandomZoomOut.probability")),
    ("random_zoom_out", "probability: 1 max_ratio: 2 color: [1, 2, 3]", num_pixels(1, 2, 3), 75 * 113 - 2400,
     field("RandomZoomOut.color")),
    ("random_zoom_out", "probability: 1 max_ratio: 2", num_pixels(*COLOR), 75 * 113, field("RandomZoomOut.color")),
    *(("random_photometric_distort", text, color, expected, field(f"RandomPhotometricDistort.{name}"))
      for name, text, expected in (
          ("probability", "probability: 0", COLOR),
          ("max_brightness_delta", _only(), COLOR),
          ("max_brightness_delta", _only(max_brightness_delta=0.1),
           [value + 255 * 0.1 * (2 * _BRIGHTNESS - 1) for value in COLOR]),
          ("min_contrast", _only(min_contrast=0.5), _times(0.5 + 0.5 * _CONTRAST)),
          ("max_contrast", _only(max_contrast=1.2), _times(1 + 0.2 * _CONTRAST)),
          ("min_saturation", _only(min_saturation=0), _saturated(_SATURATION)),
          ("max_saturation", _only(max_saturation=1.2), _saturated(1 + 0.2 * _SATURATION)))),
    ("random_photometric_distort", _only(max_hue_delta=0.3), _red, _turned(0.3 * (2 * _HUE - 1)),
     field("RandomPhotometricDistort.max_hue_delta")),
    ("random_photometric_distort", _only(max_hue_delta=0.1), _red, _turned(0.1 * (2 * _HUE - 1)),
     field("RandomPhotometricDistort.max_hue_delta")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "text", "measure", "expected"), [pytest.param(*given, marks=mark) for *given, mark in _ROWS]
)
def test_what_a_field_does(step: str, text: str, measure: Any, expected: Any) -> None:
    check(step, text, measure, expected)


def test_the_draws_that_literals_are_worked_out_with() -> None:
    seed = tf.constant(_SEED)
    zoom, distortion = draws.split(seed, 4)[:2], [draws.split(part, 2)[1] for part in draws.split(seed, 5)[1:]]
    drawn = [float(tf.random.stateless_uniform([], part)) for part in [*zoom, *distortion]]
    assert drawn == pytest.approx([_WHETHER, _RATIO, _CONTRAST, _BRIGHTNESS, _SATURATION, _HUE])
