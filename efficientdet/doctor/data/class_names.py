# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Checks of what classes are called: ids off by one, spellings of one name, names that are in no list."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping

from efficientdet.data.faults import CLASS_OFFSET, CLASS_TYPO, CLASS_UNKNOWN, Fault, Fix
from efficientdet.data.importers.fix_text import EVERY_FILE
from efficientdet.data.importers.fixes import class_form
from efficientdet.doctor.data.observation import Observation, Totals, observe
from efficientdet.doctor.data.subject import Subject, class_fault, known_names

# Two words that differ by one letter are mostly two words. As a slip of the finger passes what is long, begins alike,
# and happened next to never: a handful of boxes against a hundred of the other name.
_MISTYPED_LENGTH = 6  # letters
_MISTYPED_BOXES = 3
_MISTYPED_RARITY = 50
_MAX_NAMES = 2000  # pairs of more names are not compared letter by letter
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
    yield observe(CLASS_OFFSET, found, totals)


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


def check_class_names(subject: Subject, totals: Totals) -> Iterator[Observation]:
    """Finds names that are spellings of another, and names that neither label map nor data set lists."""
    if shifted_names(subject):
        return  # every name is wrong then, and that is said already
    spellings = spellings_of(subject)
    typos = [_typo_fault(subject, name, meant) for name, meant in spellings.items()]
    if typos:
        yield observe(CLASS_TYPO, typos, totals)
    known, listed_by = known_names(subject)
    unknown = [name for name in subject.survey.class_names if known and name not in known and name not in spellings]
    if unknown:
        rule = f"is not in {listed_by}"
        found = [class_fault(subject, CLASS_UNKNOWN, name, rule) for name in unknown]
        yield observe(CLASS_UNKNOWN, found, totals)


def meant_names(subject: Subject) -> dict[str, str]:
    """Class names that are not what was meant: name -> what was."""
    return shifted_names(subject) or spellings_of(subject)


def spellings_of(subject: Subject) -> dict[str, str]:
    """Class names that are spellings of another one: name -> what was meant."""
    counts = dict(zip(subject.survey.class_names, subject.boxes_by_class.sum(axis=0).tolist(), strict=True))
    declared, _ = known_names(subject)
    known = declared if subject.label_map is not None else frozenset()
    counts |= {name: 0 for name in known if name not in counts}
    by_key: dict[str, list[str]] = defaultdict(list)
    for name in counts:
        by_key[spelling_key(name)].append(name)
    meant: dict[str, str] = {}
    for names in by_key.values():
        # What the label map has is right; else what most boxes say, and of equals the one without odd characters.
        best = max(names, key=lambda name: (name in known, counts[name], name == name.strip(), name))
        meant.update({name: best for name in names if name != best and counts[name] and not {name, best} <= known})
    for name, other in _mistyped({name: count for name, count in counts.items() if name not in meant}):
        if not {name, other} <= declared:
            meant[name] = other
    return meant


def spelling_key(name: str) -> str:
    """What spellings of one name have in common."""
    letters = unicodedata.normalize("NFKC", name).casefold()
    visible = (letter for letter in letters if unicodedata.category(letter)[0] not in "CZ" and letter not in "_-")
    return "".join(visible) or name


def _mistyped(counts: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """Pairs of a rare name and a frequent one from which one letter sets it apart."""
    if len(counts) > _MAX_NAMES:
        return
    rare = [name for name, count in counts.items() if 0 < count <= _MISTYPED_BOXES]
    for name in rare:
        others = (o for o, count in counts.items() if count >= _MISTYPED_RARITY * counts[name] and _one_slip(name, o))
        other = max(others, key=lambda other: counts[other], default=None)
        if other is not None:
            yield name, other


def _one_slip(name: str, other: str) -> bool:
    """Whether one letter left out, added, changed or exchanged with its neighbour turns one long word into another."""
    words, others = name.casefold().split(), other.casefold().split()
    if len(words) != len(others):
        return False
    differing = [(a, b) for a, b in zip(words, others, strict=True) if a != b]
    if len(differing) != 1:
        return False
    a, b = sorted(differing[0], key=len)
    if len(a) < _MISTYPED_LENGTH or len(b) - len(a) > 1 or a[0] != b[0]:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), len(a))
    rest_a, rest_b = a[start:], b[start:]
    if any(letter.isdigit() for letter in (rest_a[:1] + rest_b[:1])):
        return False  # bus_stop1 and bus_stop2 are two things
    if len(a) < len(b):
        return rest_a == rest_b[1:]
    return rest_a[1:] == rest_b[1:] or (rest_a[:2] == rest_b[1::-1] and rest_a[2:] == rest_b[2:])


def _typo_fault(subject: Subject, name: str, meant: str) -> Fault:
    fix = Fix(EVERY_FILE, "", class_form(name), class_form(meant))
    return class_fault(subject, CLASS_TYPO, name, f"is a spelling of {meant!r}")._replace(fix=fix)
