# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The input pipeline: record files in, batches out.

The order of records (`record_order`) and every random draw are functions of (seed, epoch, record). Nothing else is
remembered, so that a run that resumes at step k sees exactly what it would have seen, and two runs with one seed see
the same.

No function of a dataset holds an op that TensorFlow counts as stateful (hash tables, the usual `Dataset.shuffle`,
Python functions): under `enable_op_determinism` a single one would make tf.data drop all parallelism and prefetching.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from efficientdet.data import checks
from efficientdet.data.augmentation_chain import Augmentation, AugmentationChain
from efficientdet.data.augmentations.mixing import Mixing
from efficientdet.data.preprocessing import Preprocessor
from efficientdet.data.record_order import GroupedRecord, ReaderSettings, Record, RecordOrder, plain
from efficientdet.errors import DataError
from efficientdet.types import Batch, Example, GroundTruth, Targets

_logger = logging.getLogger(__name__)

Assigner = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], Targets]
"""(boxes [N, 4], classes [N], weights [N]) -> targets of the anchors, for one picture."""


class InputPipeline:
    """Reads record files as batches, for training (endless, shuffled, augmented) or evaluation (once, in order)."""

    def __init__(
        self,
        files: Sequence[str],
        *,
        parse: Callable[[tf.Tensor], Example],
        preprocessor: Preprocessor,
        assign_targets: Assigner,
        batch_size: int,
        settings: ReaderSettings,
        augmentations: Sequence[Augmentation | Mixing] = (),
        seed: int = 0,
    ) -> None:
        """Scans the files, and parses the first record, so that what is wrong everywhere is told at once.

        Args:
          files: TFRecord files, as `resolve_files` gives them; their order is part of the order of records.
          parse: serialized record to Example, a RecordParser.
          preprocessor: brings pictures into the network's input.
          assign_targets: gives each anchor its targets.
          batch_size: pictures in a batch, over all replicas.
          settings: how to read.
          augmentations: for training, in this order.
          seed: 0 to 2**63 - 1.

        Raises:
          DataError: a file is damaged, there is no record in any (or in a source), or the first one cannot be used.
        """
        self._files = tuple(files)
        self._parse = parse
        self._preprocessor = preprocessor
        self._assign_targets = assign_targets
        self._batch_size = batch_size
        self._chain = AugmentationChain(self._load, augmentations)
        self._settings = settings
        limit = settings.max_number_of_boxes
        self._cut_for_training = _ExcessBoxes(limit, "lose the rest")
        self._cut_for_evaluation = _ExcessBoxes(
            limit, "lose the rest in this evaluation, whose AP and losses are those of the truth so cut"
        )
        self._order = RecordOrder(self._files, settings, seed)
        checks.check_first_record(self._order.first_file, parse)

    @property
    def num_records(self) -> int:
        """Records in one epoch (with `sample_1_of_n_examples`, the ones taken)."""
        return self._order.num_records

    def train_dataset(self, start_step: int = 0) -> tf.data.Dataset:
        """Batches for training from one step on; epochs follow each other inside a batch.

        Args:
          start_step: batches that were consumed already. They are skipped as unparsed records, and whole epochs of
            them are not even read.

        Returns:
          Dataset of Batch, endless unless `num_epochs` is set.
        """
        consumed = start_step * self._batch_size
        mixes = self._chain.mixes
        records = self._order.training_in_groups(consumed) if mixes else self._order.training(consumed)
        picture = plain(self._mixed_picture if mixes else self._train_picture)
        examples = records.map(picture, num_parallel_calls=tf.data.AUTOTUNE)
        return self._batched(examples, self._settings.drop_remainder or not self._settings.num_epochs)

    def eval_dataset(self, max_examples: int | None = None) -> tf.data.Dataset:
        """Every record once, in the order of the files, without augmentation; the last batch may be smaller.

        Args:
          max_examples: only so many.

        Returns:
          Dataset of Batch.
        """
        records = self._order.evaluation().take(-1 if max_examples is None else max_examples)
        examples = records.map(plain(self._eval_picture), num_parallel_calls=tf.data.AUTOTUNE)
        return self._batched(examples, drop_remainder=False)

    def explain(self, error: Exception) -> DataError:
        """Turns what iterating raised (one of `checks.INPUT_ERRORS`) into an error that names file and record."""
        return checks.explain(error, self._files, self._parse)

    def _batched(self, examples: tf.data.Dataset, drop_remainder: bool) -> tf.data.Dataset:
        options = tf.data.Options()
        options.deterministic = True
        # Record order must not depend on the number of workers; one worker reads all files.
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
        batches = examples.batch(self._batch_size, drop_remainder=drop_remainder)
        return batches.prefetch(self._settings.num_prefetch_batches).with_options(options)

    def _load(self, serialized: tf.Tensor) -> Example:
        """A record of training, before it is augmented."""
        example = self._parse(serialized)
        return _without_crowd(example) if self._settings.skip_crowd else example

    def _train_picture(self, record: Record) -> Batch:
        example = self._chain.alone(record.serialized, self._order.seed_of(record.epoch, record.index))
        return self._finish(example, record.index, self._cut_for_training)

    def _mixed_picture(self, record: GroupedRecord) -> Batch:
        example = self._chain.in_group(record, self._order.seed_of(record.epoch, record.index))
        return self._finish(example, record.index, self._cut_for_training)

    def _eval_picture(self, index: tf.Tensor, serialized: tf.Tensor) -> Batch:
        return self._finish(self._parse(serialized), index, self._cut_for_evaluation)

    def _finish(self, example: Example, index: tf.Tensor, excess: _ExcessBoxes) -> Batch:
        """One picture as a row of a Batch: preprocessed, boxes in the input's frame, targets assigned."""
        inputs, true_size = self._preprocessor(example.image)
        source_id = tf.where(example.source_id == "", tf.strings.as_string(index), example.source_id)
        example = excess.cut(example, source_id)
        boxes = self._preprocessor.boxes_in_input(example.boxes, true_size)
        truth = example._replace(boxes=boxes).map_boxes(self._pad_rows).box_fields()
        return Batch(
            inputs=inputs,
            true_sizes=true_size,
            original_sizes=example.original_size,
            source_ids=source_id,
            ground_truth=GroundTruth(**truth, count=tf.shape(boxes)[0]),
            targets=self._assign_targets(boxes, example.classes, example.weights),
        )

    def _pad_rows(self, values: tf.Tensor) -> tf.Tensor:
        """Zero-pads the first dimension to M."""
        rows = self._settings.max_number_of_boxes
        paddings = [[0, rows - tf.shape(values)[0]]] + [[0, 0]] * (values.shape.rank - 1)
        return tf.ensure_shape(tf.pad(values, paddings), [rows, *values.shape[1:]])


