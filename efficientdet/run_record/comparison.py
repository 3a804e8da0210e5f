# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Sets two runs against each other: what was different, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from efficientdet.config import parse_config
from efficientdet.config_differences import differences
from efficientdet.run_record.record import RECORD_NAME, ReaderData, RunRecord


class Difference(NamedTuple):
    """One thing in which two runs differ."""

    part: str  # "config", "data", "versions", "hardware", "start weights", "course", "results"
    text: str


def compare(one: RunRecord, other: RunRecord) -> list[Difference]:
    """Lists in what two runs differ, causes before consequences.

    Args:
      one: a record.
      other: another one.

    Raises:
      ConfigError: a record holds a config that this version does not know.
    """
    found = [Difference("config", text) for text in _config(one, other)]
    found += [Difference("data", text) for text in data_differences(one.data, other.data)]
    ones, others = _changes(one), _changes(other)
    found += [change._replace(text=f"only the first, {change.text}") for change in ones if change not in others]
    found += [change._replace(text=f"only the second, {change.text}") for change in others if change not in ones]
    if one.restored != other.restored:
        found.append(Difference("start weights", " -> ".join(map(_start_weights, (one, other)))))
    for part in ("versions", "hardware"):
        ends = [getattr(record.starts[-1], part) if record.starts else {} for record in (one, other)]
        found += [Difference(part, text) for text in _mapping(*ends)]
    found += [Difference("course", text) for text in _course(one, other)]
    return found + [Difference("results", text) for text in _results(one.evaluations, other.evaluations)]


def _config(one: RunRecord, other: RunRecord) -> Iterator[str]:
    yield from differences(parse_config(one.config, RECORD_NAME).proto, parse_config(other.config, RECORD_NAME).proto)


def _changes(record: RunRecord) -> list[Difference]:
    """What later starts of a run changed."""
    config, data = record.config, record.data
    found = []
    for start in record.starts:
        texts = list(differences(*(parse_config(text, RECORD_NAME).proto for text in (config, start.config or config))))
        found += [Difference("config", f"from step {start.step} on: {text}") for text in texts]
        if start.data is not None and data:  # it can be that nobody knows what was read before
            texts = list(data_differences(data, start.data))
            found += [Difference("data", f"from step {start.step} on: {text}") for text in texts]
        config, data = start.config or config, data if start.data is None else start.data
    return found


def _start_weights(record: RunRecord) -> str:
    if record.restored is None:
        return "unknown"
    return "; ".join(record.restored[:1]) or "random"


def data_differences(one: Sequence[ReaderData], other: Sequence[ReaderData]) -> Iterator[str]:
    """Says of each reader in which data two starts, or two runs, differ. Where the files lie does not count."""
    others = {reader.reader: reader for reader in other}
    for reader in one:
        if (second := others.pop(reader.reader, None)) is None:
            yield f"{reader.reader}: absent in the second"
            continue
        if reader.label_map != second.label_map:
            yield f"{reader.reader}: another label map"
        if [file.digest for file in reader.files] != [file.digest for file in second.files]:
            same = {file.digest for file in reader.files} & {file.digest for file in second.files}
            yield (
                f"{reader.reader}: {reader.num_records} records in {len(reader.files)} files -> {second.num_records} "
                f"in {len(second.files)}; {len(same)} files are the same"
            )
    yield from (f"{name}: absent in the first" for name in others)


def _mapping(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[str]:
    for name in dict.fromkeys([*one, *other]):
        if one.get(name) != other.get(name):
            yield f"{name}: {one.get(name, 'absent')} -> {other.get(name, 'absent')}"


def _course(one: RunRecord, other: RunRecord) -> Iterator[str]:
    common = sorted(one.curve.keys() & other.curve.keys())
    apart = next((step for step in common if one.curve[step] != other.curve[step]), None)
    if apart is not None:
        before = max((step for step in common if step < apart), default=0)
        same = f"the same bits up to step {before}; " if before else ""
        yield f"{same}loss of step {apart}: {one.curve[apart]:.6g} -> {other.curve[apart]:.6g}"
    elif not common and (one.curve or other.curve):
        yield "no step is recorded of both"
    shared = sorted(one.weights.keys() & other.weights.keys())
    if shared and apart is None and one.weights[shared[-1]] != other.weights[shared[-1]]:
        yield f"the weights of step {shared[-1]}, though the losses are the same"


def _results(one: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if not one or not other:
        if one or other:
            yield f"{len(one)} evaluations -> {len(other)}"
        return
    first, second = one[-1], other[-1]
    if first["step"] != second["step"]:
        yield f"last evaluated at step {first['step']} -> {second['step']}"
    for name in first:
        values = first[name], second.get(name)
        if name != "step" and values[0] != values[1] and None not in values:
            yield f"{name}: {values[0]:.4g} -> {values[1]:.4g} ({values[1] - values[0]:+.4g})"
