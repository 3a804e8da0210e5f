# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""TensorFlow's checkpoints, object-based and name-based: `<prefix>.index` and `<prefix>.data-00000-of-00001`."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from efficientdet.errors import CheckpointError
from efficientdet.weights.damage import first_line
from efficientdet.weights.layout import Contents
from efficientdet.weights.object_graph import GRAPH_KEY, ObjectGraph

DAMAGE = (tf.errors.OpError, IndexError, RuntimeError, TypeError, ValueError, DecodeError)
"""What TensorFlow raises on a damaged file: its reader lets some errors of its C++ part through as they are."""


def read_checkpoint(prefix: str) -> Contents:
    """Opens a checkpoint.

    Args:
      prefix: its path without ".index".

    Returns:
      Its tensors; values are read, and their checksums compared, when they are asked for.

    Raises:
      CheckpointError: a file of it is missing or damaged.
    """
    _require_data_files(prefix)
    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes, dtypes = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        graph = ObjectGraph(reader.get_tensor(GRAPH_KEY)) if GRAPH_KEY in shapes else None
    except DAMAGE as error:
        raise _damaged(prefix, error) from error
    return Contents(
        path=prefix,
        format="name-based checkpoint" if graph is None else "object-based checkpoint",
        shapes={
            name: tuple(shapes[name]) for name in sorted(shapes) if dtypes[name].is_floating or dtypes[name].is_integer
        },
        read=_reading(prefix, reader),
        graph=graph,
    )


def _reading(prefix: str, reader: Any) -> Callable[[str], np.ndarray]:
    def read(name: str) -> np.ndarray:
        try:
            return np.asarray(reader.get_tensor(name))
        except DAMAGE as error:
            raise _damaged(prefix, error) from error

    return read


def _require_data_files(prefix: str) -> None:
    """Raises a CheckpointError unless all files that hold the values are there."""
    folder, name = Path(prefix).parent, Path(prefix).name
    pattern = re.compile(re.escape(name) + r"\.data-(\d+)-of-(\d+)")
    found = [match for path in folder.iterdir() if (match := pattern.fullmatch(path.name))]
    count = max((int(match[2]) for match in found), default=1)
    present = {int(match[1]) for match in found}
    missing = next((number for number in range(count) if number not in present), None)
    if missing is not None:
        raise CheckpointError(
            f"{prefix} is incomplete: {name}.index is there, {name}.data-{missing:05d}-of-{count:05d} is not"
        )


def _damaged(prefix: str, error: Exception) -> CheckpointError:
    return CheckpointError(f"{prefix} is damaged: {first_line(error)}")
