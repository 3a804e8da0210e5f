# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The folder of a run: one model, one resolved config, checkpoints that belong to both."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

from google.protobuf.message import Message

from efficientdet import field_paths
from efficientdet.config import PipelineConfig, load_config, with_seed, write_config
from efficientdet.errors import ConfigError

CONFIG_NAME = "pipeline.config"

# What the weights depend on, in shape or in meaning. The rest (losses, post-processing, data, recipe) may change.
_FIXED = ("num_classes", "feature_extractor", "box_predictor", "anchor_generator", "box_coder")
_LISTED = 5

_logger = logging.getLogger(__name__)


def claim(directory: str | Path, config: PipelineConfig) -> PipelineConfig:
    """Makes a folder the place of a run: checks what an earlier start left there, and writes the resolved config.

    Args:
      directory: of the run; made when missing.
      config: resolved. Where it has no seed, an earlier start's is taken: a resume goes on in the same data order.

    Returns:
      The config with its seed.

    Raises:
      ConfigError: the folder holds a run of another model.
    """
    path = Path(directory) / CONFIG_NAME
    if path.is_file():
        earlier = load_config(path)
        _compare(Path(directory), earlier.proto, config.proto)
        train = config.proto.train_config
        if earlier.proto.train_config.HasField("seed") and not train.HasField("seed"):
            train.seed = earlier.proto.train_config.seed
    config = with_seed(config)
    if not (path.exists() and path.samefile(config.path)):  # a file that a user wrote is never rewritten
        write_config(config, path)
    return config


def _compare(directory: Path, earlier: Message, config: Message) -> None:
    changed = list(_differences(earlier, config))
    fixed = tuple(f"model.ssd.{name}" for name in _FIXED)
    forbidden = [difference for difference in changed if difference.startswith(fixed)]
    if forbidden:
        raise ConfigError(
            f"{directory} holds a run of another model: {_listing(forbidden)}. Choose another --model_dir, or the "
            "config that this run was started with"
        )
    if changed:
        _logger.info("the config differs from the one that this run was started with: %s", _listing(changed))


def _differences(earlier: Message, config: Message) -> Iterator[str]:
    """Yields `path: old -> new` for each scalar whose value differs, set or by default."""
    for path in sorted(field_paths.set_paths(earlier) | field_paths.set_paths(config)):
        values = [_value(message, path) for message in (earlier, config)]
        if values[0] != values[1] and path != "train_config.seed":
            yield f"{path}: {values[0] or 'absent'} -> {values[1] or 'absent'}"


def _value(message: Message, path: str) -> str:
    if not path:
        return ""
    try:
        holder, field, index = field_paths.locate(message, path)
        return field_paths.format_value(holder, field, index).removeprefix("default ")
    except (KeyError, IndexError):
        return ""


def _listing(differences: list[str]) -> str:
    more = f" and {len(differences) - _LISTED} more" if len(differences) > _LISTED else ""
    return "; ".join(differences[:_LISTED]) + more
