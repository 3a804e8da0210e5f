# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The input pipeline: record files in, batches out.

The order of records (`record_order`) and every random draw are functions of (seed, epoch, record). Nothing else is
remembered but which records cannot be read (`unreadable`), so that a run that resumes at step k sees exactly what it
would have seen, and two runs with one seed see the same.

No function of a dataset holds an op that TensorFlow counts as stateful (hash tables, the usual `Dataset.shuffle`,
Python functions): under `enable_op_determinism` a single one would make tf.data drop all parallelism and prefetching.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import tensorflow as tf

from efficientdet.data import checks
from efficientdet.data.augmentation_chain import Augmentation, AugmentationChain
from efficientdet.data.augmentations.mixing import Mixing
from efficientdet.data.checks import RecordFault
from efficientdet.data.excess_boxes import ExcessBoxes
from efficientdet.data.input_service import Restarts, batches_from_services
from efficientdet.data.input_share import InputShare
from efficientdet.data.preprocessing import Preprocessor
from efficientdet.data.record_files import plain
from efficientdet.data.record_order import LARGEST_GROUP, GroupedRecord, ReaderSettings, Record, RecordOrder
from efficientdet.data.stand_in import stand_in_for
from efficientdet.data.turns import Turns
from efficientdet.data.unreadable import UnreadableRecords
from efficientdet.errors import DataError
from efficientdet.types import Batch, Example, GroundTruth, Targets

_BATCHES_AHEAD = 8  # that a service is, more or less, when it tells of an error

Assigner = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], Targets]
"""(boxes [N, 4], classes [N], weights [N]) -> targets of the anchors, for one picture."""


