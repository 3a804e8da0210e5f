# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""From scores to detections to a figure: settings that lower AP without changing the network."""

from __future__ import annotations

from collections.abc import Iterator

from efficientdet.doctor import cost
from efficientdet.doctor.cost import price
from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.recipe.comparison import Comparison
from efficientdet.protos import box_predictor_pb2

_SUPPRESSION = "model.ssd.post_processing.batch_non_max_suppression"
_KNOWN_THRESHOLD = 0.01  # the highest that a recipe is measured with
_HIGH_THRESHOLD = 0.05
_DETECTIONS = 100  # that COCO's metrics count an image
_FEW_OF_A_CLASS = 20
_USUAL_OVERLAP = (0.3, 0.75)
_OTHER_OVERLAP = 0.1


def check_evaluation(comparison: Comparison) -> Iterator[Finding]:
    """Yields what is to be said of post-processing and of the metrics."""
    yield from _scores(comparison)
    yield from _threshold(comparison)
    yield from _limits(comparison)
    yield from _suppression(comparison)
    yield from _metrics(comparison)


def _scores(comparison: Comparison) -> Iterator[Finding]:
    ours, theirs = comparison.model.score_converter, comparison.recipe.model.score_converter
    head = comparison.proto.model.ssd.box_predictor.weight_shared_convolutional_box_predictor
    converted = head.score_converter == box_predictor_pb2.WeightSharedConvolutionalBoxPredictor.SIGMOID
    if ours == theirs or (ours == "IDENTITY" and converted):
        return
    is_raw = ours == "IDENTITY"
    yield comparison.finding(
        "score-converter",
        Severity.WARNING,
        "scores are logits: there is no score_converter" if is_raw else f"scores by {ours}, published with {theirs}",
        path="model.ssd.post_processing.score_converter",
        why="The threshold then drops whatever has a probability below one half, which in training is nearly "
        "everything. TFOD's default is IDENTITY."
        if is_raw
        else "The loss was not made for it.",
        remedy=f"post_processing {{ score_converter: {theirs} }}",
        cost=cost.HEAVY if is_raw else cost.MIDDLING,
    )


def _threshold(comparison: Comparison) -> Iterator[Finding]:
    threshold, theirs = comparison.model.score_threshold, comparison.recipe.model.score_threshold
    if threshold <= max(_KNOWN_THRESHOLD, theirs):
        return
    yield comparison.finding(
        "score-threshold",
        Severity.WARNING if threshold > _HIGH_THRESHOLD else Severity.NOTE,
        f"detections below a score of {threshold:g} are dropped before they are measured, published {theirs:g}",
        path=f"{_SUPPRESSION}.score_threshold",
        why="AP is the area under precision over recall: what is dropped is recall that is never reached, at the cost "
        "of nothing. What people are shown has its own threshold.",
        remedy=f"score_threshold: {theirs:g}; eval_config {{ min_score_threshold: {threshold:g} }} for drawn boxes",
        cost=price(cost.MEASUREMENT, threshold / _KNOWN_THRESHOLD),
    )


def _limits(comparison: Comparison) -> Iterator[Finding]:
    per_class, total = comparison.model.max_detections
    limits = (
        ("max_total_detections", total, _DETECTIONS, "an image"),
        ("max_detections_per_class", per_class, _FEW_OF_A_CLASS, "a class"),
    )
    for name, limit, least, of in limits:
        if limit < least:
            yield comparison.finding(
                "max-detections",
                Severity.WARNING,
                f"at most {limit} detections of {of} are kept",
                path=f"{_SUPPRESSION}.{name}",
                why=f"COCO's metrics count the best {_DETECTIONS} of an image; the rest of a crowded one counts as "
                "missed.",
                remedy=f"{name}: {_DETECTIONS}",
                cost=price(cost.MEASUREMENT, limit / _DETECTIONS) if limit else cost.USELESS,
            )


def _suppression(comparison: Comparison) -> Iterator[Finding]:
    ours, theirs = comparison.model, comparison.recipe.model
    if ours.soft_sigma > 0:
        return
    low, high = _USUAL_OVERLAP
    is_odd = not low <= ours.nms_iou <= high
    is_other = comparison.reproduces and not theirs.soft_sigma and abs(ours.nms_iou - theirs.nms_iou) > _OTHER_OVERLAP
    if not is_odd and not is_other:
        return
    usual = 0.5 if theirs.soft_sigma else theirs.nms_iou
    yield comparison.finding(
        "suppression",
        Severity.WARNING,
        f"boxes of one class are dropped from an overlap of {ours.nms_iou:g} on, published {usual:g}",
        path=f"{_SUPPRESSION}.iou_threshold",
        why="Too low, and neighbours in a group suppress each other; too high, and each object is found several times "
        "over, of which all but one are false.",
        remedy=f"iou_threshold: {usual:g}",
        cost=cost.MIDDLING if is_odd else cost.LIGHT,
    )


def _metrics(comparison: Comparison) -> Iterator[Finding]:
    settings = comparison.proto.eval_config
    if settings.ignore_groundtruth:
        yield comparison.finding(
            "no-metrics",
            Severity.WARNING,
            "evaluation ignores the truth: it measures nothing",
            path="eval_config.ignore_groundtruth",
            why="There is no figure to compare.",
            remedy="eval_config { ignore_groundtruth: false }",
            cost=cost.USELESS,
        )
    metric = "coco_detection_metrics" if "COCO" in comparison.recipe.precision else "pascal_voc_detection_metrics"
    if comparison.reproduces and settings.metrics_set and metric not in settings.metrics_set:
        yield comparison.finding(
            "metric",
            Severity.WARNING,
            f"{', '.join(settings.metrics_set)} instead of {metric}",
            path="eval_config.metrics_set",
            why=f"The published figure is {comparison.recipe.precision}; others do not compare with it.",
            remedy=f'eval_config {{ metrics_set: "{metric}" }}',
            cost=cost.LIGHT,
        )
