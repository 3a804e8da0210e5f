# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The rules that tie the fields of an augmentation together."""

from __future__ import annotations

from collections.abc import Iterator

from efficientdet.config_checks.kinds import Breach, OrderedFields, RuleTable
from efficientdet.protos import pipeline_pb2, preprocessor_pb2

_SQUARES = ("random_scale_crop_and_pad_to_square", "random_mosaic")
_CROP_RANGES = [("min_area", "max_area"), ("min_aspect_ratio", "max_aspect_ratio")]
ORDERED: OrderedFields = {
    preprocessor_pb2.RandomPixelValueScale: [("minval", "maxval")],
    preprocessor_pb2.RandomImageScale: [("min_scale_ratio", "max_scale_ratio")],
    preprocessor_pb2.RandomAdjustContrast: [("min_delta", "max_delta")],
    preprocessor_pb2.RandomAdjustSaturation: [("min_delta", "max_delta")],
    preprocessor_pb2.RandomCropImage: _CROP_RANGES,
    preprocessor_pb2.RandomCropPadImage: _CROP_RANGES,
    preprocessor_pb2.SSDRandomCropOperation: _CROP_RANGES,
    preprocessor_pb2.SSDRandomCropPadOperation: _CROP_RANGES,
    preprocessor_pb2.SSDRandomCropFixedAspectRatioOperation: _CROP_RANGES[:1],
    preprocessor_pb2.SSDRandomCropPadFixedAspectRatioOperation: _CROP_RANGES,
    preprocessor_pb2.RandomJpegQuality: [("min_jpeg_quality", "max_jpeg_quality")],
    preprocessor_pb2.RandomDownscaleToTargetPixels: [("min_target_pixels", "max_target_pixels")],
    preprocessor_pb2.RandomPatchGaussian: [
        ("min_patch_size", "max_patch_size"),
        ("min_gaussian_stddev", "max_gaussian_stddev"),
    ],
    preprocessor_pb2.RandomSquareCropByScale: [("scale_min", "scale_max")],
    preprocessor_pb2.RandomScaleCropAndPadToSquare: [("scale_min", "scale_max")],
    preprocessor_pb2.RandomGridMask: [("min_period", "max_period")],
    preprocessor_pb2.RandomMinIouCrop: [("min_scale", "max_scale"), ("min_aspect_ratio", "max_aspect_ratio")],
    preprocessor_pb2.RandomPhotometricDistort: [
        ("min_contrast", "max_contrast"),
        ("min_saturation", "max_saturation"),
    ],
    preprocessor_pb2.RandomMosaic: [("min_center", "max_center")],
}


def _padded_size(step: preprocessor_pb2.RandomPadImage) -> Iterator[Breach]:
    for bound in ("min", "max"):
        height, width = f"{bound}_image_height", f"{bound}_image_width"
        if step.HasField(height) != step.HasField(width):
            yield height, f"must be set where {width} is, and only there"
    for side in ("height", "width"):
        least, most = f"min_image_{side}", f"max_image_{side}"
        if step.HasField(most) and getattr(step, least) > getattr(step, most):
            yield least, f"must be at most {most} ({getattr(step, most)})"


def _padded_ratio(
    step: preprocessor_pb2.RandomCropPadImage
    | preprocessor_pb2.SSDRandomCropPadOperation
    | preprocessor_pb2.SSDRandomCropPadFixedAspectRatio,
) -> Iterator[Breach]:
    least, most = step.min_padded_size_ratio or (1, 1), step.max_padded_size_ratio or (2, 2)
    pairs = len(least) == len(most) == 2
    if pairs and any(low > high for low, high in zip(least, most, strict=True)):
        if step.min_padded_size_ratio:
            yield "min_padded_size_ratio", f"must be at most max_padded_size_ratio ({most[0]:g}, {most[1]:g})"
        else:
            yield "max_padded_size_ratio", "must be at least min_padded_size_ratio (1, 1)"


def _augmented_classes(config: pipeline_pb2.TrainEvalPipelineConfig) -> Iterator[Breach]:
    """Ids of classes in augmentations; without a model there is nothing to compare them with."""
    classes = config.model.ssd.num_classes
    if classes < 1:
        return
    for index, step in enumerate(config.train_config.data_augmentation_options):
        labels = {
            "drop_label_probabilistically.label": step.drop_label_probabilistically.label,
            "remap_labels.original_labels": max(step.remap_labels.original_labels, default=0),
            "remap_labels.new_label": step.remap_labels.new_label,
        }
        for name in (name for name, label in labels.items() if label > classes):
            yield f"train_config.data_augmentation_options[{index}].{name}", f"must be at most num_classes ({classes})"


def _resized_twice(config: pipeline_pb2.TrainEvalPipelineConfig) -> Iterator[Breach]:
    """Augmentations that make pictures of a size of their own."""
    resizer = config.model.ssd.image_resizer
    resizing = resizer.WhichOneof("image_resizer_oneof")
    if resizing == "keep_aspect_ratio_resizer":
        side = resizer.keep_aspect_ratio_resizer.max_dimension
        sizes, name = {side}, f"max_dimension ({side})"
    elif resizing == "fixed_shape_resizer":
        height, width = resizer.fixed_shape_resizer.height, resizer.fixed_shape_resizer.width
        sizes, name = {height, width}, f"height and width ({height}, {width})"
    else:
        return
    for index, step in enumerate(config.train_config.data_augmentation_options):
        for kind in _SQUARES:
            if step.HasField(kind) and sizes != {getattr(step, kind).output_size}:
                path = f"train_config.data_augmentation_options[{index}].{kind}.output_size"
                yield path, f"differs from the resizer's {name}: training images are resized a second time"


RULES: RuleTable = (
    (preprocessor_pb2.RandomPadImage, _padded_size),
    (preprocessor_pb2.RandomCropPadImage, _padded_ratio),
    (preprocessor_pb2.SSDRandomCropPadOperation, _padded_ratio),
    (preprocessor_pb2.SSDRandomCropPadFixedAspectRatio, _padded_ratio),
    (pipeline_pb2.TrainEvalPipelineConfig, _augmented_classes),
)
NOTES: RuleTable = ((pipeline_pb2.TrainEvalPipelineConfig, _resized_twice),)
