# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Runs a detector over a data set: losses, metrics and pictures, for TensorBoard and as one line of JSON."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from efficientdet.data.checks import INPUT_ERRORS
from efficientdet.detector import Detector
from efficientdet.errors import DataError
from efficientdet.evaluation.coco import CocoEvaluation
from efficientdet.evaluation.metrics import Category, MetricSet, MetricSetFactory
from efficientdet.evaluation.metrics_file import file_record
from efficientdet.evaluation.pictures import EvaluationPictures, PictureSettings
from efficientdet.losses import Loss
from efficientdet.types import Batch, Detections, GroundTruth, Losses

_logger = logging.getLogger(__name__)
_SECONDS_BETWEEN_NOTES = 30.0


class EvaluationSettings(NamedTuple):
    """What to compute, draw and write."""

    metric_sets: tuple[MetricSetFactory, ...]
    pictures: PictureSettings
    name: str = ""  # of the data set, in the log
    per_category: bool = False  # also the AP of each category
    regularize: bool = True  # the L2 terms count in the losses, as they do in training
    ignore_truth: bool = False  # no metrics, no losses: only what is found
    write_detections: bool = False  # COCO files of each evaluation
    write_summaries: bool = True  # TensorBoard events
    export_path: Path | None = None  # where the detections of the latest evaluation go as COCO results JSON


class Evaluation(NamedTuple):
    """The outcome of one evaluation."""

    step: int
    metrics: dict[str, float]  # name -> value in 0..1, -1 where there is nothing to measure; empty without truth
    losses: Losses | None  # floats, the mean over batches; None without truth
    images: int
    seconds: float

    def scalars(self) -> dict[str, float]:
        """The metrics and the losses by the names under which TensorBoard shows them."""
        return self.metrics | (self.losses.tags() if self.losses else {})

    def as_record(self) -> dict[str, Any]:
        """Returns the flat dictionary that becomes a line of metrics.jsonl; what is not finite is None."""
        scalars = {name: value if math.isfinite(value) else None for name, value in self.scalars().items()}
        return {"step": self.step} | scalars | {"images": self.images, "seconds": round(self.seconds, 3)}


class _Gathered(NamedTuple):
    """What the pictures of one evaluation add to."""

    metric_sets: tuple[MetricSet, ...]
    coco: CocoEvaluation | None  # for files; one of the metric sets, if that is there
    pictures: EvaluationPictures
    losses: list[Losses]


