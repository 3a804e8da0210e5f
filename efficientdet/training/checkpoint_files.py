# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which training checkpoints a folder holds, and the files that each consists of.

`ckpt-<step>.index` names the tensors, `ckpt-<step>.data-00000-of-00001` holds their values (both TensorFlow's), and
`ckpt-<step>.crc` the sizes and checksums of the two. A folder `.incomplete` inside holds the files of a checkpoint that
is being written or deleted: its index is there whenever other files of it are, or may be, in the folder above.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from efficientdet.weights.files import open_contents
from efficientdet.weights.object_graph import VALUE

INDEX = ".index"
CHECKSUMS = ".crc"
INCOMPLETE = ".incomplete"
STEP_KEY = f"step{VALUE}"
"""The name of the tensor that holds the step."""

_FILE = re.compile(r"ckpt-(\d+)(\.index|\.crc|\.data-\d{5}-of-\d{5})")


def has_checkpoints(directory: str | os.PathLike[str]) -> bool:
    """Whether a directory holds training checkpoints, damaged ones included; no if there is no such directory."""
    return bool(saved_steps(directory))


def checkpoint_step(path: str | os.PathLike[str]) -> int:
    """Returns the global step at which weights were saved; 0 where they do not tell, as those of an export.

    Args:
      path: see `weights.files.find_file`.

    Raises:
      CheckpointError: they cannot be read.
    """
    contents = open_contents(path)
    return int(contents.read(STEP_KEY)) if STEP_KEY in contents.shapes else 0


def checkpoint_prefix(directory: str | os.PathLike[str], step: int) -> str:
    """The path of a checkpoint without the ends of its files' names."""
    return os.fspath(Path(directory) / f"ckpt-{step}")


def saved_steps(directory: str | os.PathLike[str]) -> list[int]:
    """The steps of the checkpoints in a folder, the newest first.

    The files count, not TensorFlow's list of them, which may be missing after a copy: a run must never start anew over
    checkpoints that are there. One that has lost its index or its data counts too, unless it was just being written or
    deleted when its process was killed.
    """
    ends = _ends_by_step(directory)
    unfinished = {step for step, found in _ends_by_step(Path(directory) / INCOMPLETE).items() if INDEX in found}
    steps = {step for step, found in ends.items() if INDEX in found or (found - {CHECKSUMS} and step not in unfinished)}
    return sorted(steps, reverse=True)


def files_of(prefix: str | os.PathLike[str]) -> list[Path]:
    """The files of a checkpoint, the index last: without it the others are none."""
    path = Path(prefix)
    found = _ends_by_step(path.parent).get(int(path.name.removeprefix("ckpt-")), set())
    return [path.with_name(path.name + end) for end in sorted(found, key=lambda end: (end == INDEX, end))]


def _ends_by_step(directory: str | os.PathLike[str]) -> dict[int, set[str]]:
    ends: dict[int, set[str]] = {}
    for path in Path(directory).glob("ckpt-*"):
        if match := _FILE.fullmatch(path.name):
            ends.setdefault(int(match[1]), set()).add(match[2])
    return ends
