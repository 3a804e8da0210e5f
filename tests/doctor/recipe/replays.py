# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Trainings that people reported as failed, as overlays over a published config, and what the doctor has to name.

Each is written from the description in a public thread: what it says is taken over, the rest stays as published.
Where the thread is about other code, its settings are given to the config that says the same here.
"""

from __future__ import annotations

from typing import NamedTuple


class Replay(NamedTuple):
    """One report.

    Attributes:
      thread: owner/repository#number.
      story: what was done, and what came of it.
      base: a config of pipelines/, or one beside the checkout.
      overlay: the settings of the thread.
      codes: of the findings that name the cause, the dearest first.
      num_images: of the training data, where the thread says it.
    """

    thread: str
    story: str
    base: str
    overlay: str
    codes: tuple[str, ...]
    num_images: int | None = None


_COCO = 'train_input_reader { tf_record_input_reader { input_path: "/coco/train2017-?????-of-00256.tfrecord" } }'
_BACKBONE = 'fine_tune_checkpoint: "/weights/efficientnet-b0/model.ckpt" fine_tune_checkpoint_type: "classification"'
_DETECTOR = 'fine_tune_checkpoint: "/zoo/efficientdet_d0_coco17_tpu-32/checkpoint/ckpt-0"'


def _classes(count: int) -> str:
    return f"model {{ ssd {{ num_classes: {count} }} }}"


def _run(batch: int, steps: int, rest: str = "") -> str:
    return f"train_config {{ batch_size: {batch} num_steps: {steps} {rest} }}"


def _cosine(base: float, total: int, rest: str = "") -> str:
    cosine = f"cosine_decay_learning_rate {{ learning_rate_base: {base} total_steps: {total} {rest} }}"
    return f"optimizer {{ momentum_optimizer {{ learning_rate {{ {cosine} }} }} }}"


def _adamw(rate: float) -> str:
    rate_ = f"learning_rate {{ constant_learning_rate {{ learning_rate: {rate} }} }}"
    return f"optimizer {{ adamw_optimizer {{ {rate_} }} use_moving_average: false }}"


def _anchors(scale: float) -> str:
    return f"anchor_generator {{ multiscale_anchor_generator {{ anchor_scale: {scale} }} }}"


REPLAYS = (
    Replay(
        "tensorflow/models#10530",
        "D3 on COCO on one RTX 3090; .08 gave NaN. AP 14 instead of 45.4",
        "../shared/configs/d3_14_percent.config",
        "",
        ("shards-missing", "images-processed", "rate-high", "batch-norm-batch", "eval-shards-missing"),
    ),
    Replay(
        "tensorflow/models#9151",
        "D0 on own data, the zoo's config with batch 1. NaN after 700 steps",
        "tfod_d0_coco",
        _classes(3) + _run(1, 300_000, _BACKBONE),
        ("rate-high", "batch-norm-batch"),
    ),
    Replay(
        "tensorflow/models#9151 (28 images)",
        "D0 on 28 images, batch 1, rate .001. The loss jumps and does not converge",
        "tfod_d0_coco",
        _classes(2) + _run(1, 20_000, _BACKBONE + _cosine(0.001, 20_000, "warmup_steps: 500")),
        ("batch-norm-batch", "jitter-wide"),
        28,
    ),
    Replay(
        "tensorflow/models#7861",
        "The published SSD pipeline with batch 16 instead of 128, all else unchanged. Far below the published AP",
        "tfod_d0_coco",
        _COCO + _run(16, 300_000),
        ("images-processed", "rate-high"),
    ),
    Replay(
        "google/automl#437",
        "D2 on own data, batch 4, rate .08. NaN, where batch 8 trained",
        "automl_d2_coco",
        _classes(10) + _run(4, 50_000, _cosine(0.08, 50_000, "warmup_learning_rate: 0.008 warmup_steps: 500")),
        ("rate-high",),
        10_000,
    ),
    Replay(
        "google/automl#932",
        "D0 on 32 V100s, batch and rate scaled linearly. NaN soon",
        "automl_d0_coco",
        _run(1024, 34_650, _cosine(1.28, 34_650, "warmup_steps: 115")),
        ("warmup-large-batch",),
    ),
    Replay(
        "rwightman/efficientdet-pytorch#60",
        "D0 on COCO, 32 GPUs of 30 images, rate 1.39, 5 epochs of warm-up. NaN, not always early",
        "automl_d0_coco",
        _run(960, 36_900, _cosine(1.39, 36_900, "warmup_steps: 615")),
        ("warmup-large-batch",),
    ),
    Replay(
        "google/automl#126",
        "D0 on COCO for the 15 epochs of the defaults. Far below the published AP",
        "automl_d0_coco",
        _run(128, 13_860, _cosine(0.16, 13_860)),
        ("images-processed",),
    ),
    Replay(
        "rwightman/efficientdet-pytorch#73",
        "D0 on COCO, stopped after 122 of 300 epochs. AP 32.2; 33.6 at epoch 210",
        "automl_d0_coco",
        _run(88, 163_900, _cosine(0.12, 403_200)),
        ("schedule-length", "images-processed"),
    ),
    Replay(
        "zylo117/Yet-Another-EfficientDet-Pytorch#217",
        "D0 on COCO from random weights, 90,000 steps of 16. AP 2.7",
        "automl_d0_coco",
        _COCO + _run(16, 90_000, 'fine_tune_checkpoint: ""' + _cosine(0.02, 90_000)),
        ("images-processed", "initial-weights"),
    ),
    Replay(
        "zylo117/Yet-Another-EfficientDet-Pytorch#122",
        "D0 on COCO, AdamW, batch 48, 50 epochs. A few points of AP",
        "automl_d0_coco",
        _COCO + _run(48, 123_200, _adamw(1e-4)),
        ("images-processed", "optimizer"),
    ),
    Replay(
        "zylo117/Yet-Another-EfficientDet-Pytorch#656",
        "D1 on 15,000 images of 7 classes from random weights, batch 4, rate 1e-5, 500 epochs. AP 15; 47 with weights",
        "automl_d1_coco",
        _classes(7) + _run(4, 1_875_000, 'fine_tune_checkpoint: ""' + _adamw(1e-5)),
        ("initial-weights", "rate-low"),
        15_000,
    ),
    Replay(
        "xuannianz/EfficientDet#51",
        "D1 on 110,000 images of 40 classes, backbone frozen, batch 2. mAP .18; the author: freeze batch norm below 16",
        "tfod_d1_coco",
        _classes(40) + _run(2, 2_250_000, _BACKBONE + 'freeze_variables: "backbone/"' + _cosine(0.00125, 2_250_000)),
        ("batch-norm-batch",),
        110_000,
    ),
    Replay(
        "xuannianz/EfficientDet#16",
        "D6 with batch 2, for memory. The loss does not fall, AP near 0",
        "tfod_d6_coco",
        _classes(20) + _run(2, 200_000, _BACKBONE + _cosine(0.00125, 200_000)),
        ("batch-norm-batch",),
    ),
    Replay(
        "xuannianz/EfficientDet#136",
        "D0 on COCO, backbone frozen, 50 epochs of 1,000 steps of 32. AP .019",
        "tfod_d0_coco",
        _COCO + _run(32, 50_000, 'freeze_variables: "backbone/"' + _BACKBONE + _cosine(0.02, 50_000)),
        ("images-processed", "frozen-parts"),
    ),
    Replay(
        "xuannianz/EfficientDet#68",
        "D3 on COCO with a GTX 1080 Ti, backbone frozen, batch 8. AP .158",
        "tfod_d3_coco",
        _COCO + _run(8, 50_000, 'freeze_variables: "backbone/"' + _BACKBONE + _cosine(0.005, 50_000)),
        ("images-processed", "frozen-parts"),
    ),
    Replay(
        "tensorflow/models#9172",
        "The zoo's weights of a detector under the zoo's config, which says classification",
        "tfod_d0_coco",
        _classes(4)
        + _run(8, 20_000, _DETECTOR + 'fine_tune_checkpoint_type: "classification"' + _cosine(0.005, 20_000)),
        ("restore-type",),
    ),
    Replay(
        "tensorflow/models#8967",
        "fine_tune_checkpoint_type: fine_tune, which only CenterNet knew",
        "tfod_d0_coco",
        _classes(4) + _run(8, 20_000, _DETECTOR + 'fine_tune_checkpoint_type: "fine_tune"' + _cosine(0.005, 20_000)),
        ("done-differently",),
    ),
    Replay(
        "tensorflow/models#9548",
        'freeze_variables: ".*", which was without any effect',
        "tfod_d0_coco",
        _classes(4) + _run(8, 20_000, "freeze_variables: '.*'" + _cosine(0.005, 20_000)),
        ("frozen-all",),
    ),
    Replay(
        "tensorflow/models#10167, #10797",
        'freeze_variables: ".*conv.", which was without any effect; here it freezes the heads and not the backbone',
        "tfod_d0_coco",
        _classes(4)
        + _run(
            8,
            20_000,
            _DETECTOR + "fine_tune_checkpoint_type: 'detection' freeze_variables: '.*conv.'" + _cosine(0.005, 20_000),
        ),
        ("frozen-random",),
    ),
    Replay(
        "tensorflow/models#9708",
        "use_bfloat16 on a GPU: is it used?",
        "tfod_d0_coco",
        "train_config { use_bfloat16: true }",
        ("done-differently",),
    ),
    Replay(
        "google/automl#930",
        "D1, 18 classes, var_freeze_expr of google/automl's names. One class for everything",
        "automl_d1_coco",
        _classes(19)
        + _run(16, 84_200, "freeze_variables: '(efficientnet|fpn_cells|resample_p6)'" + _cosine(0.02, 84_200)),
        ("frozen-nothing",),
        11_434,
    ),
    Replay(
        "google/automl#1121",
        "D2 on 400 images of 19 classes, no detector's weights, backbone frozen. Bad detections",
        "automl_d2_coco",
        _classes(19) + _run(8, 5_000, "fine_tune_checkpoint: '' freeze_variables: 'backbone/'" + _cosine(0.01, 5_000)),
        ("initial-weights", "frozen-random"),
        400,
    ),
    Replay(
        "google/automl#68",
        "D0 on 1,700 images of one class, from random weights, batch 16, rate .001, averages .9998. AP 0",
        "automl_d0_coco",
        _classes(1)
        + _run(
            16,
            1_594,
            "fine_tune_checkpoint: ''" + _cosine(0.001, 1_594, "warmup_learning_rate: 0.0001 warmup_steps: 107"),
        ),
        ("rate-low", "initial-weights", "short-run-average"),
        1_700,
    ),
    Replay(
        "google/automl#676",
        "D1, one class, one epoch of 5,000 images, batch 2, no flip, no jitter. AP 0",
        "automl_d1_coco",
        _classes(1)
        + _run(
            2,
            2_500,
            "data_augmentation_options { random_scale_crop_and_pad_to_square "
            "{ output_size: 640 scale_min: 1 scale_max: 1 } }"
            + _cosine(0.0025, 2_500, "warmup_learning_rate: 0.001 warmup_steps: 250"),
        ),
        ("epochs", "batch-norm-batch", "flip"),
        5_000,
    ),
    Replay(
        "google/automl#763, #479",
        "D4 on own data; training and validation have one pattern, pascal*.tfrecord",
        "automl_d4_coco",
        _classes(1)
        + 'train_input_reader { tf_record_input_reader { input_path: "tfrecord/pascal*.tfrecord" } }'
        + 'eval_input_reader { tf_record_input_reader { input_path: "tfrecord/pascal*.tfrecord" } }',
        ("files-overlap",),
        50_000,
    ),
    Replay(
        "google/automl#882, #937",
        "D4 on 1024-pixel pictures with objects of 3 to 15 pixels, anchor_scale .25. AP 30",
        "automl_d4_coco",
        f"model {{ ssd {{ num_classes: 1 {_anchors(0.25)} }} }}" + _run(8, 50_000, _cosine(0.01, 50_000)),
        ("anchors-small",),
        5_000,
    ),
    Replay(
        "rwightman/efficientdet-pytorch#72",
        "1,000 images, batch 4, 40 epochs; a score threshold of .1 to get rid of redundant boxes",
        "automl_d0_coco",
        "model { ssd { num_classes: 20 post_processing { batch_non_max_suppression { score_threshold: 0.1 } } } }"
        + _run(4, 10_000, _cosine(0.005, 10_000, "warmup_learning_rate: 0.001")),
        ("score-threshold",),
        1_000,
    ),
    Replay(
        "Namburger/edgetpu-ssdlite-mobiledet-retrain#9",
        "A short run with the total_steps of the published one: the rate stays at its peak",
        "tfod_d0_coco",
        _classes(2) + _run(16, 30_000, _BACKBONE + _cosine(0.01, 300_000)),
        ("schedule-length",),
    ),
)
