# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Rules that tie several fields together, and what a config must say before it can train, evaluate or be exported.

Rules on one field are in verdicts/. Nothing here looks at files: whether a path leads anywhere is found out by
whoever opens it.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal

from google.protobuf.message import Message

from efficientdet import field_paths
from efficientdet.field_verdicts import Finding
from efficientdet.protos import (
    argmax_matcher_pb2,
    box_predictor_pb2,
    image_resizer_pb2,
    input_reader_pb2,
    optimizer_pb2,
    pipeline_pb2,
    post_processing_pb2,
    preprocessor_pb2,
    ssd_pb2,
    train_pb2,
)

Purpose = Literal["train", "eval", "export"]

_PLACEHOLDER = "PATH_TO_BE_CONFIGURED"
_CROP_RANGES = [("min_area", "max_area"), ("min_aspect_ratio", "max_aspect_ratio")]
_ORDERED = {  # message -> fields of which the first must be at most the second
    image_resizer_pb2.KeepAspectRatioResizer: [("min_dimension", "max_dimension")],
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
}
_PADDED = (
    preprocessor_pb2.RandomCropPadImage,
    preprocessor_pb2.SSDRandomCropPadOperation,
    preprocessor_pb2.SSDRandomCropPadFixedAspectRatio,
)
_DECAYS = (optimizer_pb2.CosineDecayLearningRate, optimizer_pb2.PolynomialDecayLearningRate)


def contradictions(root: Message) -> Iterator[Finding]:
    """Yields an error for every pair of fields in `root` that contradict each other."""
    for path, message in field_paths.messages(root):
        for name, text in _contradictions_within(message):
            yield Finding(field_paths.join(path, name), text, is_error=True)


def eval_reader_notes(config: pipeline_pb2.TrainEvalPipelineConfig) -> Iterator[Finding]:
    """Yields a note for each field of an evaluation reader that says otherwise than evaluation does."""
    for index, reader in enumerate(config.eval_input_reader):
        says = {
            "shuffle": reader.HasField("shuffle") and reader.shuffle,
            "num_epochs": reader.num_epochs > 1,
            "drop_remainder": reader.HasField("drop_remainder") and reader.drop_remainder,
        }
        for name in (name for name, differs in says.items() if differs):
            text = "evaluation reads each record once, in the order of the files, and keeps the last, smaller batch"
            yield Finding(f"eval_input_reader[{index}].{name}", text, is_error=False)
        if reader.skip_crowd:
            text = "evaluation keeps crowds: what is found inside one counts neither for nor against the model"
            yield Finding(f"eval_input_reader[{index}].skip_crowd", text, is_error=False)


def recipe_notes(config: pipeline_pb2.TrainEvalPipelineConfig) -> Iterator[Finding]:
    """Yields a note for each pair of fields that can be meant as they stand, and rarely are."""
    suppression = config.model.ssd.post_processing.batch_non_max_suppression
    if suppression.soft_nms_sigma > 0 and suppression.HasField("iou_threshold") and suppression.iou_threshold < 1:
        path = "model.ssd.post_processing.batch_non_max_suppression.iou_threshold"
        sigma = suppression.soft_nms_sigma
        text = f"has no effect: with soft_nms_sigma ({sigma:g}) overlaps lower scores, and drop no box"
        yield Finding(path, text, is_error=False)
    total = suppression.max_total_detections
    if suppression.use_class_agnostic_nms and suppression.max_detections_per_class < total:
        path = "model.ssd.post_processing.batch_non_max_suppression.max_detections_per_class"
        text = f"has no effect with use_class_agnostic_nms: max_total_detections ({total}) alone limits"
        yield Finding(path, text, is_error=False)
    steps = config.train_config.num_steps
    for path, message in field_paths.messages(config.train_config, "train_config"):
        if isinstance(message, _DECAYS) and steps and message.total_steps != steps:
            outcome = (
                "the rate is 0 after it" if message.total_steps < steps else "training ends before the rate has decayed"
            )
            text = f"differs from train_config.num_steps ({steps}): {outcome}"
            yield Finding(f"{path}.total_steps", text, is_error=False)
        if isinstance(message, preprocessor_pb2.RandomScaleCropAndPadToSquare):
            resizer = config.model.ssd.image_resizer
            side = resizer.keep_aspect_ratio_resizer.max_dimension
            if resizer.HasField("keep_aspect_ratio_resizer") and message.output_size != side:
                text = f"differs from the resizer's max_dimension ({side}): training images are resized a second time"
                yield Finding(f"{path}.output_size", text, is_error=False)
    if config.train_config.fine_tune_checkpoint_type == "fine_tune":
        text = "restores backbone and pyramid, as detection does (TFOD knows it for CenterNet)"
        yield Finding("train_config.fine_tune_checkpoint_type", text, is_error=False)


