# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What TensorBoard shows of a training, under the tags of the Object Detection API (TFOD)."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from efficientdet.training.trainer import Trainer
from efficientdet.types import Batch, Losses

# Pictures are a thousand times as large as scalars; a run of 300,000 steps would fill gigabytes with them.
_SCALARS_PER_IMAGE = 10
_IMAGES = 3


class TrainingSummaries:
    """Writes losses, learning rate and speed every `interval` steps, and input pictures every tenth time.

    Losses are means over the steps since the last time. The speed is that of training alone: evaluation, saving and
    the tracing of the first step do not count.

    Args:
      directory: `<model_dir>/train`.
      interval: steps between two points of a curve.
      draw_batch: returns the pictures of a batch with their boxes drawn, uint8 [n, H, W, 3]; None writes no pictures.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        *,
        interval: int = 100,
        draw_batch: Callable[[Batch], np.ndarray] | None = None,
    ) -> None:
        self._directory = os.fspath(directory)
        self._interval = interval
        self._draw_batch = draw_batch
        self._writer: tf.summary.SummaryWriter | None = None
        self._losses: list[Losses] = []
        self._seconds: list[float] = []
        self._is_first_step = True
        self._written = 0

    def update(self, trainer: Trainer, losses: Losses, seconds: float, *, last: bool = False) -> None:
        """Takes a step into account, and writes if it is time to.

        Args:
          trainer: has just done the step.
          losses: of this step.
          seconds: what it took.
          last: whether it is the last one, which is always written.
        """
        self._losses.append(losses)
        if not self._is_first_step:
            self._seconds.append(seconds)
        self._is_first_step = False
        if last or trainer.step % self._interval == 0:
            self._write(trainer)

    def close(self) -> None:
        """Writes out what is buffered."""
        if self._writer is not None:
            self._writer.close()

    def _write(self, trainer: Trainer) -> None:
        if self._writer is None:  # not before there is something to write: no empty event files
            self._writer = tf.summary.create_file_writer(self._directory)
        means = Losses(*np.mean(np.asarray(self._losses, np.float64), axis=0))
        scalars = means.tags() | {"learning_rate": trainer.learning_rate}
        if self._seconds:
            scalars["steps_per_sec"] = len(self._seconds) / sum(self._seconds)
        with self._writer.as_default(step=trainer.step):
            for tag, value in scalars.items():
                tf.summary.scalar(tag, value)
            batch = trainer.last_batch
            if self._draw_batch is not None and batch is not None and self._written % _SCALARS_PER_IMAGE == 0:
                tf.summary.image("train_input_images", self._draw_batch(batch), max_outputs=_IMAGES)
        self._writer.flush()
        self._written += 1
        self._losses.clear()
        self._seconds.clear()
