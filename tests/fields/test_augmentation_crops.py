# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What each field of an augmentation that crops, hides or mixes does to a picture of 40 x 60 pixels with one box, which
is all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from tests.data.augmentations.examples import with_pixels
from tests.fields.augment import COLOR, WHOLE, Augment, check, classes, color, count, num_pixels, picture, size
from tests.fields.augment import sizes as all_sizes

field = pytest.mark.field


class _Crop(NamedTuple):
    """A message that holds the rule of a crop."""

    step: str
    text: str  # of the step, {} where the fields of the rule stand
    mark: pytest.MarkDecorator
    is_shaped: bool = True  # has aspect ratios
    unclipped: float = 1.25  # the height of the box, not clipped to a crop of 32 x 48 pixels
    clipped: float = 1.0


_PADDED = "min_padded_size_ratio: [1, 1] max_padded_size_ratio: [1, 1]"
_BLACK = "pad_color_r: 0 pad_color_g: 0 pad_color_b: 0"
_CROPS = [
    _Crop("random_crop_image", "{}", field(
        "RandomCropImage.min_object_covered", "RandomCropImage.min_aspect_ratio", "RandomCropImage.max_aspect_ratio",
        "RandomCropImage.min_area", "RandomCropImage.max_area", "RandomCropImage.overlap_thresh",
        "RandomCropImage.clip_boxes", "RandomCropImage.random_coef")),
    # Padded to 40 x 60 again: there the box that was clipped has .8 of the height.
    _Crop("random_crop_pad_image", f"{_PADDED} pad_color: [0, 0, 0] {{}}", field(
        "RandomCropPadImage.min_object_covered", "RandomCropPadImage.min_aspect_ratio",
        "RandomCropPadImage.max_aspect_ratio", "RandomCropPadImage.min_area", "RandomCropPadImage.max_area",
        "RandomCropPadImage.overlap_thresh", "RandomCropPadImage.clip_boxes", "RandomCropPadImage.random_coef"),
        unclipped=1.0, clipped=0.8),
    _Crop("ssd_random_crop", "operations {{ {} }}", field(
        "SSDRandomCrop.operations", "SSDRandomCropOperation.min_object_covered",
        "SSDRandomCropOperation.min_aspect_ratio", "SSDRandomCropOperation.max_aspect_ratio",
        "SSDRandomCropOperation.min_area", "SSDRandomCropOperation.max_area", "SSDRandomCropOperation.overlap_thresh",
        "SSDRandomCropOperation.clip_boxes", "SSDRandomCropOperation.random_coef")),
    _Crop("ssd_random_crop_pad", f"operations {{{{ {_PADDED} {_BLACK} {{}} }}}}", field(
        "SSDRandomCropPad.operations", "SSDRandomCropPadOperation.min_object_covered",
        "SSDRandomCropPadOperation.min_aspect_ratio", "SSDRandomCropPadOperation.max_aspect_ratio",
        "SSDRandomCropPadOperation.min_area", "SSDRandomCropPadOperation.max_area",
        "SSDRandomCropPadOperation.overlap_thresh", "SSDRandomCropPadOperation.clip_boxes",
        "SSDRandomCropPadOperation.random_coef"), unclipped=1.0, clipped=0.8),
    _Crop("ssd_random_crop_fixed_aspect_ratio", "aspect_ratio: 1.5 operations {{ {} }}", field(
        "SSDRandomCropFixedAspectRatio.operations", "SSDRandomCropFixedAspectRatioOperation.min_object_covered",
        "SSDRandomCropFixedAspectRatioOperation.min_area", "SSDRandomCropFixedAspectRatioOperation.max_area",
        "SSDRandomCropFixedAspectRatioOperation.overlap_thresh", "SSDRandomCropFixedAspectRatioOperation.clip_boxes",
        "SSDRandomCropFixedAspectRatioOperation.random_coef"), is_shaped=False),
    _Crop("ssd_random_crop_pad_fixed_aspect_ratio", f"aspect_ratio: 1.5 {_PADDED} operations {{{{ {{}} }}}}", field(
        "SSDRandomCropPadFixedAspectRatio.operations", "SSDRandomCropPadFixedAspectRatioOperation.min_object_covered",
        "SSDRandomCropPadFixedAspectRatioOperation.min_aspect_ratio",
        "SSDRandomCropPadFixedAspectRatioOperation.max_aspect_ratio",
        "SSDRandomCropPadFixedAspectRatioOperation.min_area", "SSDRandomCropPadFixedAspectRatioOperation.max_area",
        "SSDRandomCropPadFixedAspectRatioOperation.overlap_thresh",
        "SSDRandomCropPadFixedAspectRatioOperation.clip_boxes",
        "SSDRandomCropPadFixedAspectRatioOperation.random_coef")),
]  # fmt: skip


