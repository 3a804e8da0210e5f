# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Check of the order of records: one class after the other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

import numpy as np

from efficientdet.data.faults import SHARDS_UNSHUFFLED, Fault
from efficientdet.doctor.data.observation import Observation, Totals
from efficientdet.doctor.data.subject import Subject, picture_place

_ENOUGH_RECORDS = 30  # of a file, to judge their order
_ENOUGH_CLASSES = 2
_STRAYING = 5.0  # standard deviations
_EXCESS = 0.25  # share of neighbours of one class, beyond what chance gives


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
