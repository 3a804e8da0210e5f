# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Check for pictures that are there more than once: in one split, or in training and in evaluation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from efficientdet.data.faults import (
    LEAK_ALIKE,
    LEAK_IDENTICAL,
    PICTURES_ALIKE,
    PICTURES_IDENTICAL,
    SPLIT_OVERLAP,
    Fault,
)
from efficientdet.data.survey.hashing import look_alikes
from efficientdet.doctor.data.observation import Observation, Totals
from efficientdet.doctor.data.subject import Subject, drop_fix, row_fault

# Grey levels, between 8x8 thumbnails: what encoding anew or another size changes. Frames of one film differ by more as
# soon as something moves; whether those are too many is for a person to say.
_COPY = 6


def check_leaks(subject: Subject, totals: Totals) -> Iterator[Observation]:
    """Finds identical and look-alike pictures within splits and across them."""
    usable = np.flatnonzero(subject.survey.usable & (subject.split_of >= 0))
    identical = _identical_pairs(subject, usable)
    alike = usable[look_alikes(subject.survey.hashes[usable], subject.survey.thumbnails[usable])]
    alike = alike[(subject.survey.digests[alike[:, 0]] != subject.survey.digests[alike[:, 1]]).any(axis=1)]
    for pairs, within, across in (
        (identical, PICTURES_IDENTICAL, LEAK_IDENTICAL),
        (alike, PICTURES_ALIKE, LEAK_ALIKE),
    ):
        crosses = subject.split_of[pairs[:, 0]] != subject.split_of[pairs[:, 1]]
        yield from _across(subject, across, pairs[crosses])
        yield from _within(subject, within, pairs[~crosses], totals)


def check_overlap(subject: Subject, totals: Totals) -> Iterator[Observation]:
    """Finds pictures that the data set lists in two splits, of which one goes."""
    survey = subject.survey
    first: dict[str, int] = {}
    found = []
    for row in sorted(range(len(survey)), key=lambda row: (subject.listed_for_training(row), row)):
        kept = first.setdefault(survey.files[row], row)
        if survey.split_of[kept] != survey.split_of[row]:
            one, other = (survey.splits[survey.split_of[index]] for index in (kept, row))
            detail = f"in split {one!r} and in split {other!r}"
            found.append(row_fault(subject, SPLIT_OVERLAP, row, detail, drop_fix(subject, row)))
    if found:
        yield Observation(SPLIT_OVERLAP, found, len(found), totals.pictures)


def _identical_pairs(subject: Subject, rows: np.ndarray) -> np.ndarray:
    """int64 [n, 2]: each picture with the next one of equal content, and with the first one of each other split."""
    digests = subject.survey.digests[rows]
    order = np.lexsort((digests[:, 1], digests[:, 0]))
    same = (digests[order][1:] == digests[order][:-1]).all(axis=1)
    pairs: list[tuple[int, int]] = []
    for start, end in _runs(same):
        group = sorted(rows[order[start : end + 1]].tolist())
        by_split: dict[int, list[int]] = {}
        for row in group:
            by_split.setdefault(int(subject.split_of[row]), []).append(row)
        pairs += [(members[0], later) for members in by_split.values() for later in members[1:]]
        for members, others in pairwise(by_split.values()):
            # Every member has a partner across, so that whatever side has to go is named.
            pairs += [(member, others[0]) for member in members] + [(members[0], other) for other in others[1:]]
    files = subject.survey.files
    return np.asarray([(a, b) for a, b in pairs if files[a] != files[b]], np.int64).reshape(-1, 2)


def _runs(flags: np.ndarray) -> Iterator[tuple[int, int]]:
    """First and last position of each run of equal neighbours, given whether each equals the one before it."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    yield from zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)


def _across(subject: Subject, code: str, pairs: np.ndarray) -> Iterator[Observation]:
    """Of two splits the training gives way; of two others the earlier one."""
    found: list[Fault] = []
    measured: set[int] = set()
    for pair in pairs.tolist():
        goes, stays = sorted(pair, key=lambda row: (subject.split_of[row] != subject.training, subject.split_of[row]))
        verb = "is the same file as" if code == LEAK_IDENTICAL else "looks like"
        detail = (
            f"in {subject.split_name(stays)!r}; {verb} {subject.survey.files[goes]} in {subject.split_name(goes)!r}"
        )
        found.append(row_fault(subject, code, stays, detail, drop_fix(subject, goes)))
        measured.add(stays)
    if found:
        splits = np.unique(subject.split_of[sorted(measured)])
        of = int(np.isin(subject.split_of, splits).sum())
        yield Observation(code, found, len(measured), of)


def _within(subject: Subject, code: str, pairs: np.ndarray, totals: Totals) -> Iterator[Observation]:
    """Of two pictures the later one is too many, unless that goes for the other one already."""
    found: list[Fault] = []
    dropped: set[int] = set()
    for first, later in sorted(pairs.tolist(), key=lambda pair: (pair[1], pair[0])):
        is_copy = code == PICTURES_IDENTICAL or _is_copy(subject, first, later)
        if is_copy and (first in dropped or later in dropped):
            continue
        verb = "is the same file as" if code == PICTURES_IDENTICAL else "looks like"
        boxes = "" if _same_boxes(subject, first, later) else ", with other boxes"
        detail = f"{verb} {subject.survey.files[first]}{boxes}"
        found.append(row_fault(subject, code, later, detail, drop_fix(subject, later) if is_copy else None))
        if is_copy:
            dropped.add(later)
    if found:
        yield Observation(code, found, len({fault.row for fault in found}), totals.pictures)


def _is_copy(subject: Subject, first: int, later: int) -> bool:
    one, other = subject.survey.thumbnails[[first, later]].astype(int)
    return bool(np.abs(one - other).max() <= _COPY)


def _same_boxes(subject: Subject, first: int, later: int) -> bool:
    """Whether two pictures have the same boxes, in shares of their size, in any order."""
    survey = subject.survey
    sets = []
    for row in (first, later):
        where = slice(*survey.box_bounds[[row, row + 1]])
        shares = survey.boxes[where] / np.tile(np.maximum(survey.sizes[row], 1), 2)
        table = np.column_stack([survey.box_classes[where], np.round(shares, 2)])
        sets.append(table[np.lexsort(table.T[::-1])])
    return sets[0].shape == sets[1].shape and bool(np.allclose(sets[0], sets[1], atol=0.021))
