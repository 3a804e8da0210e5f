# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Runs and their times. No TensorFlow."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

WARM_UP = 3  # runs in which buffers fill and libraries choose their kernels


class Run(NamedTuple):
    """How long it took."""

    seconds: float
    processor: float  # seconds of all cores together; other work on the machine hardly changes it


def timed(function: Callable[[], Any]) -> Run:
    """Runs a function once."""
    processor, started = time.process_time(), time.perf_counter()
    function()
    return Run(time.perf_counter() - started, time.process_time() - processor)


def runs(
    function: Callable[[], Any], repeats: int, *, warm_up: int = WARM_UP, on_run: Callable[[int], None] | None = None
) -> list[Run]:
    """Runs a function again and again.

    Args:
      function: what is timed.
      repeats: how often.
      warm_up: runs before that, untimed.
      on_run: is told how many are done.
    """
    for _ in range(warm_up):
        function()
    done = []
    for number in range(repeats):
        done.append(timed(function))
        if on_run is not None:
            on_run(number + 1)
    return done


def paired(
    one: Callable[[], Any],
    other: Callable[[], Any],
    repeats: int,
    *,
    warm_up: int = WARM_UP,
    on_run: Callable[[int], None] | None = None,
) -> tuple[list[Run], list[Run]]:
    """Runs two functions in turns, first the one, then the other one first: drifts of the machine meet both alike."""
    for _ in range(warm_up):
        one()
        other()
    results: tuple[list[Run], list[Run]] = ([], [])
    for number in range(repeats):
        for side in (0, 1) if number % 2 == 0 else (1, 0):
            results[side].append(timed((one, other)[side]))
        if on_run is not None:
            on_run(number + 1)
    return results


def seconds_since_start() -> float:
    """How long this process has been there; Linux tells to a hundredth of a second."""
    ticks = Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[19]
    uptime = float(Path("/proc/uptime").read_text(encoding="utf-8").split()[0])
    return uptime - float(ticks) / os.sysconf("SC_CLK_TCK")
