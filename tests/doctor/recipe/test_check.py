# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The recipe check: each deviation is named, priced and placed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from efficientdet.config import load_config
from efficientdet.doctor.findings import Severity, exit_code
from efficientdet.doctor.recipe import check_recipe
from tests.doctor.recipe.overlays import AUTOML, BCCD, D0, JITTER, PIPELINES, check, cosine, found, ssd, train

_HEAD = "box_predictor { weight_shared_convolutional_box_predictor { %s } }"
_NMS = "post_processing {{ batch_non_max_suppression {{ {} }} }}"


def test_the_14_percent_case(shared: Path) -> None:
    path = shared / "configs" / "d3_14_percent.config"
    part = check_recipe(load_config(path))
    warnings = [finding for finding in part.findings if finding.severity >= Severity.WARNING]
    assert [finding.severity for finding in warnings] == [Severity.ERROR] * 2 + [Severity.WARNING] * 3
    assert [(finding.code, finding.title) for finding in warnings] == [
        ("shards-missing", "1 of 100 shards of the training data is read"),
        ("images-processed", "3 % of the published images are processed"),
        ("rate-high", "rate 0.01 at batch 2 is 8x the linear rule"),
        ("batch-norm-batch", "batch 2: batch normalisation sees 2 images at a time"),
        ("eval-shards-missing", "1 of 50 shards of the evaluation data is read"),
    ]
    assert [int(finding.cases[0].where.rpartition(":")[2]) for finding in warnings] == [174, 141, 157, 136, 189]
    assert exit_code([part]) == 2
    assert part.verdict.startswith(
        "Will not reach the published AP 45.4 on COCO val2017 (TFOD D3): 1 of 100 shards of the training data is read; "
    )
    assert "0.00125" in warnings[2].remedy
    assert "record-?????-of-00100" in warnings[0].remedy
    assert "2.4 points" in warnings[4].why  # of about 100 images
    rows = {row[0]: row[1:] for row in part.tables[0].rows}
    assert rows["images processed"] == (38_400_000, 1_200_000, 0.0312)
    assert rows["rate per image of a batch"] == (0.000625, 0.005, 8.0)
    assert rows["training images"] == (118_287, 1_183, 0.01)


