# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Processes that this package starts for itself: what they find, where they write, and when they end."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import efficientdet

_TF_CONFIG = "TF_CONFIG"
_TAIL_BYTES = 1 << 16


def child_environment(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a process that imports this very package, and is no worker of the cluster that this one is of.

    A child that took the place of its parent among the workers would wait for the others, and they for it.

    Args:
      environment: of this process; None: as it is.
    """
    environment = os.environ if environment is None else environment
    root = str(Path(efficientdet.__file__).resolve().parents[1])
    path = os.pathsep.join([root, *filter(None, [environment.get("PYTHONPATH")])])
    return {name: value for name, value in environment.items() if name != _TF_CONFIG} | {"PYTHONPATH": path}


@contextlib.contextmanager
def child(
    words: Sequence[str],
    log: Path,
    *,
    listens: bool = True,
    more: Mapping[str, str] | None = None,
    seconds_to_leave: float = 0.0,
) -> Iterator[subprocess.Popen[str]]:
    """A Python process that is over when the `with` block is.

    Args:
      words: behind the interpreter's.
      log: what it writes goes to the end of this file.
      listens: whether its standard output comes to `stdout` instead, as text.
      more: for its environment, beside `child_environment`.
      seconds_to_leave: what a process that still runs is given to save, and to end by itself; 0 ends it at once.

    Yields:
      The process.

    Raises:
      OSError: the log cannot be written, or no process be started.
    """
    with open(log, "a", encoding="utf-8") as written:
        process = subprocess.Popen(
            [sys.executable, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if listens else written,
            stderr=written,
            text=True,
            errors="replace",
            env=child_environment() | dict(more or {}),
        )
    try:
        try:
            yield process
        finally:
            if process.poll() is None and seconds_to_leave:
                process.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=seconds_to_leave)
    finally:  # of an interrupt while it leaves, too
        if process.poll() is None:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def last_lines(log: Path, count: int | None = 15) -> list[str]:
    """The last lines of a log that are not blank.

    Args:
      log: exists.
      count: of lines at most; None: as many as there are in its last 64 KiB.
    """
    size = log.stat().st_size
    with open(log, "rb") as file:
        file.seek(max(size - _TAIL_BYTES, 0))
        lines = file.read().decode(errors="replace").splitlines()
    whole = lines[size > _TAIL_BYTES :] or lines  # the first may begin anywhere
    return [line for line in whole if line.strip()][-(count or 0) :]
