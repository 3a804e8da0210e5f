# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Files that are replaced as a whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from efficientdet.atomic_write import remove_leftovers, replace_atomically


def test_text_is_replaced_as_a_whole(tmp_path: Path) -> None:
    replace_atomically(tmp_path / "new" / "x.txt", "one")
    replace_atomically(tmp_path / "new" / "x.txt", "zwölf")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["x.txt"]
    assert (tmp_path / "new" / "x.txt").read_bytes() == "zwölf".encode()


def test_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    replace_atomically(tmp_path / "x.bin", b"\r\n\xff")
    assert (tmp_path / "x.bin").read_bytes() == b"\r\n\xff"


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.txt").write_text("old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        replace_atomically(tmp_path / "x.txt", "new")
    assert [path.name for path in tmp_path.iterdir()] == ["x.txt"]
    assert (tmp_path / "x.txt").read_text() == "old"


def test_what_is_durable_is_flushed_before_it_takes_the_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[str] = []

    def note(descriptor: int) -> None:
        flushed.append(os.readlink(f"/proc/self/fd/{descriptor}"))

    monkeypatch.setattr(os, "fsync", note)
    replace_atomically(tmp_path / "x.txt", "one")
    assert flushed == []
    replace_atomically(tmp_path / "x.txt", "two", durable=True)
    assert flushed == [str(tmp_path / f".x.txt.efficientdet-{os.getpid()}.tmp"), str(tmp_path)]


def test_leftovers_of_a_kill_go_and_nothing_else(tmp_path: Path) -> None:
    ours = [".x.txt.efficientdet-123.tmp", ".a b.config.efficientdet-4.tmp"]
    others = [".notes.1.tmp", ".x.tmp", "x.efficientdet-12.tmp", ".efficientdet-12.tmp", f"{ours[0]}.bak"]
    names = [*ours, *others]
    for name in names:
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)
    remove_leftovers(tmp_path / "absent")
