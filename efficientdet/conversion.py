# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Converts weights of any origin into a checkpoint of this library with its config beside it."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

from efficientdet.builders.conventions import LABEL_MAP_COPY, copy_label_map
from efficientdet.builders.derived_configs import converted_config
from efficientdet.builders.model import build_model
from efficientdet.builders.weights import restore_for_conversion
from efficientdet.config import PipelineConfig, write_config
from efficientdet.errors import UsageError
from efficientdet.export.model_checkpoint import write_model_checkpoint
from efficientdet.weights.report import REPORT_NAME

_logger = logging.getLogger(__name__)

_CHECKPOINT, _CONFIG = "checkpoint", "pipeline.config"
_WRITTEN = (REPORT_NAME, _CHECKPOINT, _CONFIG, LABEL_MAP_COPY)


def convert_checkpoint(config: PipelineConfig, source: str | os.PathLike[str], directory: str | Path) -> Path:
    """Writes `checkpoint/ckpt-0`, `pipeline.config` and `restore_report.txt`.

    The config trains from the checkpoint, and exports and evaluates it. Every file is complete before the first one is
    moved to its place.

    Args:
      config: resolved, of the model that the weights are for.
      source: the weights, see `weights.files.find_file`.
      directory: where to; made when missing. Nothing in it is replaced.

    Returns:
      The path of the config.

    Raises:
      CheckpointError: there are no such weights, or they do not fit the model.
      UsageError: `directory` holds files of these names already.
    """
    directory = Path(directory)
    _require_free(directory)
    model = build_model(config, seed=config.proto.train_config.seed)
    report, restore_type = restore_for_conversion(config, model, source)
    directory.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".convert-", dir=directory) as scratch_name:
        scratch = Path(scratch_name)
        (scratch / REPORT_NAME).write_text(report.details(), encoding="utf-8")
        write_model_checkpoint(model, scratch / _CHECKPOINT)
        checkpoint = (directory / _CHECKPOINT / "ckpt-0").absolute()
        write_config(converted_config(config, checkpoint, restore_type), scratch / _CONFIG)
        copy_label_map(config, scratch)
        for path in sorted(scratch.iterdir()):
            os.replace(path, directory / path.name)
    _logger.info("every variable and tensor is listed in %s", directory / REPORT_NAME)
    _logger.info("wrote %s and its config, %s", directory / _CHECKPOINT / "ckpt-0", directory / _CONFIG)
    return directory / _CONFIG


def _require_free(directory: Path) -> None:
    """Refuses a directory in which a conversion would replace what is there, be it an earlier one: its config may be
    edited by now.
    """
    if directory.exists() and not directory.is_dir():
        raise UsageError(f"output directory {directory} is a file")
    for name in _WRITTEN:
        if (directory / name).exists():
            raise UsageError(
                f"output directory {directory} holds a {name}, which a conversion would replace: choose another one, "
                "or remove that first"
            )
