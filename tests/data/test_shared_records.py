# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Records that two data sets have in common."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from efficientdet.data.shared_records import count_shared_records
from efficientdet.errors import DataError


def _write(path: Path, *records: bytes) -> str:
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in records:
            writer.write(record)
    return str(path)


def test_records_are_compared_byte_for_byte_over_all_files(tmp_path: Path) -> None:
    evaluation = [_write(tmp_path / "a", b"one", b"two", b"three"), _write(tmp_path / "b", b"four", b"", b"one")]
    training = [_write(tmp_path / "c", b"six", b"one"), _write(tmp_path / "d", b"fOur", b"")]
    assert count_shared_records(evaluation, training) == (3, 6)  # one, twice, and the empty one
    assert count_shared_records(training, evaluation) == (2, 4)
    assert count_shared_records(evaluation, evaluation) == (6, 6)
    assert count_shared_records(evaluation, [_write(tmp_path / "e")]) == (0, 6)


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a"
    _write(path, b"one")
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="truncated"):
        count_shared_records([str(path)], [])