class _ExcessBoxes:
    """Cuts pictures with too many boxes down to the first M, and tells about them without flooding the log."""

    def __init__(self, max_number_of_boxes: int, consequence: str) -> None:
        self._limit = np.int32(max_number_of_boxes)
        self._consequence = consequence  # of the cut, as it follows "images ... have more boxes than M and"
        self._pictures: set[bytes] = set()

    def cut(self, example: Example, source_id: tf.Tensor) -> Example:
        """`example` with M boxes at most."""
        count = tf.shape(example.boxes)[0]

        def report() -> tf.Tensor:
            # Stateless to TensorFlow, for which nothing but the number of rows, M, comes out of it.
            limit = tf.numpy_function(self._report, [source_id, count], tf.int32, stateful=False)
            return tf.ensure_shape(limit, [])

        limit = tf.cond(count > self._limit, report, lambda: tf.constant(self._limit))
        return example.map_boxes(lambda values: values[:limit])

    def _report(self, source_id: bytes, count: int) -> np.int32:
        before = len(self._pictures)
        self._pictures.add(source_id)
        pictures = len(self._pictures)
        if pictures > before and pictures & before == 0:  # the 1st, 2nd, 4th, 8th ... picture
            _logger.warning(
                "%d images so far have more than max_number_of_boxes (%d) boxes and %s; %s has %d",
                pictures, self._limit, self._consequence, source_id.decode(errors="replace"), count,
            )  # fmt: skip
        return self._limit


def _without_crowd(example: Example) -> Example:
    """`example` with its single objects only."""
    rows = tf.where(~example.is_crowd)[:, 0]
    return example.map_boxes(lambda values: tf.gather(values, rows))