def _text(crop: _Crop, **changes: Any) -> str:
    """A crop of 32 x 48 pixels, .64 of the picture, unless `changes` say otherwise."""
    rule = {"min_object_covered": 0, "min_area": 0.63, "max_area": 0.65, "overlap_thresh": 0}
    if crop.is_shaped:
        rule |= {"min_aspect_ratio": 1.5, "max_aspect_ratio": 1.5}
    return crop.text.format(" ".join(f"{name}: {value}" for name, value in (rule | changes).items()))


def _extents(augment: Augment, draws: int = 7) -> np.ndarray:
    """Height and width, in the result, of what is not black; [draws, 2]."""
    shown = [augment(picture(WHOLE), seed).image.numpy().any(axis=-1) for seed in range(draws)]
    return np.array([(covered.any(axis=1).sum(), covered.any(axis=0).sum()) for covered in shown])


def _areas(augment: Augment) -> list[bool]:
    """Whether there are crops smaller than .62 of the picture, and larger than .66."""
    shares = _extents(augment).prod(axis=1) / 2400
    return [bool((shares < 0.62).any()), bool((shares > 0.66).any())]


def _shapes(augment: Augment) -> list[bool]:
    """Whether there are crops narrower than 3 : 2, and wider."""
    heights, widths = _extents(augment).T
    ratios = widths / heights
    return [bool((ratios < 1.4).any()), bool((ratios > 1.6).any())]


def _least_area(augment: Augment) -> float:
    return float(_extents(augment).prod(axis=1).min() / 2400)


def _height(augment: Augment) -> float:
    top, _, bottom, _ = augment(picture(WHOLE)).boxes[0].numpy()
    return float(bottom - top)


def _rows_of(crop: _Crop) -> list[Any]:
    def given(fields: str, measure: Callable[[Augment], Any], expected: Any, **changes: Any) -> Any:
        name = f"{crop.step}-{fields}-{'-'.join(map(str, changes.values()))}"
        return pytest.param(crop.step, _text(crop, **changes), measure, expected, marks=crop.mark, id=name)

    rows = [
        given("min_area max_area", _areas, (False, False)),
        given("min_area", _areas, (True, False), min_area=0.1),
        given("max_area", _areas, (False, True), max_area=1),
        given("min_object_covered", _least_area, lambda area: area < 0.7, min_area=0.1, max_area=1),
        given("min_object_covered", _least_area, lambda area: area > 0.88, min_area=0.1, max_area=1,
              min_object_covered=0.9),
        given("overlap_thresh", count, 1, overlap_thresh=0.6),
        given("overlap_thresh", count, 0, overlap_thresh=0.7),
        given("clip_boxes", _height, crop.unclipped, clip_boxes="false"),
        given("clip_boxes", _height, crop.clipped, clip_boxes="true"),
        given("random_coef", _least_area, 1, random_coef=1),
    ]  # fmt: skip
    if crop.is_shaped:
        rows += [
            given("aspect_ratios", _shapes, (False, False)),
            given("min_aspect_ratio", _shapes, (True, False), min_aspect_ratio=0.5),
            given("max_aspect_ratio", _shapes, (False, True), max_aspect_ratio=3, min_area=0.19, max_area=0.21),
        ]
    return rows


