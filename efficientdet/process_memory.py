# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What Linux tells of memory: of this process, or in texts of that form. No TensorFlow."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Literal

Figure = Literal["VmRSS", "VmHWM", "VmPeak"]
"""Resident now; the most so far; the most address space so far."""


def of_this_process(figure: Figure) -> int:
    """Bytes that this process holds; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        return bytes_in(Path("/proc/self/status").read_text(encoding="utf-8"), figure)
    return 0


def bytes_in(text: str, name: str) -> int:
    """Bytes behind a name in a text like that of /proc/meminfo; 0 where it is not there."""
    match = re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE)
    return 1024 * int(match[1]) if match else 0
