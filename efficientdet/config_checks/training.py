# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The rules that tie the fields of training and its data together."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from efficientdet import field_paths
from efficientdet.config_checks.kinds import Breach, RuleTable
from efficientdet.protos import eval_pb2, input_reader_pb2, optimizer_pb2, pipeline_pb2, train_pb2
from efficientdet.verdicts.extractors import EXTRACTORS

_DECAYS = (optimizer_pb2.CosineDecayLearningRate, optimizer_pb2.PolynomialDecayLearningRate)
_BOUNDED_METRICS = "precision_at_recall_detection_metrics"
_COCO_METRICS = "coco_detection_metrics"


def _decay(
    schedule: optimizer_pb2.CosineDecayLearningRate | optimizer_pb2.PolynomialDecayLearningRate,
) -> Iterator[Breach]:
    flat, parts = schedule.warmup_steps, f"warmup_steps ({schedule.warmup_steps})"
    if isinstance(schedule, optimizer_pb2.CosineDecayLearningRate):
        flat += schedule.hold_base_rate_steps
        parts += f" plus hold_base_rate_steps ({schedule.hold_base_rate_steps})"
    if schedule.total_steps < flat:
        yield "total_steps", f"must be at least {parts}"
    yield from _warmup(schedule)


def _warmup(schedule: Any) -> Iterator[Breach]:
    if schedule.warmup_steps and schedule.warmup_learning_rate > schedule.learning_rate_base:
        yield "warmup_learning_rate", f"must be at most learning_rate_base ({schedule.learning_rate_base:g})"


def _manual_steps(schedule: optimizer_pb2.ManualStepLearningRate) -> Iterator[Breach]:
    steps = [entry.step for entry in schedule.schedule]
    if any(later <= earlier for earlier, later in pairwise([0, *steps])):
        yield "schedule", f"must have steps that rise from above 0, not {', '.join(map(str, steps))}"


def _accumulated_parts(train: train_pb2.TrainConfig) -> Iterator[Breach]:
    if (parts := train.gradient_accumulation_steps) and train.batch_size % parts:
        yield "batch_size", f"must be divisible by gradient_accumulation_steps ({parts})"


def _smaller_last_batch(config: pipeline_pb2.TrainEvalPipelineConfig) -> Iterator[Breach]:
    reader = config.train_input_reader
    if config.train_config.gradient_accumulation_steps > 1 and reader.num_epochs and not reader.drop_remainder:
        text = "must be true where train_config.gradient_accumulation_steps is above 1: the last batch may not divide"
        yield "train_input_reader.drop_remainder", text


def _loss_jump(faults: train_pb2.FaultHandling) -> Iterator[Breach]:
    if 0 < faults.max_loss_jump <= 1:
        yield "max_loss_jump", "must be 0, which allows any, or above 1: every other step is above the median"


def _checkpoint_version(train: train_pb2.TrainConfig) -> Iterator[Breach]:
    version_1 = train.HasField("fine_tune_checkpoint_version") and train.fine_tune_checkpoint_version == train_pb2.V1
    if train.fine_tune_checkpoint and version_1:
        yield "fine_tune_checkpoint_version", "must be V2: checkpoints of TFOD's TensorFlow 1 models are not read"


def _sampled_sources(reader: input_reader_pb2.InputReader) -> Iterator[Breach]:
    weights, paths = reader.sample_from_datasets_weights, reader.tf_record_input_reader.input_path
    if weights and len(weights) != len(paths):
        yield "sample_from_datasets_weights", f"must be one for each tf_record_input_reader.input_path ({len(paths)})"
    if weights and reader.num_epochs:
        yield "num_epochs", "must be 0 with sample_from_datasets_weights: a mixture of data sets has no epochs"


def _recomputed_parts(config: pipeline_pb2.TrainEvalPipelineConfig) -> Iterator[Breach]:
    extractor = config.model.ssd.feature_extractor.type
    has_pyramid = extractor not in EXTRACTORS or EXTRACTORS[extractor].has_pyramid
    if train_pb2.PYRAMID in config.train_config.recompute and not has_pyramid:
        yield "train_config.recompute", f"must be without PYRAMID: {extractor} has no feature pyramid"


def _own_files(reader: input_reader_pb2.InputReader) -> Iterator[Breach]:
    if reader.worker_sharding == input_reader_pb2.BY_FILE and reader.num_epochs:
        yield "num_epochs", "must be 0 with worker_sharding: BY_FILE: the workers' files would end at different steps"


def _services(reader: input_reader_pb2.InputReader) -> Iterator[Breach]:
    for address in reader.data_service_address.replace(",", " ").split():
        if not re.fullmatch(r"grpc://[^/:]+:\d+", address):
            yield "data_service_address", "must be like grpc://host:5050, or several such with commas between"