def _where(augment: Augment) -> set[int]:
    """The rows of the picture that the results of 12 draws begin with; of a window that leaves it, its first row."""
    y = np.tile(np.arange(1, 41, dtype=np.uint8)[:, np.newaxis, np.newaxis], [1, 60, 3])
    return {int(augment(with_pixels(y), seed).image.numpy()[..., 0].max(axis=1)[0]) - 1 for seed in range(12)}


def _lines(augment: Augment) -> tuple[int, int]:
    """Columns in a row with squares that are black one after the other at most, and different rows."""
    black = ~augment(picture()).image.numpy().any(axis=-1)
    columns = black.any(axis=0).astype(int)
    runs = np.diff(np.flatnonzero(np.diff([0, *columns, 0]))).tolist()[::2]
    return max(runs), len(np.unique(black, axis=0))


def _ratios(augment: Augment) -> list[float]:
    """Width / height of those of 40 crops that are not the whole picture."""
    return [width / height for height, width in all_sizes(augment, 40) - {(40, 60)}]


def _crops(augment: Augment) -> int:
    """How many of 40 draws crop."""
    run = tf.function(lambda seed: tf.shape(augment(picture(WHOLE), seed).image), autograph=False)
    return sum(int(run(tf.constant(seed))[1]) < 60 for seed in range(40))


def _weights(augment: Augment) -> Any:
    return augment(picture(WHOLE)).weights


def _first_rows(augment: Augment) -> int:
    """Rows of a mosaic that the picture itself takes."""
    return int((augment(picture()).image.numpy()[:, 0] > 21).any(axis=-1).sum())


