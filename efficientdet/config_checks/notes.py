# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What can be meant as it stands, and rarely is; and what stands in a config without any effect.

Every module of this package that has such things to say has a table `NOTES`, and a table `IDLE` of fields that other
fields leave without effect: there, a rule yields (field, why) whether the field is set or not, for every value that
would ask for something. Those of `model.ssd` are here.
"""

from __future__ import annotations

from collections.abc import Iterator

from efficientdet import field_paths
from efficientdet.config_checks import augmentation, training
from efficientdet.config_checks.kinds import Breach, RuleTable, apply_rules
from efficientdet.field_verdicts import Finding
from efficientdet.lineage import fill_unset
from efficientdet.protos import (
    argmax_matcher_pb2,
    box_predictor_pb2,
    losses_pb2,
    post_processing_pb2,
    ssd_anchor_generator_pb2,
    ssd_pb2,
)
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig
from efficientdet.verdicts.extractors import EXTRACTORS

_BATCH_NORMS = ("batch_norm", "sync_batch_norm")


def notes(written: TrainEvalPipelineConfig, resolved: TrainEvalPipelineConfig) -> Iterator[Finding]:
    """Yields a note for every field that surprises, and for every one that says something without effect.

    Args:
      written: the config with its overrides, before the lineage has filled it: it tells what the user has set.
      resolved: the same with all that it implies.
    """
    for path, text in apply_rules(resolved, (*NOTES, *training.NOTES, *augmentation.NOTES)):
        yield Finding(path, text, is_error=False)
    for path, reason in apply_rules(resolved, (*IDLE, *training.IDLE)):
        if _is_said(written, path):
            yield Finding(path, f"has no effect {reason}", is_error=False)


def _is_said(written: TrainEvalPipelineConfig, path: str) -> bool:
    """Whether a config sets a field, and not to what the lineage would give it: a resolved config holds that."""
    said, field, _ = field_paths.locate(written, path)
    if not field_paths.is_set(said, field):
        return False
    without = TrainEvalPipelineConfig()
    without.CopyFrom(written)
    message, _, _ = field_paths.locate(without, path)
    message.ClearField(field.name)
    fill_unset(without)
    return not field_paths.is_set(message, field) or bool(getattr(message, field.name) != getattr(said, field.name))


def _background(ssd: ssd_pb2.Ssd) -> Iterator[Breach]:
    if ssd.feature_extractor.HasField("bifpn") and ssd.add_background_class:
        yield (
            "add_background_class",
            "the heads predict the background as well, which published EfficientDets do not",
        )


def _mined_focal_loss(loss: losses_pb2.Loss) -> Iterator[Breach]:
    if loss.HasField("hard_example_miner") and loss.classification_loss.HasField("weighted_sigmoid_focal"):
        yield "hard_example_miner", "works together with weighted_sigmoid_focal here, a pair that TFOD refuses"


def _freezing(ssd: ssd_pb2.Ssd) -> Iterator[Breach]:
    if not ssd.freeze_batchnorm:
        yield "freeze_batchnorm_scope", "without freeze_batchnorm"
        return
    extractor, predictor = ssd.feature_extractor, ssd.box_predictor
    facts = EXTRACTORS.get(extractor.type)
    whole_model = ssd.freeze_batchnorm_scope == ssd_pb2.Ssd.WHOLE_MODEL
    if facts is None or (whole_model and facts.has_pyramid):
        return  # conv_hyperparams are of the pyramid, and the backbone below has its published batch normalisations
    kind = predictor.WhichOneof("box_predictor_oneof")
    frozen = [getattr(predictor, kind).conv_hyperparams] if kind is not None else []
    if whole_model or facts.has_pyramid:
        frozen.append(extractor.conv_hyperparams)
    if not any(hyperparams.WhichOneof("normalizer_oneof") in _BATCH_NORMS for hyperparams in frozen):
        scope = ssd_pb2.Ssd.BatchNormScope.Name(ssd.freeze_batchnorm_scope)
        yield "freeze_batchnorm", f"where no part of freeze_batchnorm_scope ({scope}) has a batch normalisation"


def _dropout(
    predictor: box_predictor_pb2.WeightSharedConvolutionalBoxPredictor | box_predictor_pb2.ConvolutionalBoxPredictor,
) -> Iterator[Breach]:
    if not predictor.use_dropout:
        yield "dropout_keep_probability", "without use_dropout"


def _layer_lists(generator: ssd_anchor_generator_pb2.SsdAnchorGenerator) -> Iterator[Breach]:
    if generator.scales:
        yield from ((name, "with scales") for name in ("min_scale", "max_scale"))
    if generator.layer_aspect_ratios:
        for name in ("aspect_ratios", "reduce_boxes_in_lowest_layer"):
            yield name, "with layer_aspect_ratios"


def _thresholds(matcher: argmax_matcher_pb2.ArgMaxMatcher) -> Iterator[Breach]:
    if matcher.ignore_thresholds:
        for name in ("matched_threshold", "unmatched_threshold", "negatives_lower_than_unmatched"):
            yield name, "with ignore_thresholds: each anchor is matched with the box that it overlaps most"


def _negatives(miner: losses_pb2.HardExampleMiner) -> Iterator[Breach]:
    if miner.min_negatives_per_image and not miner.max_negatives_per_positive:
        yield "min_negatives_per_image", "where max_negatives_per_positive is 0 and limits no negatives"


def _suppression(suppression: post_processing_pb2.BatchNonMaxSuppression) -> Iterator[Breach]:
    sigma, total = suppression.soft_nms_sigma, suppression.max_total_detections
    if sigma > 0 and suppression.iou_threshold < 1:
        yield "iou_threshold", f"with soft_nms_sigma ({sigma:g}): overlaps lower scores, and drop no box"
    if suppression.use_class_agnostic_nms and suppression.max_detections_per_class < total:
        yield "max_detections_per_class", f"with use_class_agnostic_nms: max_total_detections ({total}) alone limits"


NOTES: RuleTable = (
    (ssd_pb2.Ssd, _background),
    (losses_pb2.Loss, _mined_focal_loss),
)
IDLE: RuleTable = (
    (ssd_pb2.Ssd, _freezing),
    (box_predictor_pb2.WeightSharedConvolutionalBoxPredictor, _dropout),
    (box_predictor_pb2.ConvolutionalBoxPredictor, _dropout),
    (ssd_anchor_generator_pb2.SsdAnchorGenerator, _layer_lists),
    (argmax_matcher_pb2.ArgMaxMatcher, _thresholds),
    (losses_pb2.HardExampleMiner, _negatives),
    (post_processing_pb2.BatchNonMaxSuppression, _suppression),
)
