# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The verdicts on what `model` does with its network's outputs: anchors, matching, losses, post-processing."""

from __future__ import annotations

from efficientdet.protos import post_processing_pb2
from efficientdet.verdicts.kinds import (
    BELOW_ONE,
    HONOURED,
    POSITIVE,
    PROBABILITY,
    REQUIRED,
    HonouredWhen,
    Refused,
    Translated,
    VerdictTable,
    all_positive,
    at_least,
    each_refused,
    each_translated,
    only,
)
from efficientdet.verdicts.model import LEVELS

DETECTION: VerdictTable = {
    "BoxCoder": {
        "faster_rcnn_box_coder": HONOURED,
        **each_refused("use faster_rcnn_box_coder", "mean_stddev_box_coder square_box_coder keypoint_box_coder"),
    },
    "FasterRcnnBoxCoder": {
        "y_scale": POSITIVE,
        "x_scale": POSITIVE,
        "height_scale": POSITIVE,
        "width_scale": POSITIVE,
    },
    "Matcher": {"argmax_matcher": HONOURED, "bipartite_matcher": Refused("use argmax_matcher")},
    "ArgMaxMatcher": {
        "matched_threshold": PROBABILITY,
        "unmatched_threshold": PROBABILITY,
        "ignore_thresholds": HONOURED,
        "negatives_lower_than_unmatched": HONOURED,
        "force_match_for_each_row": HONOURED,
        "use_matmul_gather": Translated("matches are gathered by index; the values are the same"),
    },
    "RegionSimilarityCalculator": {
        "iou_similarity": HONOURED,
        **each_refused("use iou_similarity", "neg_sq_dist_similarity ioa_similarity thresholded_iou_similarity"),
    },
    "IouSimilarity": {},
    "AnchorGenerator": {
        "multiscale_anchor_generator": HONOURED,
        **each_refused(
            "use multiscale_anchor_generator",
            "grid_anchor_generator ssd_anchor_generator flexible_grid_anchor_generator",
        ),
    },
    "MultiscaleAnchorGenerator": {
        **LEVELS,
        "anchor_scale": POSITIVE,
        "aspect_ratios": HonouredWhen(
            lambda ratios: len(ratios) > 0 and all_positive(ratios), "must list at least one ratio, all positive"
        ),
        "scales_per_octave": at_least(1),
        "normalize_coordinates": only(True, "must be true: boxes are normalised everywhere"),
        "anchor_order": HONOURED,
        "stride_rule": HONOURED,
    },
    "PostProcessing": {
        "batch_non_max_suppression": REQUIRED,
        "score_converter": HonouredWhen(
            lambda given: given != post_processing_pb2.PostProcessing.SOFTMAX,
            "must be SIGMOID or IDENTITY: the heads predict no background class to share a softmax with",
        ),
        "logit_scale": POSITIVE,
        "calibration_config": Refused("scores are not calibrated"),
    },
    "BatchNonMaxSuppression": {
        "score_threshold": PROBABILITY,
        "iou_threshold": PROBABILITY,
        "max_detections_per_class": at_least(1),
        "max_total_detections": at_least(1),
        "use_class_agnostic_nms": HONOURED,
        "max_classes_per_detection": only(1, "must be 1: a detection has one class"),
        "soft_nms_sigma": at_least(0),
        "change_coordinate_frame": only(True, "must be true: detections are relative to the picture without padding"),
        "use_combined_nms": Translated("the exact per-class suppression gives the same boxes"),
        **each_translated(
            "suppression is always exact; this chose between TFOD's forms of it",
            "use_static_shapes use_partitioned_nms use_hard_nms use_cpu_nms",
        ),
        "candidates": HONOURED,
        "max_candidates": at_least(0),
        "clip_window": HONOURED,
        "inclusive_pixels": HONOURED,
    },
    "Loss": {
        "localization_loss": REQUIRED,
        "classification_loss": REQUIRED,
        "classification_weight": at_least(0),
        "localization_weight": at_least(0),
        **each_refused(
            "every anchor counts in the losses",
            "hard_example_miner random_example_sampler expected_loss_weights min_num_negative_samples"
            " desired_negative_sampling_ratio",
        ),
        "equalization_loss": Refused("use weighted_sigmoid_focal alone"),
        "iou_loss": HONOURED,
    },
    "IouLoss": {"kind": HONOURED, "weight": at_least(0)},
    "LocalizationLoss": {
        "weighted_smooth_l1": HONOURED,
        **each_refused("use weighted_smooth_l1", "weighted_l2 weighted_iou l1_localization_loss weighted_giou"),
    },
    "WeightedSmoothL1LocalizationLoss": {
        "anchorwise_output": Translated("losses are summed over anchors, as TFOD's training does"),
        "delta": POSITIVE,
        "mask": HONOURED,
    },
    "ClassificationLoss": {
        "weighted_sigmoid_focal": HONOURED,
        **each_refused(
            "use weighted_sigmoid_focal",
            "weighted_sigmoid weighted_softmax weighted_logits_softmax bootstrapped_sigmoid"
            " penalty_reduced_logistic_focal_loss weighted_dice_classification_loss",
        ),
    },
    "SigmoidFocalClassificationLoss": {
        "anchorwise_output": Translated("losses are summed over anchors, as TFOD's training does"),
        "gamma": at_least(0),
        "alpha": HonouredWhen(lambda alpha: 0 < alpha < 1, "must be set, between 0 and 1"),
        "label_smoothing": BELOW_ONE,
    },
}
