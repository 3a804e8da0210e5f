# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The verdicts on data augmentation."""

from __future__ import annotations

from efficientdet.verdicts.kinds import (
    ABOVE_ZERO,
    BELOW_ONE,
    HONOURED,
    POSITIVE,
    PROBABILITY,
    HonouredWhen,
    Refused,
    Verdict,
    VerdictTable,
    all_positive,
    at_least,
    each_refused,
    one_of,
    within,
)

_COLOR = HonouredWhen(
    lambda values: len(values) in (0, 3) and all(0 <= value <= 255 for value in values),
    "must have three values between 0 and 255, or none",
)
_SIZE_RATIO = HonouredWhen(
    lambda values: len(values) in (0, 2) and all_positive(values), "must have two positive values, or none"
)
_LABEL = HonouredWhen(lambda value: value >= 1, "must be the id of a class, at least 1")
_NO_KEYPOINTS = Refused("there are no keypoints")

_CROP: dict[str, Verdict] = {
    "min_object_covered": PROBABILITY,
    "min_area": ABOVE_ZERO,
    "max_area": ABOVE_ZERO,
    "overlap_thresh": PROBABILITY,
    "clip_boxes": HONOURED,
    "random_coef": PROBABILITY,
}
_SHAPED_CROP: dict[str, Verdict] = {**_CROP, "min_aspect_ratio": POSITIVE, "max_aspect_ratio": POSITIVE}
_PADDED: dict[str, Verdict] = {"min_padded_size_ratio": _SIZE_RATIO, "max_padded_size_ratio": _SIZE_RATIO}

