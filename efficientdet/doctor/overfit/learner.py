# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Learns a few pictures by heart, and looks at what comes out on the same pictures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tf_keras as keras

from efficientdet.builders.evaluation import build_categories
from efficientdet.builders.input import build_label_map
from efficientdet.config import PipelineConfig
from efficientdet.data.checks import INPUT_ERRORS
from efficientdet.data.pipeline import InputPipeline
from efficientdet.detector import Detector
from efficientdet.doctor.overfit.outcomes import Picture
from efficientdet.errors import TrainingError
from efficientdet.evaluation.gathering import in_picture_frame
from efficientdet.evaluation.voc import PascalVocEvaluation
from efficientdet.experiment import Experiment
from efficientdet.training import distribution
from efficientdet.types import Batch, Detections, Predictions

_CERTAIN = 8.0  # logit of what a perfect network says of a class; its negative of all others


class Score(NamedTuple):
    """AP50 on the pictures."""

    mean: float  # over classes
    of_class: dict[str, float]  # by name; -1 for a class without a box there
    any_class: float  # all classes taken for one


class Learnt(NamedTuple):
    """A picture as it was learnt from, and what became of its boxes."""

    pixels: np.ndarray  # uint8 [h, w, 3], as the network sees it, without padding
    source_id: str
    outcome: Picture


class Learner:
    """A network that is trained on a few pictures.

    Args:
      config: as `sample.memorising` makes it.
      num_images: that it names.
    """

    def __init__(self, config: PipelineConfig, num_images: int) -> None:
        distribution.settle_computation()
        self._experiment = Experiment(config)
        self._data: InputPipeline = self._experiment.build_train_input()
        # One device: a few pictures need no more, and their number need not be divisible.
        strategy = tf.distribute.get_strategy()
        self._trainer = self._experiment.build_trainer(strategy, self._data, with_start_weights=True)
        _follow_closely(self._trainer.model, config.proto.train_config.batch_size / num_images)
        self._detector: Detector = self._experiment.detector(self._trainer.model)
        self._detect = tf.function(lambda inputs, sizes: self._detector.detect(inputs, sizes)[1], autograph=False)
        labels = build_label_map(config, "train_input_reader")
        self.names = labels.names_by_row
        self._categories = build_categories(labels)
        self._slots = config.proto.model.ssd.num_classes
        self._has_background = config.proto.model.ssd.add_background_class

    def step(self) -> float:
        """Does a step, and returns its loss; infinite where it is not finite any more."""
        try:
            return float(self._trainer.train_step().total)
        except TrainingError:
            return float("inf")

    def score(self) -> Score:
        """AP50 of the network as it is now."""
        return self._score(self._found)

    def ceiling(self) -> Score:
        """AP50 of a network that says exactly what it is told: what anchors, matching and post-processing allow."""
        return self._score(self._told)

    def score_others(self, record: Path) -> Score:
        """AP50 on pictures that were not learnt, in a file of records."""
        config = self._experiment.config.copy()
        config.proto.train_input_reader.tf_record_input_reader.input_path[:] = [str(record)]
        return self._score(self._found, Experiment(config).build_train_input())

    def look(self) -> Iterator[Learnt]:
        """The pictures, with what the network as it is now finds in them."""
        for batch, found in self._detected(self._found, self._data):
            for index in range(len(batch.inputs)):
                picture, detections = (_row(part, index) for part in (batch, found))
                height, width = picture.true_sizes
                truth = in_picture_frame(picture.ground_truth, picture.inputs.shape[:2], picture.true_sizes)
                count, kept = int(truth.count), int(detections.count)
                counts = ~(truth.is_crowd | truth.is_difficult) & (truth.weights > 0)
                yield Learnt(
                    self._experiment.preprocessor.to_pixels(picture.inputs[:height, :width]),
                    picture.source_ids.decode("utf-8", "replace"),
                    Picture(
                        truth.boxes[:count], truth.classes[:count], counts[:count],
                        detections.boxes[:kept], detections.classes[:kept], detections.scores[:kept],
                    ),
                )  # fmt: skip

    def _found(self, batch: Batch) -> Detections:
        return self._detect(batch.inputs, batch.true_sizes)

    def _told(self, batch: Batch) -> Detections:
        """What becomes of the targets themselves."""
        rows = batch.targets.classes
        slots = tf.one_hot(rows, self._slots)
        if self._has_background:
            slots = tf.concat([tf.cast(rows < 0, tf.float32)[..., tf.newaxis], slots], axis=-1)
        predictions = Predictions((2 * slots - 1) * _CERTAIN, batch.targets.box_codes)
        return self._detector.postprocess(predictions, batch.true_sizes)

    def _detected(
        self, detect: Callable[[Batch], Detections], data: InputPipeline
    ) -> Iterator[tuple[Batch, Detections]]:
        """(batch, detections), arrays both, of all pictures once."""
        batches = iter(data.eval_dataset())
        while True:
            try:
                batch = next(batches)
            except StopIteration:
                return
            except INPUT_ERRORS as error:
                raise data.explain(error) from error
            found = detect(batch)
            yield tf.nest.map_structure(np.asarray, batch), tf.nest.map_structure(np.asarray, found)

    def _score(self, detect: Callable[[Batch], Detections], data: InputPipeline | None = None) -> Score:
        by_class = PascalVocEvaluation(self._categories)
        as_one = PascalVocEvaluation(self._categories)
        only = self._categories[0].id - 1
        for batch, found in self._detected(detect, data or self._data):
            for index in range(len(batch.inputs)):
                picture, detections = (_row(part, index) for part in (batch, found))
                truth = in_picture_frame(picture.ground_truth, picture.inputs.shape[:2], picture.true_sizes)
                # Neither crowds nor boxes without weight are learnt from: whoever finds them has done nothing wrong.
                truth = truth._replace(is_difficult=truth.is_difficult | truth.is_crowd | (truth.weights <= 0))
                by_class.add("", picture.original_sizes, detections, truth)
                detections = detections._replace(classes=np.full_like(detections.classes, only))
                truth = truth._replace(classes=np.full_like(truth.classes, only))
                as_one.add("", picture.original_sizes, detections, truth)
        figures = by_class.compute(per_category=True)
        names = {
            category.name: figures[by_class.category_metric_prefix + category.name] for category in self._categories
        }
        return Score(figures[by_class.metric_name], names, as_one.compute()[as_one.metric_name])


def _follow_closely(model: keras.Model, share: float) -> None:
    """Lets batch normalisation follow the weights within a few passes over the pictures.

    The usual momentum remembers a hundred steps and more, so that a short training is evaluated with statistics of
    weights that it had long before.

    Args:
      model: not traced yet.
      share: of the pictures that a batch holds.
    """
    for layer in model.submodules:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 1.0 - share / 2


def _row(part: Any, index: int) -> Any:
    """One picture's part of a NamedTuple of arrays."""
    return tf.nest.map_structure(lambda rows: rows[index], part)
