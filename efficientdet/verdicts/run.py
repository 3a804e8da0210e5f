# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The verdicts on what a run does with the model: training, data, evaluation."""

from __future__ import annotations

import re

from efficientdet.protos import input_reader_pb2
from efficientdet.verdicts.kinds import (
    ABOVE_ZERO,
    BELOW_ONE,
    HONOURED,
    PATH,
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
)

RESTORE_TYPES = ("classification", "detection", "full", "fine_tune")
METRICS_SETS = (
    "coco_detection_metrics",
    "pascal_voc_detection_metrics",
    "weighted_pascal_voc_detection_metrics",
    "precision_at_recall_detection_metrics",
)


def _is_expression(text: str) -> bool:
    try:
        re.compile(text)
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _is_colour(text: str) -> bool:
    from PIL import ImageColor  # here, so that importing the package stays quick

    try:
        ImageColor.getrgb(text)
    except ValueError:
        return False
    return True


_EXPRESSIONS = HonouredWhen(lambda texts: all(map(_is_expression, texts)), "must be regular expressions")


_TRAINING: VerdictTable = {
    "TrainEvalPipelineConfig": {
        "model": HONOURED,
        "train_config": HONOURED,
        "train_input_reader": HONOURED,
        "eval_config": HONOURED,
        "eval_input_reader": HONOURED,
        "graph_rewriter": Refused("there is no quantisation-aware training"),
        "lineage": HONOURED,
    },
    "TrainConfig": {
        "batch_size": at_least(1),
        "data_augmentation_options": HONOURED,
        **each_translated(
            "replicas always step together; nothing is delayed or left out",
            "sync_replicas startup_delay_steps replicas_to_aggregate",
        ),
        "keep_checkpoint_every_n_hours": Translated("the latest max_checkpoints_to_keep checkpoints are kept"),
        "optimizer": HONOURED,
        "gradient_clipping_by_norm": at_least(0),
        "fine_tune_checkpoint": PATH,
        "fine_tune_checkpoint_type": HonouredWhen(
            lambda given: given in ("", *RESTORE_TYPES), f"must be one of {', '.join(RESTORE_TYPES)}"
        ),
        "fine_tune_checkpoint_version": HONOURED,
        "from_detection_checkpoint": Translated("decides fine_tune_checkpoint_type where that is not set"),
        "load_all_detection_checkpoint_vars": Refused("fine_tune_checkpoint_type decides what is restored"),
        "run_fine_tune_checkpoint_dummy_computation": Translated("variables exist before a checkpoint is read"),
        "num_steps": HONOURED,
        "bias_grad_multiplier": at_least(0),
        "update_trainable_variables": _EXPRESSIONS,
        "freeze_variables": _EXPRESSIONS,
        **each_translated(
            "tf.data tunes its own buffers", "batch_queue_capacity num_batch_queue_threads prefetch_queue_capacity"
        ),
        "merge_multiple_label_boxes": Refused("each box has one class"),
        "use_multiclass_scores": Refused("class targets are 0 or 1"),
        "add_regularization_loss": HONOURED,
        "max_number_of_boxes": at_least(1),
        "unpad_groundtruth_tensors": Translated("padding rows have weight 0; the losses are the same"),
        "retain_original_images": Translated("training needs no copies of the original images"),
        "use_bfloat16": Translated("TFOD computes in it on TPUs only; precision: BFLOAT16 does on any device"),
        "summarize_gradients": HONOURED,
        "seed": HONOURED,
        "checkpoint_interval_steps": at_least(1),
        "max_checkpoints_to_keep": at_least(1),
        "gradient_clipping_by_tensor_norm": at_least(0),
        "fine_tune_checkpoint_label_map_path": PATH,
        "fine_tune_checkpoint_weights": HONOURED,
        "fine_tune_min_backbone_share": ABOVE_ZERO,
        "gradient_clipping_by_value": at_least(0),
        "learning_rate_multipliers": HONOURED,
        "gradient_accumulation_steps": at_least(1),
        "precision": HONOURED,
        "recompute": HONOURED,
        "loss_normalizer_scope": HONOURED,
        "fault_handling": HONOURED,
        "early_stopping": HONOURED,
        "keep_best_checkpoint": HONOURED,
        "best_checkpoint_metric": HONOURED,
        "keep_checkpoint_every_n_steps": HONOURED,
        "max_hours": at_least(0),
        "schedule_start_step": HONOURED,
        "diagnostics_interval_steps": HONOURED,
        "kernels": HONOURED,
    },
    "TrainingKernels": {"silu": HONOURED, "pointwise": HONOURED, "depthwise": HONOURED, "focal": HONOURED},
    "FaultHandling": {
        "action": HONOURED,
        "max_recoveries": HONOURED,
        "rate_factor": ABOVE_ZERO,
        "max_loss_jump": at_least(0),
        "watch_gradients": HONOURED,
    },
    "EarlyStopping": {"metric": HONOURED, "patience": at_least(1), "min_delta": at_least(0)},
    "LearningRateMultiplier": {
        "variables": HonouredWhen(lambda text: bool(text) and _is_expression(text), "must be a regular expression"),
        "multiplier": at_least(0),
    },
    "Optimizer": {
        "rms_prop_optimizer": HONOURED,
        "momentum_optimizer": HONOURED,
        "adam_optimizer": HONOURED,
        "adamw_optimizer": HONOURED,
        "use_moving_average": HONOURED,
        "moving_average_decay": PROBABILITY,
    },
    "RMSPropOptimizer": {
        "learning_rate": REQUIRED,
        "momentum_optimizer_value": PROBABILITY,
        "decay": PROBABILITY,
        "epsilon": POSITIVE,
        "decay_meaning": HONOURED,
    },
    "MomentumOptimizer": {"learning_rate": REQUIRED, "momentum_optimizer_value": PROBABILITY, "nesterov": HONOURED},
    "AdamOptimizer": {"learning_rate": REQUIRED, "epsilon": POSITIVE},
    "AdamWOptimizer": {
        "learning_rate": REQUIRED,
        "weight_decay": at_least(0),
        "epsilon": POSITIVE,
        "beta_1": BELOW_ONE,
        "beta_2": BELOW_ONE,
        "exclude_from_decay": _EXPRESSIONS,
    },
    "LearningRate": {
        "constant_learning_rate": HONOURED,
        "exponential_decay_learning_rate": HONOURED,
        "manual_step_learning_rate": HONOURED,
        "cosine_decay_learning_rate": HONOURED,
        "polynomial_decay_learning_rate": HONOURED,
        "cosine_restarts_learning_rate": HONOURED,
    },
    "CosineRestartsLearningRate": {
        "learning_rate_base": at_least(0),
        "first_period_steps": at_least(1),
        "period_factor": at_least(1),
        "rate_factor": ABOVE_ZERO,
        "end_rate_factor": PROBABILITY,
        "warmup_learning_rate": at_least(0),
        "warmup_steps": HONOURED,
    },
    "ConstantLearningRate": {"learning_rate": at_least(0)},
    "ExponentialDecayLearningRate": {
        "initial_learning_rate": at_least(0),
        "decay_steps": at_least(1),
        "decay_factor": at_least(0),
        "staircase": HONOURED,
        "burnin_learning_rate": at_least(0),
        "burnin_steps": HONOURED,
        "min_learning_rate": at_least(0),
    },
    "ManualStepLearningRate": {
        "initial_learning_rate": at_least(0),
        "schedule": HONOURED,
        "warmup": HONOURED,
    },
    "ManualStepLearningRate.LearningRateSchedule": {"step": HONOURED, "learning_rate": at_least(0)},
    "CosineDecayLearningRate": {
        "learning_rate_base": at_least(0),
        "total_steps": at_least(1),
        "warmup_learning_rate": at_least(0),
        "warmup_steps": HONOURED,
        "hold_base_rate_steps": HONOURED,
        "phase": HONOURED,
    },
    "PolynomialDecayLearningRate": {
        "learning_rate_base": at_least(0),
        "total_steps": at_least(1),
        "power": POSITIVE,
        "warmup_learning_rate": at_least(0),
        "warmup_steps": HONOURED,
    },
}

