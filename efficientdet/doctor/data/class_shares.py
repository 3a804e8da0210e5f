# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Checks of how classes are spread: over the label map, and over the splits. The table and the bars of the report."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from efficientdet.data.faults import (
    CLASS_EMPTY_IN_SPLIT,
    CLASS_RARE,
    CLASS_SHARE_DIFFERS,
    CLASS_UNUSED,
    Fault,
    Fix,
)
from efficientdet.doctor.data.class_names import spelling_key
from efficientdet.doctor.data.observation import Observation, Totals, observe
from efficientdet.doctor.data.subject import Subject, known_names, move_fix
from efficientdet.doctor.findings import Severity
from efficientdet.doctor.quantities import percent

_FEW_BOXES = 10  # to learn a class from
_ENOUGH_BOXES = 100  # of a data set: in a smaller one every class is rare, which its owner knows
_CHANCE = 0.05  # below this a class is not missing in a split by bad luck
_STRAYING = 5.0  # standard errors that shares of two splits must be apart, and
_FACTOR = 2.0  # how many times one must be the other


def check_class_shares(subject: Subject, totals: Totals) -> Iterator[Observation]:
    """Finds classes that are unused, rare, missing in a split, or much more frequent in one than in another."""
    unused = list(_unused(subject))
    if unused:
        yield Observation(CLASS_UNUSED, unused, len(unused), len(known_names(subject)[0]))
    for code, found in ((CLASS_RARE, list(_rare(subject))), (CLASS_SHARE_DIFFERS, list(_straying(subject)))):
        if found:
            yield observe(code, found, totals)
    empty, is_costly = _empty(subject)
    if empty:
        severity = Severity.WARNING if is_costly else None
        yield observe(CLASS_EMPTY_IN_SPLIT, empty, totals)._replace(severity=severity)


def _unused(subject: Subject) -> Iterator[Fault]:
    known, _ = known_names(subject)
    if subject.label_map is not None:  # a class may be called by its name or by its display name
        known = frozenset(label.name for label in subject.label_map)
    used = {spelling_key(name) for name in subject.survey.class_names}  # that a class has two names is said already
    for name in sorted(name for name in known if spelling_key(name) not in used):
        yield Fault(CLASS_UNUSED, name, "", "has no box")


def _rare(subject: Subject) -> Iterator[Fault]:
    if len(subject.survey.boxes) < _ENOUGH_BOXES:
        return
    learnt = subject.boxes_by_class[max(subject.training, 0)]
    for row in np.argsort(learnt, kind="stable"):
        if 0 < learnt[row] < _FEW_BOXES:
            name = subject.survey.class_names[row]
            boxes = "1 box" if learnt[row] == 1 else f"{learnt[row]} boxes"
            yield Fault(CLASS_RARE, name, "", f"{boxes} to learn from, fewer than {_FEW_BOXES}")


def _empty(subject: Subject) -> tuple[list[Fault], bool]:
    """Classes missing in a split, the worst first; and whether any of them is more than bad luck that nobody can mend.

    A class of one picture can only be in one split. What is missing in training is never learnt, however rare; in
    another split a rare class may be missing by chance.
    """
    costly: list[Fault] = []
    unlucky: list[Fault] = []
    moves = _Moves(subject)
    sizes = np.bincount(subject.split_of[subject.split_of >= 0], minlength=len(subject.splits))
    splits = [split for split, size in enumerate(sizes) if size] if len(subject.splits) > 1 else []
    for row, name in enumerate(subject.survey.class_names):
        total = int(subject.pictures_by_class[:, row].sum())
        for split in splits:
            if subject.pictures_by_class[split, row]:
                continue
            by_chance = (1 - sizes[split] / sizes.sum()) ** total >= _CHANCE and split != subject.training
            elsewhere = f"{total} image{'' if total == 1 else 's'} elsewhere"
            detail = f"no box of {name!r} in {subject.splits[split]!r}, {elsewhere}"
            move = None if by_chance else moves.into(split, row)
            fault = Fault(CLASS_EMPTY_IN_SPLIT, name, "", detail)
            if move is None:
                unlucky.append(fault)
            else:
                costly.append(fault._replace(row=move[0], fix=move[1]))
    return costly + unlucky, bool(costly)


class _Moves:
    """Pictures that change their split, so that classes are in all of them."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._left = subject.pictures_by_class.copy()
        self._targets: dict[int, int] = {}  # row -> split

    def into(self, split: int, class_row: int) -> tuple[int, Fix] | None:
        """A picture of a class that another split can spare, and the edit that moves it; None where there is none."""
        rows = np.unique(self._subject.rows[self._subject.survey.box_classes == class_row])
        # One that moves there already, else the one with most classes, as it may serve those too.
        there = [row for row in rows.tolist() if self._targets.get(row) == split]
        spare = [row for row in rows.tolist() if row not in self._targets and self._can_go(row)]
        if not there and not spare:
            return None
        chosen = there[0] if there else max(spare, key=lambda row: len(self._classes(row)))
        fix = move_fix(self._subject, chosen, split)
        if fix is None:
            return None
        if not there:
            self._targets[chosen] = split
            self._left[int(self._subject.split_of[chosen]), self._classes(chosen)] -= 1
        return chosen, fix

    def _can_go(self, row: int) -> bool:
        """Whether the picture's split keeps another one of each of its classes."""
        split = int(self._subject.split_of[row])
        return split >= 0 and bool((self._left[split, self._classes(row)] >= 2).all())

    def _classes(self, row: int) -> list[int]:
        bounds = self._subject.survey.box_bounds
        return np.unique(self._subject.survey.box_classes[bounds[row] : bounds[row + 1]]).tolist()


def _straying(subject: Subject) -> Iterator[Fault]:
    """Compares the share of pictures that show a class: boxes of one picture are no independent draws."""
    sizes = np.bincount(subject.split_of[subject.split_of >= 0], minlength=len(subject.splits))
    first = max(subject.training, 0)
    for split in range(len(subject.splits)):
        if split == first or not sizes[split] or not sizes[first]:
            continue
        shown = subject.pictures_by_class[[first, split]]
        shares = shown / sizes[[first, split], np.newaxis]
        pooled = shown.sum(axis=0) / (sizes[first] + sizes[split])
        error = np.sqrt(pooled * (1 - pooled) * (1 / sizes[first] + 1 / sizes[split]))
        apart = np.abs(shares[0] - shares[1])
        strays = (apart > _STRAYING * error) & (shares.max(axis=0) > _FACTOR * shares.min(axis=0))
        for row in np.flatnonzero(strays):
            name, (here, there) = subject.survey.class_names[row], shares[:, row]
            detail = (
                f"in {percent(here)} of {subject.splits[first]!r}, in {percent(there)} of {subject.splits[split]!r}"
            )
            yield Fault(CLASS_SHARE_DIFFERS, name, "", f"{name!r} is {detail}")
