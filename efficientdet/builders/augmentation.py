# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the augmentations of `train_config.data_augmentation_options`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from efficientdet.data.augmentation_chain import Augmentation
from efficientdet.data.augmentations import (
    color,
    corruption,
    crops,
    geometry,
    grid_mask,
    min_iou_crop,
    mixing,
    pads,
    policies,
    ssd,
    truth,
)
from efficientdet.data.augmentations.crops import Crop, Padding
from efficientdet.data.augmentations.mixing import Mixing
from efficientdet.data.augmentations.windows import BLACK
from efficientdet.protos import preprocessor_pb2

_Jitter = preprocessor_pb2.RandomJitterBoxes


def _takes(function: Callable[..., Any], *same: str, **renamed: str) -> Callable[[Any], Augmentation]:
    """A builder for an operation whose arguments are fields of its message: of the same name, or argument=field."""
    arguments = {name: name for name in same} | renamed

    def build(message: Any) -> Augmentation:
        return functools.partial(function, **{name: getattr(message, field) for name, field in arguments.items()})

    return build


def _scale_crop_and_pad(message: preprocessor_pb2.RandomScaleCropAndPadToSquare) -> Augmentation:
    return functools.partial(
        geometry.random_scale_crop_and_pad_to_square,
        output_size=message.output_size,
        scale_min=message.scale_min,
        scale_max=message.scale_max,
        pad_value=tuple(message.pad_value) or BLACK,
        half_pixel_centers=message.half_pixel_centers,
    )


def _distort_color(message: preprocessor_pb2.RandomDistortColor) -> Augmentation:
    return functools.partial(color.random_distort_color, contrast="first" if message.color_ordering == 1 else "last")


JITTER_MODES: dict[int, tuple[bool, bool, truth.Symmetry]] = {  # shrinks, expands, symmetry
    _Jitter.DEFAULT: (True, True, "none"),
    _Jitter.EXPAND: (False, True, "none"),
    _Jitter.SHRINK: (True, False, "none"),
    _Jitter.EXPAND_SYMMETRIC: (False, True, "center"),
    _Jitter.SHRINK_SYMMETRIC: (True, False, "center"),
    _Jitter.EXPAND_SYMMETRIC_XY: (False, True, "center_and_shape"),
    _Jitter.SHRINK_SYMMETRIC_XY: (True, False, "center_and_shape"),
}


def _jitter_boxes(message: preprocessor_pb2.RandomJitterBoxes) -> Augmentation:
    shrinks, expands, symmetry = JITTER_MODES[message.jitter_mode]
    return functools.partial(
        truth.random_jitter_boxes,
        shrink=shrinks * message.ratio,
        expand=expands * message.ratio,
        symmetry=symmetry,
    )


def _drop_label(message: preprocessor_pb2.DropLabelProbabilistically) -> Augmentation:
    return functools.partial(
        truth.drop_label_probabilistically, row=message.label - 1, probability=message.drop_probability
    )


def _remap_labels(message: preprocessor_pb2.RemapLabels) -> Augmentation:
    rows = [label - 1 for label in message.original_labels]
    return functools.partial(truth.remap_labels, rows=rows, new_row=message.new_label - 1)


def _pad_image(message: preprocessor_pb2.RandomPadImage) -> Augmentation:
    return functools.partial(
        pads.random_pad_image,
        min_size=(message.min_image_height, message.min_image_width) if message.HasField("min_image_height") else None,
        max_size=(message.max_image_height, message.max_image_width) if message.HasField("max_image_height") else None,
        color=_color(message.pad_color),
    )


def _absolute_pad_image(message: preprocessor_pb2.RandomAbsolutePadImage) -> Augmentation:
    return functools.partial(
        pads.random_absolute_pad_image,
        max_height_padding=message.max_height_padding,
        max_width_padding=message.max_width_padding,
        color=_color(message.pad_color),
    )


def _crop_image(message: preprocessor_pb2.RandomCropImage) -> Augmentation:
    return functools.partial(crops.random_crop_image, crop=_crop(message))


def _crop_pad_image(message: preprocessor_pb2.RandomCropPadImage) -> Augmentation:
    padding = _padding(message)._replace(color=_color(message.pad_color))
    return functools.partial(crops.random_crop_pad_image, crop=_crop(message), padding=padding)