_DATA: VerdictTable = {
    "InputReader": {
        "name": HONOURED,
        "label_map_path": PATH,
        "shuffle": HONOURED,
        "shuffle_buffer_size": at_least(1),
        "filenames_shuffle_buffer_size": Translated("with shuffle, all file names are shuffled anew each epoch"),
        "num_epochs": HONOURED,
        "sample_1_of_n_examples": at_least(1),
        "num_readers": at_least(1),
        "num_prefetch_batches": HonouredWhen(
            lambda given: given >= -1, "must be at least 0 (0 prefetches none), or -1 for as many as tf.data finds best"
        ),
        "read_block_length": at_least(1),
        **each_translated(
            "tf.data tunes its own buffers and threads",
            "num_parallel_batches queue_capacity min_after_dequeue prefetch_size num_parallel_map_calls",
        ),
        "drop_remainder": HONOURED,
        "num_additional_channels": Refused("images have three channels"),
        **each_refused(
            "there are no keypoints",
            "num_keypoints keypoint_type_weight load_keypoint_depth_features use_keypoint_label_map",
        ),
        "max_number_of_boxes": at_least(1),
        **each_refused(
            "only images, boxes and classes are read",
            "load_multiclass_scores load_context_features load_context_image_ids load_instance_masks load_dense_pose"
            " load_track_id",
        ),
        "mask_type": Translated("masks are not read"),
        "use_display_name": HONOURED,
        "include_source_id": Translated("source ids are always read"),
        "input_type": HonouredWhen(
            lambda given: given != input_reader_pb2.TF_SEQUENCE_EXAMPLE, "must be TF_EXAMPLE: sequences are not read"
        ),
        "frame_index": Refused("sequences are not read"),
        "tf_record_input_reader": HONOURED,
        "external_input_reader": Refused("use tf_record_input_reader"),
        "sample_from_datasets_weights": HonouredWhen(all_positive, "must be positive"),
        "expand_labels_hierarchy": Refused("each box has one class"),
        "skip_crowd": HONOURED,
        "max_unreadable_records": HONOURED,
        "worker_sharding": HONOURED,
        "data_service_address": HONOURED,
    },
    "TFRecordInputReader": {"input_path": HONOURED},
}

