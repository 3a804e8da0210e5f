# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the numbers of a network mean: order of anchors, scales of box codes, endpoints, classes.

Of a model its config says it. Of a checkpoint of this library it is the config beside it that does; files of others
have one meaning each.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from efficientdet.builders.anchors import ANCHOR_ORDERS
from efficientdet.builders.extractors import ENDPOINTS
from efficientdet.builders.targets import build_box_coder
from efficientdet.config import PipelineConfig, load_config
from efficientdet.data.label_map import read_label_map, write_label_map
from efficientdet.errors import ConfigError
from efficientdet.ops.box_coder import CODE_SIZE, BoxCoder, BoxScales, MeanStddevCoder
from efficientdet.weights.layout import BoxCodes, Conventions, WeightFile

_logger = logging.getLogger(__name__)

# A run keeps its resolved config under the first name where the user's own lies under the second.
_CONFIG_NAMES = ("pipeline.resolved.config", "pipeline.config")
# A copy of the label map that training used: its own may have changed since.
LABEL_MAP_COPY = "pipeline.label_map.pbtxt"
_MULTISCALE = "multiscale_anchor_generator"
_SAVED_MODEL_VARIABLES = Path("variables", "variables")


def model_conventions(
    config: PipelineConfig, labels: Mapping[int, str] | None, why_unlabelled: str = "no label map is set"
) -> Conventions:
    """What the numbers of a config's model mean.

    Args:
      config: resolved.
      labels: class row -> name; None where it is not known.
      why_unlabelled: the reason, if it is not.
    """
    ssd = config.proto.model.ssd
    scales, codes = _box_codes(build_box_coder(config))
    multiscale = ssd.anchor_generator.multiscale_anchor_generator
    return Conventions(
        ENDPOINTS[ssd.feature_extractor.endpoints] if ssd.feature_extractor.HasField("endpoints") else None,
        ANCHOR_ORDERS[multiscale.anchor_order] if ssd.anchor_generator.HasField(_MULTISCALE) else None,
        scales,
        labels,
        why_unlabelled,
        box_codes=codes,
        background=ssd.add_background_class,
    )


def _box_codes(coder: BoxCoder) -> tuple[BoxScales, BoxCodes]:
    """The multipliers of a coder's codes, and what they are multiples of."""
    if isinstance(coder, BoxScales):
        return coder, "centers and sizes"
    if isinstance(coder, MeanStddevCoder):
        return BoxScales(*[1 / coder.stddev] * CODE_SIZE), "corners"
    raise TypeError(f"{type(coder).__name__} is no coder whose codes can be compared with those of a file")


def source_conventions(
    file: WeightFile, model: Conventions, named_labels: Mapping[int, str] | None = None
) -> Conventions:
    """What the numbers of a weight file mean.

    Args:
      file: of any origin.
      model: what those of the model mean that it is for: the same, where nothing tells.
      named_labels: class row -> name, as a user says; None where that was not said.
    """
    source = file.layout.conventions
    is_unlabelled = source is not None and source.labels is None
    recorded = _config_beside(file) if file.layout.is_ours or is_unlabelled else None
    if recorded is not None:
        labels, reason = _recorded_labels(recorded)
        reason = f"{recorded.path}: {reason}"
        if source is None:
            source = model_conventions(recorded, labels, reason)
        else:
            source = source._replace(labels=labels, why_unlabelled=reason)
    if source is None:
        unlabelled = "nothing beside the file names its classes"
        source = model._replace(labels=None, why_unlabelled=unlabelled, is_assumed=True)
    return source if named_labels is None else source._replace(labels=named_labels)


def named_labels(config: PipelineConfig) -> Mapping[int, str] | None:
    """The labels of `train_config.fine_tune_checkpoint_label_map_path`, by class row; None where it names no file.

    Raises:
      ConfigError: it cannot be read.
    """
    path = config.proto.train_config.fine_tune_checkpoint_label_map_path
    if not path:
        return None
    try:
        return read_label_map(path).names_by_row
    except ConfigError as error:
        where = config.where("train_config.fine_tune_checkpoint_label_map_path")
        raise ConfigError(f"{where}: fine_tune_checkpoint_label_map_path: {error}") from None


def reader_labels(config: PipelineConfig) -> tuple[Mapping[int, str] | None, str]:
    """The names of a config's class rows, by its first reader whose label map can be read; else None, and why."""
    reasons = []
    for path in _label_map_paths(config):
        try:
            return read_label_map(path).names_by_row, ""
        except ConfigError as error:
            reasons.append(str(error))
    return None, "; ".join(dict.fromkeys(reasons)) or "no label map is set"


def copy_label_map(config: PipelineConfig, directory: str | os.PathLike[str]) -> None:
    """Keeps the label map of a config beside the weights that follow it, under `LABEL_MAP_COPY`.

    Args:
      config: resolved; nothing is written where none of its readers has a label map that can be read.
      directory: of the weights.
    """
    for path in _label_map_paths(config):
        with contextlib.suppress(ConfigError):
            write_label_map(read_label_map(path), Path(directory) / LABEL_MAP_COPY)
            return


def _recorded_labels(config: PipelineConfig) -> tuple[Mapping[int, str] | None, str]:
    copy = Path(config.path).with_name(LABEL_MAP_COPY)
    if not copy.is_file():
        return reader_labels(config)
    try:
        return read_label_map(copy).names_by_row, ""
    except ConfigError as error:
        return None, str(error)


def _label_map_paths(config: PipelineConfig) -> list[str]:
    readers = (config.proto.train_input_reader, *config.proto.eval_input_reader)
    return [reader.label_map_path for reader in readers if reader.label_map_path]


def _config_beside(file: WeightFile) -> PipelineConfig | None:
    """The config that was written with a checkpoint, in its folder or, as in an export, one up; None without one."""
    path = Path(file.contents.path)
    place = path.parents[1] if path.parts[-2:] == _SAVED_MODEL_VARIABLES.parts else path.parent
    for candidate in (folder / name for folder in (place, place.parent) for name in _CONFIG_NAMES):
        if candidate.is_file():
            try:
                return load_config(candidate)
            except ConfigError as error:
                _logger.info("%s lies beside the weights and cannot be read: %s", candidate, error)
                return None
    return None