_SQUARE_CROP = "max_border: 0 scale_min: .6 scale_max: .6 num_scales: 1"  # a side of 36
_GRID = "probability: 1 min_period: .5 max_period: .5"  # cells of 20 pixels
_ANY_CROP = "min_ious: 0 min_aspect_ratio: .01 max_aspect_ratio: 100"
_MOSAIC = "probability: 1 output_size: 20"
_ROWS = [
    ("random_crop_pad_image", "min_padded_size_ratio: [2, 2]", size, (80, 120),
     field("RandomCropPadImage.min_padded_size_ratio")),
    ("random_crop_pad_image", "max_padded_size_ratio: [1, 1]", size, (40, 60),
     field("RandomCropPadImage.max_padded_size_ratio")),
    ("random_crop_pad_image",
     _text(_CROPS[1]).replace("[0, 0, 0]", "[1, 2, 3]"), num_pixels(1, 2, 3), 2400 - 32 * 48,
      field("RandomCropPadImage.pad_color")),
    *(("ssd_random_crop_pad", _text(_CROPS[3]).replace(f"pad_color_{name}: 0", f"pad_color_{name}: 9"),
       num_pixels(*painted), 2400 - 32 * 48, mark)
      for name, painted, mark in (
          ("r", (9, 0, 0), field("SSDRandomCropPadOperation.pad_color_r")),
          ("g", (0, 9, 0), field("SSDRandomCropPadOperation.pad_color_g")),
          ("b", (0, 0, 9), field("SSDRandomCropPadOperation.pad_color_b")))),
    *(("ssd_random_crop_pad", _text(_CROPS[3]).replace(_PADDED, text), size, expected, mark)
      for text, expected, mark in (
          ("min_padded_size_ratio: [2, 2]", (80, 120), field("SSDRandomCropPadOperation.min_padded_size_ratio")),
          ("max_padded_size_ratio: [1, 1]", (40, 60), field("SSDRandomCropPadOperation.max_padded_size_ratio")))),
    ("ssd_random_crop_fixed_aspect_ratio", _text(_CROPS[4]).replace("aspect_ratio: 1.5", "aspect_ratio: 1"), size,
     (39, 39), field("SSDRandomCropFixedAspectRatio.aspect_ratio")),  # the square root of .64 * 2400 is 39.2
    # The crop of 32 x 48 in a square, and the least and most of its own size.
    *(("ssd_random_crop_pad_fixed_aspect_ratio", _text(_CROPS[5]).replace(old, new), size, expected, mark)
      for old, new, expected, mark in (
          ("aspect_ratio: 1.5 min_pad", "aspect_ratio: 1 min_pad", (48, 48),
           field("SSDRandomCropPadFixedAspectRatio.aspect_ratio")),
          (_PADDED, "min_padded_size_ratio: [2, 2]", (64, 96),
           field("SSDRandomCropPadFixedAspectRatio.min_padded_size_ratio")),
          (_PADDED, "max_padded_size_ratio: [1, 1]", (32, 48),
           field("SSDRandomCropPadFixedAspectRatio.max_padded_size_ratio")))),
    ("random_crop_to_aspect_ratio", "aspect_ratio: 1", size, (40, 40), field("RandomCropToAspectRatio.aspect_ratio")),
    ("random_crop_to_aspect_ratio", "aspect_ratio: .5", size, (40, 20), field("RandomCropToAspectRatio.aspect_ratio")),
    ("random_crop_to_aspect_ratio", "overlap_thresh: .6", count, 1,
     field("RandomCropToAspectRatio.overlap_thresh")),  # 2/3 are left
    ("random_crop_to_aspect_ratio", "overlap_thresh: .7", count, 0, field("RandomCropToAspectRatio.overlap_thresh")),
    ("random_crop_to_aspect_ratio", "aspect_ratio: 3 clip_boxes: false", _height, 2,
     field("RandomCropToAspectRatio.clip_boxes")),  # 20 x 60
    ("random_crop_to_aspect_ratio", "aspect_ratio: 3 clip_boxes: true", _height, 1,
     field("RandomCropToAspectRatio.clip_boxes")),
    ("random_square_crop_by_scale", "scale_min: 1.3", size, (78, 78), field("RandomSquareCropByScale.scale_min")),
    ("random_square_crop_by_scale", "scale_max: .6", size, (36, 36), field("RandomSquareCropByScale.scale_max")),
    ("random_square_crop_by_scale", "num_scales: 1", all_sizes, lambda sizes: sizes == {(36, 36)},
     field("RandomSquareCropByScale.num_scales")),
    ("random_square_crop_by_scale", "num_scales: 2", all_sizes, lambda sizes: sizes == {(36, 36), (78, 78)},
     field("RandomSquareCropByScale.num_scales")),
    # Its middle is 20 pixels away from both edges of 40 rows; or anywhere, and above the picture is black.
    ("random_square_crop_by_scale", "max_border: 20 scale_max: .6", _where, lambda rows: rows == {2},
     field("RandomSquareCropByScale.max_border")),
    ("random_square_crop_by_scale", "max_border: 0 scale_max: .6", _where, lambda rows: len(rows) > 4,
     field("RandomSquareCropByScale.max_border")),
    ("random_grid_mask", "probability: 0", num_pixels(0, 0, 0), 0, field("RandomGridMask.probability")),
    ("random_grid_mask", _GRID, num_pixels(0, 0, 0), 20 * 30, field("RandomGridMask.probability")),
    ("random_grid_mask", f"{_GRID} ratio: .25", num_pixels(0, 0, 0), 10 * 15, field("RandomGridMask.ratio")),
    ("random_grid_mask", "probability: 1 min_period: .5", _lines, (10, 2),
     field("RandomGridMask.min_period", "RandomGridMask.max_rotation")),
    ("random_grid_mask", "probability: 1 max_period: .1", _lines, (2, 2), field("RandomGridMask.max_period")),
    ("random_grid_mask", f"{_GRID} max_rotation: 90", lambda augment: _lines(augment)[1], lambda rows: rows > 9,
     field("RandomGridMask.max_rotation")),
    ("random_grid_mask", f"{_GRID} color: [1, 2, 3]", num_pixels(1, 2, 3), 600, field("RandomGridMask.color")),
    ("random_min_iou_crop", "min_ious: .9", _least_area, lambda area: area > 0.89, field("RandomMinIouCrop.min_ious")),
    ("random_min_iou_crop", "min_ious: 0", _least_area, lambda area: area < 0.6, field("RandomMinIouCrop.min_ious")),
    ("random_min_iou_crop", f"{_ANY_CROP} max_scale: .3", all_sizes, lambda sizes: sizes == {(12, 18), (40, 60)},
     field("RandomMinIouCrop.max_scale")),
    ("random_min_iou_crop", f"{_ANY_CROP} min_scale: 1", all_sizes, lambda sizes: sizes == {(40, 60)},
     field("RandomMinIouCrop.min_scale")),
    ("random_min_iou_crop", "min_ious: 0 max_aspect_ratio: 1", _ratios,
     lambda ratios: len(ratios) > 5 and 0.5 <= min(ratios) <= max(ratios) <= 1,
      field("RandomMinIouCrop.max_aspect_ratio")),
    ("random_min_iou_crop", "min_ious: 0 min_aspect_ratio: 1.5", _ratios,
     lambda ratios: len(ratios) > 5 and 1.5 <= min(ratios) <= max(ratios) <= 2,
      field("RandomMinIouCrop.min_aspect_ratio")),
    # One draw in two asks for half of the picture; two sides of .3 to 1 make that much with a probability of .313:
    # 6.3 +- 2.3 of 40 with one attempt, and 20 +- 3.2 with 50.
    ("random_min_iou_crop", f"{_ANY_CROP} max_attempts: 1".replace("ious: 0", "ious: .5"), _crops,
     lambda crops: crops < 13, field("RandomMinIouCrop.max_attempts")),
    ("random_min_iou_crop", f"{_ANY_CROP} max_attempts: 50".replace("ious: 0", "ious: .5"), _crops,
     lambda crops: 13 <= crops < 33, field("RandomMinIouCrop.max_attempts")),
    ("random_mix_up", "probability: 0", count, 1, field("RandomMixUp.probability")),
    ("random_mix_up", "probability: 1", count, 2, field("RandomMixUp.probability")),
    ("random_mix_up", "probability: 1 alpha: 1e12", _weights, (0.5, 0.5), field("RandomMixUp.alpha")),
    ("random_mix_up", "probability: 1 alpha: 1e12", color, (110, 55, 27.5), field("RandomMixUp.alpha")),
    ("random_mix_up", "probability: 1 alpha: 1e-12", lambda augment: sorted(_weights(augment)), (0, 1),
     field("RandomMixUp.alpha")),
    ("random_mosaic", "probability: 0", classes, (0, 1), field("RandomMosaic.probability")),
    ("random_mosaic", "probability: 1 min_box_share: 0", classes, (0, 1, 0, 0, 0), field("RandomMosaic.probability")),
    ("random_mosaic", _MOSAIC, size, (20, 20), field("RandomMosaic.output_size")),
    ("random_mosaic", f"{_MOSAIC} min_center: .75", _first_rows, 15, field("RandomMosaic.min_center")),
    ("random_mosaic", f"{_MOSAIC} max_center: .25", _first_rows, 5, field("RandomMosaic.max_center")),
    # At a third of their size, 10 x 10 of the pixels of each are 30 x 30 of 40 x 60.
    *(("random_mosaic", f"{_MOSAIC} min_center: .5 max_center: .5 min_box_share: {share}", count, boxes,
       field("RandomMosaic.min_box_share")) for share, boxes in ((0.37, 4), (0.38, 0))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "text", "measure", "expected"),
    [
        *(given for crop in _CROPS for given in _rows_of(crop)),
        *(pytest.param(*given, marks=mark) for *given, mark in _ROWS),
    ],
)
def test_what_a_field_does(step: str, text: str, measure: Any, expected: Any) -> None:
    check(step, text, measure, expected)


def test_the_picture_has_no_black() -> None:
    assert min(COLOR) > 20
