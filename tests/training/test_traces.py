# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How often a run traces its network: tracing is most of what a start costs."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import ClassVar

import numpy as np
import tensorflow as tf

from efficientdet.detector import Detector
from efficientdet.evaluation.evaluator import EvaluationSettings, Evaluator
from efficientdet.evaluation.metrics import Category
from efficientdet.evaluation.pictures import PictureSettings
from efficientdet.training.network_pass import Level, NetworkPass
from efficientdet.training.trainer import TrainerSettings
from efficientdet.types import Detections, Predictions
from tests.toy_detector import ToyPreprocess, toy_decode

from . import stubs


class _Counting(stubs.TinyModel):
    """Notes each Python call, by whether it trains: there is one for each trace, and none for a step."""

    calls: ClassVar[Counter[bool]] = Counter()  # of the class: Keras would wrap one of its own

    def call(self, inputs: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None) -> Predictions:
        _Counting.calls[training] += 1
        return super().call(inputs, training=training, seed=seed)


def _detections(predictions: Predictions, true_sizes: tf.Tensor) -> Detections:
    """One of nothing in each picture."""
    zeros = tf.zeros_like(predictions.box_codes[:, :1, 0])
    rows = tf.cast(zeros, tf.int32)
    return Detections(tf.zeros_like(predictions.box_codes[:, :1]), zeros, rows, rows, rows[:, 0])


def test_step_look_and_evaluation_are_traced_once_each_over_a_run(tmp_path: Path) -> None:
    model = _Counting()
    trainer = stubs.make_trainer(model=model, settings=TrainerSettings(average_decay=0.9))
    evaluator = Evaluator(
        Detector(model, ToyPreprocess(), _detections, toy_decode),
        stubs.SquaredLoss(),
        lambda: stubs.make_dataset(0, steps=2),
        [Category(1, "one"), Category(2, "two")],
        tmp_path,
        EvaluationSettings(metric_sets=(), pictures=PictureSettings(num_pictures=0), write_summaries=False),
    )
    look = NetworkPass(trainer, [Level("all", stubs.ANCHORS)], every_gradient=False)
    model.calls.clear()  # what built it
    for _ in range(2):
        trainer.train(2)
        batch = trainer.last_batch
        assert batch is not None
        look(batch.inputs, batch.targets)
        with trainer.averaged_weights():
            assert evaluator.evaluate(trainer.step).images == 8
    assert model.calls == {True: 2, False: 1}  # the step and the look; the evaluation
    assert np.isfinite(trainer.train_step().total)
    assert model.calls.total() == 3
