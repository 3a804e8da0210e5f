# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Checks of how large objects are when the network sees them, and whether its anchors can find them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from efficientdet.data.faults import BOX_AXES_SWAPPED, BOX_IN_PIXELS, BOX_NORMALISED, BOX_TINY, BOX_UNMATCHABLE
from efficientdet.data.survey import CROWD
from efficientdet.doctor.data.limits import InputLimits
from efficientdet.doctor.data.observation import MAX_CASES, Observation, Totals
from efficientdet.doctor.data.subject import Subject, box_fault
from efficientdet.doctor.findings import Histogram, Severity, Table
from efficientdet.doctor.quantities import percent, percentage

_TINY = 4.0  # pixels: half a cell of the finest feature map, which has a stride of 8
_EDGES = (8, 16, 32, 64, 128, 256, 512)  # pixels, of the histogram
_SHOWN_CLASSES = 6  # bars of the histogram; the rest is put together
_ENOUGH_BOXES = 20  # of a class, to speak of its share

# Of all boxes, and of a class. Where each box gets its best anchor all the same, much is learnt from those: on the 53
# pictures of COCO128, the published D0 leaves a third of the boxes below its threshold.
_MANY_FORCED, _MANY_FORCED_OF_CLASS = 0.5, 0.6
_MANY, _MANY_OF_CLASS = 0.05, 0.2


def check_box_sizes(subject: Subject, totals: Totals) -> Iterator[Observation]:
    """Finds boxes of a few pixels, and those that no anchor overlaps enough. Crowds are left out."""
    limits = subject.limits
    if limits is None or not len(subject.survey.boxes):
        return
    # Where boxes are in the wrong frame, their sizes mean nothing.
    doubtful = subject.rows_with(BOX_NORMALISED, BOX_IN_PIXELS, BOX_AXES_SWAPPED)
    learnt = ((subject.survey.box_flags & CROWD) == 0) & ~doubtful[subject.rows]
    sides = _shorter_sides(subject)
    tiny = learnt & (sides < _TINY)
    if tiny.any():
        worst = np.flatnonzero(tiny)[np.argsort(sides[tiny], kind="stable")][:MAX_CASES]
        found = [
            box_fault(subject, BOX_TINY, box, f"{_name(subject, box)}: {sides[box]:.1f} pixels in the input")
            for box in worst.tolist()
        ]
        yield Observation(BOX_TINY, found, int(tiny.sum()), int(learnt.sum()), figures=_worst_class(subject, tiny)[0])
    # What is tiny is said already, and is no matter of anchors.
    if limits.matched_threshold is not None:
        yield from _unmatchable(subject, limits, learnt & ~tiny)


def _unmatchable(subject: Subject, limits: InputLimits, learnt: np.ndarray) -> Iterator[Observation]:
    best = subject.best_overlaps
    missed = learnt & (best < limits.matched_threshold)
    if not missed.any():
        return
    worst = np.flatnonzero(missed)[np.argsort(best[missed], kind="stable")][:MAX_CASES]
    found = [
        box_fault(
            subject, BOX_UNMATCHABLE, box,
            f"{_name(subject, box)}: best overlap with an anchor {best[box]:.2f}, below {limits.matched_threshold:g}",
        )
        for box in worst.tolist()
    ]  # fmt: skip
    figures, share_of_class = _worst_class(subject, missed)
    share = missed.sum() / learnt.sum()
    many, of_class = (_MANY_FORCED, _MANY_FORCED_OF_CLASS) if limits.forced else (_MANY, _MANY_OF_CLASS)
    severity = Severity.WARNING if share >= many or share_of_class >= of_class else None
    yield Observation(BOX_UNMATCHABLE, found, int(missed.sum()), int(learnt.sum()), severity, figures)


def _shorter_sides(subject: Subject) -> np.ndarray:
    """float64 [N], in pixels of the input."""
    boxes = subject.boxes_in_input
    return np.minimum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])


def _name(subject: Subject, box: int) -> str:
    return repr(subject.survey.class_names[subject.survey.box_classes[box]])


def _worst_class(subject: Subject, chosen: np.ndarray) -> tuple[str, float]:
    """The class with the greatest share of chosen boxes, in words and as a number, among those of enough boxes."""
    counts = np.bincount(subject.survey.box_classes, minlength=len(subject.survey.class_names))
    shares = np.bincount(subject.survey.box_classes[chosen], minlength=len(counts)) / np.maximum(counts, 1)
    shares[counts < _ENOUGH_BOXES] = 0
    worst = int(np.argmax(shares))
    if not shares[worst]:
        return "", 0.0
    return f"{percent(shares[worst])} of {subject.survey.class_names[worst]!r}", float(shares[worst])


def size_histogram(subject: Subject) -> Histogram | None:
    """How large objects are: square roots of areas, in the network's input where it is known; None without boxes."""
    survey, limits = subject.survey, subject.limits
    if not len(survey.boxes):
        return None
    boxes = subject.boxes_in_input
    sides = np.sqrt(np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1))
    bins = np.searchsorted(_EDGES, sides, side="right")
    counts = np.bincount(survey.box_classes, minlength=len(survey.class_names))
    order = np.argsort(-counts, kind="stable")
    shown, others = order[:_SHOWN_CLASSES], order[_SHOWN_CLASSES:]
    groups = {survey.class_names[row]: survey.box_classes == row for row in shown}
    if len(others):
        groups[f"{len(others)} other classes"] = np.isin(survey.box_classes, others)
    series = {
        name: tuple(map(float, np.bincount(bins[mask], minlength=len(_EDGES) + 1))) for name, mask in groups.items()
    }
    labels = (f"< {_EDGES[0]}", *(f"{low}-{high}" for low, high in pairwise(_EDGES)), f">= {_EDGES[-1]}")
    where = "in the images" if limits is None else f"in the input of {limits.size[1]}x{limits.size[0]}"
    return Histogram(f"Sizes of objects {where}, square root of the area in pixels", labels, series, unit="boxes")


def anchor_table(subject: Subject) -> Table | None:
    """By class, how many boxes an anchor can match; None where that is not known."""
    limits = subject.limits
    if limits is None or limits.matched_threshold is None or not len(subject.survey.boxes):
        return None
    best, sides = subject.best_overlaps, _shorter_sides(subject)
    rows = []
    for row, name in enumerate(subject.survey.class_names):
        mine = subject.survey.box_classes == row
        if mine.any():
            missed = percentage(float((best[mine] < limits.matched_threshold).mean()))
            tiny = percentage(float((sides[mine] < _TINY).mean()))
            middle = float(np.median(best[mine]))
            rows.append((name, int(mine.sum()), missed, tiny, round(middle, 3)))
    columns = ("class", "boxes", "no anchor, %", f"under {_TINY:g} px, %", "median best overlap")
    note = f"An anchor learns a box from an overlap (IoU) of {limits.matched_threshold:g} on."
    return Table("Objects against anchors", columns, tuple(rows), note)
