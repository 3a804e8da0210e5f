# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Checks of how many boxes pictures have: more than training takes, none, or far fewer than the others."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from efficientdet.data.faults import (
    ANNOTATION_MISSING,
    BOX_IN_PIXELS,
    BOXES_TOO_MANY,
    PICTURE_FEW_BOXES,
    PICTURE_LACKS_CLASS,
    PICTURES_WITHOUT_BOXES,
)
from efficientdet.doctor.data.observation import DROPPED_BOXES, MAX_CASES, Observation, Totals
from efficientdet.doctor.data.subject import Subject, row_fault
from efficientdet.doctor.findings import Severity

_ENOUGH_PICTURES = 50  # to speak of what is usual
_USUAL = 0.95  # share of the pictures that show a class which then is usual
_CROWDED = 8  # boxes that half of the pictures have at least: only there few boxes are suspicious
_STRAYING = 3.0  # robust standard deviations below the median
_HANDFUL, _SHARE = 5, 0.01  # pictures with few boxes, and share of all, that are more than a picture or two by chance
_GAUSSIAN = 1.4826  # standard deviations in a median of absolute deviations, of a normal distribution


def check_box_counts(subject: Subject, totals: Totals) -> Iterator[Observation]:
    """Finds pictures with too many boxes, without any, and with suspiciously few."""
    usable = subject.survey.usable
    yield from _too_many(subject, totals)
    # Without an annotation, or without boxes that could be kept: that is said already.
    emptied = subject.rows_with(ANNOTATION_MISSING, *DROPPED_BOXES, BOX_IN_PIXELS)
    empty = np.flatnonzero(usable & (subject.counts == 0) & ~emptied)
    if len(empty):
        found = [row_fault(subject, PICTURES_WITHOUT_BOXES, row, "no box") for row in empty[:MAX_CASES]]
        yield Observation(PICTURES_WITHOUT_BOXES, found, len(empty), totals.pictures)
    filled = usable & (subject.counts > 0)
    if filled.sum() >= _ENOUGH_PICTURES:
        yield from _few(subject, totals, np.flatnonzero(filled))
        yield from _lacking(subject, totals, np.flatnonzero(filled))


def _too_many(subject: Subject, totals: Totals) -> Iterator[Observation]:
    limit = subject.limits.max_boxes if subject.limits is not None else 0
    rows = np.flatnonzero(subject.counts > limit) if limit else np.zeros(0, np.int64)
    if not len(rows):
        return
    worst = rows[np.argsort(-subject.counts[rows], kind="stable")]
    found = [
        row_fault(subject, BOXES_TOO_MANY, row, f"{subject.counts[row]} boxes, max_number_of_boxes is {limit}")
        for row in worst[:MAX_CASES]
    ]
    figures = f"up to {subject.counts[worst[0]]:,} boxes"
    yield Observation(BOXES_TOO_MANY, found, len(rows), totals.pictures, figures=figures)


def _few(subject: Subject, totals: Totals, rows: np.ndarray) -> Iterator[Observation]:
    """Compares square roots, of which counts vary alike whatever their mean; medians, as the odd ones are sought."""
    counts = subject.counts[rows]
    middle = np.median(counts)
    if middle < _CROWDED:
        return
    roots = np.sqrt(counts)
    spread = _GAUSSIAN * np.median(np.abs(roots - np.sqrt(middle)))
    # Counts of things that fall anywhere (Poisson) spread their roots by a half; less would make an odd one of any.
    few = rows[roots < np.sqrt(middle) - _STRAYING * max(spread, 0.5)]
    if len(few):
        worst = few[np.argsort(subject.counts[few], kind="stable")]
        found = [
            row_fault(subject, PICTURE_FEW_BOXES, row, f"{_boxes(subject.counts[row])}; half of all have {middle:g}")
            for row in worst[:MAX_CASES]
        ]
        is_habit = len(few) >= max(_HANDFUL, _SHARE * totals.pictures)
        severity = Severity.WARNING if is_habit else None
        yield Observation(PICTURE_FEW_BOXES, found, len(few), totals.pictures, severity)


def _boxes(count: int) -> str:
    return "1 box" if count == 1 else f"{count} boxes"


def _lacking(subject: Subject, totals: Totals, rows: np.ndarray) -> Iterator[Observation]:
    num_classes = len(subject.survey.class_names)
    if num_classes < 2:
        return
    shown_rows, shown_classes = subject.shown
    counts = np.bincount(shown_classes, minlength=num_classes)
    usual = np.flatnonzero((counts >= _USUAL * len(rows)) & (counts < len(rows)))
    found = []
    for class_row in usual:
        shown = np.zeros(len(subject.survey), bool)
        shown[shown_rows[shown_classes == class_row]] = True
        name = subject.survey.class_names[class_row]
        detail = f"no box of {name!r}, which {counts[class_row]:,} of {len(rows):,} images show"
        found += [row_fault(subject, PICTURE_LACKS_CLASS, row, detail) for row in rows[~shown[rows]]]
    if found:
        yield Observation(PICTURE_LACKS_CLASS, found, len({fault.row for fault in found}), totals.pictures)
