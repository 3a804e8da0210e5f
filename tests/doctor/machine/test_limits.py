# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from efficientdet.doctor.machine.limits import address_space, left_in_group, left_in_groups

_NO_LIMIT = "9223372036854771712\n"


@pytest.mark.parametrize(
    ("limit", "used", "kept", "left"),
    [
        ("max\n", "5\n", 0, 0),
        (_NO_LIMIT, "1\n", 0, 0),
        ("100\n", "40\n", 0, 60),
        ("100\n", "40\n", 30, 90),  # what is kept of files is given back
        ("100\n", "40\n", 50, 100),
        ("100\n", "100\n", 0, 1),
        ("100\n", "120\n", 0, 1),
    ],
)
def test_what_a_control_group_leaves(limit: str, used: str, kept: int, left: int) -> None:
    assert left_in_group(limit, used, kept) == left


def _group(folder: Path, names: tuple[str, str], limit: str, used: int, stat: str = "") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(stat)


_FIRST = ("memory.limit_in_bytes", "memory.usage_in_bytes")
_SECOND = ("memory.max", "memory.current")


def _left(folder: Path, groups: str) -> int:
    (folder / "groups").write_text(groups)
    return left_in_groups(folder / "groups", folder / "mount")


def test_the_narrowest_of_nested_groups_counts(tmp_path: Path) -> None:
    memory = tmp_path / "mount" / "memory"
    _group(memory, _FIRST, _NO_LIMIT.strip(), 500)
    _group(memory / "job", _FIRST, "1000", 400)
    _group(memory / "job" / "task", _FIRST, "5000", 300)
    groups = "5:cpu,cpuacct:/job\n4:memory:/job/task\n0::/\n"
    assert _left(tmp_path, groups) == 600
    _group(memory / "job" / "task", _FIRST, "500", 300, "cache 9\ntotal_inactive_file 100\n")
    assert _left(tmp_path, groups) == 300


def test_the_second_version_of_groups(tmp_path: Path) -> None:
    _group(tmp_path / "mount" / "a" / "b", _SECOND, "max", 300)
    _group(tmp_path / "mount" / "a", _SECOND, "1000", 300, "anon 7\ninactive_file 50\n")
    assert _left(tmp_path, "0::/a/b\n") == 750


def test_the_second_version_beside_the_first(tmp_path: Path) -> None:
    _group(tmp_path / "mount" / "unified" / "a", _SECOND, "1000", 300)
    assert _left(tmp_path, "1:name=systemd:/\n0::/a\n") == 700


def test_in_a_container_the_group_lies_at_the_mount(tmp_path: Path) -> None:
    _group(tmp_path / "mount" / "memory", _FIRST, "1000", 300)
    assert _left(tmp_path, "4:memory:/docker/3f2a\n") == 700


@pytest.mark.parametrize("groups", ["", "nonsense\n", "4:memory:/nowhere\n"])
def test_no_group_no_limit(tmp_path: Path, groups: str) -> None:
    assert _left(tmp_path, groups) == 0


def test_no_such_thing_as_groups(tmp_path: Path) -> None:
    assert left_in_groups(tmp_path / "absent", tmp_path) == 0


def test_the_address_space() -> None:
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 33, resource.RLIM_INFINITY));"
        "from efficientdet.doctor.machine.limits import address_space; print(address_space())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == f"{1 << 33}\n"
    assert address_space() >= 0
