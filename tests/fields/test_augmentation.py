# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What each field of an augmentation does to a picture of 40 x 60 pixels in the colour (200, 100, 50)."""

from __future__ import annotations

import colorsys
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentations import draws
from tests.data.augmentations.examples import make_example, with_pixels
from tests.fields.augment import DRAW, Augment, box, build, check, classes, color, num_pixels, picture, size, sizes

field = pytest.mark.field

_BLACK, _SAME = (0, 0, 0), (200, 100, 50)
_FOUR = (0.52847421, 0.88380110, 0.57490432, 0.32479322)
"""What an operation that draws four times draws, of the four seeds that [1, 2] is split into."""


def _drawn(low: float, high: float) -> float:
    return low + (high - low) * DRAW


def _contrast(augment: Augment) -> Any:
    """What becomes of 90 and 110, whose mean is 100."""
    return augment(with_pixels(np.repeat([[90], [110]], 3, axis=1).reshape(2, 1, 3).astype(np.uint8))).image[:, 0, 0]


def _red(augment: Augment) -> Any:
    """What becomes of pure red."""
    return augment(with_pixels(np.uint8([[[255, 0, 0]]]))).image[0, 0]


def _distorted(augment: Augment) -> Any:
    """What becomes of (160, 80, 80) and (80, 160, 160): their sum, and least and greatest value of each.

    They are complementary, and stay so however the hue turns: the sum is the same in each channel. Brightness moves
    both values; a contrast of f makes 120 +- 40 f of 120 +- 40; a saturation of s makes the distance from the greatest
    value s times as large.
    """
    image = augment(with_pixels(np.uint8([[[160, 80, 80], [80, 160, 160]]]))).image.numpy()[0]
    return [*image.sum(axis=0), *image.max(axis=1), *image.min(axis=1)]


def _distortion(contrast_first: bool) -> list[float]:
    """`_distorted`, worked out by hand."""
    brightness, contrast, saturation = 32 * (2 * _FOUR[0] - 1), 0.5 + _FOUR[1], 0.5 + _FOUR[2]
    if contrast_first:
        most = 120 + brightness + 40 * contrast
        least = most - saturation * 80 * contrast
    else:
        most, least = 160 + brightness, 160 + brightness - saturation * 80
        middle = (most + least) / 2  # the mean of both pixels, in each channel
        most, least = middle + contrast * (most - middle), middle - contrast * (middle - least)
    return [most + least] * 3 + [most] * 2 + [least] * 2


def _jpeg_quality(augment: Augment) -> list[int]:
    """The qualities at which JPEG gives this picture."""
    example = make_example(16, 16)
    result = augment(example).image.numpy()
    qualities = (0, 40, 60, 100)
    return [q for q in qualities if (tf.image.adjust_jpeg_quality(example.image, q).numpy() == result).all()]


def _noise(augment: Augment) -> tuple[int, float]:
    """Pixels with noise, and its standard deviation."""
    image = augment(picture(color=(128, 128, 128))).image.numpy()
    noisy = image[(image != 128).any(axis=-1)]
    return len(noisy), float(np.round((noisy - 128).std() / 255, 2)) if len(noisy) else 0.0


def _ramp(augment: Augment) -> Any:
    """The first row of a picture of 2 x 2 pixels with the columns 0 and 100."""
    return augment(with_pixels(np.tile(np.uint8([[[0] * 3, [100] * 3]]), [2, 1, 1]))).image[0, :, 0]


def _heights(augment: Augment) -> set[int]:
    return {height for height, _ in sizes(augment, 24)}


def _widths(augment: Augment) -> set[int]:
    return {width for _, width in sizes(augment, 24)}


def _most_padding(augment: Augment) -> int:
    """Pixels in (1, 2, 3), at most, over 12 draws."""
    return max(num_pixels(1, 2, 3)(lambda example, seed=seed: augment(example, seed)) for seed in range(12))


def _jittered(augment: Augment) -> list[bool]:
    """Whether a box of .4 x .4 may grow, may shrink, keeps its centre and keeps its shape, over 12 draws."""
    boxes = np.array([augment(picture((0.3, 0.3, 0.7, 0.7)), seed).boxes[0] for seed in range(12)])
    sides, centers = boxes[:, 2:] - boxes[:, :2], (boxes[:, 2:] + boxes[:, :2]) / 2
    keeps_shape = np.allclose(sides[:, 0], sides[:, 1])
    return [bool((sides > 0.401).any()), bool((sides < 0.399).any()), np.allclose(centers, 0.5), keeps_shape]


