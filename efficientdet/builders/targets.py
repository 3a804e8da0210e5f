# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the box coder and the target assigner from `model.ssd`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from efficientdet.builders.choice import choice
from efficientdet.builders.input import build_resizer
from efficientdet.config import PipelineConfig
from efficientdet.ops import matching, similarity
from efficientdet.ops.box_coder import BoxCoder, BoxScales, MeanStddevCoder
from efficientdet.ops.boxes import iou
from efficientdet.ops.iou_matching import IouMatcher
from efficientdet.ops.matching import Rule, Similarity
from efficientdet.ops.targets import Matcher, TargetAssigner
from efficientdet.protos import (
    argmax_matcher_pb2,
    faster_rcnn_box_coder_pb2,
    mean_stddev_box_coder_pb2,
    region_similarity_calculator_pb2,
)


def _faster_rcnn(message: faster_rcnn_box_coder_pb2.FasterRcnnBoxCoder) -> BoxScales:
    return BoxScales(message.y_scale, message.x_scale, message.height_scale, message.width_scale)


def _mean_stddev(message: mean_stddev_box_coder_pb2.MeanStddevBoxCoder) -> MeanStddevCoder:
    return MeanStddevCoder(message.stddev)


def _argmax_settings(message: argmax_matcher_pb2.ArgMaxMatcher) -> dict[str, Any]:
    return {
        "matched_threshold": None if message.ignore_thresholds else message.matched_threshold,
        "unmatched_threshold": None if message.ignore_thresholds else message.unmatched_threshold,
        "force_match": message.force_match_for_each_row,
        "negatives_lower_than_unmatched": message.negatives_lower_than_unmatched,
    }


def _argmax(message: argmax_matcher_pb2.ArgMaxMatcher) -> Rule:
    return functools.partial(matching.argmax_match, **_argmax_settings(message))


def _thresholded_iou(message: region_similarity_calculator_pb2.ThresholdedIouSimilarity) -> Similarity:
    return functools.partial(similarity.thresholded_iou, threshold=message.iou_threshold)


BOX_CODERS: dict[str, Callable[[Any], BoxCoder]] = {
    "faster_rcnn_box_coder": _faster_rcnn,
    "mean_stddev_box_coder": _mean_stddev,
}
MATCHERS: dict[str, Callable[[Any], Rule]] = {
    "argmax_matcher": _argmax,
    "bipartite_matcher": lambda _: matching.bipartite_match,
}
SIMILARITIES: dict[str, Callable[[Any], Similarity]] = {
    "iou_similarity": lambda _: iou,
    "ioa_similarity": lambda _: similarity.ioa,
    "neg_sq_dist_similarity": lambda _: similarity.neg_sq_dist,
    "thresholded_iou_similarity": _thresholded_iou,
}


def build_box_coder(config: PipelineConfig) -> BoxCoder:
    """Builds the coder of boxes relative to anchors.

    Args:
      config: resolved.

    Returns:
      The coder.
    """
    return _chosen(config, "model.ssd.box_coder", BOX_CODERS)


def build_matcher(config: PipelineConfig, anchors: np.ndarray) -> Matcher:
    """Builds what matches boxes and anchors, the quick way where there is one: by IoU, with thresholds above 0.

    Args:
      config: resolved.
      anchors: float32 [A, 4], normalised to the network's input.

    Returns:
      A callable, see `ops.matching`.
    """
    kind, message = choice(config, "model.ssd.matcher")
    by_iou = choice(config, "model.ssd.similarity_calculator")[0] == "iou_similarity"
    if by_iou and kind == "argmax_matcher" and not message.ignore_thresholds and message.unmatched_threshold > 0:
        return IouMatcher(anchors, **_argmax_settings(message))
    similarity = _chosen(config, "model.ssd.similarity_calculator", SIMILARITIES)
    return matching.DenseMatcher(anchors, similarity=similarity, rule=MATCHERS[kind](message))


def build_target_assigner(config: PipelineConfig, anchors: np.ndarray) -> TargetAssigner:
    """Builds the assigner of targets to anchors.

    Args:
      config: resolved.
      anchors: float32 [A, 4], normalised to the network's input.

    Returns:
      A callable from the truth of one picture to `Targets` of [A] anchors.
    """
    ssd = config.proto.model.ssd
    height, width = build_resizer(config).input_size
    return TargetAssigner(
        anchors,
        coder=build_box_coder(config),
        match=build_matcher(config, anchors),
        negative_class_weight=ssd.negative_class_weight,
        class_weights=list(ssd.loss.class_weights) or None,
        clip_to=((height - 1) / height, (width - 1) / width) if ssd.clip_truth_to_last_pixel else None,
    )


def _chosen(config: PipelineConfig, path: str, table: dict[str, Callable[[Any], Any]]) -> Any:
    kind, message = choice(config, path)
    return table[kind](message)
