# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How much memory there is, how much a batch takes, and the largest batch that fits. No TensorFlow."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from pathlib import Path
from typing import NamedTuple

from efficientdet.doctor.machine.figures import MemoryFigures

SAFE_SHARE = 0.9  # of what is free; beyond, a picture more or another program ends the run

_NO_LIMIT = 1 << 60  # what the kernel shows for "none" is near 2**63
_CGROUP = Path("/sys/fs/cgroup")


class LinearMemory(NamedTuple):
    """Memory as a function of the batch size: so much whatever the batch, and so much for each picture."""

    fixed: float  # bytes
    per_picture: float  # bytes

    def at(self, batch_size: int) -> float:
        """Bytes of a batch size."""
        return self.fixed + self.per_picture * batch_size

    def largest(self, available: float, multiple_of: int = 1) -> int:
        """The largest batch size that stays within some bytes; 0 where none does.

        Args:
          available: bytes.
          multiple_of: the number of replicas, which share a batch.
        """
        batch_size = int(max(available - self.fixed, 0.0) // self.per_picture)
        return batch_size - batch_size % multiple_of


def fit_line(small: tuple[int, int], large: tuple[int, int]) -> LinearMemory | None:
    """The line through two measurements, each (batch size, bytes); None where memory did not grow with the batch."""
    (batch, num_bytes), (larger_batch, more_bytes) = sorted((small, large))
    if larger_batch == batch or more_bytes <= num_bytes:
        return None
    slope = (more_bytes - num_bytes) / (larger_batch - batch)
    return LinearMemory(num_bytes - slope * batch, slope)


class Memory(NamedTuple):
    """What a machine has to give, in bytes; 0 where it does not tell."""

    host: int
    device: int = 0  # of the smallest GPU


def line_of(figures: list[MemoryFigures]) -> LinearMemory | None:
    """The line through the two largest measurements, of the GPU where there is one."""
    of_device = all(each.device_bytes for each in figures)
    points = sorted((each.batch_size, each.device_bytes if of_device else each.host_bytes) for each in figures)
    return fit_line(points[-2], points[-1]) if len(points) > 1 else None


def second_batch(batch_size: int, replicas: int = 1) -> int:
    """A batch size to measure beside one: half of it, or twice where half is none; divisible by the replicas."""
    half = batch_size // 2 // replicas * replicas
    return half or 2 * batch_size


def free_memory() -> Memory:
    """What is free on this machine now."""
    return Memory(free_memory_of_host(), _device_memory())


def resident_peak() -> int:
    """The most memory that this process has held so far, in bytes; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        return _kilobytes(Path("/proc/self/status").read_text(encoding="utf-8"), "VmHWM")
    try:
        import resource
    except ImportError:  # Windows
        return 0
    import sys

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def free_memory_of_host() -> int:
    """Bytes that programs can still take, within the limits that this one runs under; 0 where nothing tells."""
    try:
        meminfo = Path("/proc/meminfo").read_text(encoding="utf-8")
    except OSError:
        return _physical_memory()
    limits = [_kilobytes(meminfo, "MemAvailable")]
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        with contextlib.suppress(OSError):
            texts = [(_CGROUP / name).read_text(encoding="utf-8") for name in (limit, used)]
            limits.append(left_in_group(*texts))
    return min((each for each in limits if each), default=0)


def left_in_group(limit: str, used: str) -> int:
    """Bytes that a control group leaves, of the texts of its files; 0: no limit, 1: nothing is left."""
    if not limit.strip().isdecimal() or int(limit) >= _NO_LIMIT:
        return 0
    return max(int(limit) - int(used), 1)


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0


def _kilobytes(text: str, name: str) -> int:
    """Bytes behind a name in a text like that of /proc/meminfo; 0 where it is not there."""
    match = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return 1024 * int(match[1]) if match else 0


def _device_memory() -> int:
    """Free bytes of the smallest visible NVIDIA GPU; 0 where there is none, or no tool that tells."""
    words = ["nvidia-smi", "--query-gpu=index,memory.free", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return smallest_device(done.stdout, os.environ.get("CUDA_VISIBLE_DEVICES")) if done.returncode == 0 else 0


def smallest_device(listing: str, visible: str | None) -> int:
    """The least free bytes among GPUs.

    Args:
      listing: a line "index, MiB" for each.
      visible: `CUDA_VISIBLE_DEVICES`; None: all. Anything but indices is taken for all.
    """
    rows = re.findall(r"^\s*(\d+)\s*,\s*(\d+)\s*$", listing, re.MULTILINE)
    chosen = re.findall(r"\d+", visible) if visible and re.fullmatch(r"[\d,\s]+", visible) else None
    if visible is not None and visible.strip() in ("", "-1"):
        return 0
    return min((int(mib) << 20 for index, mib in rows if chosen is None or index in chosen), default=0)
