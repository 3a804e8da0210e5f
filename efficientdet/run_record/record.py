# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The record of a run, and its file. No TensorFlow."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from efficientdet.atomic_write import replace_atomically
from efficientdet.errors import DataError

RECORD_NAME = "record.json"
"""Its name in the folder of a run."""

_FORMAT = 1


@dataclass(frozen=True)
class DataFile:
    """A file of records.

    Attributes:
      path: absolute.
      records: in it.
      digest: sha256 of the length and the checksum of every record, see `collect.digest_of_records`.
      size: in bytes, when the digest was taken; -1 where that is not known.
      mtime_ns: of its last change, likewise. Neither tells two files apart: their records do.
    """

    path: str
    records: int
    digest: str
    size: int = field(default=-1, compare=False)
    mtime_ns: int = field(default=-1, compare=False)


@dataclass(frozen=True)
class ReaderData:
    """What a reader of the config reads.

    Attributes:
      reader: "train_input_reader" or "eval_input_reader[i]".
      files: in the order in which they are read.
      label_map: sha256 of its file.
    """

    reader: str
    files: tuple[DataFile, ...]
    label_map: str

    @property
    def num_records(self) -> int:
        """In all files."""
        return sum(file.records for file in self.files)


@dataclass(frozen=True)
class Start:
    """One start of the run: the first, or a resume.

    Attributes:
      time: when, ISO 8601 with the zone.
      step: updates done before it.
      versions: of Python, this library and what it computes with.
      hardware: what it ran on.
      config: the run's from here on, as text; None where it is that of the start before.
      data: likewise.
    """

    time: str
    step: int
    versions: Mapping[str, str]
    hardware: Mapping[str, str]
    config: str | None = None
    data: tuple[ReaderData, ...] | None = None


@dataclass(frozen=True)
class RunRecord:
    """A run.

    Attributes:
      config: resolved, as text; that of the first of the starts.
      seed: of the run.
      data: of every reader; those of the first of the starts.
      restored: the lines that say what the start weights gave; empty where training began with random ones, None where
        nobody knows any more, because an earlier record was lost.
      starts: oldest first. What config and data each of them changed is here.
      curve: step -> total loss of this step, at a hundred steps all over the run and at the last.
      evaluations: lines as in metrics.jsonl, without the seconds.
      weights: step -> sha256 of all numbers in the checkpoint of this step; of the latest ones.
    """

    config: str
    seed: int
    data: tuple[ReaderData, ...]
    restored: tuple[str, ...] | None = ()
    starts: tuple[Start, ...] = ()
    curve: Mapping[int, float] = field(default_factory=dict)
    evaluations: tuple[Mapping[str, Any], ...] = ()
    weights: Mapping[int, str] = field(default_factory=dict)

    @property
    def curve_digest(self) -> str:
        """sha256 of the curve: equal for two runs that went the same way, bit by bit."""
        return hashlib.sha256(json.dumps(sorted(self.curve.items())).encode()).hexdigest()

    @property
    def latest_config(self) -> str:
        """That of the latest start."""
        return next((start.config for start in reversed(self.starts) if start.config is not None), self.config)

    @property
    def latest_data(self) -> tuple[ReaderData, ...]:
        """Those of the latest start."""
        return next((start.data for start in reversed(self.starts) if start.data is not None), self.data)

    def until(self, step: int) -> RunRecord:
        """What was recorded up to a step: the rest is done anew."""
        return dataclasses.replace(
            self,
            curve={at: loss for at, loss in self.curve.items() if at <= step},
            evaluations=tuple(line for line in self.evaluations if line["step"] <= step),
            weights={at: digest for at, digest in self.weights.items() if at <= step},
        )


def write_record(record: RunRecord, path: Path) -> None:
    """Writes a record as JSON.

    Raises:
      OSError: it cannot be written; what was there stays.
    """
    content = {"format": _FORMAT, "curve_digest": record.curve_digest} | dataclasses.asdict(record)
    replace_atomically(path, json.dumps(content, indent=1) + "\n")


def read_record(path: Path) -> RunRecord:
    """Reads a record.

    Args:
      path: the file, or the folder of a run.

    Raises:
      DataError: there is none, or the file is something else. Names it.
    """
    file = path / RECORD_NAME if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != _FORMAT:
            raise DataError(f"{file}: of format {content['format']!r}, which this version does not read ({_FORMAT})")
        return RunRecord(
            config=str(content["config"]),
            seed=_whole(content["seed"], "seed"),
            data=tuple(_reader(each) for each in content["data"]),
            restored=None if content["restored"] is None else tuple(map(str, content["restored"])),
            starts=tuple(_start(each) for each in content["starts"]),
            curve={int(step): float(loss) for step, loss in content["curve"].items()},
            evaluations=tuple(map(_evaluation, content["evaluations"])),
            weights={int(step): str(digest) for step, digest in content["weights"].items()},
        )
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}: no record of a run") from error
    except DataError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise DataError(f"{file}: not a record of a run ({type(error).__name__}: {error})") from error


def _is_number(value: object) -> bool:
    """Whether a value out of JSON is a number; true and false are none."""
    return type(value) in (int, float)


def _whole(value: object, name: str) -> int:
    if type(value) is not int:
        raise TypeError(f"{name} is {value!r:.80}, not a whole number")
    return value


def _evaluation(line: Mapping[str, Any]) -> dict[str, Any]:
    _whole(line["step"], "step")
    for name, value in line.items():
        if value is not None and not _is_number(value):
            raise TypeError(f"{name} of step {line['step']} is {value!r:.80}, not a number")
    return dict(line)


def _reader(content: Mapping[str, Any]) -> ReaderData:
    files: Sequence[Mapping[str, Any]] = content["files"]
    return ReaderData(str(content["reader"]), tuple(map(_file, files)), str(content["label_map"]))


def _file(content: Mapping[str, Any]) -> DataFile:
    sizes = [_whole(content.get(name, -1), name) for name in ("size", "mtime_ns")]
    return DataFile(str(content["path"]), _whole(content["records"], "records"), str(content["digest"]), *sizes)


def _start(content: Mapping[str, Any]) -> Start:
    versions, hardware = (
        {str(name): str(value) for name, value in content[part].items()} for part in ("versions", "hardware")
    )
    config, data = content.get("config"), content.get("data")
    return Start(
        str(content["time"]),
        _whole(content["step"], "step of a start"),
        versions,
        hardware,
        None if config is None else str(config),
        None if data is None else tuple(map(_reader, data)),
    )