class _Stream(NamedTuple):
    """The records that a worker reads from a batch on."""

    order: RecordOrder
    consumed: int  # records of the order that come before
    own: Turns  # of the order's records of a global batch, those that are its to parse


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
        self._parse = parse
        self._preprocessor = preprocessor
        self._assign_targets = assign_targets
        self._batch_size = batch_size
        self._chain = AugmentationChain(self._load, augmentations)
        self._settings = settings
        limit = settings.max_number_of_boxes
        self._cut_for_training = ExcessBoxes(limit, "lose the rest", tells=not settings.services)
        self._cut_for_evaluation = ExcessBoxes(
            limit, "lose the rest in this evaluation, whose AP and losses are those of the truth so cut"
        )
        self._order = RecordOrder(files, settings, seed)
        checks.check_first_records(self._order.records.names, parse, budget=settings.max_unreadable_records)
        self._restarts = Restarts()
        self._share = InputShare()  # that training was asked for last
        self._unreadable = UnreadableRecords(self._order.records, parse, budget=settings.max_unreadable_records)

    @property
    def num_records(self) -> int:
        """Records in one epoch (with `sample_1_of_n_examples`, the ones taken)."""
        return self._order.num_records

    def train_dataset(self, start_batch: int = 0, share: InputShare = InputShare()) -> tf.data.Dataset:  # noqa: B008
        """Batches for training from one on; epochs follow each other inside a batch.

        With one share of one replica a batch is a global batch. A record that `exclude` left out is a picture of zeros
        at its place, without weight on any anchor, and black where others are mixed with it.

        Args:
          start_batch: global batches that were consumed already. They are skipped as unparsed records, and whole epochs
            of them are not even read.
          share: this worker's part.

        Returns:
          Dataset of Batch, of `batch_size / share.replicas` pictures, endless unless `num_epochs` is set.

        Raises:
          DataError: a file has changed since they were scanned, there are too few for all workers, or a tf.data service
            does not answer.
        """
        if self._batch_size % share.replicas:
            raise ValueError(f"batch_size ({self._batch_size}) must be divisible by the {share.replicas} replicas")
        self._order.records.check_unchanged()
        self._share = share
        size = self._batch_size // share.replicas
        services = self._settings.services
        if not services:
            return self._prefetched(self._train_batches(start_batch, size, Turns(size, 0, size)))
        return self._prefetched(
            batches_from_services(
                services,
                lambda number: self._train_batches(start_batch, size, Turns(size * len(services), size * number, size)),
            )
        )

    def eval_dataset(
        self, max_examples: int | None = None, worker: int = 0, workers: int = 1, start_batch: int = 0
    ) -> tf.data.Dataset:
        """Every record once, in the order of the files, without augmentation; the last batch may be smaller.

        A record that `exclude_evaluated` left out is a picture of zeros whose original size is (0, 0).

        Args:
          max_examples: only so many.
          worker: 0-based number of the worker, who evaluates the batches whose number leaves it as the remainder.
          workers: how many share the batches.
          start_batch: batches, of all workers, that were evaluated already.

        Returns:
          Dataset of Batch.
        """
        self._order.records.check_unchanged()
        records = self._order.evaluation().take(-1 if max_examples is None else max_examples)
        size = self._batch_size
        if start_batch:
            records = records.skip(start_batch * size)
        own = Turns(size * workers, size * ((worker - start_batch) % workers), size).of(records)
        examples = own.map(plain(self._eval_picture), num_parallel_calls=tf.data.AUTOTUNE)
        return self._prefetched(examples.batch(size))

    @property
    def excluded(self) -> Sequence[RecordFault]:
        """The records that were left out so far."""
        return tuple(self._unreadable.excluded)

    @property
    def on_exclude(self) -> Callable[[RecordFault], None] | None:
        """Is told of each record that is left out, those that are known excepted."""
        return self._unreadable.on_exclude

    @on_exclude.setter
    def on_exclude(self, function: Callable[[RecordFault], None] | None) -> None:
        self._unreadable.on_exclude = function

    def let_through(self, interrupt: Callable[[], None]) -> None:
        """Lets something end the search for a record at fault, which may read all of them: it is called at each."""
        self._unreadable.interrupt = interrupt

    def check_unchanged(self) -> None:
        """Raises a DataError when a file is gone, or has another size than when it was scanned."""
        self._order.records.check_unchanged()

    def exclude(self, error: Exception, batch_number: int) -> DataError | None:
        """Leaves out the record behind an error of training's input: `train_dataset` goes on at the same batch then.

        Args:
          error: what fetching a batch raised, one of `checks.INPUT_ERRORS`.
          batch_number: of the global batch that was fetched.

        Returns:
          None when the batch is to be fetched anew, or the error to raise, see `UnreadableRecords.exclude`.
        """
        is_of_services, problem = self._restarts.explain(error, batch_number)
        if is_of_services:
            return problem
        stream = self._stream(batch_number)
        margin = LARGEST_GROUP if self._chain.mixes else 0  # what a group may reach over both ends of the batch
        ahead = 1 + _BATCHES_AHEAD * len(self._settings.services)
        first, end = max(stream.consumed - margin, 0), stream.consumed + stream.own.period * ahead + margin

        def near() -> tf.data.Dataset:
            records = stream.order.training(first).take(end - first)
            return records.map(plain(lambda record: (record.index, record.serialized)))

        return self._unreadable.exclude(error, near)

    def exclude_evaluated(self, error: Exception, batch_number: int) -> DataError | None:
        """Does for `eval_dataset` what `exclude` does for `train_dataset`; batches are numbered over all workers."""
        size = self._batch_size
        return self._unreadable.exclude(error, lambda: self._order.evaluation().skip(batch_number * size).take(size))

    def exclude_known(self, faults: Iterable[RecordFault]) -> None:
        """Leaves out what an earlier start of the run left out, before the first dataset is made."""
        self._unreadable.exclude_known(faults)

    def explain(self, error: Exception) -> DataError:
        """Turns what iterating raised (one of `checks.INPUT_ERRORS`) into an error that names file and record."""
        return checks.explain(error, self._order.records.names, self._parse)

    def _stream(self, start_batch: int) -> _Stream:
        """What this worker reads from a global batch on."""
        worker, workers, _ = self._share
        own = self._batch_size // workers
        if self._settings.worker_sharding == "by_record" or workers == 1:
            turns = Turns(self._batch_size, worker * own, own)
            return _Stream(self._order, start_batch * self._batch_size, turns)
        return _Stream(self._order.of_worker(worker, workers), start_batch * own, Turns(own, 0, own))

    def _train_batches(self, start_batch: int, size: int, turns: Turns) -> tf.data.Dataset:
        """The batches of this worker from a global batch on, or those of its records whose turn it is."""
        order, consumed, own = self._stream(start_batch)
        records = order.training_in_groups(consumed) if self._chain.mixes else order.training(consumed)
        epochs, one_replica = self._settings.num_epochs, self._share.replicas == 1
        if epochs and not one_replica:  # all end with the same global batch, a full one
            records = records.take(max(epochs * order.num_records - consumed, 0) // own.period * own.period)
        picture = plain(self._mixed_picture if self._chain.mixes else self._train_picture)
        pictures = turns.of(own.of(records)).map(picture, num_parallel_calls=tf.data.AUTOTUNE)
        keeps_remainder = epochs and not self._settings.drop_remainder and one_replica
        return pictures.batch(size, drop_remainder=not keeps_remainder)

    def _prefetched(self, batches: tf.data.Dataset) -> tf.data.Dataset:
        options = tf.data.Options()
        options.deterministic = True
        # Record order must not depend on the number of workers; one worker reads all files.
        options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
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

    def _finish(self, example: Example, index: tf.Tensor, excess: ExcessBoxes) -> Batch:
        """One picture as a row of a Batch: preprocessed, boxes in the input's frame, targets assigned."""
        inputs, true_size = self._preprocessor(example.image)
        source_id = tf.where(example.source_id == "", tf.strings.as_string(index), example.source_id)
        example = excess.cut(example, source_id)
        boxes = self._preprocessor.boxes_in_input(example.boxes, true_size)
        truth = example._replace(boxes=boxes).map_boxes(self._pad_rows).box_fields()
        picture = Batch(
            inputs=inputs,
            true_sizes=true_size,
            original_sizes=example.original_size,
            source_ids=source_id,
            ground_truth=GroundTruth(**truth, count=tf.shape(boxes)[0]),
            targets=self._assign_targets(boxes, example.classes, example.weights),
        )
        if not self._unreadable.indices:
            return picture
        return stand_in_for(picture, tf.reduce_any(index == tf.constant(self._unreadable.indices, tf.int64)))

    def _pad_rows(self, values: tf.Tensor) -> tf.Tensor:
        """Zero-pads the first dimension to M."""
        rows = self._settings.max_number_of_boxes
        paddings = [[0, rows - tf.shape(values)[0]]] + [[0, 0]] * (values.shape.rank - 1)
        return tf.ensure_shape(tf.pad(values, paddings), [rows, *values.shape[1:]])


def _without_crowd(example: Example) -> Example:
    """`example` with its single objects only."""
    rows = tf.where(~example.is_crowd)[:, 0]
    return example.map_boxes(lambda values: tf.gather(values, rows))
