# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The rules that tie the fields of `model.ssd` together."""

from __future__ import annotations

from collections.abc import Iterator

from efficientdet.config_checks.kinds import Breach, OrderedFields, RuleTable
from efficientdet.lineage import is_of_automl
from efficientdet.protos import (
    argmax_matcher_pb2,
    box_predictor_pb2,
    image_resizer_pb2,
    pipeline_pb2,
    post_processing_pb2,
    ssd_anchor_generator_pb2,
    ssd_pb2,
)
from efficientdet.verdicts.extractors import EXTRACTORS
from efficientdet.verdicts.kinds import ABOVE_ZERO

ORDERED: OrderedFields = {
    image_resizer_pb2.KeepAspectRatioResizer: [("min_dimension", "max_dimension")],
    box_predictor_pb2.ConvolutionalBoxPredictor: [("min_depth", "max_depth")],
}
_SIDES = ("keep_aspect_ratio_resizer.max_dimension", "fixed_shape_resizer.height", "fixed_shape_resizer.width")
_SOFTMAX_LOSSES = ("weighted_softmax", "weighted_logits_softmax")


def _extractor(ssd: ssd_pb2.Ssd) -> Iterator[Breach]:
    """What a feature extractor needs, and what it has no use for. Of a type that is refused nothing is known."""
    extractor = ssd.feature_extractor
    facts = EXTRACTORS.get(extractor.type)
    if facts is None:
        return
    if facts.has_pyramid and not extractor.HasField("bifpn"):
        yield "feature_extractor", "needs bifpn"
    for name, reason in facts.foreign.items():
        if extractor.HasField(name) and getattr(extractor, name) is not False:  # what is switched off asks for nothing
            yield f"feature_extractor.{name}", f"must be left out with {extractor.type}{reason}"
    for name, need in (("box_predictor", facts.box_predictor), ("anchor_generator", facts.anchor_generator)):
        chosen = getattr(ssd, name).WhichOneof(f"{name}_oneof")
        if need is not None and chosen not in (None, need.alternative):
            yield name, f"needs {need.alternative}: {need.reason}"


def _input_size(ssd: ssd_pb2.Ssd) -> Iterator[Breach]:
    name = ssd.feature_extractor.type
    smallest = EXTRACTORS[name].smallest_input if name in EXTRACTORS else 1
    for path in _SIDES:
        resizer, side = path.split(".")
        is_used = ssd.image_resizer.HasField(resizer)
        if is_used and getattr(getattr(ssd.image_resizer, resizer), side) < smallest:
            yield f"image_resizer.{path}", f"must be at least {smallest} with {name}"


def _anchors(ssd: ssd_pb2.Ssd) -> Iterator[Breach]:
    """One set of anchors for each feature map."""
    extractor, generator = ssd.feature_extractor, ssd.anchor_generator
    facts = EXTRACTORS.get(extractor.type)
    if facts is None:
        return
    pyramid = extractor.bifpn
    if generator.HasField("ssd_anchor_generator"):
        maps = facts.num_maps or pyramid.max_level - pyramid.min_level + 1
        of = "level of the bifpn" if facts.has_pyramid else f"feature map of {extractor.type}"
        if generator.ssd_anchor_generator.num_layers != maps:
            yield "anchor_generator.ssd_anchor_generator.num_layers", f"must be {maps}, one for each {of}"
        return
    if not facts.has_pyramid or not extractor.HasField("bifpn"):
        return
    for name in ("min_level", "max_level"):
        level = getattr(pyramid, name)
        if getattr(generator.multiscale_anchor_generator, name) != level:
            yield (
                f"anchor_generator.multiscale_anchor_generator.{name}",
                f"must equal feature_extractor.bifpn.{name} ({level})",
            )


def _survival(extractor: ssd_pb2.SsdFeatureExtractor) -> Iterator[Breach]:
    """Unset is no probability of 0: there are extractors without stochastic depth, and they leave the field out."""
    if extractor.HasField("survival_probability") and not ABOVE_ZERO.accepts(extractor.survival_probability):
        yield "survival_probability", ABOVE_ZERO.otherwise


def _background(ssd: ssd_pb2.Ssd) -> Iterator[Breach]:
    """A softmax shares one among the classes and the background, which must be there and be taught."""
    loss = ssd.loss.classification_loss.WhichOneof("classification_loss")
    softmax_scores = ssd.post_processing.score_converter == post_processing_pb2.PostProcessing.SOFTMAX
    needed = loss if loss in _SOFTMAX_LOSSES else "score_converter SOFTMAX" if softmax_scores else ""
    if needed and not ssd.add_background_class:
        yield "add_background_class", f"must be true with {needed}"
    if loss in _SOFTMAX_LOSSES and ssd.encode_background_as_zeros:
        yield "encode_background_as_zeros", f"must be false with {loss}: the background would never be taught"
    if not ssd.add_background_class and not ssd.encode_background_as_zeros:
        yield "encode_background_as_zeros", "must be true without add_background_class: the background has no slot"


