# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a machine is, in words. No TensorFlow is imported, only asked for its version."""

from __future__ import annotations

import contextlib
import datetime
import importlib.metadata
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import efficientdet
from efficientdet.process_memory import bytes_in

_PACKAGES = ("tensorflow", "tf_keras", "numpy")


def machine() -> dict[str, str]:
    """Name -> text: processor, cores, memory, versions, commit, date."""
    versions = {name: _version(name) for name in _PACKAGES}
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit(),
        "efficientdet": efficientdet.__version__,
        "python": platform.python_version(),
        **versions,
        "processor": processor(_text("/proc/cpuinfo")) or platform.processor() or platform.machine(),
        "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
        "memory": f"{bytes_in(_text('/proc/meminfo'), 'MemTotal') / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
    }


def processor(text: str) -> str:
    """The model of the processor, with its widest vectors, from a text such as that of /proc/cpuinfo; "" for none."""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    if model is None:
        return ""
    flags = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    named = set(flags[1].split()) if flags else set()
    kinds: Sequence[tuple[str, str]] = (("avx512f", "AVX-512"), ("avx2", "AVX2"))
    vectors = next((words for flag, words in kinds if flag in named), "")
    return model[1].strip() + (f" with {vectors}" if vectors else "")


def commit() -> str:
    """Of the checkout that this package lies in, with "+" where files were changed since; "" for none."""
    folder = Path(efficientdet.__file__).resolve().parents[1]
    if not (folder / ".git").exists():  # git would find that of a folder above
        return ""
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        words = ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--exclude=*"]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
    return ""


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _text(path: str) -> str:
    with contextlib.suppress(OSError):
        return Path(path).read_text(encoding="utf-8")
    return ""
