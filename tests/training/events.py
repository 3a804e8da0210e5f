# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""TensorBoard's files, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util


def read_events(directory: Path) -> dict[str, dict[int, np.ndarray]]:
    """Tag -> step -> value, of all files of a folder."""
    values: dict[str, dict[int, np.ndarray]] = {}
    for path in sorted(directory.glob("events.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                values.setdefault(value.tag, {})[event.step] = tensor_util.make_ndarray(value.tensor)
    return values
