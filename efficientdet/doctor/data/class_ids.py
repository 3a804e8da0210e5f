# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Check of class ids: counted from 0 where they start at 1, or the other way round."""

from __future__ import annotations

from collections.abc import Iterator

from efficientdet.data.faults import CLASS_OFFSET, Fix
from efficientdet.data.importers.fix_text import EVERY_FILE
from efficientdet.data.importers.fixes import class_form
from efficientdet.doctor.data.observation import Observation, Totals
from efficientdet.doctor.data.subject import Subject, class_fault
from efficientdet.doctor.findings import Severity

_LONGEST_ID = 9  # digits


def check_class_ids(subject: Subject, totals: Totals) -> Iterator[Observation]:
    """Finds ids without a name that a shift of all ids by one explains."""
    names, shift = _names_by_id(subject), _shift(subject)
    if not shift:
        return
    used = _used_ids(subject)
    found = []
    # Renamed one after the other, each into a name that nobody has any more: ids are shifted towards those before.
    for id_ in sorted(used, reverse=shift > 0):
        meant = names[id_ + shift]
        fix = Fix(EVERY_FILE, "", class_form(used[id_]), class_form(meant))
        fault = class_fault(subject, CLASS_OFFSET, used[id_], f"has id {id_}; {meant!r} if ids are off by one")
        found.append(fault._replace(fix=fix))
    of = max(totals.classes, len(found))
    yield Observation(CLASS_OFFSET, found, len(found), of, severity=Severity.ERROR)


def shifted_names(subject: Subject) -> dict[str, str]:
    """What class names should be where all ids are off by one; nothing where they are not."""
    names, shift = _names_by_id(subject), _shift(subject)
    return {name: names[id_ + shift] for id_, name in _used_ids(subject).items()} if shift else {}


def _names_by_id(subject: Subject) -> dict[int, str]:
    """What ids mean, counted as the format counts them."""
    source = subject.survey.source
    labels = source.labels if subject.label_map is None else subject.label_map.labels
    first = 0 if source.format == "yolo" and subject.label_map is None else 1
    return {label.id - 1 + first: label.name for label in labels}


def _used_ids(subject: Subject) -> dict[int, str]:
    """Ids that boxes have -> class name; a class that nobody has named is called by its id."""
    ids = {name: id_ for id_, name in _names_by_id(subject).items()}
    used = {}
    for name in subject.survey.class_names:
        is_number = name.isascii() and name.isdigit() and len(name) <= _LONGEST_ID
        if name in ids:
            used[ids[name]] = name
        elif is_number:
            used[int(name)] = name
    return used


def _shift(subject: Subject) -> int:
    """-1, 1, or 0 where ids are right, or wrong in another way."""
    known, used = set(_names_by_id(subject)), set(_used_ids(subject))
    if not known or used <= known or len(used) < len(subject.survey.class_names):
        return 0
    return next((shift for shift in (-1, 1) if {id_ + shift for id_ in used} <= known), 0)