def _ssd_crop(message: preprocessor_pb2.SSDRandomCrop) -> Augmentation:
    return functools.partial(ssd.ssd_random_crop, crops=_ssd_crops(message))


def _ssd_crop_pad(message: preprocessor_pb2.SSDRandomCropPad) -> Augmentation:
    """As in TFOD, a colour that an operation leaves out is black, and with no operation it is the crop's mean."""
    given = [
        (_crop(part), _padding(part)._replace(color=(part.pad_color_r, part.pad_color_g, part.pad_color_b)))
        for part in message.operations
    ]
    return functools.partial(ssd.ssd_random_crop_pad, crops=given or ssd.SSD_PADDED_CROPS)


def _ssd_crop_fixed(message: preprocessor_pb2.SSDRandomCropFixedAspectRatio) -> Augmentation:
    return functools.partial(
        ssd.ssd_random_crop_fixed_aspect_ratio, aspect_ratio=message.aspect_ratio, crops=_ssd_crops(message)
    )


def _ssd_crop_pad_fixed(message: preprocessor_pb2.SSDRandomCropPadFixedAspectRatio) -> Augmentation:
    return functools.partial(
        ssd.ssd_random_crop_pad_fixed_aspect_ratio,
        aspect_ratio=message.aspect_ratio,
        padding=_padding(message),
        crops=_ssd_crops(message),
    )


def _ssd_crops(message: Any) -> Sequence[Crop]:
    return [_crop(given) for given in message.operations] or ssd.SSD_CROPS


def _crop(message: Any) -> Crop:
    """The rule of a crop; SSD's at a fixed aspect ratio has none of its own."""
    ratio = (message.min_aspect_ratio, message.max_aspect_ratio) if hasattr(message, "min_aspect_ratio") else (1.0, 1.0)
    return Crop(
        min_object_covered=message.min_object_covered,
        aspect_ratios=ratio,
        areas=(message.min_area, message.max_area),
        overlap_threshold=message.overlap_thresh,
        clip_boxes=message.clip_boxes,
        skip_probability=message.random_coef,
    )


def _padding(message: Any) -> Padding:
    """The size of a padded crop, without the colour; a ratio that is left out is that of `Padding`."""
    given = {"min_ratio": tuple(message.min_padded_size_ratio), "max_ratio": tuple(message.max_padded_size_ratio)}
    return Padding()._replace(**{name: ratio for name, ratio in given.items() if ratio})


def _color(values: Sequence[float]) -> pads.Color | None:
    if not values:
        return None
    red, green, blue = values
    return red, green, blue


def _grid_mask(message: preprocessor_pb2.RandomGridMask) -> Augmentation:
    return functools.partial(
        grid_mask.random_grid_mask,
        probability=message.probability,
        min_period=message.min_period,
        max_period=message.max_period,
        ratio=message.ratio,
        max_rotation=message.max_rotation,
        color=_color(message.color) or BLACK,
    )


def _min_iou_crop(message: preprocessor_pb2.RandomMinIouCrop) -> Augmentation:
    return functools.partial(
        min_iou_crop.random_min_iou_crop,
        min_ious=tuple(message.min_ious) or min_iou_crop.SSD_MIN_IOUS,
        scales=(message.min_scale, message.max_scale),
        aspect_ratios=(message.min_aspect_ratio, message.max_aspect_ratio),
        max_attempts=message.max_attempts,
    )


def _zoom_out(message: preprocessor_pb2.RandomZoomOut) -> Augmentation:
    return functools.partial(
        pads.random_zoom_out,
        probability=message.probability,
        max_ratio=message.max_ratio,
        color=_color(message.color),
    )


def _photometric_distort(message: preprocessor_pb2.RandomPhotometricDistort) -> Augmentation:
    return functools.partial(
        color.random_photometric_distort,
        probability=message.probability,
        max_brightness_delta=message.max_brightness_delta,
        contrast=(message.min_contrast, message.max_contrast),
        saturation=(message.min_saturation, message.max_saturation),
        max_hue_delta=message.max_hue_delta,
    )


def _mixes(num_partners: int, build: Callable[[Any], Callable[..., Any]]) -> Callable[[Any], Mixing]:
    """A builder for an operation that takes so many other pictures besides."""
    return lambda message: Mixing(build(message), num_partners)


