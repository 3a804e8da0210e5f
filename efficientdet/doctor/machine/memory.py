# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How much memory there is, how much a batch takes, and the largest batch that fits. No TensorFlow."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from efficientdet import process_memory
from efficientdet.doctor.machine.figures import MemoryFigures
from efficientdet.doctor.machine.limits import address_space, left_in_groups

SAFE_SHARE = 0.9  # of what is free; beyond, a picture more or another program ends the run
_KINDS = ("host_bytes", "device_bytes", "address_bytes")  # of `MemoryFigures`, in the order of `Memory`


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
    address: int = 0  # that a process may map


def largest_batch(figures: Sequence[MemoryFigures], free: Memory, multiple_of: int = 1) -> int:
    """The largest batch that lines through measurements say fits into all there is; 0 where they say nothing.

    Args:
      figures: of several batch sizes; the two largest count.
      free: what there is. Of each kind a part stays free, see `SAFE_SHARE`.
      multiple_of: the number of replicas, which share a batch.
    """
    fitting = []
    for available, of in zip(free, _KINDS, strict=True):
        points = sorted((each.batch_size, getattr(each, of)) for each in figures if getattr(each, of))
        line = fit_line(points[-2], points[-1]) if available and len(points) > 1 else None
        if line is not None:
            fitting.append(line.largest(SAFE_SHARE * available, multiple_of))
    return min(fitting, default=0)


def fits(figures: MemoryFigures, free: Memory) -> bool:
    """Whether what was held leaves a part free of all there is."""
    pairs = zip(free, (getattr(figures, kind) for kind in _KINDS), strict=True)
    return all(held <= SAFE_SHARE * available for available, held in pairs if available)


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
    return Memory(free_memory_of_host(), min(device_memory(), default=0), address_space())


def address_peak() -> int:
    """The most address space that this process has mapped so far, in bytes; 0 where the system does not tell."""
    return process_memory.of_this_process("VmPeak")


def resident_peak() -> int:
    """The most memory that this process has held so far, in bytes; 0 where the system does not tell."""
    if peak := process_memory.of_this_process("VmHWM"):
        return peak
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
    limits = (process_memory.bytes_in(meminfo, "MemAvailable"), left_in_groups())
    return min((each for each in limits if each), default=0)


def _physical_memory() -> int:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return 0


def device_memory() -> list[int]:
    """Free bytes of each visible NVIDIA GPU; none where there is no GPU, or no tool that tells."""
    words = ["nvidia-smi", "--query-gpu=index,memory.free", "--format=csv,noheader,nounits"]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return []
    return visible_devices(done.stdout, os.environ.get("CUDA_VISIBLE_DEVICES")) if done.returncode == 0 else []


def visible_devices(listing: str, visible: str | None) -> list[int]:
    """The free bytes of GPUs.

    Args:
      listing: a line "index, MiB" for each.
      visible: `CUDA_VISIBLE_DEVICES`; None: all. Anything but indices is taken for all.
    """
    rows = re.findall(r"^\s*(\d+)\s*,\s*(\d+)\s*$", listing, re.MULTILINE)
    chosen = re.findall(r"\d+", visible) if visible and re.fullmatch(r"[\d,\s]+", visible) else None
    if visible is not None and visible.strip() in ("", "-1"):
        return []
    return [int(mib) << 20 for index, mib in rows if chosen is None or index in chosen]
