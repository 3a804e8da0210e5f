# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a config may say of augmentation: values, pairs, and classes, each told at its line."""

from __future__ import annotations

from typing import Any

import pytest

from efficientdet.config import parse_config
from efficientdet.errors import ConfigError

_STEP = "train_config.data_augmentation_options[0]"


@pytest.fixture(scope="module")
def d0(shared: Any) -> str:
    return (shared / "configs/tfod_zoo/ssd_efficientdet_d0_512x512_coco17_tpu-8.config").read_text()


def _parse(d0: str, step: str) -> Any:
    return parse_config(d0, "x.config", [f"train_config {{\ndata_augmentation_options {{\n{step}\n}}\n}}"])


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("normalize_image {}", "normalize_image is not supported: model.ssd.feature_extractor.normalization"),
        ("subtract_channel_mean {}", "subtract_channel_mean is not supported: model.ssd.feature_extractor"),
        ("resize_image {}", "resize_image is not supported: model.ssd.image_resizer decides"),
        ("random_resize_method {}", "random_resize_method is not supported: model.ssd.image_resizer decides"),
        ("scale_boxes_to_pixel_coordinates {}", "is not supported: boxes are normalised"),
        ("convert_class_logits_to_softmax {}", "is not supported: each box has one class"),
        ("random_mosaic { min_center: .8 }", "min_center (0.8) must be at most max_center (0.75)"),
        ("random_min_iou_crop { min_ious: [.5, 2] }", "min_ious ([0.5, 2.0]) must lie between 0 and 1"),
        ("random_vertical_flip { probability: 2 }", "probability (2.0) must be between 0 and 1"),
        ("random_vertical_flip { keypoint_flip_permutation: 1 }", "is not supported: there are no keypoints"),
        ("random_rotation90 { keypoint_rot_permutation: 1 }", "is not supported: there are no keypoints"),
        ("random_self_concat_image { concat_vertical_probability: -1 }", "(-1.0) must be between 0 and 1"),
        ("random_image_scale { min_scale_ratio: 0 }", "min_scale_ratio (0.0) must be positive"),
        ("random_image_scale { min_scale_ratio: 3 }", "min_scale_ratio (3.0) must be at most max_scale_ratio (2)"),
        ("random_adjust_brightness { max_delta: 2 }", "max_delta (2.0) must be between 0 and 1"),
        ("random_adjust_contrast { min_delta: 1.5 }", "min_delta (1.5) must be at most max_delta (1.25)"),
        ("random_adjust_saturation { min_delta: -1 }", "min_delta (-1.0) must be at least 0"),
        ("random_adjust_saturation { max_delta: .5 }", "min_delta (default 0.8) must be at most max_delta (0.5)"),
        ("random_distort_color { color_ordering: 2 }", "color_ordering (2) must be 0 or 1"),
        ("random_pixel_value_scale { minval: 1.2 }", "minval (1.2) must be at most maxval (1.1)"),
        ("adjust_gamma { gamma: -1 }", "gamma (-1.0) must be at least 0"),
        ("random_black_patches { size_to_image_ratio: 1.5 }", "size_to_image_ratio (1.5) must be between 0 and 1"),
        ("random_jpeg_quality { max_jpeg_quality: 101 }", "max_jpeg_quality (101) must be between 0 and 100"),
        ("random_jpeg_quality { min_jpeg_quality: 60 max_jpeg_quality: 50 }", "must be at most max_jpeg_quality (50)"),
        ("random_patch_gaussian { min_patch_size: 0 }", "min_patch_size (0) must be at least 1"),
        ("random_patch_gaussian { min_patch_size: 300 }", "min_patch_size (300) must be at most max_patch_size (250)"),
        ("random_patch_gaussian { min_gaussian_stddev: 2 }", "(2.0) must be at most max_gaussian_stddev (1)"),
        (
            "random_downscale_to_target_pixels { min_target_pixels: 2000000 max_target_pixels: 1000000 }",
            "min_target_pixels (2000000) must be at most max_target_pixels (1000000)",
        ),
        ("random_jitter_boxes { ratio: 1 }", "ratio (1.0) must be at least 0 and below 1"),
        ("drop_label_probabilistically {}", "label (default 0) must be the id of a class, at least 1"),
        ("drop_label_probabilistically { label: 91 }", "label (91) must be at most num_classes (90)"),
        ("remap_labels { new_label: 1 }", "original_labels ([]) must list ids of classes, at least 1"),
        ("remap_labels { original_labels: [1, 91] new_label: 1 }", "([1, 91]) must be at most num_classes (90)"),
        ("remap_labels { original_labels: 1 new_label: 91 }", "new_label (91) must be at most num_classes (90)"),
        ("random_pad_image { pad_color: 1 }", "pad_color ([1.0]) must have three values between 0 and 255, or none"),
        ("random_pad_image { min_image_height: 9 }", "min_image_height (9) must be set where min_image_width is"),
        ("random_pad_image { max_image_width: 9 }", "(default 0) must be set where max_image_width is"),
        (
            "random_pad_image { min_image_height: 9 min_image_width: 9 max_image_height: 8 max_image_width: 9 }",
            "min_image_height (9) must be at most max_image_height (8)",
        ),
        ("random_absolute_pad_image { max_width_padding: -1 }", "max_width_padding (-1) must be at least 0"),
        ("random_crop_image { min_area: 0 }", "min_area (0.0) must be above 0 and at most 1"),
        ("random_crop_image { max_area: .05 }", "min_area (default 0.1) must be at most max_area (0.05)"),
        ("random_crop_image { min_aspect_ratio: 2 }", "min_aspect_ratio (2.0) must be at most max_aspect_ratio (1.33)"),
        ("random_crop_image { overlap_thresh: 2 }", "overlap_thresh (2.0) must be between 0 and 1"),
        ("random_crop_pad_image { min_padded_size_ratio: 1 }", "([1.0]) must have two positive values, or none"),
        ("random_crop_pad_image { min_padded_size_ratio: [1, 3] }", "must be at most max_padded_size_ratio (2, 2)"),
        ("random_crop_to_aspect_ratio { aspect_ratio: 0 }", "aspect_ratio (0.0) must be positive"),
        ("random_square_crop_by_scale { scale_min: 2 }", "scale_min (2.0) must be at most scale_max (1.3)"),
        ("random_square_crop_by_scale { num_scales: 0 }", "num_scales (0) must be at least 1"),
        ("ssd_random_crop { operations {} }", "operations[0].min_aspect_ratio (default 0.0) must be positive"),
        ("ssd_random_crop_pad { operations { pad_color_r: 256 } }", "pad_color_r (256.0) must be between 0 and 255"),
        (
            "ssd_random_crop_fixed_aspect_ratio { operations { min_area: .9 max_area: .8 } }",
            "operations[0].min_area (0.9) must be at most max_area (0.8)",
        ),
        ("ssd_random_crop_fixed_aspect_ratio { aspect_ratio: -1 }", "aspect_ratio (-1.0) must be positive"),
        (
            "ssd_random_crop_pad_fixed_aspect_ratio { max_padded_size_ratio: [.5, 1] }",
            "max_padded_size_ratio ([0.5, 1.0]) must be at least min_padded_size_ratio (1, 1)",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_an_error_at_its_line(d0: str, step: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        _parse(d0, step)
    assert message in str(error.value)
    assert f"--override[0]:3: {_STEP}" in str(error.value)


@pytest.mark.parametrize(
    "step",
    [
        "random_rotation90 { probability: 0 }",
        "drop_label_probabilistically { label: 90 drop_probability: .5 }",
        "remap_labels { original_labels: [1, 2] new_label: 90 }",
        "random_jitter_boxes { ratio: .2 jitter_mode: SHRINK_SYMMETRIC_XY }",
        "random_pad_image { min_image_height: 9 min_image_width: 9 pad_color: [0, 0, 255] }",
        "random_crop_pad_image { max_padded_size_ratio: [1, 1] }",
        "ssd_random_crop_pad {}",
        "ssd_random_crop { operations { min_aspect_ratio: 1 max_aspect_ratio: 1 min_area: .1 max_area: 1 } }",
    ],
)
def test_what_is_built_is_honoured_without_a_word(d0: str, step: str) -> None:
    assert _parse(d0, step).notes == parse_config(d0, "x.config").notes
