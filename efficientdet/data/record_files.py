# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The records of files, read one after the other and numbered over all files; some of them can be left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import tensorflow as tf

from efficientdet.data.files import FOOTER_BYTES, HEADER_BYTES, scan_tfrecord, walk_records
from efficientdet.data.stand_in import stand_in_record
from efficientdet.errors import DataError

_BUFFER_BYTES = 256 * 1024  # TFRecordDataset's own default for what it reads at a time


class RecordFiles:
    """Files of records, as they were when this was made.

    A record that is left out is not read any more, and a stand-in is handed out at its place: no other record moves.
    """

    def __init__(self, files: Sequence[str]) -> None:
        """Scans the files.

        Args:
          files: TFRecord files; their order numbers the records.

        Raises:
          DataError: a file is damaged, or there is no record in any.
        """
        self.names = tuple(files)
        self.counts = np.array([scan_tfrecord(file) for file in self.names], np.int64)
        if not self.counts.sum():
            raise DataError(f"no record in {', '.join(self.names) or 'an empty list of files'}")
        self.bounds = np.concatenate([[0], np.cumsum(self.counts)])
        """int64 [F + 1]: the number of each file's first record, and how many there are in all."""
        self._sizes = [os.path.getsize(file) for file in self.names]
        self._pieces: dict[int, np.ndarray] = {}  # of the files that records are left out of, see `_cut`

    @property
    def first_index(self) -> np.ndarray:
        """The number of each file's first record; int64 [F]."""
        return self.bounds[:-1]

    def place_of(self, index: int) -> tuple[str, int]:
        """The file of a record, and its 0-based place there."""
        file = int(np.searchsorted(self.bounds, index, side="right")) - 1
        return self.names[file], index - int(self.bounds[file])

    def has(self, file: str, record: int) -> bool:
        """Whether there is a record at a 0-based place of a file."""
        return file in self.names and 0 <= record < self.counts[self.names.index(file)]

    def index_of(self, file: str, record: int) -> int:
        """The number over all files of a record that is there."""
        return int(self.bounds[self.names.index(file)]) + record

    def leave_out(self, indices: Iterable[int]) -> None:
        """Reads around records from now on, in every dataset that is made later.

        Args:
          indices: all the records to leave out, by their numbers over all files.

        Raises:
          DataError: the headers of one of their files are damaged, so that what follows cannot be found.
        """
        records: dict[str, list[int]] = {}
        for index in sorted(indices):
            file, record = self.place_of(index)
            records.setdefault(file, []).append(record)
        self._pieces = {self.names.index(file): _cut(file, left_out) for file, left_out in records.items()}

    def read(self, files: tf.data.Dataset, *, cycle_length: int, block_length: int) -> tf.data.Dataset:
        """(index, serialized) of the records of files given by number, `cycle_length` files read in turn.

        Args:
          files: Dataset of int64 [].
          cycle_length: files.
          block_length: records that are read from a file at its turn.
        """
        records = self._in_pieces() if self._pieces else self._whole()
        return files.interleave(plain(records), cycle_length=cycle_length, block_length=block_length)

    def check_unchanged(self) -> None:
        """Raises a DataError when a file is gone, or has another size than it had at first."""
        for file, size in zip(self.names, self._sizes, strict=True):
            try:
                now = os.path.getsize(file)
            except OSError as error:
                raise DataError(f"{file}: {error.strerror}, and it was there when this run began. {_MEND}") from None
            if now != size:
                problem = f"has {now} bytes, and had {size} when this run began"
                raise DataError(f"{file} {problem}{self._lost_records(file)}. {_MEND}")

    def check_headers(self) -> None:
        """Raises a DataError when the headers of a file are damaged or give another number of records than at first."""
        for file, count in zip(self.names, self.counts, strict=True):
            now = scan_tfrecord(file)
            if now != count:
                raise DataError(f"{file} has {now} records, and had {count} when this run began. {_MEND}")

    def _lost_records(self, file: str) -> str:
        """What the headers of a changed file say, as the end of a sentence."""
        try:
            return f" ({scan_tfrecord(file)} records now, {self.counts[self.names.index(file)]} then)"
        except DataError as error:
            return f" ({str(error).removeprefix(f'{file}: ')})"

    def _whole(self) -> Callable[[tf.Tensor], tf.data.Dataset]:
        names, first_index = tf.constant(self.names), tf.constant(self.first_index)
        return lambda file: tf.data.TFRecordDataset(names[file]).enumerate(first_index[file])

    def _in_pieces(self) -> Callable[[tf.Tensor], tf.data.Dataset]:
        """The same, around the records that are left out."""
        names, first_index = tf.constant(self.names), tf.constant(self.first_index)
        whole = np.array([[0, -1, 0]], np.int64)
        pieces = [self._pieces.get(file, whole) for file in range(len(self.names))]
        bounds = tf.constant(np.cumsum([0, *map(len, pieces)]))
        rows = tf.constant(np.concatenate(pieces))

        def records(file: tf.Tensor) -> tf.data.Dataset:
            def piece(row: tf.Tensor) -> tf.data.Dataset:
                left_out = tf.data.Dataset.from_tensors(stand_in_record()).repeat(row[2])
                return _records_from(names[file], row[0]).take(row[1]).concatenate(left_out)

            own = tf.data.Dataset.from_tensor_slices(rows[bounds[file] : bounds[file + 1]])
            return own.flat_map(plain(piece)).enumerate(first_index[file])

        return records


def plain(function: Callable) -> Callable:
    """Keeps AutoGraph, which would cost seconds of tracing, off a function that has no need of it."""
    return tf.autograph.experimental.do_not_convert(function)


_MEND = "The order of records depends on it: put it back as it was, and the same command goes on from the checkpoint"


def _cut(file: str, left_out: Sequence[int]) -> np.ndarray:
    """Cuts a file at the records that are left out, given in rising order.

    Returns:
      int64 [P, 3]: of each piece the byte where it starts, how many records are read from there (-1 for all), and how
      many are left out after them.
    """
    offsets = list(walk_records(file))
    pieces, start = [], 0  # the byte and the number of the first record that is in no piece yet
    first = 0
    for record in left_out:
        offset, length = offsets[record]
        pieces.append((start, record - first, 1))
        start, first = offset + HEADER_BYTES + length + FOOTER_BYTES, record + 1
    return np.array([*pieces, (start, -1, 0)], np.int64)


def _records_from(file: tf.Tensor, offset: tf.Tensor) -> tf.data.Dataset:
    """The records of a file from a byte on; `tf.data.TFRecordDataset` itself always starts at the first."""
    variant = tf.raw_ops.TFRecordDatasetV2(
        filenames=file, compression_type="", buffer_size=tf.constant(_BUFFER_BYTES, tf.int64), byte_offsets=offset
    )
    return tf.data.experimental.from_variant(variant, tf.TensorSpec([], tf.string))
