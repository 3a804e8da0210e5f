# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The limits that a process runs under, beyond what the machine has: control groups, and its address space.

Sources: the kernel's admin-guide/cgroup-v1/memory.rst and admin-guide/cgroup-v2.rst; proc(5), cgroups(7).
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_NO_LIMIT = 1 << 60  # what the kernel shows for "none" is near 2**63
_GROUPS = Path("/proc/self/cgroup")
_MOUNT = Path("/sys/fs/cgroup")


class _Version(NamedTuple):
    """Names of one version of control groups."""

    roots: tuple[str, ...]  # where they are mounted, below the mount point
    limit: str
    used: str
    kept: str  # of memory.stat: what the kernel keeps of files, and gives back


_VERSION_1 = _Version(("memory",), "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
_VERSION_2 = _Version(("", "unified"), "memory.max", "memory.current", "inactive_file")


def left_in_groups(groups: Path = _GROUPS, mount: Path = _MOUNT) -> int:
    """Bytes that the control groups around this process leave to it; 0 where none has a limit.

    A group within others is held to the limits of all. What the kernel keeps of files, and gives back when memory is
    asked for, counts as free.

    Args:
      groups: the file that names the groups of a process.
      mount: where their files are.
    """
    left = []
    for folder, names in _folders(groups, mount):
        with contextlib.suppress(OSError):
            limit, used = ((folder / name).read_text(encoding="utf-8") for name in (names.limit, names.used))
            left.append(left_in_group(limit, used, _kept(folder, names.kept)))
    return min((each for each in left if each), default=0)


def left_in_group(limit: str, used: str, kept: int = 0) -> int:
    """Bytes that a control group leaves; 0: no limit, 1: nothing is left.

    Args:
      limit: the text of its file.
      used: likewise.
      kept: bytes of the use that can be taken back.
    """
    if not limit.strip().isdecimal() or int(limit) >= _NO_LIMIT:
        return 0
    return max(int(limit) - max(int(used) - kept, 0), 1)


def address_space() -> int:
    """Bytes that a process may map at most (`ulimit -v`); 0 without a limit."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return 0 if limit == resource.RLIM_INFINITY or limit >= _NO_LIMIT else int(limit)


def _folders(groups: Path, mount: Path) -> Iterator[tuple[Path, _Version]]:
    """The folders of the groups of a process and of all around them."""
    try:
        lines = groups.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        is_unified = number == "0" and not controllers
        if not is_unified and "memory" not in controllers.split(","):
            continue
        names = _VERSION_2 if is_unified else _VERSION_1
        inner = Path(path.lstrip("/"))
        for root in names.roots:
            # In a container the path may be that of the machine, and the group itself lies at the mount: the last part.
            for part in (inner, *inner.parents):
                yield mount / root / part, names


def _kept(folder: Path, name: str) -> int:
    with contextlib.suppress(OSError):
        match = re.search(rf"^{name} (\d+)$", (folder / "memory.stat").read_text(encoding="utf-8"), re.MULTILINE)
        return int(match[1]) if match else 0
    return 0
