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

_CONFIG_NAME = "pipeline.config"
# Where the resolved config goes when the user's own lies in the folder under the first name.
_BESIDE_THE_USERS = "pipeline.resolved.config"

# What the weights depend on, in shape or in meaning, but for what only says how they start or are trained. The rest
# (losses, post-processing, data, recipe) may change.
_FIXED = tuple(
    f"model.ssd.{name}"
    for name in ("num_classes", "feature_extractor", "box_predictor", "anchor_generator", "box_coder")
)
_FREE = (
    "regularizer",
    "initializer",
    "class_prediction_bias_init",
    "survival_probability",
    "batch_norm.decay",
    "backbone_regularization",
)
# What decides which records a step sees.
_ORDER = ("train_config.seed", "train_config.batch_size", "train_input_reader")
_LISTED = 5

_logger = logging.getLogger(__name__)


def reconcile(directory: str | Path, config: PipelineConfig, *, resuming: bool) -> PipelineConfig:
    """Compares a config with the one that an earlier start left in a folder. Nothing is written.

    Args:
      directory: of the run; need not exist yet.
      config: resolved.
      resuming: whether there are checkpoints. Without, an earlier start left nothing that a change could harm.

    Returns:
      The config with its seed: its own, or else that of the run that is resumed, or else one that is drawn now.

    Raises:
      ConfigError: the folder holds a run of another model, or no run but an export.
    """
    if (Path(directory) / "checkpoint").is_dir():
        raise ConfigError(
            f"{directory} holds an export or a conversion: its folder checkpoint is in the place of the list that "
            "training keeps of its checkpoints. Choose another --model_dir"
        )
    paths = [Path(directory) / name for name in (_BESIDE_THE_USERS, _CONFIG_NAME)]
    recorded = next((path for path in paths if path.is_file()), None)
    if resuming and recorded is not None:
        earlier = load_config(recorded).proto
        train = config.proto.train_config
        if earlier.train_config.HasField("seed") and not train.HasField("seed"):
            train.seed = earlier.train_config.seed
        _compare(Path(directory), earlier, config.proto)
    return with_seed(config)


def record(directory: str | Path, config: PipelineConfig) -> None:
    """Writes the resolved config into the folder of a run, beside the user's own if that is what lies there.

    Args:
      directory: of the run; made when missing.
      config: as `reconcile` returned it.
    """
    path, beside = (Path(directory) / name for name in (_CONFIG_NAME, _BESIDE_THE_USERS))
    if path.exists() and path.samefile(config.path):
        write_config(config, beside)
    else:
        write_config(config, path)
        beside.unlink(missing_ok=True)


def _compare(directory: Path, earlier: Message, config: Message) -> None:
    changed = list(_differences(earlier, config))
    forbidden = [line for line in changed if line.startswith(_FIXED) and not any(free in line for free in _FREE)]
    if forbidden:
        raise ConfigError(
            f"{directory} holds a run of another model: {_listing(forbidden)}. Choose another --model_dir, or the "
            "config that this run was started with"
        )
    if changed:
        _logger.info("the config differs from the one that this run was started with: %s", _listing(changed))
    if any(line.startswith(_ORDER) for line in changed):
        _logger.warning("the resumed run will not see the records in the order in which it would have gone on")


def _differences(earlier: Message, config: Message) -> Iterator[str]:
    """Yields `path: old -> new` for each scalar whose value differs, set or by default."""
    for path in sorted(field_paths.set_paths(earlier) | field_paths.set_paths(config)):
        values = [_value(message, path) for message in (earlier, config)]
        if values[0] != values[1]:
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
