# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What each field of the resizers, and of `normalization`, does to the network's input."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from efficientdet.builders.input import build_preprocessor
from efficientdet.config import load_config
from efficientdet.data.preprocessing import Preprocessor
from tests.end_to_end.tiny import CONFIG
from tests.fields.rows import field

_PIXELS = "model { ssd { feature_extractor { normalization { mean: [0, 0, 0] stddev: [1, 1, 1] } } } }"
_RESIZER = "model {{ ssd {{ image_resizer {{ {} {{ {} }} }} }} }}"
_SQUARE = "min_dimension: 160 max_dimension: 160"


def _preprocessor(resizer: str, text: str, normalization: str = _PIXELS) -> Preprocessor:
    return build_preprocessor(load_config(CONFIG, [normalization, _RESIZER.format(resizer, text)]))


def _input_size(preprocessor: Preprocessor) -> Any:
    return preprocessor.input_size


def _true_size(preprocessor: Preprocessor) -> Any:
    """Of a picture of 100 x 150."""
    return preprocessor(np.zeros([100, 150, 3], np.uint8))[1]


def _corner(preprocessor: Preprocessor) -> Any:
    """The lower right pixel of the input, below a picture of 100 x 150."""
    return preprocessor(np.zeros([100, 150, 3], np.uint8))[0][-1, -1]


def _colour(preprocessor: Preprocessor) -> Any:
    """A pixel of a picture in one colour."""
    return preprocessor(np.full([4, 4, 3], (100, 50, 200), np.uint8))[0][0, 0]


def _sampled(preprocessor: Preprocessor) -> Any:
    """The first row of three, of a picture of four rows with the pixels 0, 10, 40, 90."""
    return preprocessor(np.tile(np.float32([0, 10, 40, 90])[:, np.newaxis], [4, 1, 3]))[0][0, :, 0]


# Three pixels out of four lie at 0, 4/3, 8/3; with half pixel centres at 1/6, 3/2, 17/6.
#
# Bicubic, without half pixel centres (a = -3/4): the weights around 4/3 are -1/9, .796296, .370370, -1/18, around 8/3
# the same from right to left; the pixel behind the last one is the last one again. With them (a = -1/2), they are
# -1/16, 9/16, 9/16, -1/16 around 3/2. Around 1/6 they are .9375, .131944, -.011574, and -.057870 for a pixel outside,
# whose weight the others share: each is divided by 1.057870; 17/6 is its mirror image. TensorFlow rounds positions to
# 1/1024 of a pixel.
#
# Area: 4/3 pixels are averaged: (0 + 10/3) 3/4, (10 2/3 + 40 2/3) 3/4, (40/3 + 90) 3/4.
_SAMPLED = [
    ("BILINEAR", "false", [0, 20, 40 + 50 * 2 / 3]),
    ("BILINEAR", "true", [10 / 6, 25, 40 + 50 * 5 / 6]),
    ("NEAREST_NEIGHBOR", "false", [0, 10, 40]),
    ("NEAREST_NEIGHBOR", "true", [0, 40, 90]),
    ("BICUBIC", "false", [0, 7.96296 + 14.81481 - 5, -0.55556 + 14.81481 + 71.66667 - 10]),
    ("BICUBIC", "true", [0.85648 / 1.05787, 22.5, 89.53704 / 1.05787]),
    ("AREA", "false", [2.5, 25, 77.5]),
    ("AREA", "true", [2.5, 25, 77.5]),
]
_Row = tuple[str, str, Callable[[Preprocessor], Any], Any, pytest.MarkDecorator]
_ROWS: list[_Row] = [
    ("fixed_shape_resizer", "height: 96 width: 64", _input_size, (96, 64),
     field("ImageResizer.fixed_shape_resizer", "FixedShapeResizer.height", "FixedShapeResizer.width")),
    ("fixed_shape_resizer", "height: 96 width: 64", _true_size, (96, 64),
     field("FixedShapeResizer.height", "FixedShapeResizer.width")),
    *(("fixed_shape_resizer", f"height: 3 width: 3 resize_method: {method} half_pixel_centers: {half}", _sampled,
       expected, field("FixedShapeResizer.resize_method", "FixedShapeResizer.half_pixel_centers"))
      for method, half, expected in _SAMPLED),
    *(("keep_aspect_ratio_resizer",
       f"min_dimension: 3 max_dimension: 3 resize_method: {method} half_pixel_centers: {half}", _sampled,
       expected, field("KeepAspectRatioResizer.resize_method", "KeepAspectRatioResizer.half_pixel_centers"))
      for method, half, expected in _SAMPLED),
    ("fixed_shape_resizer", "height: 4 width: 4", _colour, (100, 50, 200), field()),
    # .2989 * 100 + .587 * 50 + .114 * 200
    ("fixed_shape_resizer", "height: 4 width: 4 convert_to_grayscale: true", _colour, [82.04] * 3,
     field()),
    ("keep_aspect_ratio_resizer", _SQUARE, _input_size, (160, 160),
     field("ImageResizer.keep_aspect_ratio_resizer", "KeepAspectRatioResizer.max_dimension",
           "KeepAspectRatioResizer.pad_to_max_dimension")),
    # 160 / 150 * 100
    ("keep_aspect_ratio_resizer", _SQUARE, _true_size, (107, 160), field("KeepAspectRatioResizer.max_dimension")),
    ("keep_aspect_ratio_resizer", "min_dimension: 64 max_dimension: 160", _true_size, (64, 96),
     field("KeepAspectRatioResizer.min_dimension")),
    ("keep_aspect_ratio_resizer", f"{_SQUARE} truncate_size: true", _true_size, (106, 160),
     field("KeepAspectRatioResizer.truncate_size")),
    ("keep_aspect_ratio_resizer", f"{_SQUARE} per_channel_pad_value: [9, 8, 7]", _corner, (9, 8, 7),
     field("KeepAspectRatioResizer.per_channel_pad_value")),
    ("keep_aspect_ratio_resizer", f"{_SQUARE} convert_to_grayscale: true", _colour, [82.04] * 3,
     field()),
]  # fmt: skip


@pytest.mark.parametrize(
    ("resizer", "text", "measure", "expected"),
    [pytest.param(*row[:4], marks=row[4], id=f"{row[0]}-{row[1]}") for row in _ROWS],
)
def test_a_field_of_a_resizer(resizer: str, text: str, measure: Callable[[Preprocessor], Any], expected: Any) -> None:
    np.testing.assert_allclose(measure(_preprocessor(resizer, text)), expected, rtol=1e-3, atol=1e-3)


@field(
    "SsdFeatureExtractor.Normalization.mean",
    "SsdFeatureExtractor.Normalization.stddev",
    "SsdFeatureExtractor.normalization",
)
@pytest.mark.parametrize(
    ("resizer", "expected"),
    # Gray first: (82.04 - 10) / 1, (82.04 - 20) / 2, (82.04 - 30) / 4.
    [("", (90, 15, 42.5)), ("convert_to_grayscale: true", (72.04, 31.02, 13.01))],
)
def test_normalization(resizer: str, expected: tuple[float, ...]) -> None:
    text = _PIXELS.replace("[0, 0, 0]", "[10, 20, 30]").replace("[1, 1, 1]", "[1, 2, 4]")
    found = _colour(_preprocessor("fixed_shape_resizer", f"height: 4 width: 4 {resizer}", text))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
