# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How much memory this process holds, of the machine and of its accelerators."""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf

_STATUS = Path("/proc/self/status")  # Linux


def memory_in_use() -> dict[str, int]:
    """Returns bytes by name: "host" where the system tells, "device_<n>" and its "_peak" for each GPU."""
    sizes = {}
    for line in _STATUS.read_text(encoding="ascii").splitlines() if _STATUS.exists() else ():
        if line.startswith("VmRSS:"):
            sizes["host"] = int(line.split()[1]) * 1024
    for number in range(len(tf.config.list_logical_devices("GPU"))):
        held = tf.config.experimental.get_memory_info(f"GPU:{number}")
        sizes |= {f"device_{number}": held["current"], f"device_{number}_peak": held["peak"]}
    return sizes
