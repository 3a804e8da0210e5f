# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The tables and bars of a data check: what is in the data set, whether or not anything is wrong with it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from efficientdet.data.importers.fix_text import name_text
from efficientdet.doctor.data.box_sizes import anchor_table, size_histogram
from efficientdet.doctor.data.subject import Subject
from efficientdet.doctor.findings import Histogram, Table
from efficientdet.doctor.quantities import percentage

_BARS = 40  # classes in the histogram; of more the most frequent ones
_OBJECTS = (0, 1, 2, 4, 8, 16, 32, 64, 128)  # lower edges of the histogram of boxes per picture


def tables_of(subject: Subject, meant: Subject) -> tuple[Table, ...]:
    """Splits, classes as annotated, and how well anchors fit the classes that were meant."""
    tables = (split_table(subject), class_table(subject), anchor_table(meant))
    return tuple(table for table in tables if table is not None and table.rows)


def histograms_of(subject: Subject, meant: Subject) -> tuple[Histogram, ...]:
    """Classes by split, sizes by class, boxes per picture by split."""
    bars = (class_histogram(subject), size_histogram(meant), count_histogram(subject))
    return tuple(histogram for histogram in bars if histogram is not None)


def split_table(subject: Subject) -> Table:
    """Pictures and boxes of each split."""
    rows = []
    for split in range(len(subject.splits)):
        mine = subject.split_of == split
        counts = subject.counts[mine & subject.survey.usable]
        if mine.any():
            median = float(np.median(counts)) if len(counts) else 0.0
            empty, boxes = int((counts == 0).sum()), int(counts.sum())
            rows.append((_name(subject, split), int(mine.sum()), len(counts), empty, boxes, median))
    columns = ("split", "images", "usable", "without boxes", "boxes", "median boxes")
    return Table("Splits", columns, tuple(rows))


def class_table(subject: Subject) -> Table:
    """Boxes and pictures of each class, by split; the most frequent class first."""
    splits = [split for split in range(len(subject.splits)) if (subject.split_of == split).any()]
    boxes, pictures = subject.boxes_by_class, subject.pictures_by_class
    totals = boxes.sum(axis=0)
    columns = ["class", "boxes", "share, %"]
    for split in splits:
        columns += [f"{_name(subject, split)}: boxes", f"{_name(subject, split)}: images"]
    rows = []
    for row in np.argsort(-totals, kind="stable"):
        share = percentage(float(totals[row]) / max(int(totals.sum()), 1))
        cells: list[str | int | float] = [name_text(subject.survey.class_names[row]), int(totals[row]), share]
        for split in splits:
            cells += [int(boxes[split, row]), int(pictures[split, row])]
        rows.append(tuple(cells))
    return Table("Classes", tuple(columns), tuple(rows))


def class_histogram(subject: Subject) -> Histogram | None:
    """The share of each class in the boxes of each split."""
    totals = subject.boxes_by_class.sum(axis=0)
    if not totals.sum():
        return None
    order = np.argsort(-totals, kind="stable")[:_BARS]
    series = {}
    for split in range(len(subject.splits)):
        counts = subject.boxes_by_class[split]
        if counts.sum():
            series[_name(subject, split)] = tuple(percentage(float(share)) for share in counts[order] / counts.sum())
    labels = tuple(name_text(subject.survey.class_names[row]) for row in order)
    note = f"The {_BARS} most frequent of {len(totals)} classes." if len(totals) > _BARS else ""
    return Histogram("Share of the classes in the boxes of each split", labels, series, unit="%", note=note)


def count_histogram(subject: Subject) -> Histogram | None:
    """How many boxes pictures have."""
    if not subject.survey.usable.any():
        return None
    last = f"{_OBJECTS[-1]} or more"
    labels = tuple(_range(low, high - 1) for low, high in pairwise(_OBJECTS))
    series = {}
    for split in range(len(subject.splits)):
        counts = subject.counts[(subject.split_of == split) & subject.survey.usable]
        if len(counts):
            bins = np.bincount(np.searchsorted(_OBJECTS, counts, side="right") - 1, minlength=len(_OBJECTS))
            series[_name(subject, split)] = tuple(map(float, bins))
    return Histogram("Boxes of an image", (*labels, last), series, unit="images")


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}-{high}"


def _name(subject: Subject, split: int) -> str:
    return subject.splits[split] or "all"