def _evaluation_readers(config: pipeline_pb2.TrainEvalPipelineConfig) -> Iterator[Breach]:
    """Several sets of results need a folder each."""
    names = [reader.name for reader in config.eval_input_reader]
    for index, name in enumerate(names if len(names) > 1 else ()):
        if not name or name in names[:index]:
            yield f"eval_input_reader[{index}].name", "must be set, and set apart, where there are several readers"


def _recall_bounds(settings: eval_pb2.EvalConfig) -> Iterator[Breach]:
    if settings.recall_lower_bound > settings.recall_upper_bound:
        yield "recall_lower_bound", f"must be at most recall_upper_bound ({settings.recall_upper_bound:g})"


def _decay_end(train: train_pb2.TrainConfig) -> Iterator[Breach]:
    """A rate that is to reach its end elsewhere than training does."""
    steps = train.num_steps
    for path, message in field_paths.messages(train):
        if steps and isinstance(message, _DECAYS) and message.total_steps != steps:
            early = message.total_steps < steps
            outcome = "the rate is 0 after it" if early else "training ends before the rate has decayed"
            yield f"{path}.total_steps", f"differs from train_config.num_steps ({steps}): {outcome}"


def _restored_part(train: train_pb2.TrainConfig) -> Iterator[Breach]:
    if train.fine_tune_checkpoint_type == "fine_tune":
        text = "restores backbone and pyramid, as detection does (TFOD knows it for CenterNet)"
        yield "fine_tune_checkpoint_type", text


def _evaluated_records(config: pipeline_pb2.TrainEvalPipelineConfig) -> Iterator[Breach]:
    """An evaluation reader that says otherwise than evaluation does."""
    for index, reader in enumerate(config.eval_input_reader):
        says = {
            "shuffle": reader.HasField("shuffle") and reader.shuffle,
            "num_epochs": reader.num_epochs > 1,
            "drop_remainder": reader.HasField("drop_remainder") and reader.drop_remainder,
            "sample_from_datasets_weights": bool(reader.sample_from_datasets_weights),
        }
        for name in (name for name, differs in says.items() if differs):
            text = "evaluation reads each record once, in the order of the files, and keeps the last, smaller batch"
            yield f"eval_input_reader[{index}].{name}", text
        if reader.data_service_address:
            text = "each worker prepares its batches of evaluation itself"
            yield f"eval_input_reader[{index}].data_service_address", text
        if reader.worker_sharding == input_reader_pb2.BY_FILE:
            text = "the workers share evaluation by batches, whatever the files"
            yield f"eval_input_reader[{index}].worker_sharding", text
        if reader.skip_crowd:
            text = "evaluation keeps crowds: what is found inside one counts neither for nor against the model"
            yield f"eval_input_reader[{index}].skip_crowd", text


def _kept_checkpoints(train: train_pb2.TrainConfig) -> Iterator[Breach]:
    kept, interval = train.keep_checkpoint_every_n_steps, train.checkpoint_interval_steps
    if kept and interval and kept % interval:
        every = math.lcm(kept, interval)
        text = f"is no multiple of checkpoint_interval_steps ({interval}): every {every} steps one is kept"
        yield "keep_checkpoint_every_n_steps", text


def _same_rate(faults: train_pb2.FaultHandling) -> Iterator[Breach]:
    if faults.action == train_pb2.FaultHandling.LOWER_RATE and faults.rate_factor == 1:
        yield "rate_factor", "lowers no rate: the same fault is to be expected again"


def _watched_anyway(train: train_pb2.TrainConfig) -> Iterator[Breach]:
    if train.precision == train_pb2.FLOAT16:
        yield "fault_handling.watch_gradients", "with precision: FLOAT16, which looks at them in each step"


def _unused_normalizer(config: pipeline_pb2.TrainEvalPipelineConfig) -> Iterator[Breach]:
    if not config.model.ssd.normalize_loss_by_num_matches:
        text = "where model.ssd.normalize_loss_by_num_matches is false"
        yield "train_config.loss_normalizer_scope", text


def _average_decay(optimizer: optimizer_pb2.Optimizer) -> Iterator[Breach]:
    if not optimizer.use_moving_average:
        yield "moving_average_decay", "without use_moving_average"


def _no_recovery(faults: train_pb2.FaultHandling) -> Iterator[Breach]:
    if not faults.max_recoveries and faults.action != train_pb2.FaultHandling.STOP:
        yield "action", "where max_recoveries is 0: a fault ends training"
    if faults.action == train_pb2.FaultHandling.STOP:
        yield "max_recoveries", "where action is STOP"
    if faults.action != train_pb2.FaultHandling.LOWER_RATE:
        yield "rate_factor", "where action is not LOWER_RATE"


