# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a config says in places: which alternative of a `oneof` it has taken, and which number it has written."""

from __future__ import annotations

from typing import Any

import numpy as np

from efficientdet.config import PipelineConfig


def choice(config: PipelineConfig, path: str) -> tuple[str, Any]:
    """The alternative that a message of one `oneof` holds.

    Args:
      config: resolved.
      path: of the message, such as "train_config.optimizer".

    Returns:
      The field's name, such as "momentum_optimizer", which is the key of a builder's table, and the message in it.

    Raises:
      ConfigError: none is set.
    """
    message: Any = config.proto
    for part in path.split("."):
        message = getattr(message, part)
    oneof = message.DESCRIPTOR.oneofs[0]
    name = message.WhichOneof(oneof.name)
    if name is None:
        raise config.error(path, f"must hold one of {', '.join(field.name for field in oneof.fields)}")
    return name, getattr(message, name)


def as_written(value: float) -> float:
    """The double nearest to what a text says for a field of single precision: 0.2, where that has 0.20000000298."""
    return float(str(np.float32(value)))