AUGMENTATION: VerdictTable = {
    "PreprocessingStep": {
        "random_horizontal_flip": HONOURED,
        "random_vertical_flip": HONOURED,
        "random_rotation90": HONOURED,
        "random_self_concat_image": HONOURED,
        "random_image_scale": HONOURED,
        "random_downscale_to_target_pixels": HONOURED,
        "random_scale_crop_and_pad_to_square": HONOURED,
        "random_adjust_brightness": HONOURED,
        "random_adjust_contrast": HONOURED,
        "random_adjust_hue": HONOURED,
        "random_adjust_saturation": HONOURED,
        "random_distort_color": HONOURED,
        "random_pixel_value_scale": HONOURED,
        "random_rgb_to_gray": HONOURED,
        "rgb_to_gray": HONOURED,
        "adjust_gamma": HONOURED,
        "random_black_patches": HONOURED,
        "random_jpeg_quality": HONOURED,
        "random_patch_gaussian": HONOURED,
        "random_jitter_boxes": HONOURED,
        "drop_label_probabilistically": HONOURED,
        "remap_labels": HONOURED,
        "random_pad_image": HONOURED,
        "random_absolute_pad_image": HONOURED,
        "random_crop_image": HONOURED,
        "random_crop_pad_image": HONOURED,
        "random_crop_to_aspect_ratio": HONOURED,
        "random_square_crop_by_scale": HONOURED,
        "ssd_random_crop": HONOURED,
        "ssd_random_crop_pad": HONOURED,
        "ssd_random_crop_fixed_aspect_ratio": HONOURED,
        "ssd_random_crop_pad_fixed_aspect_ratio": HONOURED,
        **each_refused(
            "model.ssd.feature_extractor.normalization normalises every picture, after augmentation",
            "normalize_image subtract_channel_mean",
        ),
        **each_refused(
            "model.ssd.image_resizer decides the size of the network's input", "resize_image random_resize_method"
        ),
        "scale_boxes_to_pixel_coordinates": Refused("boxes are normalised to the picture throughout"),
        "convert_class_logits_to_softmax": Refused("each box has one class, and no scores"),
        "autoaugment_image": HONOURED,
        "rand_augment_image": HONOURED,
        "random_grid_mask": HONOURED,
        "random_min_iou_crop": HONOURED,
        "random_mix_up": HONOURED,
        "random_mosaic": HONOURED,
        "random_zoom_out": HONOURED,
        "random_photometric_distort": HONOURED,
    },
    "AutoAugmentImage": {"policy_name": one_of(("v0", "v1", "v2", "v3"))},
    "RandAugmentImage": {"num_layers": at_least(1), "magnitude": within(0, 10)},
    "RandomGridMask": {
        "probability": PROBABILITY,
        "min_period": ABOVE_ZERO,
        "max_period": ABOVE_ZERO,
        "ratio": PROBABILITY,
        "max_rotation": within(0, 180),
        "color": _COLOR,
    },
    "RandomMinIouCrop": {
        "min_ious": HonouredWhen(lambda ious: all(0 <= iou <= 1 for iou in ious), "must lie between 0 and 1"),
        "min_scale": ABOVE_ZERO,
        "max_scale": ABOVE_ZERO,
        "min_aspect_ratio": POSITIVE,
        "max_aspect_ratio": POSITIVE,
        "max_attempts": at_least(1),
    },
    "RandomZoomOut": {"probability": PROBABILITY, "max_ratio": at_least(1), "color": _COLOR},
    "RandomPhotometricDistort": {
        "probability": PROBABILITY,
        "max_brightness_delta": PROBABILITY,
        "min_contrast": at_least(0),
        "max_contrast": at_least(0),
        "min_saturation": at_least(0),
        "max_saturation": at_least(0),
        "max_hue_delta": PROBABILITY,
    },
    "RandomMixUp": {"probability": PROBABILITY, "alpha": POSITIVE},
    "RandomMosaic": {
        "probability": PROBABILITY,
        "output_size": at_least(1),
        "min_center": PROBABILITY,
        "max_center": PROBABILITY,
        "min_box_share": PROBABILITY,
    },
    "RandomHorizontalFlip": {"keypoint_flip_permutation": _NO_KEYPOINTS, "probability": PROBABILITY},
    "RandomVerticalFlip": {"keypoint_flip_permutation": _NO_KEYPOINTS, "probability": PROBABILITY},
    "RandomRotation90": {"keypoint_rot_permutation": _NO_KEYPOINTS, "probability": PROBABILITY},
    "RandomSelfConcatImage": {
        "concat_vertical_probability": PROBABILITY,
        "concat_horizontal_probability": PROBABILITY,
    },
    "RandomImageScale": {"min_scale_ratio": POSITIVE, "max_scale_ratio": POSITIVE},
    "RandomDownscaleToTargetPixels": {
        "random_coef": PROBABILITY,
        "min_target_pixels": at_least(1),
        "max_target_pixels": at_least(1),
    },
    "RandomScaleCropAndPadToSquare": {
        "output_size": at_least(1),
        "scale_min": POSITIVE,
        "scale_max": POSITIVE,
        "pad_value": _COLOR,
        "half_pixel_centers": HONOURED,
    },
    "RandomAdjustBrightness": {"max_delta": PROBABILITY},
    "RandomAdjustContrast": {"min_delta": at_least(0), "max_delta": at_least(0)},
    "RandomAdjustHue": {"max_delta": PROBABILITY},
    "RandomAdjustSaturation": {"min_delta": at_least(0), "max_delta": at_least(0)},
    "RandomDistortColor": {"color_ordering": HonouredWhen(lambda value: value in (0, 1), "must be 0 or 1")},
    "RandomPixelValueScale": {"minval": at_least(0), "maxval": at_least(0)},
    "RandomRGBtoGray": {"probability": PROBABILITY},
    "RGBtoGray": {},
    "AdjustGamma": {"gamma": at_least(0), "gain": at_least(0)},
    "RandomBlackPatches": {
        "max_black_patches": at_least(0),
        "probability": PROBABILITY,
        "size_to_image_ratio": PROBABILITY,
    },
    "RandomJpegQuality": {
        "random_coef": PROBABILITY,
        "min_jpeg_quality": within(0, 100),
        "max_jpeg_quality": within(0, 100),
    },
    "RandomPatchGaussian": {
        "random_coef": PROBABILITY,
        "min_patch_size": at_least(1),
        "max_patch_size": at_least(1),
        "min_gaussian_stddev": at_least(0),
        "max_gaussian_stddev": at_least(0),
    },
    "RandomJitterBoxes": {"ratio": BELOW_ONE, "jitter_mode": HONOURED},
    "DropLabelProbabilistically": {"label": _LABEL, "drop_probability": PROBABILITY},
    "RemapLabels": {
        "original_labels": HonouredWhen(
            lambda values: bool(values) and min(values) >= 1, "must list ids of classes, at least 1"
        ),
        "new_label": _LABEL,
    },
    "RandomPadImage": {
        "min_image_height": at_least(0),
        "min_image_width": at_least(0),
        "max_image_height": at_least(0),
        "max_image_width": at_least(0),
        "pad_color": _COLOR,
    },
    "RandomAbsolutePadImage": {
        "max_height_padding": at_least(0),
        "max_width_padding": at_least(0),
        "pad_color": _COLOR,
    },
    "RandomCropImage": _SHAPED_CROP,
    "RandomCropPadImage": {**_SHAPED_CROP, **_PADDED, "pad_color": _COLOR},
    "RandomCropToAspectRatio": {"aspect_ratio": POSITIVE, "overlap_thresh": PROBABILITY, "clip_boxes": HONOURED},
    "RandomSquareCropByScale": {
        "max_border": at_least(0),
        "scale_min": POSITIVE,
        "scale_max": POSITIVE,
        "num_scales": at_least(1),
    },
    "SSDRandomCrop": {"operations": HONOURED},
    "SSDRandomCropOperation": _SHAPED_CROP,
    "SSDRandomCropPad": {"operations": HONOURED},
    "SSDRandomCropPadOperation": {
        **_SHAPED_CROP,
        **_PADDED,
        "pad_color_r": within(0, 255),
        "pad_color_g": within(0, 255),
        "pad_color_b": within(0, 255),
    },
    "SSDRandomCropFixedAspectRatio": {"operations": HONOURED, "aspect_ratio": POSITIVE},
    "SSDRandomCropFixedAspectRatioOperation": _CROP,
    "SSDRandomCropPadFixedAspectRatio": {"operations": HONOURED, "aspect_ratio": POSITIVE, **_PADDED},
    "SSDRandomCropPadFixedAspectRatioOperation": _SHAPED_CROP,
}
