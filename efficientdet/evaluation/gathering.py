# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Brings the results of an evaluation's batches together: in metrics, mean losses, pictures and COCO files."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from efficientdet.errors import DataError
from efficientdet.evaluation.batch_result import BatchResult
from efficientdet.evaluation.coco import CocoEvaluation
from efficientdet.evaluation.evaluation import Evaluation, EvaluationSettings
from efficientdet.evaluation.metrics import Category, MetricSet
from efficientdet.evaluation.pictures import EvaluationPictures
from efficientdet.types import GroundTruth, Losses


class Gathering:
    """What the pictures of one evaluation add to.

    Args:
      categories: the classes of the label map.
      settings: see `EvaluationSettings`.
      to_pixels: maps inputs float32 [h, w, 3] back to uint8.
    """

    def __init__(
        self,
        categories: Sequence[Category],
        settings: EvaluationSettings,
        to_pixels: Callable[[np.ndarray], np.ndarray],
    ) -> None:
        self._settings = settings
        self._metric_sets: tuple[MetricSet, ...] = ()
        if not settings.ignore_truth:
            self._metric_sets = tuple(make(categories) for make in settings.metric_sets)
        # For files; one of the metric sets, if that is there.
        self._coco = next((found for found in self._metric_sets if isinstance(found, CocoEvaluation)), None)
        if self._coco is None and (settings.write_detections or settings.export_path):
            self._coco = CocoEvaluation(categories)
        names = {category.id - 1: category.name for category in categories}
        self._pictures = EvaluationPictures(settings.pictures, names, to_pixels)
        self._losses: list[Losses] = []
        self._images = self._left_out = 0

    @property
    def drawn(self) -> Sequence[np.ndarray]:
        """The pictures that were drawn, uint8 [h, w, 3] each."""
        return self._pictures.drawn

    def add(self, result: BatchResult) -> None:
        """Takes a batch in, picture by picture; a picture of the size (0, 0) stands for a record that was left out."""
        readable = int(np.count_nonzero(result.original_sizes.any(axis=1)))
        self._images += readable
        self._left_out += len(result.source_ids) - readable
        if result.losses and readable:
            self._losses.append(result.losses)
        for index, source in enumerate(result.source_ids):
            if result.original_sizes[index].any():
                self._add_picture(result, index, source.decode("utf-8", "replace"))

    def _add_picture(self, result: BatchResult, index: int, source_id: str) -> None:
        size, true_size = result.original_sizes[index], result.true_sizes[index]
        found = tf.nest.map_structure(lambda rows: rows[index], result.detections)
        truth = None
        if not self._settings.ignore_truth:
            truth = tf.nest.map_structure(lambda rows: rows[index], result.ground_truth)
            truth = in_picture_frame(truth, result.input_size, true_size)
            for metric_set in self._metric_sets:
                metric_set.add(source_id, size, found, truth)
        if self._coco is not None and self._coco not in self._metric_sets:
            self._coco.add(source_id, size, found, truth)
        if index < len(result.inputs):
            self._pictures.add(source_id, result.inputs[index, : true_size[0], : true_size[1]], found, truth)

    def conclude(self, step: int, started: float) -> Evaluation:
        """Computes what came out.

        Args:
          step: of the weights.
          started: when, by `time.monotonic`.

        Raises:
          DataError: there was no image.
        """
        if not self._images:
            raise DataError("the evaluation data set holds no image: nothing to evaluate")
        metrics: dict[str, float] = {}
        for metric_set in self._metric_sets:
            metrics |= metric_set.compute(per_category=self._settings.per_category)
        return Evaluation(step, metrics, _mean(self._losses), self._images, time.monotonic() - started)

    def write(self, directory: Path, step: int) -> None:
        """Writes the files that were asked for.

        Args:
          directory: COCO files go into its folder of the step.
          step: of the weights.
        """
        self._pictures.export()
        if self._coco is None:
            return
        folder = directory / f"step-{step}"
        if self._settings.write_detections and self._settings.ignore_truth:
            self._coco.write_detections(folder / "detections.json")
        elif self._settings.write_detections:
            self._coco.write(folder)
        if self._settings.export_path is not None:
            self._coco.write_detections(self._settings.export_path)

    def in_words(self, evaluation: Evaluation) -> str:
        """What came out, as a line of a log has room for it."""
        figures = [
            f"{label} {evaluation.metrics[name]:.4f}"
            for metric_set in self._metric_sets
            for label, name in metric_set.headline.items()
        ]
        if evaluation.losses is not None:
            figures.append(f"loss {evaluation.losses.total:.4f}")
        listed = ", ".join(figures) or "nothing measured, since the truth is ignored,"
        return f"{listed} on {evaluation.images} images{self._of_data_set} in {evaluation.seconds:.1f} s"

    def in_words_left_out(self) -> str:
        """How many records were left out; "" for none."""
        rule = "could not be read and count nowhere in this evaluation; the log has named them"
        return f"{self._left_out} records{self._of_data_set} {rule}" if self._left_out else ""

    @property
    def _of_data_set(self) -> str:
        return f" of {self._settings.name}" if self._settings.name else ""


def in_picture_frame(
    truth: GroundTruth, input_size: Sequence[int] | np.ndarray, true_size: Sequence[int] | np.ndarray
) -> GroundTruth:
    """Takes the boxes of one picture from the frame of the padded input to that of the picture.

    Args:
      truth: numpy arrays without a batch dimension.
      input_size: (H, W) of the network's input.
      true_size: (h, w) of the picture inside it.
    """
    scale = np.asarray(input_size, np.float64) / np.asarray(true_size, np.float64)
    return truth._replace(boxes=truth.boxes * np.tile(scale, 2))


def _mean(losses: Sequence[Losses]) -> Losses | None:
    """The mean over batches; None where there are none."""
    if not losses:
        return None
    return Losses(*(float(values) for values in np.mean(np.asarray(losses, np.float64), axis=0)))
