# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which record comes when: epochs, shuffling, sampling and skipping, of records that nobody has parsed yet.

The order is a function of (seed, epoch) or, where several sources are mixed, of (seed, position): whoever skips the
first n records sees what follows them in a run that was never interrupted.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import tensorflow as tf

from efficientdet.data.record_files import RecordFiles, plain
from efficientdet.errors import DataError

_UNBOUNDED = np.iinfo(np.int64).max
_LEAST_GROUP = 16  # records
LARGEST_GROUP = 2 * _LEAST_GROUP - 1
_BLOCK = 1 << 16  # sources that are drawn at a time
# What is folded into the seed where an epoch's number stands otherwise.
_SOURCE_EPOCHS, _SOURCE_DRAWS = -1, -2

WorkerSharding = Literal["by_record", "by_file"]
"""All workers read all records, of which each parses its own; or each reads files of its own."""


class Source(NamedTuple):
    """Files that training takes a share of its records from."""

    files: tuple[str, ...]
    weight: float  # positive, in relation to those of the other sources


@dataclass(frozen=True, kw_only=True)
class ReaderSettings:
    """How records are read."""

    shuffle: bool  # files and records, anew in each epoch of training
    shuffle_buffer_size: int  # records
    num_readers: int  # files read in turn
    read_block_length: int  # records read from a file at its turn
    num_epochs: int  # of training; 0 repeats for ever
    sample_1_of_n_examples: int
    drop_remainder: bool  # matters to training that ends after num_epochs
    num_prefetch_batches: int
    max_number_of_boxes: int  # per picture, M
    skip_crowd: bool = False  # leaves crowd boxes out of training; evaluation always keeps them
    sources: tuple[Source, ...] = ()  # mixed by weight in training, without an end; none takes all files alike
    worker_sharding: WorkerSharding = "by_record"
    max_unreadable_records: int = 0  # that are left out; one more is an error
    services: tuple[str, ...] = ()  # addresses of tf.data services that prepare training's batches, in turn


class Record(NamedTuple):
    """A record before it is parsed; 180 kB that can be shuffled and skipped at no cost."""

    epoch: tf.Tensor  # int64 [], of its source where there are several
    index: tf.Tensor  # int64 [], over all files
    serialized: tf.Tensor  # string []


class GroupedRecord(NamedTuple):
    """A record, and the group of those around it, itself included, that it may borrow pictures from."""

    epoch: tf.Tensor  # int64 []
    index: tf.Tensor  # int64 []
    place: tf.Tensor  # int64 [], its place in the group
    serialized: tf.Tensor  # string [G], of the whole group; G may be 1


class _Part(NamedTuple):
    """Files that run through epochs of their own."""

    files: np.ndarray  # int64 [F], numbers of files
    seed: np.ndarray  # int32 [2]
    num_records: int
    num_readers: int
    shuffle_buffer_size: int


