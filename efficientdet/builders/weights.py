# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Puts weights into a network: those that a training starts from, and those that are evaluated or exported."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from efficientdet.atomic_write import replace_atomically
from efficientdet.builders.conventions import model_conventions, named_labels, reader_labels, source_conventions
from efficientdet.builders.model import backbone_variant
from efficientdet.config import PipelineConfig
from efficientdet.errors import CheckpointError
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.protos import train_pb2
from efficientdet.weights.copies import Copy
from efficientdet.weights.files import PACKAGED_VARIANTS, find_file, packaged_variant
from efficientdet.weights.layout import PARTS, Part
from efficientdet.weights.model_blocks import part_of
from efficientdet.weights.object_graph import value_key
from efficientdet.weights.recognition import open_weights
from efficientdet.weights.report import RestoreReport
from efficientdet.weights.restore import RestoreRequest, plan_restore

_logger = logging.getLogger(__name__)

# fine_tune_checkpoint_type -> the parts of the model that start from the checkpoint.
RESTORED_PARTS: dict[str, tuple[Part, ...]] = {
    "classification": ("backbone",),
    "detection": ("backbone", "fpn"),
    "fine_tune": ("backbone", "fpn"),
    "full": PARTS,
}
COPIES: dict[int, Copy] = {train_pb2.AVERAGED: "averaged", train_pb2.TRAINED: "trained"}


def load_start_weights(
    config: PipelineConfig,
    model: DetectionModel,
    *,
    labels: Mapping[int, str] | None = None,
    report_path: str | os.PathLike[str] | None = None,
) -> None:
    """Loads what `train_config.fine_tune_checkpoint` and its type say; does nothing where the config names none.

    Args:
      config: resolved.
      model: its variables exist; it keeps their values where this fails.
      labels: class row -> name, of the data that it will be trained on.
      report_path: file for the full report.

    Raises:
      ConfigError: the name or the type does not fit the model, or a label map cannot be read.
      CheckpointError: the checkpoint cannot be read, or does not fit.
    """
    train = config.proto.train_config
    path, kind = train.fine_tune_checkpoint, train.fine_tune_checkpoint_type
    if not path:
        _logger.info("starting from random weights: train_config.fine_tune_checkpoint is empty")
        return
    if variant := packaged_variant(path):
        _require_packaged_backbone(config, variant)
    if kind == "fine_tune":
        _logger.info('type "fine_tune" restores what "detection" does; elsewhere it exists for CenterNet only')
    conventions = model_conventions(config, labels)
    try:
        file = open_weights(path)
        request = RestoreRequest(
            RESTORED_PARTS[kind],
            conventions,
            source_conventions(file, conventions, named_labels(config)),
            weights=_asked_copy(config),
            min_backbone_share=train.fine_tune_min_backbone_share,
            anchor_grid=_anchor_grid(config),
            purpose="training",
        )
        report = plan_restore(model, file, request).apply()
    except CheckpointError as error:
        raise CheckpointError(f"{config.where('train_config.fine_tune_checkpoint')}: {error}") from error
    _log_table(report)
    if report_path is not None:
        replace_atomically(report_path, report.details())
        _logger.info("every variable and tensor is listed in %s", report_path)


def restore_for_inference(config: PipelineConfig, model: DetectionModel, path: str | os.PathLike[str]) -> RestoreReport:
    """Restores a whole detector of any origin, to be evaluated, exported or inferred with, and logs what it was.

    Of a training's checkpoint `eval_config.use_moving_averages` says which weights are read; of others the
    averages where the file has them, unless `train_config.fine_tune_checkpoint_weights` asks for the trained ones.

    Args:
      config: resolved, of the model.
      model: its variables exist; it keeps their values where this fails.
      path: see `weights.files.find_file`.

    Returns:
      The report.

    Raises:
      CheckpointError: there are no such weights, or they do not fit.
      ConfigError: `fine_tune_checkpoint_label_map_path` cannot be read.
    """
    file = open_weights(path)
    conventions = model_conventions(config, *reader_labels(config))
    evaluated: Copy = "averaged" if config.proto.eval_config.use_moving_averages else "trained"
    # An export or a conversion has one copy of its weights, which is what was evaluated.
    is_training = file.layout.is_ours and value_key(file.contents, "step") is not None
    request = RestoreRequest(
        PARTS,
        conventions,
        source_conventions(file, conventions, named_labels(config)),
        weights=evaluated if is_training else _asked_copy(config),
        anchor_grid=_anchor_grid(config),
        purpose="inference",
    )
    report = plan_restore(model, file, request).apply()
    if file.layout.is_ours and not any(statement.is_warning for statement in report.statements):
        _logger.info("%s", "; ".join([report.headline(), *(statement.text for statement in report.statements)]))
    else:
        _log_table(report)
    return report