def _nothing_to_compare(config: pipeline_pb2.TrainEvalPipelineConfig) -> Iterator[Breach]:
    """What evaluations would decide, where there are none, or none with numbers."""
    if not config.eval_input_reader or config.eval_config.ignore_groundtruth:
        why = "with eval_config.ignore_groundtruth" if config.eval_input_reader else "without eval_input_reader"
        for name in ("early_stopping", "best_checkpoint_metric", "keep_best_checkpoint"):
            yield f"train_config.{name}", why


def _no_best(train: train_pb2.TrainConfig) -> Iterator[Breach]:
    if not train.keep_best_checkpoint and not train.HasField("early_stopping"):
        yield "best_checkpoint_metric", "without keep_best_checkpoint and early_stopping"


def _no_warmup(schedule: Any) -> Iterator[Breach]:
    if not schedule.warmup_steps:
        yield "warmup_learning_rate", "where warmup_steps is 0"


def _no_burnin(schedule: optimizer_pb2.ExponentialDecayLearningRate) -> Iterator[Breach]:
    if not schedule.burnin_steps:
        yield "burnin_learning_rate", "where burnin_steps is 0"


def _no_looks(train: train_pb2.TrainConfig) -> Iterator[Breach]:
    if train.HasField("diagnostics_interval_steps") and not train.diagnostics_interval_steps:
        yield "summarize_gradients", "where diagnostics_interval_steps is 0"


def _metrics(settings: eval_pb2.EvalConfig) -> Iterator[Breach]:
    says = {
        "recall_lower_bound": settings.recall_lower_bound > 0,
        "recall_upper_bound": settings.recall_upper_bound < 1,
    }
    if _BOUNDED_METRICS not in settings.metrics_set:
        yield from ((name, f"without {_BOUNDED_METRICS} in metrics_set") for name, bounds in says.items() if bounds)
    if set(settings.metrics_set) <= {_COCO_METRICS}:
        yield (
            "pascal_voc_average",
            f"with {_COCO_METRICS} alone in metrics_set",
        )


def _pictures(settings: eval_pb2.EvalConfig) -> Iterator[Breach]:
    if not settings.visualize_groundtruth_boxes:
        yield "groundtruth_box_visualization_color", "without visualize_groundtruth_boxes"
    if settings.keep_image_id_for_visualization_export and not settings.visualization_export_dir:
        yield "keep_image_id_for_visualization_export", "without visualization_export_dir"


RULES: RuleTable = (
    (optimizer_pb2.CosineDecayLearningRate, _decay),
    (optimizer_pb2.PolynomialDecayLearningRate, _decay),
    (optimizer_pb2.CosineRestartsLearningRate, _warmup),
    (optimizer_pb2.ManualStepLearningRate, _manual_steps),
    (train_pb2.TrainConfig, _checkpoint_version),
    (train_pb2.TrainConfig, _accumulated_parts),
    (train_pb2.FaultHandling, _loss_jump),
    (input_reader_pb2.InputReader, _sampled_sources),
    (input_reader_pb2.InputReader, _own_files),
    (input_reader_pb2.InputReader, _services),
    (eval_pb2.EvalConfig, _recall_bounds),
    (pipeline_pb2.TrainEvalPipelineConfig, _recomputed_parts),
    (pipeline_pb2.TrainEvalPipelineConfig, _evaluation_readers),
    (pipeline_pb2.TrainEvalPipelineConfig, _smaller_last_batch),
)
NOTES: RuleTable = (
    (train_pb2.TrainConfig, _decay_end),
    (train_pb2.TrainConfig, _kept_checkpoints),
    (train_pb2.TrainConfig, _restored_part),
    (train_pb2.FaultHandling, _same_rate),
    (pipeline_pb2.TrainEvalPipelineConfig, _evaluated_records),
)
IDLE: RuleTable = (
    (train_pb2.FaultHandling, _no_recovery),
    (pipeline_pb2.TrainEvalPipelineConfig, _nothing_to_compare),
    (pipeline_pb2.TrainEvalPipelineConfig, _unused_normalizer),
    (train_pb2.TrainConfig, _watched_anyway),
    (train_pb2.TrainConfig, _no_looks),
    (train_pb2.TrainConfig, _no_best),
    (optimizer_pb2.Optimizer, _average_decay),
    (optimizer_pb2.CosineDecayLearningRate, _no_warmup),
    (optimizer_pb2.PolynomialDecayLearningRate, _no_warmup),
    (optimizer_pb2.CosineRestartsLearningRate, _no_warmup),
    (optimizer_pb2.ExponentialDecayLearningRate, _no_burnin),
    (eval_pb2.EvalConfig, _metrics),
    (eval_pb2.EvalConfig, _pictures),
)