def missing(config: pipeline_pb2.TrainEvalPipelineConfig, purpose: Purpose) -> Iterator[Finding]:
    """Yields an error for everything that `config` leaves open and `purpose` needs.

    Args:
      config: as resolved.
      purpose: "train" needs the model, training and its data; "eval" the model and evaluation data; "export" the model.
    """
    if not config.model.HasField("ssd"):
        yield Finding("model.ssd", "must be set", is_error=True)
    if purpose == "train":
        yield from _missing_for_training(config)
    if purpose == "eval":
        if config.eval_input_reader:
            yield from _missing_in_reader(config.eval_input_reader[0], "eval_input_reader[0]")
        else:
            yield Finding("eval_input_reader", "must be set", is_error=True)


def _missing_for_training(config: pipeline_pb2.TrainEvalPipelineConfig) -> Iterator[Finding]:
    train = config.train_config
    if not train.HasField("optimizer"):
        yield Finding("train_config.optimizer", "must be set", is_error=True)
    if train.num_steps == 0:
        yield Finding("train_config.num_steps", "must be positive: training has to end", is_error=True)
    if config.eval_config.use_moving_averages and not train.optimizer.use_moving_average:
        text = "needs train_config.optimizer.use_moving_average: training keeps no averages to evaluate without it"
        yield Finding("eval_config.use_moving_averages", text, is_error=True)
    for name in ("fine_tune_checkpoint", "fine_tune_checkpoint_label_map_path"):
        if _PLACEHOLDER in getattr(train, name):
            yield Finding(f"train_config.{name}", 'must be set to a path, or to "" for none', is_error=True)
    if config.HasField("train_input_reader"):
        yield from _missing_in_reader(config.train_input_reader, "train_input_reader")
    else:
        yield Finding("train_input_reader", "must be set", is_error=True)


def _missing_in_reader(reader: input_reader_pb2.InputReader, path: str) -> Iterator[Finding]:
    if not reader.label_map_path or _PLACEHOLDER in reader.label_map_path:
        yield Finding(f"{path}.label_map_path", "must be set to the path of a label map", is_error=True)
    inputs = f"{path}.tf_record_input_reader.input_path"
    if not reader.tf_record_input_reader.input_path:
        yield Finding(inputs, "must name at least one TFRecord file", is_error=True)
    for index, pattern in enumerate(reader.tf_record_input_reader.input_path):
        if not pattern or _PLACEHOLDER in pattern:
            yield Finding(f"{inputs}[{index}]", "must be set to the path of TFRecord files", is_error=True)


def _contradictions_within(message: Message) -> Iterator[tuple[str, str]]:
    """Yields (path of the field below `message`, rule) for the fields of one message and its parts."""
    for least, most in _ORDERED.get(type(message), ()):
        bound = getattr(message, most)
        if getattr(message, least) > bound:
            yield least, f"must be at most {most} ({bound if isinstance(bound, int) else f'{bound:g}'})"
    if isinstance(message, ssd_pb2.Ssd):
        yield from _pyramid(message)
    elif isinstance(message, argmax_matcher_pb2.ArgMaxMatcher):
        yield from _matcher(message)
    elif isinstance(message, box_predictor_pb2.WeightSharedConvolutionalBoxPredictor.BoxEncodingsClipRange):
        if not message.min < message.max:
            yield "min", f"must be below max ({message.max:g})"
    elif isinstance(message, preprocessor_pb2.RandomPadImage):
        yield from _padded_size(message)
    elif isinstance(message, _PADDED):
        yield from _padded_ratio(message)
    elif isinstance(message, pipeline_pb2.TrainEvalPipelineConfig):
        yield from _augmented_classes(message)
    elif isinstance(message, post_processing_pb2.BatchNonMaxSuppression):
        yield from _suppression(message)
    elif isinstance(message, _DECAYS):
        yield from _decay(message)
    elif isinstance(message, optimizer_pb2.ManualStepLearningRate):
        steps = [entry.step for entry in message.schedule]
        if any(later <= earlier for earlier, later in pairwise([0, *steps])):
            yield "schedule", f"must have steps that rise from above 0, not {', '.join(map(str, steps))}"
    elif isinstance(message, train_pb2.TrainConfig):
        version_1 = message.HasField("fine_tune_checkpoint_version") and (
            message.fine_tune_checkpoint_version == train_pb2.V1
        )
        if message.fine_tune_checkpoint and version_1:
            yield "fine_tune_checkpoint_version", "must be V2: checkpoints of TFOD's TensorFlow 1 models are not read"


