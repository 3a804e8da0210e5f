# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pipeline configs: read, override, resolve, check, write. Does not import TensorFlow.

A config is TFOD's text format of `TrainEvalPipelineConfig`. What comes out is *resolved*: overrides are laid over it,
the lineage has filled what it left unset, and every field that it sets is honoured, or noted as done differently, or
was an error that names its file and line.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from google.protobuf import text_format

from efficientdet import config_checks, field_paths, field_verdicts
from efficientdet.atomic_write import replace_atomically
from efficientdet.config_checks import Purpose
from efficientdet.errors import ConfigError
from efficientdet.field_verdicts import Finding
from efficientdet.lineage import fill_unset
from efficientdet.overrides import apply_override
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig
from efficientdet.text_positions import Position, read_positions, syntax_error
from efficientdet.verdicts import OPTIONAL_CHOICES, VERDICTS

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PipelineConfig:
    """A resolved config that knows where each of its values was said.

    Attributes:
      proto: the resolved message.
      path: the file it was read from, as it was given.
      positions: field path -> position, for everything that the file or an override sets.
      notes: one line per field that is done differently from what it says; for the log.
    """

    proto: TrainEvalPipelineConfig
    path: str
    positions: dict[str, Position]
    notes: tuple[str, ...] = ()

    def copy(self) -> PipelineConfig:
        """The same with a message of its own, which whoever asks for it may edit."""
        proto = TrainEvalPipelineConfig()
        proto.CopyFrom(self.proto)
        return replace(self, proto=proto)

    def where(self, field_path: str) -> str:
        """`file:line` of a field; of the nearest enclosing message if the field is not set; else the file.

        Args:
          field_path: such as `train_config.batch_size` or `eval_input_reader[0]`.
        """
        position = self._at(field_path)
        return str(position) if position.line else position.file

    def error(self, field_path: str, message: str) -> ConfigError:
        """An error about one field, to be raised by whoever finds it.

        Args:
          field_path: such as `train_config.batch_size`.
          message: the rule, as it follows the value: "must be divisible by the 4 replicas".

        Returns:
          `pipelines/x.config:41: train_config.batch_size (6) must be divisible by the 4 replicas`.
        """
        return ConfigError(self._line(field_path, " ", message))

    def _at(self, field_path: str) -> Position:
        while field_path and field_path not in self.positions:
            field_path = field_paths.parent(field_path)
        return self.positions[field_path] if field_path else Position(self.path, 0, 0)

    def _line(self, field_path: str, separator: str, message: str) -> str:
        try:
            value = field_paths.format_value(*field_paths.locate(self.proto, field_path))
        except KeyError:  # the root, or an element that is not there
            value = ""
        subject = f"{field_path} ({value})" if value else field_path or "the config"
        return f"{self.where(field_path)}: {subject}{separator}{message}"

    def _raise_errors(self, findings: Iterable[Finding]) -> None:
        """Raises one ConfigError that lists every error among `findings`, a line each."""
        errors = sorted(
            (finding for finding in findings if finding.is_error), key=lambda error: self._at(error.path)[1:]
        )
        if errors:
            raise ConfigError("\n".join(self._line(error.path, " ", error.text) for error in errors))


