# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds out about a step that cannot stand: its batch as pictures and boxes, and what may be wrong with it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from efficientdet.builders.input import build_label_map
from efficientdet.builders.model import training_precision
from efficientdet.config import PipelineConfig
from efficientdet.data.checks import INPUT_ERRORS
from efficientdet.data.pipeline import InputPipeline
from efficientdet.data.preprocessing import Preprocessor
from efficientdet.errors import DataError
from efficientdet.protos import input_reader_pb2
from efficientdet.training.batch_report import source_ids, write_batch
from efficientdet.training.fault_causes import Circumstances, likely_causes
from efficientdet.training.recovery import Fault, FaultReport
from efficientdet.training.run_state import RunState
from efficientdet.training.trainer import Trainer
from efficientdet.training.workers import Workers, workers_of
from efficientdet.types import Batch
from efficientdet.visualization import draw_batch

_FOLDER = "incidents"

_logger = logging.getLogger(__name__)


class FaultReporter:
    """Reports faults of one run.

    Args:
      config: resolved.
      model_dir: of the run; batches go into its folder `incidents`.
      trainer: of the run.
      data: its input.
      state: of the run.
      preprocessor: what its pictures went through.
      recipe_notes: what was said of the recipe before the run, a sentence each.
    """

    def __init__(
        self,
        config: PipelineConfig,
        model_dir: Path,
        trainer: Trainer,
        data: InputPipeline,
        *,
        state: RunState,
        preprocessor: Preprocessor,
        recipe_notes: Sequence[str] = (),
    ) -> None:
        self._config = config
        self._model_dir = model_dir
        self._trainer = trainer
        self._data = data
        self._state = state
        self._preprocessor = preprocessor
        self._recipe_notes = tuple(recipe_notes)
        self._workers: Workers = workers_of(trainer.strategy)

    def __call__(self, fault: Fault) -> FaultReport:
        """Finds out about a fault, and writes its batch where this process is the one that writes."""
        batch = self._batch(fault.batch_number)
        circumstances = Circumstances(
            step=fault.step,
            rate=lambda step: float(self._trainer.optimizer.learning_rate(step)),
            recent_losses=tuple(self._state.recent_losses),
            is_float16=training_precision(self._config.proto.train_config) == "float16",
        )
        causes = likely_causes(batch, circumstances)
        causes += [f"before the start it was said of the recipe: {note}" for note in self._recipe_notes]
        folder = f"{_FOLDER}/step-{fault.step}-batch-{fault.batch_number}"  # a step may fail again, with the next batch
        if batch is None or not self._workers.is_chief or not self._write(self._model_dir / folder, batch):
            folder = ""
        return FaultReport(() if batch is None else source_ids(batch), tuple(causes), folder)

    def _batch(self, number: int) -> Batch | None:
        """The whole batch of a fault, arrays; None where it cannot be had.

        One process has all of it at hand. Of several, each has its part, and reads the rest, unless they read different
        files.
        """
        by_record = self._config.proto.train_input_reader.worker_sharding == input_reader_pb2.BY_RECORD
        if self._workers.count > 1 and by_record:
            try:
                return tf.nest.map_structure(np.asarray, next(iter(self._data.train_dataset(number))))
            except (*INPUT_ERRORS, DataError, StopIteration) as error:
                _logger.warning("batch %d cannot be read again: %s", number, error)
        batch, strategy = self._trainer.last_global_batch, self._trainer.strategy
        if batch is None:
            return None

        def joined(value: tf.Tensor) -> np.ndarray:
            return np.concatenate([np.asarray(part) for part in strategy.experimental_local_results(value)])

        return tf.nest.map_structure(joined, batch)

    def _write(self, folder: Path, batch: Batch) -> bool:
        names = build_label_map(self._config, "train_input_reader").names_by_row

        def draw(drawn: Batch) -> np.ndarray:
            drawn = drawn._replace(inputs=np.nan_to_num(np.asarray(drawn.inputs)))
            return draw_batch(drawn, to_pixels=self._preprocessor.to_pixels, names=names, max_images=len(drawn.inputs))

        try:
            write_batch(folder, batch, draw, names=names)
        except OSError as error:  # a full disk is no reason to hide the fault
            _logger.warning("the batch cannot be written to %s: %s", folder, error)
            return False
        return True
