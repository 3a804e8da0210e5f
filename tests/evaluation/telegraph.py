# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A network that says what its input spells out, pictures that spell, and an evaluator of both."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf

from efficientdet.detector import Detector
from efficientdet.evaluation.coco import METRIC_NAMES, CocoEvaluation
from efficientdet.evaluation.evaluator import EvaluationSettings, Evaluator
from efficientdet.evaluation.metrics import Category
from efficientdet.evaluation.pictures import PictureSettings
from efficientdet.types import Batch, Detections, GroundTruth, Predictions, Targets

_HEIGHT, _WIDTH = 32, 48
_CATEGORIES = [Category(1, "cat"), Category(2, "dog")]
AP = METRIC_NAMES[0]
_SETTINGS = EvaluationSettings(metric_sets=(CocoEvaluation,), pictures=PictureSettings(num_pictures=10))
MEAN_COLOUR = (100, 110, 120)


class Telegraph:
    """A network that repeats the first six numbers of its input: a box, a class and a score."""

    def __init__(self) -> None:
        self.weight = tf.Variable(2.0)
        self.variables = [self.weight]
        self.traces = 0

    def regularization_loss(self) -> tf.Tensor:
        return 0.75 * self.weight

    def __call__(self, inputs: tf.Tensor, training: bool) -> Predictions:
        self.traces += 1
        return Predictions(tf.reshape(inputs[:, 0, :2], [-1, 1, 6]), tf.zeros([tf.shape(inputs)[0], 1, 4]))


def _read_message(predictions: Predictions, true_sizes: tf.Tensor) -> Detections:
    message = predictions.class_logits[:, 0]
    scores = message[:, 5:]
    return Detections(
        boxes=message[:, tf.newaxis, :4],
        scores=scores,
        classes=tf.cast(message[:, 4:5], tf.int32),
        anchors=tf.zeros_like(scores, tf.int32),
        count=tf.cast(scores[:, 0] > 0, tf.int32),
    )


class _Loss:
    """Localisation: sum of the box weights; classification: sum of the scores; both over the normaliser."""

    def num_matched(self, targets: Targets) -> tf.Tensor:
        return tf.reduce_sum(targets.box_weights)

    def normalizer(self, num_matched: tf.Tensor) -> tf.Tensor:
        return tf.maximum(num_matched, 1.0)

    def __call__(
        self, predictions: Predictions, targets: Targets, normalizer: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        scores = tf.reduce_sum(predictions.class_logits[:, 0, 5])
        return self.num_matched(targets) / normalizer, scores / normalizer


def pictures(batch_size: int = 2, box_weight: float = 0.0) -> tf.data.Dataset:
    """Three pictures of 64 x 60 seen at 32 x 30 in a frame of 32 x 48, each with one object; the third is not found."""
    truth = np.array([[10, 6, 42, 36], [0, 0, 64, 60], [8, 9, 40, 41]], np.float32)  # yxyx, pixels of the picture
    in_picture = truth / np.array([64, 60, 64, 60], np.float32)
    in_input = in_picture * np.array([1, 30 / _WIDTH, 1, 30 / _WIDTH], np.float32)
    inputs = np.zeros([3, _HEIGHT, _WIDTH, 3], np.float32)
    classes = np.array([0, 1, 1], np.int32)
    for row in range(3):
        inputs[row, 0, :2] = np.reshape([*in_picture[row], classes[row], [0.9, 0.6, 0.0][row]], [2, 3])
    padded = np.stack([in_input, np.zeros_like(in_input)], axis=1)
    flags = np.zeros([3, 2], bool)
    batch = Batch(
        inputs=inputs,
        true_sizes=np.tile(np.array([32, 30], np.int32), [3, 1]),
        original_sizes=np.tile(np.array([64, 60], np.int32), [3, 1]),
        source_ids=np.array([b"17", b"b.jpg", b"4"]),
        ground_truth=GroundTruth(
            boxes=padded,
            classes=np.stack([classes, np.zeros_like(classes)], axis=1),
            weights=np.array([[1, 0]] * 3, np.float32),
            is_crowd=flags,
            is_difficult=flags,
            areas=np.zeros([3, 2], np.float32),
            count=np.ones(3, np.int32),
        ),
        targets=Targets(
            classes=np.zeros([3, 1], np.int32),
            class_weights=np.ones([3, 1], np.float32),
            box_codes=np.zeros([3, 1, 4], np.float32),
            box_weights=np.full([3, 1], box_weight, np.float32),
        ),
    )
    return tf.data.Dataset.from_tensor_slices(batch).batch(batch_size)


def build(
    directory: Path,
    *,
    model: Callable[..., Predictions] | None = None,
    dataset_fn: Callable[[], tf.data.Dataset] = pictures,
    keywords: dict[str, Any] | None = None,
    **changes: Any,
) -> Evaluator:
    """An evaluator of `Telegraph` on `pictures`, given `keywords`; `changes` are of its settings."""
    # A Batch is preprocessed already.
    preprocess: Any = SimpleNamespace(to_pixels=lambda inputs: (inputs + MEAN_COLOUR).astype(np.uint8))
    detector = Detector(model or Telegraph(), preprocess, _read_message, lambda predictions: (None, None))
    settings = _SETTINGS._replace(**changes)
    return Evaluator(detector, _Loss(), dataset_fn, _CATEGORIES, directory, settings, **(keywords or {}))
