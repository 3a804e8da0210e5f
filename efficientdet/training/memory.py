# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How much memory this process holds, of the machine and of its accelerators."""

from __future__ import annotations

import tensorflow as tf

from efficientdet import process_memory


def memory_in_use() -> dict[str, int]:
    """Returns bytes by name: "host" where the system tells, "device_<n>" and its "_peak" for each GPU."""
    held = process_memory.of_this_process("VmRSS")
    sizes = {"host": held} if held else {}
    for number in range(len(tf.config.list_logical_devices("GPU"))):
        device = tf.config.experimental.get_memory_info(f"GPU:{number}")
        sizes |= {f"device_{number}": device["current"], f"device_{number}_peak": device["peak"]}
    return sizes
