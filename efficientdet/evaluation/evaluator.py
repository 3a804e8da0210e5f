# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Runs a detector over a data set: losses, COCO metrics and pictures, for TensorBoard and as one line of JSON."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from efficientdet.atomic_write import replace_atomically
from efficientdet.data.checks import INPUT_ERRORS
from efficientdet.detector import Detector
from efficientdet.errors import DataError
from efficientdet.evaluation.coco import Category, CocoEvaluation
from efficientdet.losses import Loss
from efficientdet.types import Batch, Detections, GroundTruth, Losses
from efficientdet.visualization import draw_boxes, draw_detections, enlarged, side_by_side

_logger = logging.getLogger(__name__)
_SECONDS_BETWEEN_NOTES = 30.0


class EvaluationSettings(NamedTuple):
    """What to compute, draw and write."""

    num_visualizations: int  # the first so many pictures are drawn
    min_score: float  # of a detection drawn; the metrics see every one
    max_boxes: int  # detections drawn in a picture
    per_category: bool  # also the AP of each category
    regularize: bool  # the L2 terms count in the losses, as they do in training
    write_detections: bool  # COCO files of each evaluation
    write_summaries: bool  # TensorBoard events


class Evaluation(NamedTuple):
    """The outcome of one evaluation."""

    step: int
    metrics: dict[str, float]  # COCO's names -> value in 0..1, -1 where there is nothing to measure
    losses: Losses  # floats, the mean over batches
    images: int
    seconds: float

    def as_record(self) -> dict[str, Any]:
        """Returns the flat dictionary that becomes a line of metrics.jsonl; a loss that is not finite is None."""
        losses = {tag: value if math.isfinite(value) else None for tag, value in self.losses.tags().items()}
        return {"step": self.step} | self.metrics | losses | {"images": self.images, "seconds": round(self.seconds, 3)}


class Evaluator:
    """Evaluates a detector, whose weights may change between two evaluations, on one data set.

    Writes into `directory`: `metrics.jsonl` (a line per evaluation), TensorBoard events with TFOD's tags (Loss/*, the
    COCO metrics, eval_side_by_side_{i}_0) and, on request, COCO files below `step-{step}`.
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
        self._names = {category.id - 1: category.name for category in self._categories}
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
        coco = CocoEvaluation(self._categories)
        losses: list[Losses] = []
        pictures: list[np.ndarray] = []
        dataset = self._dataset_fn()
        run = self._traced_step(dataset)
        for batch in self._batches(dataset):
            batch_losses, detections = tf.nest.map_structure(np.asarray, run(batch))
            losses.append(batch_losses)
            self._collect(tf.nest.map_structure(np.asarray, batch), detections, coco, pictures)
            if time.monotonic() - last_note > _SECONDS_BETWEEN_NOTES:
                last_note = time.monotonic()
                _logger.info("evaluating step %d: %d images so far", step, coco.num_images)
        if not losses:
            raise DataError("the evaluation data set holds no image: nothing to evaluate")
        metrics = coco.compute(per_category=self._settings.per_category)
        mean_losses = Losses(*(float(values) for values in np.mean(np.asarray(losses, np.float64), axis=0)))
        evaluation = Evaluation(step, metrics, mean_losses, coco.num_images, time.monotonic() - start)
        self._publish(evaluation, coco, pictures)
        return evaluation

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

    def _run_step(self, batch: Batch) -> tuple[Losses, Detections]:
        predictions, detections = self._detector.detect(batch.inputs, batch.true_sizes)
        matched = self._loss.num_matched(batch.targets)
        localization, classification = self._loss(predictions, batch.targets, self._loss.normalizer(matched))
        regularization = self._detector.model.regularization_loss() if self._settings.regularize else tf.zeros([])
        total = localization + classification + regularization
        return Losses(localization, classification, regularization, total), detections

    def _collect(self, batch: Batch, detections: Detections, coco: CocoEvaluation, pictures: list[np.ndarray]) -> None:
        """Files one batch, of numpy arrays, picture by picture."""
        for index in range(len(batch.inputs)):
            one_batch, found = (
                tf.nest.map_structure(lambda rows, i=index: rows[i], part) for part in (batch, detections)
            )
            truth = _in_picture_frame(one_batch.ground_truth, one_batch.inputs.shape[:2], one_batch.true_sizes)
            coco.add(one_batch.source_ids.decode("utf-8", "replace"), one_batch.original_sizes, found, truth)
            if self._settings.write_summaries and len(pictures) < self._settings.num_visualizations:
                pictures.append(self._draw(one_batch, found, truth))

    def _draw(self, picture: Batch, detections: Detections, truth: GroundTruth) -> np.ndarray:
        height, width = picture.true_sizes
        pixels = enlarged(self._detector.preprocess.to_pixels(picture.inputs[:height, :width]))
        predicted = draw_detections(
            pixels,
            detections,
            names=self._names,
            min_score=self._settings.min_score,
            max_boxes=self._settings.max_boxes,
        )
        boxes, classes = truth.boxes[: truth.count], truth.classes[: truth.count]
        return side_by_side(predicted, draw_boxes(pixels, boxes, classes, names=self._names), ("predicted", "truth"))

    def _publish(self, evaluation: Evaluation, coco: CocoEvaluation, pictures: Sequence[np.ndarray]) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        if self._settings.write_summaries:
            self._summarize(evaluation, pictures)
        if self._settings.write_detections:
            coco.write(self._directory / f"step-{evaluation.step}")
        _file_record(self._directory / "metrics.jsonl", evaluation.as_record())
        _logger.info(
            "step %d: AP %.4f, AP50 %.4f, loss %.4f on %d images in %.1f s",
            evaluation.step,
            evaluation.metrics["DetectionBoxes_Precision/mAP"],
            evaluation.metrics["DetectionBoxes_Precision/mAP@.50IOU"],
            evaluation.losses.total,
            evaluation.images,
            evaluation.seconds,
        )

    def _summarize(self, evaluation: Evaluation, pictures: Sequence[np.ndarray]) -> None:
        if self._writer is None:
            self._writer = tf.summary.create_file_writer(str(self._directory))
        with self._writer.as_default(step=evaluation.step):
            for tag, value in (evaluation.metrics | evaluation.losses.tags()).items():
                tf.summary.scalar(tag, value)
            for index, picture in enumerate(pictures):
                tf.summary.image(f"eval_side_by_side_{index}_0", picture[np.newaxis])
        self._writer.flush()


def _file_record(path: Path, record: dict[str, Any]) -> None:
    """Adds a line to metrics.jsonl, where it replaces the line of an earlier evaluation of the same step."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    line = json.dumps(record) + "\n"
    lines = text.splitlines(keepends=True)
    others = [other.rstrip("\n") + "\n" for other in lines if _step_of(other) != record["step"]]
    if len(others) < len(lines):
        replace_atomically(path, "".join((*others, line)))
        return
    with path.open("a", encoding="utf-8") as file:
        # A process that was killed while it wrote leaves half a line, which must not spoil this one too.
        file.write(line if text.endswith("\n") or not text else f"\n{line}")


def _step_of(line: str) -> int | None:
    try:
        return json.loads(line)["step"]
    except (ValueError, TypeError, KeyError):
        return None


def _in_picture_frame(truth: GroundTruth, input_size: Sequence[int], true_size: Sequence[int]) -> GroundTruth:
    """Takes the boxes of one picture from the frame of the padded input to that of the picture."""
    scale = np.asarray(input_size, np.float64) / np.asarray(true_size, np.float64)
    return truth._replace(boxes=truth.boxes * np.tile(scale, 2))
