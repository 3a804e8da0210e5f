# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The verdicts on what `model` does with its network's outputs: anchors, matching, losses, post-processing."""

from __future__ import annotations

import math

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
    within,
)
from efficientdet.verdicts.model import LEVELS

_SUMMED = Translated("losses are summed over anchors, as TFOD's training does")
_GATHERED = Translated("matches are gathered by index; the values are the same")
_ALL_POSITIVE = HonouredWhen(all_positive, "must be positive")

DETECTION: VerdictTable = {
    "BoxCoder": {
        "faster_rcnn_box_coder": HONOURED,
        "mean_stddev_box_coder": HONOURED,
        **each_refused("a box has four codes: use faster_rcnn_box_coder", "square_box_coder keypoint_box_coder"),
    },
    "FasterRcnnBoxCoder": {
        "y_scale": POSITIVE,
        "x_scale": POSITIVE,
        "height_scale": POSITIVE,
        "width_scale": POSITIVE,
    },
    "MeanStddevBoxCoder": {"stddev": POSITIVE},
    "Matcher": {"argmax_matcher": HONOURED, "bipartite_matcher": HONOURED},
    "BipartiteMatcher": {"use_matmul_gather": _GATHERED},
    "ArgMaxMatcher": {
        "matched_threshold": PROBABILITY,
        "unmatched_threshold": PROBABILITY,
        "ignore_thresholds": HONOURED,
        "negatives_lower_than_unmatched": HONOURED,
        "force_match_for_each_row": HONOURED,
        "use_matmul_gather": _GATHERED,
    },
    "RegionSimilarityCalculator": {
        "iou_similarity": HONOURED,
        "neg_sq_dist_similarity": HONOURED,
        "ioa_similarity": HONOURED,
        "thresholded_iou_similarity": HONOURED,
    },
    "IouSimilarity": {},
    "NegSqDistSimilarity": {},
    "IoaSimilarity": {},
    "ThresholdedIouSimilarity": {"iou_threshold": PROBABILITY},
    "AnchorGenerator": {
        "multiscale_anchor_generator": HONOURED,
        "ssd_anchor_generator": HONOURED,
        **each_refused(
            "use multiscale_anchor_generator or ssd_anchor_generator",
            "grid_anchor_generator flexible_grid_anchor_generator",
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
    "SsdAnchorGenerator": {
        "num_layers": at_least(1),
        "min_scale": POSITIVE,
        "max_scale": POSITIVE,
        "scales": _ALL_POSITIVE,
        "aspect_ratios": _ALL_POSITIVE,
        "interpolated_scale_aspect_ratio": at_least(0),
        "reduce_boxes_in_lowest_layer": HONOURED,
        "base_anchor_height": POSITIVE,
        "base_anchor_width": POSITIVE,
        "height_stride": _ALL_POSITIVE,
        "width_stride": _ALL_POSITIVE,
        "height_offset": HONOURED,
        "width_offset": HONOURED,
        "layer_aspect_ratios": HONOURED,
    },
    "SsdAnchorGenerator.LayerAspectRatios": {
        "values": HonouredWhen(
            lambda ratios: len(ratios) > 0 and all_positive(ratios), "must list at least one ratio, all positive"
        )
    },
    "PostProcessing": {
        "batch_non_max_suppression": REQUIRED,
        "score_converter": HONOURED,
        "logit_scale": POSITIVE,
        "calibration_config": Refused("scores are not calibrated"),
    },
    "BatchNonMaxSuppression": {
        "score_threshold": PROBABILITY,
        "iou_threshold": PROBABILITY,
        "max_detections_per_class": within(1, 1_000_000),
        "max_total_detections": within(1, 1_000_000),
        "use_class_agnostic_nms": HONOURED,
        "max_classes_per_detection": only(1, "must be 1: a detection has one class"),
        "soft_nms_sigma": at_least(0),
        "change_coordinate_frame": Translated("boxes are always relative to the picture without its padding"),
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
        "hard_example_miner": HONOURED,
        **each_refused(
            "negatives are not sampled at random: use hard_example_miner",
            "random_example_sampler expected_loss_weights min_num_negative_samples desired_negative_sampling_ratio",
        ),
        "equalization_loss": Refused("use weighted_sigmoid_focal alone"),
        "iou_loss": HONOURED,
        "class_weights": HonouredWhen(
            lambda weights: all(weight >= 0 and math.isfinite(weight) for weight in weights), "must not be negative"
        ),
    },
    "HardExampleMiner": {
        "num_hard_examples": at_least(0),
        "iou_threshold": PROBABILITY,
        "loss_type": HONOURED,
        "max_negatives_per_positive": at_least(0),
        "min_negatives_per_image": at_least(0),
    },
    "IouLoss": {"kind": HONOURED, "weight": at_least(0)},
    "LocalizationLoss": {
        "weighted_smooth_l1": HONOURED,
        "weighted_l2": HONOURED,
        "weighted_iou": HONOURED,
        "l1_localization_loss": HONOURED,
        "weighted_giou": HONOURED,
        "weighted_diou": HONOURED,
        "weighted_ciou": HONOURED,
    },
    "WeightedL2LocalizationLoss": {"anchorwise_output": _SUMMED},
    "WeightedIOULocalizationLoss": {},
    "L1LocalizationLoss": {},
    "WeightedGIOULocalizationLoss": {},
    "WeightedDIOULocalizationLoss": {},
    "WeightedCIOULocalizationLoss": {},
    "WeightedSmoothL1LocalizationLoss": {
        "anchorwise_output": _SUMMED,
        "delta": POSITIVE,
        "mask": HONOURED,
    },
    "ClassificationLoss": {
        "weighted_sigmoid_focal": HONOURED,
        "weighted_sigmoid": HONOURED,
        "weighted_softmax": HONOURED,
        "weighted_logits_softmax": HONOURED,
        "bootstrapped_sigmoid": HONOURED,
        **each_refused(
            "it is a loss of CenterNet and of masks: use weighted_sigmoid_focal",
            "penalty_reduced_logistic_focal_loss weighted_dice_classification_loss",
        ),
    },
    "WeightedSigmoidClassificationLoss": {"anchorwise_output": _SUMMED, "label_smoothing": BELOW_ONE},
    "WeightedSoftmaxClassificationLoss": {
        "anchorwise_output": _SUMMED,
        "logit_scale": POSITIVE,
        "label_smoothing": BELOW_ONE,
    },
    "WeightedSoftmaxClassificationAgainstLogitsLoss": {"anchorwise_output": _SUMMED, "logit_scale": POSITIVE},
    "BootstrappedSigmoidClassificationLoss": {
        "alpha": HonouredWhen(lambda alpha: 0 < alpha <= 1, "must be set, above 0 and at most 1"),
        "hard_bootstrap": HONOURED,
        "anchorwise_output": _SUMMED,
    },
    "SigmoidFocalClassificationLoss": {
        "anchorwise_output": _SUMMED,
        "gamma": at_least(0),
        "alpha": HonouredWhen(lambda alpha: 0 < alpha < 1, "must be set, between 0 and 1"),
        "label_smoothing": BELOW_ONE,
    },
}