class RecordOrder:
    """The records of files, in the orders of training and of evaluation."""

    def __init__(self, files: Sequence[str], settings: ReaderSettings, seed: int) -> None:
        """Scans the files.

        Args:
          files: TFRecord files; their order is part of the order of records.
          settings: how to read; the files of its sources are of `files`.
          seed: 0 to 2**63 - 1.

        Raises:
          DataError: a file is damaged, or there is no record in any, or in any of a source.
        """
        self.records = RecordFiles(files)
        self._settings = settings
        self._seed = np.array([seed & 0x7FFFFFFF, seed >> 31], np.int64).astype(np.int32)
        bounds = self.records.bounds
        self._sampled = np.diff(-(-bounds // settings.sample_1_of_n_examples))  # of each file, with the sampling
        weights = np.array([source.weight for source in settings.sources])
        self._shares = weights / weights.sum() if weights.size else np.ones([1])
        self._parts = self._make_parts()

    @property
    def num_records(self) -> int:
        """Records of all files that are read (with `sample_1_of_n_examples`, the ones taken)."""
        return int(self._sampled[np.unique(np.concatenate([part.files for part in self._parts]))].sum())

    def of_worker(self, worker: int, workers: int) -> RecordOrder:
        """The order of files that no other worker reads: every `workers`-th of each source, in epochs of their own.

        Args:
          worker: 0-based number.
          workers: how many there are.

        Raises:
          DataError: there are too few files for one of the workers, this one or another.
        """
        shared = [part._replace(files=part.files[number::workers]) for part in self._parts for number in range(workers)]
        if not all(self._sampled[part.files].sum() for part in shared):
            counts = " and ".join(str(np.count_nonzero(self._sampled[part.files])) for part in self._parts)
            raise DataError(
                f"{counts} record files cannot be shared out among {workers} workers, who each need records of their "
                "own: write more shards, or set worker_sharding: BY_RECORD"
            )
        own = copy.copy(self)
        own._parts = [
            part._replace(num_records=int(self._sampled[part.files].sum())) for part in shared[worker::workers]
        ]
        return own

    def training(self, consumed: int) -> tf.data.Dataset:
        """The order of training, from one record on.

        Args:
          consumed: records that were read already.

        Returns:
          Dataset of Record, endless unless `num_epochs` is set.
        """
        return self._mixture(consumed) if self._settings.sources else self._epochs(self._parts[0], consumed)

    def training_in_groups(self, consumed: int) -> tf.data.Dataset:
        """The order of training (the same), with each record in a group of 16 to 31 neighbours that never changes.

        Groups do not reach over the end of an epoch. The group itself is one tensor, handed on and not copied.

        Args:
          consumed: records that were read already.

        Returns:
          Dataset of GroupedRecord.
        """
        size = _group_size(self.num_records)
        if self._settings.sources:
            complete = consumed // size * size
            groups, consumed = self._mixture(complete).batch(size), consumed - complete
        else:
            first_epoch, consumed = divmod(consumed, self.num_records)
            groups = self._epoch_numbers(first_epoch).flat_map(
                plain(lambda epoch: self._epoch(self._parts[0], epoch).batch(size))
            )
        return groups.flat_map(plain(_members)).skip(consumed)

    def evaluation(self) -> tf.data.Dataset:
        """(index, serialized) of every record once, in the order of the files."""
        return self._in_order(tf.data.Dataset.range(len(self.records.names)), cycle_length=1)

    def seed_of(self, *values: tf.Tensor | int) -> tf.Tensor:
        """The seed of something that `values` number; int32 [2]."""
        return _fold_in(tf.constant(self._seed), *values)

    def _make_parts(self) -> list[_Part]:
        settings = self._settings
        if not settings.sources:
            files = np.arange(len(self.records.names))
            records = int(self._sampled.sum())
            return [_Part(files, self._seed, records, settings.num_readers, settings.shuffle_buffer_size)]
        parts = []
        for number, source in enumerate(settings.sources):
            files = np.array([self.records.names.index(file) for file in source.files], np.int64)
            records = int(self._sampled[files].sum())
            if not records:
                raise DataError(f"no record to sample from in {', '.join(source.files)}")
            # Readers and buffer are shared out, so that they stay within what is configured.
            readers, buffer = (
                math.ceil(total * self._shares[number])
                for total in (settings.num_readers, settings.shuffle_buffer_size)
            )
            parts.append(_Part(files, self.seed_of(_SOURCE_EPOCHS, number).numpy(), records, readers, buffer))
        return parts

    def _mixture(self, consumed: int) -> tf.data.Dataset:
        """The records of all sources, each drawn by weight, from one position on."""
        streams = [self._epochs(*given) for given in zip(self._parts, self._draws_before(consumed), strict=True)]
        first_block, drawn = divmod(consumed, _BLOCK)
        blocks = tf.data.Dataset.range(first_block, _UNBOUNDED)
        choices = blocks.flat_map(
            plain(lambda block: tf.data.Dataset.from_tensor_slices(self._drawn_sources(block)))
        ).skip(drawn)
        return tf.data.Dataset.choose_from_datasets(streams, choices)

    def _drawn_sources(self, block: tf.Tensor | int) -> tf.Tensor:
        """The sources of the positions of a block; int64 [_BLOCK]."""
        draws = tf.random.stateless_uniform([_BLOCK], self.seed_of(_SOURCE_DRAWS, block))
        bounds = tf.constant(np.cumsum(self._shares)[:-1], tf.float32)
        return tf.searchsorted(bounds, draws, side="right", out_type=tf.int64)

    def _draws_before(self, position: int) -> list[int]:
        """How often each source was drawn before a position."""
        counts = np.zeros(len(self._parts), np.int64)
        with tf.device("CPU"):  # where tf.data draws
            for block in range(-(-position // _BLOCK)):
                drawn = self._drawn_sources(block).numpy()[: position - block * _BLOCK]
                counts += np.bincount(drawn, minlength=len(counts))
        return counts.tolist()

    def _epochs(self, part: _Part, consumed: int) -> tf.data.Dataset:
        """The epochs of a part one after the other, from one of its records on."""
        first_epoch, consumed = divmod(consumed, part.num_records)
        return self._epoch_numbers(first_epoch).flat_map(plain(lambda epoch: self._epoch(part, epoch))).skip(consumed)

    def _epoch_numbers(self, first: int) -> tf.data.Dataset:
        return tf.data.Dataset.range(first, self._settings.num_epochs or _UNBOUNDED)

    def _epoch(self, part: _Part, epoch: tf.Tensor) -> tf.data.Dataset:
        """The records of one epoch, in its order."""
        files = tf.constant(part.files)
        if not self._settings.shuffle:
            records = self._in_order(tf.data.Dataset.from_tensor_slices(files), cycle_length=1)
        else:
            seeds = tf.random.experimental.stateless_split(_fold_in(tf.constant(part.seed), epoch), 2)
            files = tf.random.experimental.stateless_shuffle(files, seeds[0])
            records = self._in_order(
                tf.data.Dataset.from_tensor_slices(files), cycle_length=min(part.num_readers, len(part.files))
            )
            records = _shuffle(records, max(part.shuffle_buffer_size, 1), seed=seeds[1, 0])
        return records.map(plain(lambda index, serialized: Record(epoch, index, serialized)))

    def _in_order(self, files: tf.data.Dataset, cycle_length: int) -> tf.data.Dataset:
        """(index, serialized) of the records of files given by number, `cycle_length` files read in turn."""
        records = self.records.read(files, cycle_length=cycle_length, block_length=self._settings.read_block_length)
        stride = self._settings.sample_1_of_n_examples
        return records if stride == 1 else records.filter(plain(lambda index, _: index % stride == 0))


def _fold_in(seed: tf.Tensor, *values: tf.Tensor | int) -> tf.Tensor:
    for value in values:
        seed = tf.random.experimental.stateless_fold_in(seed, tf.cast(value, tf.int64))
    return seed


def _group_size(num_records: int) -> int:
    """The size of groups that leaves the most records to an epoch's last one, so that none has few to borrow from."""
    return max(range(_LEAST_GROUP, LARGEST_GROUP + 1), key=lambda size: (num_records - 1) % size)


def _members(group: Record) -> tf.data.Dataset:
    """Dataset of GroupedRecord, from a batch of records."""

    def member(place: tf.Tensor) -> GroupedRecord:
        return GroupedRecord(group.epoch[place], group.index[place], place, group.serialized)

    return tf.data.Dataset.range(tf.size(group.index, tf.int64)).map(plain(member))


def _shuffle(dataset: tf.data.Dataset, buffer_size: int, seed: tf.Tensor) -> tf.data.Dataset:
    """`dataset.shuffle(...)`, in an order that `seed` (int32 []) alone decides.

    The op below `Dataset.shuffle` is stateful, because it may be asked to shuffle anew each time, and its seed is mixed
    with that of the graph. This one is neither.
    """
    spec = dataset.element_spec
    shuffled = tf.raw_ops.ShuffleDataset(
        input_dataset=tf.data.experimental.to_variant(dataset),
        buffer_size=tf.constant(buffer_size, tf.int64),
        seed=tf.constant(1, tf.int64),  # two zeros would mean a seed of TensorFlow's choice
        seed2=tf.cast(seed, tf.int64),
        reshuffle_each_iteration=False,
        output_types=[part.dtype for part in tf.nest.flatten(spec)],
        output_shapes=[part.shape for part in tf.nest.flatten(spec)],
    )
    return tf.data.experimental.from_variant(shuffled, spec)
