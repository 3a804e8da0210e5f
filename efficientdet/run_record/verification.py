# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Checks whether what a record says of a run is still so."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from efficientdet import model_directory
from efficientdet.config import parse_config
from efficientdet.config_differences import differences
from efficientdet.errors import CheckpointError, ConfigError, DataError
from efficientdet.run_record import collect
from efficientdet.run_record.record import RECORD_NAME, ReaderData, RunRecord, read_record


class Check(NamedTuple):
    """One thing that was looked at.

    Attributes:
      what: it was.
      problem: what is no longer as it was; "" where all is.
      is_serious: whether the run could not be repeated, or is not what the record says. Other versions are a note.
    """

    what: str
    problem: str
    is_serious: bool = True


def verify(directory: Path) -> list[Check]:
    """Looks at the config, the data, the weights and the results of a run.

    Args:
      directory: of the run.

    Returns:
      What was looked at, in that order.

    Raises:
      DataError: there is no record.
    """
    record = read_record(directory)
    checks = [Check("config", _config(directory, record))]
    checks += [Check(f"data of {reader.reader}", _data(reader)) for reader in record.data]
    for start in record.starts:
        for reader in start.data or ():
            checks.append(Check(f"data of {reader.reader} from step {start.step} on", _data(reader)))
    checks += list(_weights(directory, record))
    checks.append(Check("evaluations", _evaluations(directory, record)))
    now = collect.versions()
    then = record.starts[-1].versions if record.starts else {}
    other = [f"{name} {then[name]}, now {now.get(name, 'absent')}" for name in then if then[name] != now.get(name)]
    checks.append(Check("versions", "; ".join(other), is_serious=False))
    return checks


def _config(directory: Path, record: RunRecord) -> str:
    try:
        config = model_directory.recorded_config(directory)
        recorded = parse_config(record.latest_config, RECORD_NAME)
    except ConfigError as error:
        return str(error)
    if config is None:
        return "there is no pipeline.config any more"
    return "; ".join(differences(recorded.proto, config.proto))


def _data(reader: ReaderData) -> str:
    problems = []
    for file in reader.files:
        try:
            found = collect.digest_of_records(file.path)
        except DataError as error:
            problems.append(str(error))
            continue
        if found.records != file.records:
            problems.append(f"{file.path} has {found.records} records, it had {file.records}")
        elif found.digest != file.digest:
            problems.append(f"{file.path} holds other records")
    return "; ".join(problems)


def _weights(directory: Path, record: RunRecord) -> Iterator[Check]:
    """Of the checkpoints that are still there; older ones are deleted as training goes on."""
    there = {step: directory / f"ckpt-{step}" for step in record.weights}
    there = {step: path for step, path in there.items() if path.with_name(f"{path.name}.index").is_file()}
    if record.weights and not there:
        yield Check("weights", f"none of the {len(record.weights)} checkpoints of the record is there")
    for step, path in there.items():
        try:
            same = collect.digest_of_weights(path) == record.weights[step]
            yield Check(f"weights of step {step}", "" if same else f"{path} holds other numbers")
        except CheckpointError as error:
            yield Check(f"weights of step {step}", str(error))


def _evaluations(directory: Path, record: RunRecord) -> str:
    """Of the first reader: its file may lie in a folder of the reader's name."""
    if not record.evaluations:
        return ""
    known = {json.dumps(dict(line), sort_keys=True) for line in record.evaluations}
    for path in sorted((directory / "eval").rglob("metrics.jsonl")):
        if known <= {
            _without_seconds(line) for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        }:
            return ""
    return "metrics.jsonl does not hold the results of the record"


def _without_seconds(line: str) -> str:
    try:
        content = json.loads(line)
        content.pop("seconds", None)
    except (ValueError, AttributeError, RecursionError):
        return ""
    return json.dumps(content, sort_keys=True)
