# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds those who watch a training: TensorBoard's curves, looks into the network, and what is said of its health."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from efficientdet.builders.anchors import anchors_per_cell
from efficientdet.builders.extractors import extractor_builder
from efficientdet.builders.input import build_label_map
from efficientdet.config import PipelineConfig
from efficientdet.data.files import resolve_files
from efficientdet.data.preprocessing import Preprocessor
from efficientdet.data.shared_records import count_shared_records
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.training.diagnostics import Diagnostics, Level
from efficientdet.training.event_file import EventFile
from efficientdet.training.health import Health, Run
from efficientdet.training.outcome import Observer
from efficientdet.training.summaries import TrainingSummaries
from efficientdet.types import Batch
from efficientdet.visualization import draw_batch
from efficientdet.weights.model_blocks import block_of

_SUMMARY_INTERVAL = 100  # steps, TFOD's
_SUMMARIES_PER_RUN = 20  # at least, of a run shorter than 20 intervals
_LOOKS_PER_RUN = 10  # at least, of a run that is not too short for them
_LEAST_INTERVAL = 50  # steps: a run of few has nothing to show for the trace that its first look takes
_LOOK_INTERVAL = 1_000  # steps: a thousandth of the time


def build_diagnostics(
    config: PipelineConfig,
    *,
    model_dir: Path,
    model: DetectionModel,
    preprocessor: Preprocessor,
    num_records: int,
    is_chief: bool = True,
    record_summaries: bool = True,
) -> list[Observer]:
    """Builds the observers of one worker, in the order in which they are to be told of a step.

    Looks into the network are collectives: every worker takes part in them. Only the chief writes and speaks.

    Args:
      config: resolved.
      model_dir: where the chief writes `train/` for TensorBoard, and `health.jsonl`.
      model: that is trained.
      preprocessor: what its pictures went through.
      num_records: of the training data, one epoch.
      is_chief: whether this worker is the one that writes.
      record_summaries: whether TensorBoard files are written; the health of the run is watched in any case.

    Returns:
      `TrainingSummaries`, `Diagnostics` and `Health`, as far as this worker has them.
    """
    train = config.proto.train_config
    events = EventFile(model_dir / "train") if is_chief and record_summaries else None
    observers: list[Observer] = [_summaries(config, events, preprocessor)] if events else []
    health = None
    if is_chief:
        health = Health(
            model_dir / "health.jsonl",
            Run(train.schedule_start_step + train.num_steps, train.batch_size, num_records),
            events=events,
            count_shared=functools.partial(_shared_records, config),
        )
    if interval := look_interval(config):
        diagnostics = Diagnostics(
            interval,
            block_of=functools.partial(block_of, model=model),
            levels=_levels(config, preprocessor.input_size),
            every_gradient=train.summarize_gradients,
            events=events,
            on_look=health.on_look if health else None,
        )
        observers.append(diagnostics)
    return [*observers, health] if health else observers


def look_interval(config: PipelineConfig) -> int:
    """Steps between two looks into the network; 0 for none."""
    train = config.proto.train_config
    if train.HasField("diagnostics_interval_steps"):
        return train.diagnostics_interval_steps
    return max(_LEAST_INTERVAL, min(_LOOK_INTERVAL, train.num_steps // _LOOKS_PER_RUN))


def _summaries(config: PipelineConfig, events: EventFile, preprocessor: Preprocessor) -> TrainingSummaries:
    interval = min(_SUMMARY_INTERVAL, max(1, config.proto.train_config.num_steps // _SUMMARIES_PER_RUN))
    names = build_label_map(config, "train_input_reader").names_by_row

    def draw(batch: Batch) -> np.ndarray:
        return draw_batch(batch, to_pixels=preprocessor.to_pixels, names=names)

    return TrainingSummaries(events, interval=interval, draw_batch=draw)


def _levels(config: PipelineConfig, input_size: tuple[int, int]) -> Sequence[Level]:
    """The levels that anchors lie on, finest first, named by their stride."""
    sizes = extractor_builder(config).feature_sizes(config.proto.model.ssd, input_size)
    return [
        Level(f"stride {round(input_size[0] / rows)}", rows * columns * per_cell)
        for (rows, columns), per_cell in zip(sizes, anchors_per_cell(config), strict=True)
    ]


def _shared_records(config: PipelineConfig) -> tuple[int, int]:
    """(records of the first evaluation reader that training reads too, all its records)."""
    train, evaluation = config.proto.train_input_reader, config.proto.eval_input_reader[0]
    return count_shared_records(
        *(resolve_files(list(reader.tf_record_input_reader.input_path)) for reader in (evaluation, train))
    )