def restore_for_conversion(
    config: PipelineConfig, model: DetectionModel, path: str | os.PathLike[str]
) -> tuple[RestoreReport, str]:
    """Restores all that a file of any origin holds, to be saved anew: what was evaluated, in this config's terms.

    Args:
      config: resolved, of the model.
      model: its variables exist; it keeps their values where this fails.
      path: see `weights.files.find_file`.

    Returns:
      The report, which is logged too, and the `fine_tune_checkpoint_type` that restores as much.

    Raises:
      CheckpointError: there are no such weights, or they do not fit.
      ConfigError: `fine_tune_checkpoint_label_map_path` cannot be read.
    """
    file = open_weights(path)
    conventions = model_conventions(config, *reader_labels(config))
    request = RestoreRequest(
        file.layout.parts,
        conventions,
        source_conventions(file, conventions, named_labels(config)),
        weights=_asked_copy(config),
        anchor_grid=_anchor_grid(config),
        purpose="conversion",
    )
    report = plan_restore(model, file, request).apply()
    _log_table(report)
    is_whole = any(record.keys for record in report.variables if part_of(record.path) != "backbone")
    if not is_whole:
        _logger.warning("the file holds a backbone alone: pyramid and heads are saved as they were initialised")
    return report, "full" if is_whole else "classification"


def single_source(path: str | os.PathLike[str]) -> str | None:
    """Finds weights that stand for themselves: anything but a checkpoint of this library in a folder of checkpoints.

    Args:
      path: given as a folder of checkpoints.

    Returns:
      What to restore; None where training may add to the folder, or where there is nothing yet.

    Raises:
      CheckpointError: what is there cannot be read, or does not say which of several checkpoints is meant.
    """
    is_file = os.path.isfile(path) or os.path.isfile(f"{os.fspath(path)}.index")
    # A checkpoint that training has not finished lies in a hidden folder.
    indices = (index.relative_to(path) for index in Path(path).rglob("*.index"))
    if not is_file and all(any(part.startswith(".") for part in index.parts) for index in indices):
        return None
    found = find_file(path)
    try:
        is_ours = open_weights(found).layout.is_ours
    except CheckpointError:
        if os.path.exists(f"{found}.index"):
            raise
        return None  # training has deleted it meanwhile, which it does only where it goes on
    return None if is_ours and Path(found).parent == Path(path) else found


def _asked_copy(config: PipelineConfig) -> Copy | None:
    train = config.proto.train_config
    return COPIES[train.fine_tune_checkpoint_weights] if train.HasField("fine_tune_checkpoint_weights") else None


def _anchor_grid(config: PipelineConfig) -> tuple[int, int]:
    generator = config.proto.model.ssd.anchor_generator.multiscale_anchor_generator
    return len(generator.aspect_ratios), generator.scales_per_octave


def _require_packaged_backbone(config: PipelineConfig, variant: str) -> None:
    expected = backbone_variant(config)
    if variant != expected and expected in PACKAGED_VARIANTS:
        rule = f"must be 'efficientnet-{expected}', the backbone of this model"
        raise config.error("train_config.fine_tune_checkpoint", rule)
    if variant != expected:
        rule = f"is not the backbone of this model, {expected}, which comes in no package: name the path of a file"
        raise config.error("train_config.fine_tune_checkpoint", rule)
    if config.proto.train_config.fine_tune_checkpoint_type != "classification":
        raise config.error(
            "train_config.fine_tune_checkpoint_type", 'must be "classification" for an ImageNet backbone'
        )


def _log_table(report: RestoreReport) -> None:
    for line in report.table():
        _logger.info("%s", line)
    for statement in report.statements:
        _logger.log(logging.WARNING if statement.is_warning else logging.INFO, "%s", statement.line)
