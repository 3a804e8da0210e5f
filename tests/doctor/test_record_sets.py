# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What names tell of shards, whether the files are there or not; counting records."""

from __future__ import annotations

from pathlib import Path

import pytest

from efficientdet.data.record_encoding import frame_record
from efficientdet.doctor.record_counts import ImageCount, count_images
from efficientdet.doctor.record_findings import ap_half_width
from efficientdet.doctor.record_sets import look_at, overlap, whole_set


@pytest.mark.parametrize(
    ("patterns", "read", "total"),
    [
        ([], 0, 0),
        (["train.record"], 0, 0),
        (["pascal*.tfrecord"], 0, 0),
        (["d/coco_train.record-00000-of-00100"], 1, 100),
        (["d/train2017-?????-of-00256.tfrecord"], 256, 256),
        (["d/train.record-?????-of-?????"], 0, 0),
        (["d/a-0000?-of-00100"], 10, 100),
        (["d/a-*-of-00100"], 100, 100),
        (["d/a-000[0-4]?-of-00100"], 50, 100),
        (["d/a-0000[0-4]-of-00010", "d/a-00007-of-00010"], 6, 10),
        (["d/a-00000-of-00002", "d/a-00000-of-00002"], 1, 2),
        (["d/a-00000-of-00002", "d/b-00000-of-00004"], 2, 6),
        (["d/a-00000-of-00000"], 0, 0),
        (["d/a-00000-of-9999999"], 0, 0),  # beyond any real set
        (["-" * 5_000 + "0-of-"], 0, 0),
    ],
)
def test_names_alone_tell(patterns: list[str], read: int, total: int) -> None:
    files = look_at(patterns)
    assert (files.read, files.total) == (read, total)
    assert files.share == (read / total if total else 1.0)
    assert files.files == ()


def test_files_that_are_there_are_what_is_read(tmp_path: Path) -> None:
    for index in (0, 2, 3):
        (tmp_path / f"a.record-{index:05d}-of-00004").touch()
    files = look_at([str(tmp_path / "a.record-?????-of-00004")])
    assert (files.read, files.total, len(files.files)) == (3, 4, 3)


def test_what_is_read_twice(tmp_path: Path) -> None:
    (tmp_path / "a.record").touch()
    (tmp_path / "b.record").touch()
    here = [str(tmp_path / name) for name in ("a.record", "b.record")]
    assert overlap(look_at([str(tmp_path / "*.record")]), look_at(here[1:])) == (here[1],)
    assert overlap(look_at(here[:1]), look_at(here[1:])) == ()
    # Of files that are elsewhere, the names tell.
    assert overlap(look_at(["d/p*.record"]), look_at(["d/p*.record"])) == ("d/p*.record",)
    assert overlap(look_at(["d/p*.record"]), look_at(["d/./pets.record"])) == ("d/./pets.record",)
    assert overlap(look_at(["d/train*.record"]), look_at(["d/val*.record"])) == ()
    assert overlap(look_at([""]), look_at([""])) == ()


def _write(path: Path, sizes: list[int]) -> str:
    path.write_bytes(b"".join(part for size in sizes for part in frame_record(bytes(size))))
    return str(path)


def test_records_are_counted(tmp_path: Path) -> None:
    one, two = _write(tmp_path / "one", [5, 0, 7]), _write(tmp_path / "two", [1])
    assert count_images([one, two]) == ImageCount(4, is_exact=True)
    assert count_images([_write(tmp_path / "none", [])]) == ImageCount(0, is_exact=True)
    assert count_images([]) is None


def test_of_many_records_the_number_is_estimated_by_their_size(tmp_path: Path) -> None:
    files = [_write(tmp_path / f"{index}", [10] * 1_500) for index in range(4)]
    assert count_images(files) == ImageCount(6_000, is_exact=False)


@pytest.mark.parametrize("content", [b"jpeg", b"\xff" * 8 + bytes(8), (100).to_bytes(8, "little") + bytes(50)])
def test_what_is_no_tfrecord_is_not_counted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    assert count_images([str(tmp_path / "x")]) is None
    assert count_images([str(tmp_path / "absent")]) is None


def test_the_glob_of_a_whole_set() -> None:
    assert whole_set(look_at(["x.record", "d/a.record-00003-of-00100.gz"])) == "d/a.record-?????-of-00100.gz"


def test_the_uncertainty_of_ap() -> None:
    assert ap_half_width(100) == pytest.approx(2.4)
    assert ap_half_width(5_000) == pytest.approx(0.339, abs=1e-3)
