# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the post-processing from `model.ssd.post_processing`."""

from __future__ import annotations

from efficientdet.builders.targets import build_box_coder
from efficientdet.config import PipelineConfig
from efficientdet.ops.nms import CandidateRule, NmsSettings
from efficientdet.ops.postprocess import ClipWindow, PostprocessSettings, ScoreConverter
from efficientdet.protos import box_predictor_pb2, post_processing_pb2, ssd_pb2

SCORE_CONVERTERS: dict[int, ScoreConverter] = {
    post_processing_pb2.PostProcessing.IDENTITY: "identity",
    post_processing_pb2.PostProcessing.SIGMOID: "sigmoid",
    post_processing_pb2.PostProcessing.SOFTMAX: "softmax",
}
CANDIDATES: dict[int, CandidateRule] = {
    post_processing_pb2.BatchNonMaxSuppression.ALL_PAIRS: "all_pairs",
    post_processing_pb2.BatchNonMaxSuppression.BEST_CLASS: "best_class",
}
CLIP_WINDOWS: dict[int, ClipWindow] = {
    post_processing_pb2.BatchNonMaxSuppression.PICTURE: "picture",
    post_processing_pb2.BatchNonMaxSuppression.INPUT: "input",
    post_processing_pb2.BatchNonMaxSuppression.UNCLIPPED: "unclipped",
}


def build_postprocess_settings(config: PipelineConfig, input_size: tuple[int, int]) -> PostprocessSettings:
    """Builds the settings that turn predictions into detections.

    Args:
      config: resolved.
      input_size: (H, W) of the network's input in pixels.

    Returns:
      Settings of `ops.postprocess`.
    """
    ssd = config.proto.model.ssd
    suppression = ssd.post_processing.batch_non_max_suppression
    return PostprocessSettings(
        input_size=input_size,
        box_coder=build_box_coder(config),
        score_converter=_score_converter(ssd),
        logit_scale=ssd.post_processing.logit_scale,
        nms=NmsSettings(
            score_threshold=suppression.score_threshold,
            iou_threshold=suppression.iou_threshold,
            max_detections_per_class=suppression.max_detections_per_class,
            max_total_detections=suppression.max_total_detections,
            soft_sigma=suppression.soft_nms_sigma,
            class_agnostic=suppression.use_class_agnostic_nms,
            candidates=CANDIDATES[suppression.candidates],
            max_candidates=suppression.max_candidates,
            inclusive_pixels=suppression.inclusive_pixels,
        ),
        clip_window=CLIP_WINDOWS[suppression.clip_window],
        background=ssd.add_background_class,
    )


def _score_converter(ssd: ssd_pb2.Ssd) -> ScoreConverter:
    """The converter of the post-processing, or the predictor's own: TFOD applies that one in inference only."""
    predictor = ssd.box_predictor.weight_shared_convolutional_box_predictor
    if predictor.score_converter == box_predictor_pb2.WeightSharedConvolutionalBoxPredictor.SIGMOID:
        return "sigmoid"
    return SCORE_CONVERTERS[ssd.post_processing.score_converter]
