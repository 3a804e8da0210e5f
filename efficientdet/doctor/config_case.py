# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Cases that are about a field of a config."""

from __future__ import annotations

from efficientdet import field_paths
from efficientdet.config import PipelineConfig
from efficientdet.doctor.findings import Case


def config_case(config: PipelineConfig, path: str) -> Case:
    """Where a field stands, and what it says.

    Args:
      config: resolved.
      path: of the field, such as `train_config.batch_size`.
    """
    try:
        value = field_paths.format_value(*field_paths.locate(config.proto, path))
    except KeyError:  # a list without elements
        value = ""
    return Case(config.where(path), f"{path} ({value})" if value else path)
