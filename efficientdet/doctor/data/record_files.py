# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Checks of record files: those that a config names, shards that are not there, and the order of the records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from efficientdet.config import PipelineConfig
from efficientdet.data.faults import FILES_MISSING, FILES_OVERLAP, SHARDS_MISSING, SHARDS_UNSHUFFLED, Fault
from efficientdet.doctor.data.observation import Observation, Totals
from efficientdet.doctor.data.subject import Subject, picture_place
from efficientdet.doctor.recipe.shards import look_at, overlap

TRAINING = "train_input_reader"
"""What a config calls the reader of the training."""

_ENOUGH_RECORDS = 30  # of a file, to judge their order
_ENOUGH_CLASSES = 2
_STRAYING = 5.0  # standard deviations
_EXCESS = 0.25  # share of neighbours of one class, beyond what chance gives


class ReaderFiles(NamedTuple):
    """The files of one reader."""

    reader: str  # "train_input_reader" or "eval_input_reader[i]"
    patterns: tuple[str, ...]  # as configured
    files: tuple[str, ...]  # that are there, each once
    missing: tuple[str, ...]  # patterns that match nothing


def reader_files(config: PipelineConfig) -> list[ReaderFiles]:
    """Looks for the record files of all readers."""
    readers = {}
    if config.proto.HasField("train_input_reader"):
        readers[TRAINING] = config.proto.train_input_reader
    readers |= {f"eval_input_reader[{i}]": reader for i, reader in enumerate(config.proto.eval_input_reader)}
    found = []
    for name, reader in readers.items():
        patterns = tuple(reader.tf_record_input_reader.input_path)
        missing = tuple(pattern for pattern in patterns if not look_at([pattern]).files)
        found.append(ReaderFiles(name, patterns, look_at(patterns).files, missing))
    return found


def check_reader_files(config: PipelineConfig, readers: Sequence[ReaderFiles]) -> Iterator[Observation]:
    """Finds missing files, missing shards, and files that are both trained and evaluated on."""
    for reader in readers:
        where = config.where(f"{reader.reader}.tf_record_input_reader.input_path")
        missing = [Fault(FILES_MISSING, where, "", f"input_path {name!r} matches no file") for name in reader.missing]
        if not reader.patterns:
            missing = [Fault(FILES_MISSING, where, "", f"{reader.reader} has no input_path")]
        if missing:
            yield Observation(FILES_MISSING, missing, len(missing), len(missing) + len(reader.files))
        yield from check_shards(reader.patterns, where)
        if reader.reader != TRAINING:
            yield from _overlap(readers[0], reader, where)


def check_shards(patterns: Sequence[str], where: str) -> Iterator[Observation]:
    """Finds sets of shards of which only a part is read.

    Args:
      patterns: files or globs. The names count, whether or not they are there: they say how many there should be.
      where: what names them all.
    """
    found = look_at(patterns)
    if found.read < found.total:
        detail = f"{found.read:,} of {found.total:,} shards {'is' if found.read == 1 else 'are'} read"
        fault = Fault(SHARDS_MISSING, where, "", detail)
        yield Observation(SHARDS_MISSING, [fault], found.total - found.read, found.total, figures=detail)


def _overlap(training: ReaderFiles, evaluation: ReaderFiles, where: str) -> Iterator[Observation]:
    if training.reader != TRAINING:
        return
    twice = overlap(look_at(training.patterns), look_at(evaluation.patterns))
    if twice:
        found = [Fault(FILES_OVERLAP, where, "", f"{file} is read by {TRAINING} as well") for file in twice]
        of = max(len(evaluation.files) or len(evaluation.patterns), len(found))
        yield Observation(FILES_OVERLAP, found, len(found), of)


def check_record_order(subject: Subject, totals: Totals) -> Iterator[Observation]:
    """Finds record files whose records stand one class after the other, if training shuffles fewer than there are."""
    shuffled = subject.limits.shuffled if subject.limits is not None else 0
    if subject.survey.source.format != "tfrecord":
        return
    rows = np.flatnonzero((subject.split_of == max(subject.training, 0)) & (subject.counts > 0))
    if len(rows) <= max(shuffled, _ENOUGH_RECORDS - 1):
        return
    first = subject.survey.box_classes[subject.survey.box_bounds[rows]]
    shares = np.bincount(first) / len(first)
    chance = float(np.square(shares).sum())
    if (shares > 0).sum() < _ENOUGH_CLASSES:
        return
    by_file: Mapping[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows.tolist()):
        by_file[picture_place(subject.survey.files[row])[0]].append(index)
    found = []
    for file, indices in by_file.items():
        same = _same_neighbours(first[indices], chance)
        if same is not None:
            detail = f"{100 * same:.0f} % of neighbours are of one class, {100 * chance:.0f} % by chance"
            found.append(Fault(SHARDS_UNSHUFFLED, file, "", detail))
    if found:
        yield Observation(SHARDS_UNSHUFFLED, found, len(found), len(by_file))


def _same_neighbours(classes: np.ndarray, chance: float) -> float | None:
    """The share of records whose successor is of their class; None where it is no more than shuffling may give."""
    if len(classes) < _ENOUGH_RECORDS:
        return None
    same = float((classes[1:] == classes[:-1]).mean())
    deviation = np.sqrt(chance * (1 - chance) / (len(classes) - 1))
    return same if same > chance + max(_EXCESS, _STRAYING * deviation) else None