_GRAY = 0.2989 * 200 + 0.587 * 100 + 0.114 * 50
_HUE = tuple(255 * value for value in colorsys.hsv_to_rgb(_drawn(-0.5, 0.5), 1, 1))  # of red, which lies at 0
_ONE_PATCH = "max_black_patches: 1 probability: 1"
_NOISE = "min_patch_size: 121 max_patch_size: 121"
_SQUARE = "output_size: 20 scale_min: 1 scale_max: 1"  # 13 x 20 of the picture's pixels: 20/60 of 40 are 13.3

_ROWS = [
    ("random_horizontal_flip", "probability: 1", box, (0.25, 0.5, 0.5, 1), field("RandomHorizontalFlip.probability")),
    ("random_horizontal_flip", "probability: 0", box, (0.25, 0, 0.5, 0.5), field("RandomHorizontalFlip.probability")),
    ("random_vertical_flip", "probability: 1", box, (0.5, 0, 0.75, 0.5), field("RandomVerticalFlip.probability")),
    ("random_vertical_flip", "probability: 0", box, (0.25, 0, 0.5, 0.5), field("RandomVerticalFlip.probability")),
    ("random_rotation90", "probability: 1", box, (0.5, 0.25, 1, 0.5), field("RandomRotation90.probability")),
    ("random_rotation90", "probability: 0", box, (0.25, 0, 0.5, 0.5), field("RandomRotation90.probability")),
    ("random_self_concat_image", "concat_vertical_probability: 1 concat_horizontal_probability: 0", size, (80, 60),
     field("RandomSelfConcatImage.concat_vertical_probability", "RandomSelfConcatImage.concat_horizontal_probability")),
    ("random_self_concat_image", "concat_vertical_probability: 0 concat_horizontal_probability: 1", size, (40, 120),
     field("RandomSelfConcatImage.concat_vertical_probability", "RandomSelfConcatImage.concat_horizontal_probability")),
    ("random_image_scale", "min_scale_ratio: 2", size, (80, 120), field("RandomImageScale.min_scale_ratio")),
    ("random_image_scale", "max_scale_ratio: .5", size, (20, 30), field("RandomImageScale.max_scale_ratio")),
    ("random_downscale_to_target_pixels", "min_target_pixels: 600 max_target_pixels: 600", size, (20, 30),
     field("RandomDownscaleToTargetPixels.min_target_pixels", "RandomDownscaleToTargetPixels.max_target_pixels")),
    ("random_downscale_to_target_pixels", "min_target_pixels: 150 max_target_pixels: 150", size, (10, 15),
     field("RandomDownscaleToTargetPixels.min_target_pixels", "RandomDownscaleToTargetPixels.max_target_pixels")),
    ("random_downscale_to_target_pixels", "min_target_pixels: 600 max_target_pixels: 600 random_coef: 1", size,
     (40, 60), field("RandomDownscaleToTargetPixels.random_coef")),
    ("random_scale_crop_and_pad_to_square", _SQUARE, size, (20, 20),
     field("RandomScaleCropAndPadToSquare.output_size")),
    ("random_scale_crop_and_pad_to_square", _SQUARE, num_pixels(*_BLACK), 7 * 20,
     field("RandomScaleCropAndPadToSquare.scale_min", "RandomScaleCropAndPadToSquare.scale_max")),
    ("random_scale_crop_and_pad_to_square", "output_size: 20 scale_min: .5 scale_max: .5", num_pixels(*_SAME), 6 * 10,
     field("RandomScaleCropAndPadToSquare.scale_min", "RandomScaleCropAndPadToSquare.scale_max")),
    ("random_scale_crop_and_pad_to_square", f"{_SQUARE} pad_value: [1, 2, 3]", num_pixels(1, 2, 3), 7 * 20,
     field("RandomScaleCropAndPadToSquare.pad_value")),
    ("random_scale_crop_and_pad_to_square", "output_size: 4 scale_min: 1 scale_max: 1 half_pixel_centers: false", _ramp,
     (0, 50, 100, 100), field("RandomScaleCropAndPadToSquare.half_pixel_centers")),  # at 0, .5, 1, 1.5
    ("random_scale_crop_and_pad_to_square", "output_size: 4 scale_min: 1 scale_max: 1 half_pixel_centers: true", _ramp,
     (0, 25, 75, 100), field("RandomScaleCropAndPadToSquare.half_pixel_centers")),  # at -.25, .25, .75, 1.25
    ("random_adjust_brightness", "max_delta: 0", color, _SAME, field("RandomAdjustBrightness.max_delta")),
    ("random_adjust_brightness", "max_delta: .1", color, [v + 255 * _drawn(-0.1, 0.1) for v in _SAME],
     field("RandomAdjustBrightness.max_delta")),
    *(("random_adjust_contrast", text, _contrast, (100 - 10 * factor, 100 + 10 * factor), mark)
      for text, factor, mark in (
          ("min_delta: .5", _drawn(0.5, 1.25), field("RandomAdjustContrast.min_delta")),
          ("max_delta: 2", _drawn(0.8, 2), field("RandomAdjustContrast.max_delta")))),
    ("random_adjust_hue", "max_delta: .5", _red, _HUE, field("RandomAdjustHue.max_delta")),
    ("random_adjust_hue", "max_delta: 0", _red, (255, 0, 0), field("RandomAdjustHue.max_delta")),
    # (200, 100, 50) has a saturation of .75; the least value is the greatest times what is missing to 1.
    *(("random_adjust_saturation", text, lambda augment: color(augment)[2], 200 * (1 - 0.75 * factor), mark)
      for text, factor, mark in (
          ("min_delta: 0", _drawn(0, 1.25), field("RandomAdjustSaturation.min_delta")),
          ("max_delta: .9", _drawn(0.8, 0.9), field("RandomAdjustSaturation.max_delta")))),
    ("random_distort_color", "color_ordering: 0", _distorted, _distortion(contrast_first=False),
     field("RandomDistortColor.color_ordering")),
    ("random_distort_color", "color_ordering: 1", _distorted, _distortion(contrast_first=True),
     field("RandomDistortColor.color_ordering")),
    ("random_pixel_value_scale", "minval: 1.1", color, (220, 110, 55), field("RandomPixelValueScale.minval")),
    ("random_pixel_value_scale", "maxval: .9", color, (180, 90, 45), field("RandomPixelValueScale.maxval")),
    ("random_rgb_to_gray", "probability: 1", color, [_GRAY] * 3, field("RandomRGBtoGray.probability")),
    ("random_rgb_to_gray", "probability: 0", color, _SAME, field("RandomRGBtoGray.probability")),
    ("rgb_to_gray", "", color, [_GRAY] * 3, field("PreprocessingStep.rgb_to_gray")),
    ("adjust_gamma", "gamma: 2", color, [v * v / 255 for v in _SAME], field("AdjustGamma.gamma")),
    ("adjust_gamma", "gain: .5", color, (100, 50, 25), field("AdjustGamma.gain")),
    ("random_black_patches", f"{_ONE_PATCH} size_to_image_ratio: .25", num_pixels(*_BLACK), 10 * 10,
     field("RandomBlackPatches.probability", "RandomBlackPatches.size_to_image_ratio",
           "RandomBlackPatches.max_black_patches")),
    ("random_black_patches", f"{_ONE_PATCH} size_to_image_ratio: .5", num_pixels(*_BLACK), 400,
     field("RandomBlackPatches.size_to_image_ratio")),
    ("random_black_patches", "max_black_patches: 0 probability: 1", num_pixels(*_BLACK), 0,
     field("RandomBlackPatches.max_black_patches")),
    ("random_black_patches", "probability: 0", num_pixels(*_BLACK), 0, field("RandomBlackPatches.probability")),
    ("random_jpeg_quality", "max_jpeg_quality: 1", _jpeg_quality, (0,), field("RandomJpegQuality.max_jpeg_quality")),
    ("random_jpeg_quality", "min_jpeg_quality: 100", _jpeg_quality, (100,),
     field("RandomJpegQuality.min_jpeg_quality")),
    ("random_jpeg_quality", "max_jpeg_quality: 1 random_coef: 1", color, _SAME, field("RandomJpegQuality.random_coef")),
    ("random_patch_gaussian", "min_patch_size: 1 max_patch_size: 1 min_gaussian_stddev: .5 max_gaussian_stddev: .5",
     lambda augment: _noise(augment)[0], 1,
      field("RandomPatchGaussian.min_patch_size", "RandomPatchGaussian.max_patch_size")),
    ("random_patch_gaussian", f"{_NOISE} min_gaussian_stddev: .1 max_gaussian_stddev: .1", _noise, (2400, 0.1),
     field("RandomPatchGaussian.min_patch_size", "RandomPatchGaussian.max_patch_size",
           "RandomPatchGaussian.min_gaussian_stddev", "RandomPatchGaussian.max_gaussian_stddev")),
    ("random_patch_gaussian", f"{_NOISE} max_gaussian_stddev: 0", _noise, (0, 0),
     field("RandomPatchGaussian.max_gaussian_stddev")),
    ("random_patch_gaussian", f"{_NOISE} min_gaussian_stddev: 1 random_coef: 1", _noise, (0, 0),
     field("RandomPatchGaussian.random_coef")),
    ("random_jitter_boxes", "ratio: 0", box, (0.25, 0, 0.5, 0.5), field("RandomJitterBoxes.ratio")),
    # From the middle (.375, .25), half the sides (.125, .25), times 1 - .5 + .5 * the draw.
    ("random_jitter_boxes", "ratio: .5 jitter_mode: SHRINK_SYMMETRIC_XY", box,
     [0.375 - 0.125 * _drawn(0.5, 1), 0.25 - 0.25 * _drawn(0.5, 1), 0.375 + 0.125 * _drawn(0.5, 1),
      0.25 + 0.25 * _drawn(0.5, 1)], field("RandomJitterBoxes.ratio", "RandomJitterBoxes.jitter_mode")),
    *(("random_jitter_boxes", f"ratio: .2 jitter_mode: {mode}", _jittered, expected,
     field("RandomJitterBoxes.jitter_mode"))
      for mode, expected in (
          ("DEFAULT", (True, True, False, False)), ("EXPAND", (True, False, False, False)),
          ("SHRINK", (False, True, False, False)), ("EXPAND_SYMMETRIC", (True, False, True, False)),
          ("SHRINK_SYMMETRIC", (False, True, True, False)), ("EXPAND_SYMMETRIC_XY", (True, False, True, True)))),
    ("drop_label_probabilistically", "label: 1", classes, [1], field("DropLabelProbabilistically.label")),
    ("drop_label_probabilistically", "label: 2", classes, [0], field("DropLabelProbabilistically.label")),
    ("drop_label_probabilistically", "label: 2 drop_probability: 0", classes, [0, 1],
     field("DropLabelProbabilistically.drop_probability")),
    ("remap_labels", "original_labels: 1 new_label: 2", classes, [1, 1],
     field("RemapLabels.original_labels", "RemapLabels.new_label")),
    ("remap_labels", "original_labels: [1, 2] new_label: 7", classes, [6, 6],
     field("RemapLabels.original_labels", "RemapLabels.new_label")),
    ("random_pad_image", "min_image_height: 79 min_image_width: 119", size, (79, 119),
     field("RandomPadImage.min_image_height", "RandomPadImage.min_image_width")),
    ("random_pad_image", "max_image_height: 41 max_image_width: 61", size, (40, 60),
     field("RandomPadImage.max_image_height", "RandomPadImage.max_image_width")),
    ("random_pad_image", "min_image_height: 79 min_image_width: 119 pad_color: [1, 2, 3]", num_pixels(1, 2, 3),
     79 * 119 - 2400, field("RandomPadImage.pad_color")),
    ("random_absolute_pad_image", "max_height_padding: 3", _heights, lambda sides: sides == {40, 41, 42},
     field("RandomAbsolutePadImage.max_height_padding")),
    ("random_absolute_pad_image", "max_width_padding: 2", _widths, lambda sides: sides == {60, 61},
     field("RandomAbsolutePadImage.max_width_padding")),
    ("random_absolute_pad_image", "max_width_padding: 2 pad_color: [1, 2, 3]", _most_padding, 40,
     field("RandomAbsolutePadImage.pad_color")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "text", "measure", "expected"), [pytest.param(*given, marks=mark) for *given, mark in _ROWS]
)
def test_what_a_field_does(step: str, text: str, measure: Any, expected: Any) -> None:
    check(step, text, measure, expected)


def test_the_draws_that_literals_are_worked_out_with() -> None:
    assert float(tf.random.stateless_uniform([], tf.constant([1, 2]))) == pytest.approx(DRAW)
    drawn = [float(tf.random.stateless_uniform([], seed)) for seed in draws.split(tf.constant([1, 2]), 4)]
    assert drawn == pytest.approx(_FOUR)
    assert build("rgb_to_gray", "")(picture()).image.shape == (40, 60, 3)
