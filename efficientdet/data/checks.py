# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds the record behind an error of the input pipeline: TensorFlow's own message names neither file nor record."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf
from google.protobuf.message import DecodeError

from efficientdet.data.records import ERROR_MARKER
from efficientdet.errors import DataError
from efficientdet.types import Example

_logger = logging.getLogger(__name__)

# The last: TensorFlow quotes a record that is no tf.Example, and Python then fails to decode the message.
INPUT_ERRORS = (tf.errors.InvalidArgumentError, tf.errors.DataLossError, UnicodeDecodeError)
"""What iterating over a dataset raises when a record is at fault."""

# A failed check reads "assertion failed: [marker] [source id] [rule] [values]".
_FAILED_CHECK = re.compile(rf"\[{ERROR_MARKER}\] \[.*?\] \[(?P<rule>.*?)\](?P<values>.*)", re.DOTALL)


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
    return DataError(f"every record can be read, and yet TensorFlow reports: {_problem(error)}")


def check_first_record(file: str, parse: Callable[[tf.Tensor], Example]) -> None:
    """Raises a DataError when the first record of a file, which must have one, cannot be parsed.

    What is wrong with a whole data set (pixels for normalised boxes, another label map) shows here, at once and not
    when the first evaluation comes.
    """
    try:
        parse(next(iter(tf.data.TFRecordDataset(file))))
    except INPUT_ERRORS as error:
        raise explain(error, [file], parse) from None


def find_fault(file: str, parse: Callable[[tf.Tensor], Example]) -> RecordFault | None:
    """The first record of a file that cannot be parsed, if there is one.

    Args:
      file: a TFRecord file.
      parse: a record parser.
    """

    @tf.autograph.experimental.do_not_convert
    def size(serialized: tf.Tensor) -> tf.Tensor:
        return tf.shape(parse(serialized).image)

    sizes = tf.data.TFRecordDataset(file).map(size, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    iterator = iter(sizes)
    record = 0
    while True:
        try:
            if next(iterator, None) is None:
                return None
        except INPUT_ERRORS as error:
            return RecordFault(file, record, _source_id(file, record), _problem(error))
        record += 1


def _source_id(file: str, record: int) -> str:
    """The source id (or else the file name) that a record states; empty when it cannot be read at all."""
    try:
        serialized = next(iter(tf.data.TFRecordDataset(file).skip(record).take(1))).numpy()
        features = tf.train.Example.FromString(serialized).features.feature
    except (*INPUT_ERRORS, StopIteration, DecodeError):
        return ""
    values = (*features["image/source_id"].bytes_list.value, *features["image/filename"].bytes_list.value, b"")
    return next((value for value in values if value), b"").decode(errors="replace")


def _problem(error: Exception) -> str:
    """The rule and the values out of TensorFlow's message."""
    message = re.split(r"\s*\[\[\{\{node", str(getattr(error, "message", error)))[0].strip()
    if match := _FAILED_CHECK.search(message):
        return f"{match['rule']}{match['values']}"
    return f"cannot be read ({message.splitlines()[0]})"
