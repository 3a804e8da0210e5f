# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The contact sheet: the worst cases of a data set, drawn."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from efficientdet.data.faults import Fault
from efficientdet.doctor.data.subject import Subject
from efficientdet.doctor.findings import Finding, Sheet
from efficientdet.doctor.report.contact_sheet import Tile, contact_sheet
from efficientdet.errors import DataError

_TILES = 24
_EACH = 6  # of one kind, as long as there are others
_CASES = 200  # of one kind that are worth a look


def draw_worst(subject: Subject, findings: Sequence[Finding], faults: Sequence[Fault]) -> tuple[Sheet, ...]:
    """Draws the pictures of the worst findings, some of each, with the box that each is about.

    Args:
      subject: the data set.
      findings: worst first.
      faults: their cases.

    Returns:
      One sheet, or none where no fault is of a picture.
    """
    by_code = [[fault for fault in faults if fault.code == finding.code and fault.row >= 0] for finding in findings]
    seen: set[tuple[int, object]] = set()
    chosen = [fault for cases in by_code for fault in _unseen(cases, seen, _EACH)][:_TILES]
    chosen += [fault for cases in by_code for fault in _unseen(cases, seen, _TILES)][: _TILES - len(chosen)]
    if not chosen:
        return ()
    note = "Outlined: what the caption is about. Thin lines: the other boxes of the image."
    return (Sheet("The worst cases", contact_sheet([_tile(subject, fault) for fault in chosen]), note),)


def _unseen(cases: Sequence[Fault], seen: set[tuple[int, object]], number: int) -> list[Fault]:
    """The first cases of a kind that show something new: another picture, or another box."""
    found: list[Fault] = []
    for fault in cases[:_CASES]:
        if (fault.row, fault.box) not in seen and len(found) < number:
            seen.add((fault.row, fault.box))
            found.append(fault)
    return found


def _tile(subject: Subject, fault: Fault) -> Tile:
    caption = f"{fault.code}: {fault.detail} - {fault.where.rpartition('/')[2]}"
    try:
        picture, boxes = subject.survey.load(fault.row)
    except DataError:
        return Tile(None, caption)
    size = np.tile(np.asarray(picture.shape[:2], np.float32), 2)
    where = slice(*subject.survey.box_bounds[[fault.row, fault.row + 1]])
    marked = np.zeros((0, 4), np.float32) if fault.box is None else np.asarray([fault.box], np.float32) / size
    return Tile(
        picture,
        caption,
        boxes=boxes / size,
        classes=subject.survey.box_classes[where],
        names=dict(enumerate(subject.survey.class_names)),
        marked=marked,
    )
