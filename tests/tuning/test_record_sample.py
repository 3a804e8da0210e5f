# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from pathlib import Path

from efficientdet.data.files import walk_records
from efficientdet.data.record_encoding import frame_record
from efficientdet.tuning.record_sample import write_sample


def _file(path: Path, contents: list[bytes]) -> str:
    path.write_bytes(b"".join(piece for content in contents for piece in frame_record(content)))
    return str(path)


def _contents(path: Path) -> list[bytes]:
    data = path.read_bytes()
    return [data[offset + 12 : offset + 12 + length] for offset, length in walk_records(path)]


def test_a_sample_is_of_all_files_each_record_once(tmp_path: Path) -> None:
    files = [_file(tmp_path / f"{name}.record", [f"{name}{n}".encode() for n in range(10)]) for name in "ab"]
    out = tmp_path / "new" / "sample.record"
    assert write_sample(files, 8, 1, out) == 8
    found = _contents(out)
    assert len(set(found)) == 8
    assert {content[:1] for content in found} == {b"a", b"b"}
    assert found == sorted(found)  # in the order of the files
    write_sample(files, 8, 1, tmp_path / "again.record")
    assert (tmp_path / "again.record").read_bytes() == out.read_bytes()
    write_sample(files, 8, 2, tmp_path / "other.record")
    assert (tmp_path / "other.record").read_bytes() != out.read_bytes()


def test_a_small_data_set_is_taken_as_a_whole(tmp_path: Path) -> None:
    file = _file(tmp_path / "a.record", [b"x", b"y"])
    assert write_sample([file], 3000, 1, tmp_path / "sample.record") == 2
    assert (tmp_path / "sample.record").read_bytes() == Path(file).read_bytes()