AUGMENTATIONS: dict[str, Callable[[Any], Augmentation | Mixing]] = {
    "random_horizontal_flip": _takes(geometry.random_horizontal_flip, "probability"),
    "random_vertical_flip": _takes(geometry.random_vertical_flip, "probability"),
    "random_rotation90": _takes(geometry.random_rotation90, "probability"),
    "random_self_concat_image": _takes(
        geometry.random_self_concat_image,
        vertical_probability="concat_vertical_probability",
        horizontal_probability="concat_horizontal_probability",
    ),
    "random_image_scale": _takes(geometry.random_image_scale, min_scale="min_scale_ratio", max_scale="max_scale_ratio"),
    "random_downscale_to_target_pixels": _takes(
        geometry.random_downscale_to_target_pixels,
        "min_target_pixels",
        "max_target_pixels",
        skip_probability="random_coef",
    ),
    "random_scale_crop_and_pad_to_square": _scale_crop_and_pad,
    "random_adjust_brightness": _takes(color.random_adjust_brightness, "max_delta"),
    "random_adjust_contrast": _takes(color.random_adjust_contrast, min_factor="min_delta", max_factor="max_delta"),
    "random_adjust_hue": _takes(color.random_adjust_hue, "max_delta"),
    "random_adjust_saturation": _takes(color.random_adjust_saturation, min_factor="min_delta", max_factor="max_delta"),
    "random_distort_color": _distort_color,
    "random_pixel_value_scale": _takes(color.random_pixel_value_scale, min_factor="minval", max_factor="maxval"),
    "random_rgb_to_gray": _takes(color.random_rgb_to_gray, "probability"),
    "rgb_to_gray": _takes(color.rgb_to_gray),
    "adjust_gamma": _takes(color.adjust_gamma, "gamma", "gain"),
    "random_black_patches": _takes(
        corruption.random_black_patches, "max_black_patches", "probability", "size_to_image_ratio"
    ),
    "random_jpeg_quality": _takes(
        corruption.random_jpeg_quality,
        min_quality="min_jpeg_quality",
        max_quality="max_jpeg_quality",
        skip_probability="random_coef",
    ),
    "random_patch_gaussian": _takes(
        corruption.random_patch_gaussian,
        "min_patch_size",
        "max_patch_size",
        min_stddev="min_gaussian_stddev",
        max_stddev="max_gaussian_stddev",
        skip_probability="random_coef",
    ),
    "random_jitter_boxes": _jitter_boxes,
    "drop_label_probabilistically": _drop_label,
    "remap_labels": _remap_labels,
    "random_pad_image": _pad_image,
    "random_absolute_pad_image": _absolute_pad_image,
    "random_crop_image": _crop_image,
    "random_crop_pad_image": _crop_pad_image,
    "random_crop_to_aspect_ratio": _takes(
        crops.random_crop_to_aspect_ratio, "aspect_ratio", "clip_boxes", overlap_threshold="overlap_thresh"
    ),
    "random_square_crop_by_scale": _takes(
        crops.random_square_crop_by_scale, "max_border", "scale_min", "scale_max", "num_scales"
    ),
    "autoaugment_image": _takes(policies.autoaugment_image, policy="policy_name"),
    "rand_augment_image": _takes(policies.rand_augment_image, "num_layers", "magnitude"),
    "ssd_random_crop": _ssd_crop,
    "ssd_random_crop_pad": _ssd_crop_pad,
    "ssd_random_crop_fixed_aspect_ratio": _ssd_crop_fixed,
    "ssd_random_crop_pad_fixed_aspect_ratio": _ssd_crop_pad_fixed,
    "random_grid_mask": _grid_mask,
    "random_min_iou_crop": _min_iou_crop,
    "random_zoom_out": _zoom_out,
    "random_photometric_distort": _photometric_distort,
    "random_mix_up": _mixes(1, _takes(mixing.random_mix_up, "probability", "alpha")),
    "random_mosaic": _mixes(
        3,
        _takes(mixing.random_mosaic, "probability", "output_size", "min_center", "max_center", "min_box_share"),
    ),
}
"""Field of PreprocessingStep -> builder."""


def build_augmentations(steps: Sequence[preprocessor_pb2.PreprocessingStep]) -> list[Augmentation | Mixing]:
    """Builds augmentations, in the order given."""
    kinds = [step.WhichOneof("preprocessing_step") for step in steps]
    return [AUGMENTATIONS[kind](getattr(step, kind)) for kind, step in zip(kinds, steps, strict=True)]
