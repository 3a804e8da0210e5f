# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What TensorBoard shows of every training: the tags of the Object Detection API (TFOD), and a few of our own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from efficientdet.evaluation.evaluator import Evaluation
from efficientdet.training.event_file import EventFile
from efficientdet.training.memory import memory_in_use
from efficientdet.training.outcome import StepOutcome
from efficientdet.training.trainer import Trainer
from efficientdet.types import Batch, Losses

# Pictures are a thousand times as large as scalars; a run of 300,000 steps would fill gigabytes with them.
_SCALARS_PER_IMAGE = 10
_IMAGES = 3


class TrainingSummaries:
    """An Observer: losses, rate, speed, waiting and memory every `interval` steps, and pictures every tenth time.

    Losses, norms of gradients and the share of waiting are those of all steps since the last time. Speed and waiting
    are those of training alone: evaluation, saving and the tracing of the first step do not count.

    Args:
      events: where to.
      interval: steps between two points of a curve.
      draw_batch: returns the pictures of a batch with their boxes drawn, uint8 [n, H, W, 3]; None writes no pictures.
    """

    def __init__(
        self, events: EventFile, *, interval: int = 100, draw_batch: Callable[[Batch], np.ndarray] | None = None
    ) -> None:
        self._events = events
        self._interval = interval
        self._draw_batch = draw_batch
        self._outcomes: list[StepOutcome] = []
        self._is_first_step = True
        self._written = 0

    def on_step(self, trainer: Trainer, outcome: StepOutcome) -> None:
        """Takes a step into account, and writes if it is time to, or if it is the last one."""
        self._outcomes.append(outcome)
        if outcome.is_last or outcome.step % self._interval == 0:
            self._write(trainer, outcome.step)

    def on_evaluation(self, evaluation: Evaluation) -> None:
        """Does nothing: evaluations write summaries of their own."""

    def close(self) -> None:
        """Writes out what is buffered."""
        self._events.close()

    def _write(self, trainer: Trainer, step: int) -> None:
        with self._events.at(step):
            for tag, value in self._scalars(trainer).items():
                tf.summary.scalar(tag, value)
            batch = trainer.last_batch
            if self._draw_batch is not None and batch is not None and self._written % _SCALARS_PER_IMAGE == 0:
                tf.summary.image("train_input_images", self._draw_batch(batch), max_outputs=_IMAGES)
        self._written += 1
        self._outcomes.clear()
        self._is_first_step = False

    def _scalars(self, trainer: Trainer) -> dict[str, float]:
        means = Losses(*np.mean(np.asarray([outcome.losses for outcome in self._outcomes], np.float64), axis=0))
        scalars = means.tags() | {"learning_rate": trainer.learning_rate}
        if timed := self._outcomes[1:] if self._is_first_step else self._outcomes:
            seconds = sum(outcome.seconds for outcome in timed)
            scalars["steps_per_sec"] = len(timed) / seconds
            scalars["input/wait_share"] = sum(outcome.seconds_waited for outcome in timed) / seconds
        norms = [outcome.gradient_norm for outcome in self._outcomes if outcome.gradient_norm is not None]
        if norms:
            scalars["global_norm/gradient_norm"] = float(np.mean(norms))
        return scalars | {f"memory/{name}_gib": size / 2**30 for name, size in memory_in_use().items()}