_WARNINGS: list[tuple[str, str, Sequence[str], str]] = [
    (D0, "records-sampled", ["train_input_reader { sample_1_of_n_examples: 4 }"], "1 of 4 training records"),
    (D0, "input-order", ["train_input_reader { shuffle: false }"], "in the order of the files"),
    (D0, "eval-sample", ["eval_input_reader { sample_1_of_n_examples: 10 }"], "1 of 10 records of the evaluation"),
    (D0, "eval-sample", ["eval_config { num_examples: 500 }"], "500 of 5,000 images of the evaluation data are read"),
    (D0, "images-processed", [train("num_steps: 30000"), cosine("total_steps: 30000")], "10 % of the published"),
    (D0, "schedule-length", [cosine("total_steps: 600000")], "the rate is still 50 % of its peak"),
    (D0, "schedule-length", [cosine("total_steps: 150000")], "0 for the last 150,000 of 300,000 steps"),
    (D0, "input-ends", ["train_input_reader { num_epochs: 1 }"], "the data ends after 924 of 300,000 steps"),
    (D0, "rate-high", [cosine("learning_rate_base: 0.32")], "rate 0.32 at batch 128 is 4x the linear rule"),
    (D0, "rate-low", [cosine("learning_rate_base: 0.008")], "rate 0.008 at batch 128 is 1/10 the linear rule"),
    (BCCD, "rate-high", [cosine("learning_rate_base: 0.4")], "rate 0.4 at batch 8 is 40x the linear rule"),
    (BCCD, "rate-high", [train("gradient_clipping_by_norm: 0")], "rate 0.05 at batch 8 is 5x the linear rule"),
    (BCCD, "rate-low", [cosine("learning_rate_base: 1e-4 warmup_learning_rate: 0")], "is 1/100 the linear rule"),
    (BCCD, "warmup", [cosine("warmup_steps: 1000")], "1,000 of 1,500 steps are warm-up"),
    (BCCD, "warmup", [cosine("total_steps: 9000 warmup_steps: 2500")], "the rate never reaches its peak"),
    (D0, "warmup-missing", [cosine("warmup_steps: 0")], "the first step is taken at 0.08"),
    (AUTOML, "clipping", [train("gradient_clipping_by_norm: 0 gradient_clipping_by_tensor_norm: 0")], "norm of 10"),
    (BCCD, "batch-norm-batch", [train("batch_size: 1")], "batch normalisation sees 1 image at a time"),
    (D0, "batch-norm-batch", [train("batch_size: 8"), ssd("freeze_batchnorm: true")], "the backbone's batch"),
    (BCCD, "batch-norm-lag", [train("num_steps: 100")], "remembers 33 steps of a run of 100"),
    (AUTOML, "averages-off", ["eval_config { use_moving_averages: false }"], "are kept and not evaluated"),
    (D0, "initial-weights", [train("fine_tune_checkpoint: ''")], "starts from random weights"),
    (
        BCCD,
        "restore-type",
        [train("fine_tune_checkpoint_type: 'detection'")],
        '"detection" asks for a pyramid that efficientnet-lite0, a backbone by its name, has not',
    ),
    (BCCD, "frozen-random", [train("freeze_variables: 'fpn/'")], "the pyramid is frozen at random values"),
    (D0, "frozen-parts", [train("update_trainable_variables: ['fpn/', 'heads/']")], "the backbone is frozen"),
    (BCCD, "augmentation", [train("data_augmentation_options: []")], "not augmented"),
    (D0, "flip", [train(f"data_augmentation_options {{ {JITTER} {{}} }}")], "not mirrored"),
    (D0, "scale-jitter", [train("data_augmentation_options { random_horizontal_flip {} }")], "one size and place"),
    (
        D0,
        "scale-jitter",
        [train(f"data_augmentation_options {{ {JITTER} {{ scale_min: 0.5 }} }}")],
        "scale jitter 0.5 to 2, published 0.1 to 2",
    ),
    (
        BCCD,
        "augmented-size",
        [train(f"data_augmentation_options {{ {JITTER} {{ output_size: 160 scale_min: 0.6 }} }}")],
        "160 pixels wide and enlarged to 320",
    ),
    (
        D0,
        "resolution",
        [ssd("image_resizer { keep_aspect_ratio_resizer { min_dimension: 256 max_dimension: 256 } }")],
        "input of 256 pixels, published with 512",
    ),
    (D0, "resizer", [ssd("image_resizer { fixed_shape_resizer { height: 512 width: 512 } }")], "by stretch"),
    (
        D0,
        "input-grid",
        [ssd("image_resizer { keep_aspect_ratio_resizer { min_dimension: 500 max_dimension: 500 } }")],
        "500 pixels is no multiple of 128",
    ),
    (
        D0,
        "architecture",
        [ssd("feature_extractor { bifpn { num_iterations: 2 } }")],
        "64 / 2 / 3, published 64 / 3 / 3",
    ),
    (D0, "anchors", [ssd("anchor_generator { multiscale_anchor_generator { anchor_scale: 3 } }")], "3, published 4"),
    (D0, "matcher", [ssd("matcher { argmax_matcher { matched_threshold: 0.6 } }")], "0.6, published 0.5"),
    (
        D0,
        "classification-loss",
        [ssd("loss { classification_loss { weighted_sigmoid {} } }")],
        "weighted_sigmoid, published weighted_sigmoid_focal",
    ),
    (
        D0,
        "localization-loss",
        [ssd("loss { localization_loss { weighted_giou {} } }")],
        "published weighted_smooth_l1",
    ),
    (BCCD, "box-loss", [ssd("loss { localization_weight: 50 }")], "counts 50x what TFOD has it count"),
    (AUTOML, "box-loss", [ssd("loss { localization_weight: 25 }")], "counts 1/2 what AUTOML has it count"),
    (BCCD, "bias-init", [ssd(_HEAD % "class_prediction_bias_init: 0")], "an object with probability 0.5"),
    (
        BCCD,
        "regularization",
        [ssd(_HEAD % "conv_hyperparams { regularizer { l2_regularizer { weight: 0.01 } } }")],
        "weights decay by 0.01, published 4e-05",
    ),
    (D0, "regularization", [train("add_regularization_loss: false")], "weights do not decay"),
    (BCCD, "background-class", [ssd("add_background_class: true")], "the background as a class of its own"),
    (BCCD, "score-converter", [ssd("post_processing { score_converter: IDENTITY }")], "scores are logits"),
    (BCCD, "score-threshold", [ssd(_NMS.format("score_threshold: 0.3"))], "below a score of 0.3"),
    (BCCD, "max-detections", [ssd(_NMS.format("max_total_detections: 10"))], "at most 10 detections of an image"),
    (BCCD, "max-detections", [ssd(_NMS.format("max_detections_per_class: 5"))], "at most 5 detections of a class"),
    (BCCD, "suppression", [ssd(_NMS.format("iou_threshold: 0.1"))], "from an overlap of 0.1 on"),
    (AUTOML, "suppression", [ssd(_NMS.format("soft_nms_sigma: 0 iou_threshold: 1"))], "from an overlap of 1 on"),
    (D0, "suppression", [ssd(_NMS.format("iou_threshold: 0.7"))], "from an overlap of 0.7 on, published 0.5"),
    (BCCD, "no-metrics", ["eval_config { ignore_groundtruth: true }"], "it measures nothing"),
    (
        D0,
        "metric",
        ["eval_config { metrics_set: 'pascal_voc_detection_metrics' }"],
        "instead of coco_detection_metrics",
    ),
]


@pytest.mark.parametrize(("base", "code", "overlays", "title"), _WARNINGS, ids=lambda value: str(value)[:40])
def test_a_deviation_is_named(base: str, code: str, overlays: Sequence[str], title: str) -> None:
    part = check(base, *overlays)
    finding = found(part, code)
    assert title in finding.title
    assert finding.severity >= Severity.WARNING
    assert finding.cost > 0
    assert finding.why
    assert finding.remedy
    where = finding.cases[0].where
    assert where.startswith(("--override[", str(PIPELINES)))
    assert finding.title in part.verdict or "more" in part.verdict


def test_rms_prop_whose_rate_vanishes() -> None:
    part = check(
        "efficientdet_lite0_bccd_slim", train("optimizer { rms_prop_optimizer { decay_meaning: LEARNING_RATE } }")
    )
    assert "divides the rate: 1/541 of it is left at the end" in found(part, "rate-vanishes").title  # 1 + .9 * 600
