# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a training writes into the record of itself."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

from efficientdet.builders.evaluation import metrics_files
from efficientdet.builders.kernels import kernels_in_words
from efficientdet.config import PipelineConfig
from efficientdet.evaluation.metrics_file import results
from efficientdet.run_record import collect
from efficientdet.run_record.recorder import Recorder
from efficientdet.training.distribution import devices_in_words
from efficientdet.training.workers import workers_of
from efficientdet.weights.report import REPORT_NAME


def build_recorder(
    config: PipelineConfig, model_dir: Path, strategy: tf.distribute.Strategy, *, step: int, last_step: int
) -> Recorder:
    """Begins, or goes on with, the record of a run.

    Args:
      config: resolved.
      model_dir: of the run.
      strategy: on whose replicas it trains.
      step: updates done before this start.
      last_step: at which training ends.
    """
    hardware = collect.hardware(
        replicas=strategy.num_replicas_in_sync,
        workers=workers_of(strategy).count,
        devices=devices_in_words(),
        kernels=kernels_in_words(config.proto.train_config),
    )
    report = model_dir / REPORT_NAME
    has_start_weights = bool(config.proto.train_config.fine_tune_checkpoint) and report.is_file()
    restored = report.read_text(encoding="utf-8").splitlines()[:1] if has_start_weights else []
    files = metrics_files(config, model_dir / "eval")
    return Recorder(
        model_dir,
        config,
        step=step,
        num_steps=last_step,
        hardware=hardware,
        restored=restored,
        evaluations=results(files[0]) if files else (),
    )