_EVALUATION: VerdictTable = {
    "EvalConfig": {
        "batch_size": at_least(1),
        "num_visualizations": HONOURED,
        "num_examples": HONOURED,
        "eval_interval_secs": Translated("continuous evaluation reacts to a new checkpoint within seconds"),
        "max_evals": HONOURED,
        "save_graph": Refused("no graph is written for TensorBoard"),
        "eval_master": Translated("evaluation runs in this process"),
        "metrics_set": HonouredWhen(
            lambda names: set(names) <= set(METRICS_SETS), f"must be of {', '.join(METRICS_SETS)}"
        ),
        "parameterized_metric": Refused("there are no keypoints"),
        "ignore_groundtruth": HONOURED,
        "use_moving_averages": HONOURED,
        "eval_instance_masks": Refused("there are no instance masks"),
        "min_score_threshold": PROBABILITY,
        "max_num_boxes_to_visualize": at_least(0),
        "skip_scores": HONOURED,
        "skip_labels": HONOURED,
        "visualize_groundtruth_boxes": HONOURED,
        "groundtruth_box_visualization_color": HonouredWhen(
            _is_colour, 'must be a colour that Pillow knows, such as "black" or "#ff8000"'
        ),
        "visualization_export_dir": PATH,
        "keep_image_id_for_visualization_export": HONOURED,
        "export_path": PATH,
        "retain_original_images": Translated("images are kept where they are drawn, and only there"),
        "include_metrics_per_category": HONOURED,
        **each_refused("the metrics per category are AP only", "all_metrics_per_category super_categories"),
        "recall_lower_bound": PROBABILITY,
        "recall_upper_bound": PROBABILITY,
        "retain_original_image_additional_channels": Refused("images have three channels"),
        "force_no_resize": Refused("evaluation resizes as training does"),
        "use_dummy_loss_in_eval": Translated("validation losses are always computed"),
        "keypoint_edge": Refused("there are no keypoints"),
        **each_refused(
            "every detection counts", "skip_predictions_for_unlabeled_class image_classes_field_map_empty_to_ones"
        ),
        "interval_steps": HONOURED,
        "pascal_voc_average": HONOURED,
    },
}

RUN: VerdictTable = {**_TRAINING, **_DATA, **_EVALUATION}