def _score_converters(ssd: ssd_pb2.Ssd) -> Iterator[Breach]:
    predictor = ssd.box_predictor.weight_shared_convolutional_box_predictor
    sigmoid = box_predictor_pb2.WeightSharedConvolutionalBoxPredictor.SIGMOID
    if predictor.score_converter != sigmoid:
        return
    path = "box_predictor.weight_shared_convolutional_box_predictor.score_converter"
    if ssd.post_processing.score_converter != post_processing_pb2.PostProcessing.IDENTITY:
        yield path, "must be IDENTITY where post_processing.score_converter converts the scores already"
    if ssd.post_processing.logit_scale != 1:
        yield path, "must be IDENTITY where post_processing.logit_scale is not 1: it would divide scores, not logits"


def _class_weights(ssd: ssd_pb2.Ssd) -> Iterator[Breach]:
    weights = ssd.loss.class_weights
    if weights and len(weights) != ssd.num_classes:
        yield "loss.class_weights", f"must be one for each class ({ssd.num_classes})"


def _layer_lists(generator: ssd_anchor_generator_pb2.SsdAnchorGenerator) -> Iterator[Breach]:
    layers = generator.num_layers
    for name in ("height_stride", "width_stride", "height_offset", "width_offset", "layer_aspect_ratios"):
        if getattr(generator, name) and len(getattr(generator, name)) != layers:
            yield name, f"must be one for each layer ({layers}), or none"
    for one, other in (("height_stride", "width_stride"), ("height_offset", "width_offset")):
        if bool(getattr(generator, one)) != bool(getattr(generator, other)):
            yield one, f"must be given where {other} is, and only there"
    if generator.scales and len(generator.scales) not in (layers, layers + 1):
        yield "scales", f"must be one for each layer ({layers}), or one more: what follows the last one"
    if not generator.scales and generator.min_scale > generator.max_scale:
        yield "min_scale", f"must be at most max_scale ({generator.max_scale:g})"
    if not generator.layer_aspect_ratios and not generator.aspect_ratios:
        yield "aspect_ratios", "must list at least one ratio"


def _matcher(matcher: argmax_matcher_pb2.ArgMaxMatcher) -> Iterator[Breach]:
    if matcher.ignore_thresholds:
        return
    if matcher.unmatched_threshold > matcher.matched_threshold:
        yield "unmatched_threshold", f"must be at most matched_threshold ({matcher.matched_threshold:g})"
    equal = matcher.unmatched_threshold == matcher.matched_threshold
    if equal and not matcher.negatives_lower_than_unmatched:
        yield "negatives_lower_than_unmatched", "must be true where both thresholds are equal"


def _suppression(suppression: post_processing_pb2.BatchNonMaxSuppression) -> Iterator[Breach]:
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


def _depthwise(
    predictor: box_predictor_pb2.WeightSharedConvolutionalBoxPredictor | box_predictor_pb2.ConvolutionalBoxPredictor,
) -> Iterator[Breach]:
    if predictor.use_depthwise and predictor.kernel_size == 1:
        yield "kernel_size", "must be above 1 with use_depthwise, as in TFOD"


def _clip_range(
    range_: box_predictor_pb2.WeightSharedConvolutionalBoxPredictor.BoxEncodingsClipRange
    | box_predictor_pb2.ConvolutionalBoxPredictor.BoxEncodingsClipRange,
) -> Iterator[Breach]:
    if not range_.min < range_.max:
        yield "min", f"must be below max ({range_.max:g})"


def _lineage(config: pipeline_pb2.TrainEvalPipelineConfig) -> Iterator[Breach]:
    name = config.model.ssd.feature_extractor.type
    automl = config.lineage == pipeline_pb2.TrainEvalPipelineConfig.AUTOML
    if automl and not is_of_automl(name):
        yield "lineage", f"must be TFOD with {name}, which automl never had"


RULES: RuleTable = (
    (ssd_pb2.Ssd, _extractor),
    (ssd_pb2.Ssd, _input_size),
    (ssd_pb2.Ssd, _anchors),
    (ssd_pb2.SsdFeatureExtractor, _survival),
    (ssd_pb2.Ssd, _background),
    (ssd_pb2.Ssd, _score_converters),
    (ssd_pb2.Ssd, _class_weights),
    (ssd_anchor_generator_pb2.SsdAnchorGenerator, _layer_lists),
    (argmax_matcher_pb2.ArgMaxMatcher, _matcher),
    (post_processing_pb2.BatchNonMaxSuppression, _suppression),
    (box_predictor_pb2.WeightSharedConvolutionalBoxPredictor, _depthwise),
    (box_predictor_pb2.ConvolutionalBoxPredictor, _depthwise),
    (box_predictor_pb2.WeightSharedConvolutionalBoxPredictor.BoxEncodingsClipRange, _clip_range),
    (box_predictor_pb2.ConvolutionalBoxPredictor.BoxEncodingsClipRange, _clip_range),
    (pipeline_pb2.TrainEvalPipelineConfig, _lineage),
)