class Evaluator:
    """Evaluates a detector, whose weights may change between two evaluations, on one data set.

    Writes into `directory`: `metrics.jsonl` (a line per evaluation), TensorBoard events with TFOD's tags (Loss/*, the
    metrics, eval_side_by_side_{i}_0) and, on request, COCO files below `step-{step}`.
    """

    def __init__(
        self,
        detector: Detector,
        loss: Loss,
        dataset_fn: Callable[[], tf.data.Dataset],
        categories: Sequence[Category],
        directory: str | Path,
        settings: EvaluationSettings,
        *,
        explain_error: Callable[[Exception], Exception] | None = None,
    ) -> None:
        """Makes an evaluator; nothing runs, and nothing is written, before `evaluate`.

        Args:
          detector: the detector to evaluate.
          loss: the loss it is trained with.
          dataset_fn: gives one pass over the data set, a dataset of Batch, each time it is called.
          categories: the classes of the label map.
          directory: where results go, usually <model_dir>/eval; made when missing.
          settings: see `EvaluationSettings`.
          explain_error: turns an error of `data.checks.INPUT_ERRORS`, raised where a batch is fetched, into the error
            to raise in its place; None lets it through. Errors of the network are never taken for errors of the data.
        """
        self._explain_error = explain_error
        self._detector = detector
        self._loss = loss
        self._dataset_fn = dataset_fn
        self._categories = tuple(categories)
        self._directory = Path(directory)
        self._settings = settings
        self._step_function: Any = None
        self._writer: Any = None

    def evaluate(self, step: int) -> Evaluation:
        """Runs the detector over the whole data set.

        Args:
          step: the training step that the weights come from; results are filed under it.

        Returns:
          The evaluation, which is written to disk already.

        Raises:
          DataError: the data set is empty.
          Exception: what `explain_error` makes of an error in the data.
        """
        start = last_note = time.monotonic()
        gathered = self._start()
        images = 0
        dataset = self._dataset_fn()
        run = self._traced_step(dataset)
        for batch in self._batches(dataset):
            losses, detections = tf.nest.map_structure(np.asarray, run(batch))
            if losses:
                gathered.losses.append(losses)
            self._collect(tf.nest.map_structure(np.asarray, batch), detections, gathered)
            images += len(batch.inputs)
            if time.monotonic() - last_note > _SECONDS_BETWEEN_NOTES:
                last_note = time.monotonic()
                _logger.info("evaluating step %d: %d images so far", step, images)
        if not images:
            raise DataError("the evaluation data set holds no image: nothing to evaluate")
        metrics: dict[str, float] = {}
        for metric_set in gathered.metric_sets:
            metrics |= metric_set.compute(per_category=self._settings.per_category)
        evaluation = Evaluation(step, metrics, _mean(gathered.losses), images, time.monotonic() - start)
        self._publish(evaluation, gathered)
        return evaluation

    def _start(self) -> _Gathered:
        settings, categories = self._settings, self._categories
        metric_sets = () if settings.ignore_truth else tuple(make(categories) for make in settings.metric_sets)
        coco = next((metric_set for metric_set in metric_sets if isinstance(metric_set, CocoEvaluation)), None)
        if coco is None and (settings.write_detections or settings.export_path):
            coco = CocoEvaluation(categories)
        names = {category.id - 1: category.name for category in categories}
        pictures = EvaluationPictures(settings.pictures, names, self._detector.preprocess.to_pixels)
        return _Gathered(metric_sets, coco, pictures, [])

    def _batches(self, dataset: tf.data.Dataset) -> Iterator[Batch]:
        iterator = iter(dataset)
        while True:
            try:
                batch = next(iterator)
            except StopIteration:
                return
            except INPUT_ERRORS as error:
                if self._explain_error is None:
                    raise
                raise self._explain_error(error) from error
            yield batch

    def _traced_step(self, dataset: tf.data.Dataset) -> Any:
        """Traces the step once, for batches of any length: the last one of a pass is often shorter."""
        if self._step_function is None:
            spec = tf.nest.map_structure(
                lambda element: tf.TensorSpec([None, *element.shape[1:]], element.dtype), dataset.element_spec
            )
            self._step_function = tf.function(self._run_step, input_signature=[spec], autograph=False)
        return self._step_function

    def _run_step(self, batch: Batch) -> tuple[Losses | tuple[()], Detections]:
        predictions, detections = self._detector.detect(batch.inputs, batch.true_sizes)
        if self._settings.ignore_truth:
            return (), detections
        matched = self._loss.num_matched(batch.targets)
        localization, classification = self._loss(predictions, batch.targets, self._loss.normalizer(matched))
        regularization = self._detector.model.regularization_loss() if self._settings.regularize else tf.zeros([])
        total = localization + classification + regularization
        return Losses(localization, classification, regularization, total), detections

    def _collect(self, batch: Batch, detections: Detections, gathered: _Gathered) -> None:
        """Files one batch, of numpy arrays, picture by picture."""
        settings = self._settings
        is_drawn = settings.write_summaries or settings.pictures.export_directory is not None
        for index in range(len(batch.inputs)):
            picture, found = (
                tf.nest.map_structure(lambda rows, i=index: rows[i], part) for part in (batch, detections)
            )
            source_id, size = picture.source_ids.decode("utf-8", "replace"), picture.original_sizes
            truth = None
            if not settings.ignore_truth:
                truth = in_picture_frame(picture.ground_truth, picture.inputs.shape[:2], picture.true_sizes)
                for metric_set in gathered.metric_sets:
                    metric_set.add(source_id, size, found, truth)
            if gathered.coco is not None and gathered.coco not in gathered.metric_sets:
                gathered.coco.add(source_id, size, found, truth)
            if is_drawn:
                gathered.pictures.add(picture, found, truth)

    def _publish(self, evaluation: Evaluation, gathered: _Gathered) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        if self._settings.write_summaries:
            self._summarize(evaluation, gathered.pictures.drawn)
        gathered.pictures.export()
        if gathered.coco is not None:
            self._write_files(gathered.coco, evaluation.step)
        file_record(self._directory / "metrics.jsonl", evaluation.as_record())
        self._log(evaluation, gathered.metric_sets)

    def _log(self, evaluation: Evaluation, metric_sets: Sequence[MetricSet]) -> None:
        figures = [
            f"{label} {evaluation.metrics[name]:.4f}"
            for metric_set in metric_sets
            for label, name in metric_set.headline.items()
        ]
        if evaluation.losses is not None:
            figures.append(f"loss {evaluation.losses.total:.4f}")
        _logger.info(
            "step %d: %s on %d images%s in %.1f s",
            evaluation.step,
            ", ".join(figures) or "nothing measured, since the truth is ignored,",
            evaluation.images,
            f" of {self._settings.name}" if self._settings.name else "",
            evaluation.seconds,
        )

    def _write_files(self, coco: CocoEvaluation, step: int) -> None:
        folder = self._directory / f"step-{step}"
        if self._settings.write_detections and self._settings.ignore_truth:
            coco.write_detections(folder / "detections.json")
        elif self._settings.write_detections:
            coco.write(folder)
        if self._settings.export_path is not None:
            coco.write_detections(self._settings.export_path)

    def _summarize(self, evaluation: Evaluation, pictures: Sequence[np.ndarray]) -> None:
        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self._directory))
        with self._writer.as_default(step=evaluation.step):
            for tag, value in evaluation.scalars().items():
                tf.summary.scalar(tag, value)
            for index, picture in enumerate(pictures):
                tf.summary.image(f"eval_side_by_side_{index}_0", picture[np.newaxis])
        self._writer.flush()


def evaluate_all(evaluators: Sequence[Evaluator], step: int) -> Evaluation:
    """Evaluates one after the other, and returns the first one's evaluation.

    Args:
      evaluators: of one detector, on different data sets.
      step: see `Evaluator.evaluate`.
    """
    first, *_ = [evaluator.evaluate(step) for evaluator in evaluators]
    return first


def _mean(losses: Sequence[Losses]) -> Losses | None:
    """The mean over batches; None where there are none."""
    if not losses:
        return None
    return Losses(*(float(values) for values in np.mean(np.asarray(losses, np.float64), axis=0)))


def in_picture_frame(truth: GroundTruth, input_size: Sequence[int], true_size: Sequence[int]) -> GroundTruth:
    """Takes the boxes of one picture from the frame of the padded input to that of the picture.

    Args:
      truth: numpy arrays without a batch dimension.
      input_size: (H, W) of the network's input.
      true_size: (h, w) of the picture inside it.
    """
    scale = np.asarray(input_size, np.float64) / np.asarray(true_size, np.float64)
    return truth._replace(boxes=truth.boxes * np.tile(scale, 2))
