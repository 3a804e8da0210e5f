# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a config must say before it can train, evaluate or be exported."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from efficientdet.field_verdicts import Finding
from efficientdet.protos import input_reader_pb2, pipeline_pb2

Purpose = Literal["train", "eval", "export"]

_PLACEHOLDER = "PATH_TO_BE_CONFIGURED"


def missing(config: pipeline_pb2.TrainEvalPipelineConfig, purpose: Purpose) -> Iterator[Finding]:
    """Yields an error for everything that `config` leaves open and `purpose` needs.

    Args:
      config: as resolved.
      purpose: "train" needs the model, training and its data; "eval" the model and evaluation data; "export" the model.
    """
    if not config.model.HasField("ssd"):
        yield Finding("model.ssd", "must be set", is_error=True)
    if purpose == "train":
        yield from _missing_for_training(config)
    if purpose == "eval":
        if not config.eval_input_reader:
            yield Finding("eval_input_reader", "must be set", is_error=True)
        for index, reader in enumerate(config.eval_input_reader):
            yield from _missing_in_reader(reader, f"eval_input_reader[{index}]")


def _missing_for_training(config: pipeline_pb2.TrainEvalPipelineConfig) -> Iterator[Finding]:
    train = config.train_config
    if not train.HasField("optimizer"):
        yield Finding("train_config.optimizer", "must be set", is_error=True)
    if train.num_steps == 0:
        yield Finding("train_config.num_steps", "must be positive: training has to end", is_error=True)
    if config.eval_config.use_moving_averages and not train.optimizer.use_moving_average:
        text = "needs train_config.optimizer.use_moving_average: training keeps no averages to evaluate without it"
        yield Finding("eval_config.use_moving_averages", text, is_error=True)
    for name in ("fine_tune_checkpoint", "fine_tune_checkpoint_label_map_path"):
        if _PLACEHOLDER in getattr(train, name):
            yield Finding(f"train_config.{name}", 'must be set to a path, or to "" for none', is_error=True)
    if config.HasField("train_input_reader"):
        yield from _missing_in_reader(config.train_input_reader, "train_input_reader")
    else:
        yield Finding("train_input_reader", "must be set", is_error=True)


def _missing_in_reader(reader: input_reader_pb2.InputReader, path: str) -> Iterator[Finding]:
    if not reader.label_map_path or _PLACEHOLDER in reader.label_map_path:
        yield Finding(f"{path}.label_map_path", "must be set to the path of a label map", is_error=True)
    inputs = f"{path}.tf_record_input_reader.input_path"
    if not reader.tf_record_input_reader.input_path:
        yield Finding(inputs, "must name at least one TFRecord file", is_error=True)
    for index, pattern in enumerate(reader.tf_record_input_reader.input_path):
        if not pattern or _PLACEHOLDER in pattern:
            yield Finding(f"{inputs}[{index}]", "must be set to the path of TFRecord files", is_error=True)
