# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which alternative of a `oneof` a config has taken."""

from __future__ import annotations

from typing import Any

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
