# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds the record behind an error of the input pipeline: TensorFlow's own message names neither file nor record."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import tensorflow as tf
from google.protobuf.message import DecodeError

from efficientdet.data.records import ERROR_MARKER
from efficientdet.errors import DataError
from efficientdet.types import Example

_logger = logging.getLogger(__name__)

INPUT_ERRORS = (
    tf.errors.InvalidArgumentError,
    tf.errors.DataLossError,
    tf.errors.NotFoundError,
    tf.errors.PermissionDeniedError,
    # TensorFlow quotes a record that is no tf.Example, and Python then fails to decode the message.
    UnicodeDecodeError,
)
"""What iterating over a dataset raises when a record, or a file, is at fault."""

READING_ERRORS = (tf.errors.UnknownError, tf.errors.InternalError, tf.errors.UnavailableError)
"""What iterating over a dataset raises when the disk or the network fails under it; no record is at fault."""

# A failed check reads "assertion failed: [marker] [source id] [rule] [values]".
_FAILED_CHECK = re.compile(rf"\[{ERROR_MARKER}\] \[.*?\] \[(?P<rule>.*?)\](?P<values>.*)", re.DOTALL)

# Which op of which function it was.
_NODES = re.compile(r"\{\{function_node.*?\}\}\s*|\s*\[Op:.*|\s*\[\[\{\{.*", re.DOTALL)


class RecordFault(NamedTuple):
    """What is wrong with which record."""

    file: str
    record: int  # 0-based, within the file
    source_id: str
    problem: str

    def __str__(self) -> str:
        return f"{self.file}: record {self.record} (source_id {self.source_id!r}): {self.problem}"


def explain(error: Exception, files: Sequence[str], parse: Callable[[tf.Tensor], Example]) -> DataError:
    """Turns an error of the input pipeline into one that names file, record and source id.

    The files are read again from the start, decoding included, up to the record that is at fault.

    Args:
      error: what iterating over the pipeline raised, one of INPUT_ERRORS.
      files: the pipeline's files.
      parse: its record parser.
    """
    _logger.info("A record is at fault; reading the files again to find it (%d of them)", len(files))
    for file in files:
        if fault := find_fault(file, parse):
            return DataError(str(fault))
    return DataError(no_record_at_fault(error))


def no_record_at_fault(error: Exception) -> str:
    """What to say of an error that no record explains."""
    return f"every record can be read, and yet TensorFlow reports: {problem_of(error)}"


def reading_failed(error: Exception, batch_number: int) -> DataError:
    """Says in a sentence what TensorFlow says of a disk, or a network, that fails.

    Args:
      error: one of READING_ERRORS.
      batch_number: of the batch that was fetched.
    """
    said = _NODES.sub("", str(getattr(error, "message", error))).strip().splitlines()
    return DataError(
        f"batch {batch_number} cannot be read: {said[0] if said else type(error).__name__}. No record is at fault but, "
        "most likely, the disk or the network that the data come from; once it is mended, the same command goes on"
    )


def check_first_records(files: Sequence[str], parse: Callable[[tf.Tensor], Example], *, budget: int = 0) -> None:
    """Raises a DataError when none of the first records can be used.

    What is wrong with a whole data set (pixels for normalised boxes, another label map) shows here, at once and not
    when the first evaluation comes.

    Args:
      files: the pipeline's files, which hold a record.
      parse: its record parser.
      budget: how many records may be left out; one more is looked at, until one can be used.
    """
    faults: list[RecordFault] = []
    for file in files:
        for record in range(budget + 1 - len(faults)):
            try:
                serialized = next(iter(tf.data.TFRecordDataset(file).skip(record)), None)
                if serialized is None:
                    break
                parse(serialized)  # which is seconds quicker than to trace it
            except tf.errors.DataLossError as error:
                faults.append(RecordFault(file, record, "", problem_of(error)))
            except INPUT_ERRORS:
                problem = problem_in(serialized, traced(parse)) or "cannot be read"
                faults.append(RecordFault(file, record, source_id_of(file, record), problem))
            else:
                return
    more = f" (as are the {len(faults) - 1} that follow it)" if len(faults) > 1 else ""
    raise DataError(f"{faults[0]}{more}")


def find_fault(file: str, parse: Callable[[tf.Tensor], Example]) -> RecordFault | None:
    """The first record of a file that cannot be parsed, if there is one.

    Args:
      file: a TFRecord file.
      parse: a record parser.
    """
    found = first_problem(tf.data.TFRecordDataset(file), parse)
    return RecordFault(file, found[0], source_id_of(file, found[0]), found[1]) if found else None


def first_problem(
    records: tf.data.Dataset, parse: Callable[[tf.Tensor], Example], interrupt: Callable[[], None] = lambda: None
) -> tuple[int, str] | None:
    """The first record that cannot be read or parsed: its place, and what is wrong with it.

    Args:
      records: Dataset of string [].
      parse: a record parser.
      interrupt: is called at each record; what it raises ends the search.
    """
    sizes = iter(records.map(traced(parse), num_parallel_calls=tf.data.AUTOTUNE, deterministic=True))
    place = 0
    while True:
        interrupt()
        try:
            if next(sizes, None) is None:
                return None
        except INPUT_ERRORS as error:
            return place, problem_of(error)
        place += 1


def traced(parse: Callable[[tf.Tensor], Example]) -> Callable[[tf.Tensor], tf.Tensor]:
    """A record parser as a graph, whose checks say more when they fail than they do outside of one."""

    def size(serialized: tf.Tensor) -> tf.Tensor:
        return tf.shape(parse(serialized).image)

    return tf.function(size, input_signature=[tf.TensorSpec([], tf.string)], autograph=False)


def problem_in(serialized: tf.Tensor, parse: Callable[[tf.Tensor], Any]) -> str | None:
    """What is wrong with a record, string []; None for nothing. `parse` is a `traced` parser."""
    try:
        parse(serialized)
    except INPUT_ERRORS as error:
        return problem_of(error)
    return None


def source_id_of(file: str, record: int) -> str:
    """The source id (or else the file name) that a record states; empty when it cannot be read at all."""
    try:
        serialized = next(iter(tf.data.TFRecordDataset(file).skip(record).take(1))).numpy()
        features = tf.train.Example.FromString(serialized).features.feature
    except (*INPUT_ERRORS, StopIteration, DecodeError):
        return ""
    values = (*features["image/source_id"].bytes_list.value, *features["image/filename"].bytes_list.value, b"")
    return next((value for value in values if value), b"").decode(errors="replace")


def problem_of(error: Exception) -> str:
    """The rule and the values out of TensorFlow's message."""
    message = _NODES.sub("", str(getattr(error, "message", error))).strip()
    if match := _FAILED_CHECK.search(message):
        return f"{match['rule']}{match['values']}"
    return f"cannot be read ({message.splitlines()[0]})"
