# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Globs, shards, and the walk over a record file's length headers."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from efficientdet.data import files
from efficientdet.errors import DataError


def test_globs_are_sorted_and_files_taken_once(tmp_path):
    for name in ("b.record", "a.record", "c[1].record"):
        (tmp_path / name).touch()
    (tmp_path / "d.record").mkdir()
    found = files.resolve_files([str(tmp_path / "c[1].record"), str(tmp_path / "*.record")])
    assert [Path(file).name for file in found] == ["c[1].record", "a.record", "b.record"]


@pytest.mark.parametrize(
    ("patterns", "message"),
    [
        ([], "no input file is configured"),
        ([""], "'' matches no file"),
        (["/nowhere/train-*.tfrecord"], r"'/nowhere/train-\*.tfrecord' matches no file"),
    ],
)
def test_patterns_that_name_nothing(patterns, message):
    with pytest.raises(DataError, match=message):
        files.resolve_files(patterns)


def test_incomplete_shards_are_told_with_their_share(tmp_path, caplog):
    for index in (0, 2):
        (tmp_path / f"train.record-{index:05d}-of-00008").touch()
    with caplog.at_level(logging.WARNING):
        assert len(files.resolve_files([str(tmp_path / "train.record-*")])) == 2
    assert "2 of 8 shards (25 %)" in caplog.text


def test_complete_shards_raise_no_warning(tmp_path, caplog):
    for index in range(3):
        (tmp_path / f"train.record-{index:05d}-of-00003").touch()
    files.resolve_files([str(tmp_path / "train.record-*")])
    assert not caplog.records


@pytest.mark.parametrize(("data", "crc"), [(b"123456789", 0xE3069283), (b"", 0), (bytes(32), 0x8A9136AA)])
def test_crc32c_against_the_published_check_values(data, crc):
    # RFC 3720 B.4 and the catalogue value of "123456789"; the mask is TFRecord's rotation and offset.
    assert files.masked_crc32c(data) == ((crc >> 15 | (crc << 17 & 0xFFFFFFFF)) + 0xA282EAD8) & 0xFFFFFFFF


def test_scan_counts_records(tmp_path, write_tfrecord):
    assert files.scan_tfrecord(write_tfrecord(tmp_path / "x", [b"", b"a", b"b" * 100_000])) == 3
    assert files.scan_tfrecord(write_tfrecord(tmp_path / "y", [])) == 0


@pytest.mark.parametrize(
    ("kept", "message"),
    [
        (130, "truncated at byte 130, inside record 1 .bytes 116 to 232"),
        (231, "truncated at byte 231, inside record 1"),
        (120, "truncated at byte 120, inside the header of record 1 .byte 116"),
    ],
)
def test_scan_names_the_byte_of_a_truncation(tmp_path, write_tfrecord, kept, message):
    path = Path(write_tfrecord(tmp_path / "x", [b"a" * 100, b"b" * 100]))  # 12 + 100 + 4 bytes each
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(DataError, match=message):
        files.scan_tfrecord(path)


def test_scan_of_something_else(tmp_path):
    (tmp_path / "x").write_text("not a record file at all")
    with pytest.raises(DataError, match="x: not a TFRecord file, or damaged, at byte 0"):
        files.scan_tfrecord(tmp_path / "x")
    with pytest.raises(DataError, match="No such file"):
        files.scan_tfrecord(tmp_path / "y")