def load_config(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> PipelineConfig:
    """Reads and resolves a pipeline config.

    Args:
      path: a text file.
      overrides: texts in the same format, laid over the file one after the other (see overrides.py).

    Raises:
      ConfigError: the file cannot be read, is not a config, or asks for something that cannot be done.
    """
    return parse_config(_read_text(path), os.fspath(path), overrides)


def parse_config(text: str, filename: str, overrides: Sequence[str] = ()) -> PipelineConfig:
    """Resolves a config given as text.

    Args:
      text: the config.
      filename: what errors call it.
      overrides: see `load_config`; errors call them `--override[0]`, `--override[1]`, ...

    Raises:
      ConfigError: see `load_config`.
    """
    written = _as_written(text, filename, overrides)
    config, findings = _resolve(written)
    config._raise_errors(findings)
    return replace(config, notes=tuple(config._line(path, ": ", note) for path, note, _ in findings))


def examine_config(path: str | os.PathLike[str], overrides: Sequence[str] = ()) -> tuple[PipelineConfig, list[Finding]]:
    """Reads a config that need not be one that can run.

    Args:
      path: see `load_config`.
      overrides: see `load_config`.

    Returns:
      The config as it is written, not resolved, and everything that resolving it has to say, the errors included.

    Raises:
      ConfigError: the file cannot be read, or is not a config.
    """
    written = _as_written(_read_text(path), os.fspath(path), overrides)
    return written, _resolve(written)[1]


def validate(config: PipelineConfig, for_: Purpose) -> None:
    """Checks that `config` says everything that a purpose needs; loading has checked that what it says can be done.

    Args:
      config: as loaded.
      for_: "train", "eval" or "export". Training that also evaluates needs both of the first two.

    Raises:
      ConfigError: lists everything that is missing, a line each.
    """
    config._raise_errors(config_checks.missing(config.proto, for_))


def with_seed(config: PipelineConfig) -> PipelineConfig:
    """`config` itself if it sets `train_config.seed`, else a copy with a seed drawn now, which is logged."""
    if config.proto.train_config.HasField("seed"):
        return config
    seeded = config.copy()
    seeded.proto.train_config.seed = secrets.randbits(31)
    _logger.info("train_config.seed is not set: drew %d", seeded.proto.train_config.seed)
    return seeded


def format_config(config: PipelineConfig) -> str:
    """The resolved config as text: reading it again gives the same message, without overrides or lineage."""
    return f"# Resolved from {config.path}\n{text_format.MessageToString(config.proto)}"


def write_config(config: PipelineConfig, path: str | os.PathLike[str]) -> None:
    """Writes the resolved config to a file, which is replaced as a whole or not at all.

    Args:
      config: as loaded.
      path: its folder is made if need be.

    Raises:
      OSError: the file cannot be written.
    """
    replace_atomically(path, format_config(config))


def _read_text(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not a text file: byte {error.start} is not UTF-8") from None


def _as_written(text: str, filename: str, overrides: Sequence[str]) -> PipelineConfig:
    """A config with its overrides, neither resolved nor judged."""
    proto, positions = _parse(text, filename)
    for index, override in enumerate(overrides):
        apply_override(proto, positions, *_parse(override, f"--override[{index}]"))
    return PipelineConfig(proto, filename, positions)


def _parse(text: str, filename: str) -> tuple[TrainEvalPipelineConfig, dict[str, Position]]:
    """Reads one text into a message and the positions of its fields."""
    positions = read_positions(
        text,
        filename,
        TrainEvalPipelineConfig.DESCRIPTOR,
        skip_body=lambda field: field_verdicts.is_refused(field, VERDICTS),
    )
    try:
        # Names are known to exist by now, except inside messages that are refused as a whole.
        return text_format.Parse(text, TrainEvalPipelineConfig(), allow_unknown_field=True), positions
    except text_format.ParseError as error:
        at = (error.GetLine() or 1, error.GetColumn() or 1)
        before = [path for path, position in positions.items() if (position.line, position.column) <= at]
        path = max(before, key=lambda path: (positions[path][1:], len(path)), default="")
        raise syntax_error(error, filename, path) from None


def _resolve(written: PipelineConfig) -> tuple[PipelineConfig, list[Finding]]:
    """Fills in what a config implies; returns the result, and all that is to be said of it, errors included."""
    config = written.copy()
    fill_unset(config.proto)
    followed = _follow_deprecated(config.proto)
    findings = [
        *field_verdicts.judge(config.proto, VERDICTS, OPTIONAL_CHOICES),
        *config_checks.contradictions(config.proto),
        *followed,
        *config_checks.notes(written.proto, config.proto),
    ]
    return config, findings


def _follow_deprecated(config: TrainEvalPipelineConfig) -> list[Finding]:
    """Gives the values of fields that TFOD has replaced to those that replace them, in place; returns what to say."""
    train, reader = config.train_config, config.train_input_reader
    notes = []
    if train.fine_tune_checkpoint and not train.fine_tune_checkpoint_type:
        train.fine_tune_checkpoint_type = "detection" if train.from_detection_checkpoint else "classification"
        text = "is not set: taken from from_detection_checkpoint"
        notes.append(Finding("train_config.fine_tune_checkpoint_type", text, is_error=False))
    has_both = train.HasField("max_number_of_boxes") and config.HasField("train_input_reader")
    if has_both and train.max_number_of_boxes != reader.max_number_of_boxes:
        text = f"is used instead of train_input_reader.max_number_of_boxes ({reader.max_number_of_boxes})"
        notes.append(Finding("train_config.max_number_of_boxes", text, is_error=False))
        reader.max_number_of_boxes = train.max_number_of_boxes
    return notes
