# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Configs to be written beside weights that this library has written: they say what these are."""

from __future__ import annotations

from pathlib import Path

from efficientdet.config import PipelineConfig

# What described the file that was converted, and says nothing of the result.
_ON_THE_SOURCE = (
    "fine_tune_checkpoint_label_map_path",
    "fine_tune_checkpoint_weights",
    "fine_tune_min_backbone_share",
    "from_detection_checkpoint",
)


def converted_config(config: PipelineConfig, checkpoint: Path, restore_type: str) -> PipelineConfig:
    """The config of converted weights: it evaluates and exports them as they are, and trains from them.

    Args:
      config: that the weights were converted for.
      checkpoint: the prefix of the result.
      restore_type: which of them a training starts from.
    """
    converted = config.copy()
    train = converted.proto.train_config
    for field in _ON_THE_SOURCE:
        train.ClearField(field)
    train.fine_tune_checkpoint = str(checkpoint)
    train.fine_tune_checkpoint_type = restore_type
    return converted
