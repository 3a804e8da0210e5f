# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which files make a checkpoint, and which do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from efficientdet.training.checkpoint_files import checkpoint_prefix, files_of, has_checkpoints, saved_steps

_DATA = "data-00000-of-00001"


def _touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def test_steps_are_numbers_and_the_newest_is_first(tmp_path: Path) -> None:
    _touch(tmp_path, "ckpt-9.index", "ckpt-10.index", f"ckpt-10.{_DATA}", "ckpt-10.crc", "ckpt-0.index")
    assert saved_steps(tmp_path) == [10, 9, 0]
    names = [path.name for path in files_of(checkpoint_prefix(tmp_path, 10))]
    assert names == ["ckpt-10.crc", f"ckpt-10.{_DATA}", "ckpt-10.index"]


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["ckpt-5.index.damaged", f"ckpt-5.{_DATA}.damaged", "ckpt-5.crc.damaged2"],
        ["best/ckpt-5.index", f"best/ckpt-5.{_DATA}", "best/checkpoint"],
        [".incomplete/ckpt-5.index", f".incomplete/ckpt-5.{_DATA}"],
        [".incomplete/ckpt-5.index", f"ckpt-5.{_DATA}", "ckpt-5.crc"],  # half moved
        ["ckpt-5_temp/part-00000-of-00001.index", "ckpt-5.crc", "ckpt-best.index", "my-ckpt-5.index", "ckpt-5.index~"],
    ],
)
def test_what_is_no_checkpoint(names: list[str], tmp_path: Path) -> None:
    _touch(tmp_path, *names)
    assert saved_steps(tmp_path) == []
    assert not has_checkpoints(tmp_path)


def test_a_checkpoint_without_its_index_still_counts(tmp_path: Path) -> None:
    _touch(tmp_path, f"ckpt-5.{_DATA}", ".incomplete/ckpt-4.index")
    assert saved_steps(tmp_path) == [5]
