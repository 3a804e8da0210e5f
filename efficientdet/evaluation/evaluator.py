# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Runs a detector over a data set: losses, metrics and pictures, for TensorBoard and as one line of JSON."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from efficientdet.data.checks import INPUT_ERRORS, READING_ERRORS, reading_failed
from efficientdet.detector import Detector
from efficientdet.evaluation.batch_result import BatchResult
from efficientdet.evaluation.evaluation import Evaluation, EvaluationSettings
from efficientdet.evaluation.gathering import Gathering
from efficientdet.evaluation.metrics import Category
from efficientdet.evaluation.metrics_file import METRICS_FILE, file_record
from efficientdet.evaluation.sharing import ALONE, Peers, SharedEvaluation
from efficientdet.losses import Loss
from efficientdet.start_up import uncollected
from efficientdet.types import Batch, Detections, Losses

_logger = logging.getLogger(__name__)
_SECONDS_BETWEEN_NOTES = 30.0


class Evaluator:
    """Evaluates a detector, whose weights may change between two evaluations, on one data set.

    Writes into `directory`: `metrics.jsonl` (a line per evaluation), TensorBoard events with TFOD's tags (Loss/*, the
    metrics, eval_side_by_side_{i}_0) and, on request, COCO files below `step-{step}`.
    """

    def __init__(
        self,
        detector: Detector,
        loss: Loss,
        dataset_fn: Callable[..., tf.data.Dataset],
        categories: Sequence[Category],
        directory: str | Path,
        settings: EvaluationSettings,
        *,
        on_input_error: Callable[[Exception, int], Exception | None] | None = None,
        peers: Peers = ALONE,
        interrupt: Callable[[], None] = lambda: None,
    ) -> None:
        """Makes an evaluator; nothing runs, and nothing is written, before `evaluate`.

        Args:
          detector: the detector to evaluate.
          loss: the loss it is trained with.
          dataset_fn: gives one pass over the data set, a dataset of Batch, each time it is called; with `start_batch=`
            the rest of one. A picture of original size (0, 0), for a record that cannot be read, counts nowhere.
          categories: the classes of the label map.
          directory: where results go, usually <model_dir>/eval; made when missing.
          settings: see `EvaluationSettings`.
          on_input_error: is asked about an error of `data.checks.INPUT_ERRORS`, raised where the batch of a number is
            fetched: returns what to raise in its place, or None where the batch is to be fetched anew. Without it the
            error itself is raised. Errors of the network are never taken for errors of the data.
          peers: the workers that share the evaluation: `dataset_fn` gives the batches of this one. All of them call
            `evaluate` and are given the same evaluation, which the first one writes.
          interrupt: is called before each batch; what it raises ends the evaluation, and nothing of it is written.
        """
        self._interrupt = interrupt
        self._peers = peers
        self._on_input_error = on_input_error
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
          Exception: what `on_input_error` makes of an error in the data.
        """
        started = time.monotonic()
        results = self._results(step)
        if self._peers.count == 1:
            return self._conclude(step, results, started)
        sharing = SharedEvaluation(self._peers)
        return Evaluation.from_bytes(sharing.run(results, lambda all: self._conclude(step, all, started).as_bytes()))

    def _results(self, step: int) -> Iterator[BatchResult]:
        """Evaluates batch by batch."""
        last_note = time.monotonic()
        images = 0
        dataset = self._dataset_fn()
        run = self._traced_step(dataset)
        for number, batch in enumerate(self._batches(dataset)):
            self._interrupt()
            losses, detections = tf.nest.map_structure(np.asarray, run(batch))
            arrays = tf.nest.map_structure(np.asarray, batch)
            earlier = number * self._peers.count + self._peers.index  # batches of the data set
            yield BatchResult(
                losses=losses,
                detections=detections,
                ground_truth=arrays.ground_truth,
                source_ids=arrays.source_ids,
                original_sizes=arrays.original_sizes,
                true_sizes=arrays.true_sizes,
                input_size=np.array(arrays.inputs.shape[1:3], np.int32),
                inputs=arrays.inputs[: max(0, self._settings.num_drawn - earlier * len(arrays.inputs))],
            )
            images += len(arrays.inputs)
            if time.monotonic() - last_note > _SECONDS_BETWEEN_NOTES:
                last_note = time.monotonic()
                _logger.info("evaluating step %d: %d images so far", step, images)

    def _conclude(self, step: int, results: Iterable[BatchResult], started: float) -> Evaluation:
        """Takes all results in, and publishes what comes out."""
        gathering = Gathering(self._categories, self._settings, self._detector.preprocess.to_pixels)
        for result in results:
            gathering.add(result)
        evaluation = gathering.conclude(step, started)
        self._publish(evaluation, gathering)
        return evaluation

    def _batches(self, dataset: tf.data.Dataset) -> Iterator[Batch]:
        """The batches of this worker; `dataset` starts with its first."""
        iterator = iter(dataset)
        number = self._peers.index
        while True:
            try:
                batch = next(iterator)
            except StopIteration:
                return
            except INPUT_ERRORS as error:
                if self._on_input_error is None:
                    raise
                if (problem := self._on_input_error(error, number)) is not None:
                    raise problem from error
                iterator = iter(self._dataset_fn(start_batch=number))
                continue
            except READING_ERRORS as error:
                raise reading_failed(error, number) from error
            yield batch
            number += self._peers.count

    def _traced_step(self, dataset: tf.data.Dataset) -> Any:
        """Traces the step once, for batches of any length: the last one of a pass is often shorter."""
        if self._step_function is None:
            spec = tf.nest.map_structure(
                lambda element: tf.TensorSpec([None, *element.shape[1:]], element.dtype), dataset.element_spec
            )
            step = tf.function(self._run_step, input_signature=[spec], autograph=False)
            with uncollected():
                self._step_function = step.get_concrete_function()
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

    def _publish(self, evaluation: Evaluation, gathering: Gathering) -> None:
        self._directory.mkdir(parents=True, exist_ok=True)
        if self._settings.write_summaries:
            self._summarize(evaluation, gathering.drawn)
        gathering.write(self._directory, evaluation.step)
        file_record(self._directory / METRICS_FILE, evaluation.as_record())
        _logger.info("step %d: %s", evaluation.step, gathering.in_words(evaluation))
        if left_out := gathering.in_words_left_out():
            _logger.warning("step %d: %s", evaluation.step, left_out)

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