def _pyramid(ssd: ssd_pb2.Ssd) -> Iterator[tuple[str, str]]:
    pyramid = ssd.feature_extractor.bifpn
    anchors = ssd.anchor_generator.multiscale_anchor_generator
    for name in ("min_level", "max_level"):
        level = getattr(pyramid, name)
        if ssd.feature_extractor.HasField("bifpn") and getattr(anchors, name) != level:
            yield (
                f"anchor_generator.multiscale_anchor_generator.{name}",
                f"must equal feature_extractor.bifpn.{name} ({level})",
            )


def _padded_size(step: preprocessor_pb2.RandomPadImage) -> Iterator[tuple[str, str]]:
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
) -> Iterator[tuple[str, str]]:
    least, most = step.min_padded_size_ratio or (1, 1), step.max_padded_size_ratio or (2, 2)
    pairs = len(least) == len(most) == 2
    if pairs and any(low > high for low, high in zip(least, most, strict=True)):
        if step.min_padded_size_ratio:
            yield "min_padded_size_ratio", f"must be at most max_padded_size_ratio ({most[0]:g}, {most[1]:g})"
        else:
            yield "max_padded_size_ratio", "must be at least min_padded_size_ratio (1, 1)"


def _augmented_classes(config: pipeline_pb2.TrainEvalPipelineConfig) -> Iterator[tuple[str, str]]:
    """Ids of classes in augmentations; without a model there is nothing to compare them with."""
    classes = config.model.ssd.num_classes
    if not classes:
        return
    for index, step in enumerate(config.train_config.data_augmentation_options):
        labels = {
            "drop_label_probabilistically.label": step.drop_label_probabilistically.label,
            "remap_labels.original_labels": max(step.remap_labels.original_labels, default=0),
            "remap_labels.new_label": step.remap_labels.new_label,
        }
        for name in (name for name, label in labels.items() if label > classes):
            yield f"train_config.data_augmentation_options[{index}].{name}", f"must be at most num_classes ({classes})"


def _matcher(matcher: argmax_matcher_pb2.ArgMaxMatcher) -> Iterator[tuple[str, str]]:
    if matcher.ignore_thresholds:
        return
    if matcher.unmatched_threshold > matcher.matched_threshold:
        yield "unmatched_threshold", f"must be at most matched_threshold ({matcher.matched_threshold:g})"
    equal = matcher.unmatched_threshold == matcher.matched_threshold
    if equal and not matcher.negatives_lower_than_unmatched:
        yield "negatives_lower_than_unmatched", "must be true where both thresholds are equal"


def _suppression(suppression: post_processing_pb2.BatchNonMaxSuppression) -> Iterator[tuple[str, str]]:
    best_class = suppression.candidates == post_processing_pb2.BatchNonMaxSuppression.BEST_CLASS
    if best_class and suppression.max_candidates:
        yield (
            "max_candidates",
            "must be 0 with candidates BEST_CLASS: it takes the best pairs of anchor and class instead",
        )
    for name in ("use_hard_nms", "use_partitioned_nms", "use_combined_nms"):
        if getattr(suppression, name) and suppression.soft_nms_sigma:
            yield "soft_nms_sigma", f"must be 0 with {name}, which is hard"
    if suppression.use_combined_nms and suppression.use_class_agnostic_nms:
        yield "use_class_agnostic_nms", "must be false with use_combined_nms, which is per class"


def _decay(
    schedule: optimizer_pb2.CosineDecayLearningRate | optimizer_pb2.PolynomialDecayLearningRate,
) -> Iterator[tuple[str, str]]:
    flat, parts = schedule.warmup_steps, f"warmup_steps ({schedule.warmup_steps})"
    if isinstance(schedule, optimizer_pb2.CosineDecayLearningRate):
        flat += schedule.hold_base_rate_steps
        parts += f" plus hold_base_rate_steps ({schedule.hold_base_rate_steps})"
    if schedule.total_steps < flat:
        yield "total_steps", f"must be at least {parts}"
    if schedule.warmup_steps and schedule.warmup_learning_rate > schedule.learning_rate_base:
        yield "warmup_learning_rate", f"must be at most learning_rate_base ({schedule.learning_rate_base:g})"
