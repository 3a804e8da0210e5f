# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Check of where coordinates are counted from: pixel 1 instead of the distance 0 from the border."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from efficientdet.data.faults import BOX_CLIPPED, BOX_OFF_BY_ONE, Fault, Fix
from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation
from efficientdet.data.importers.fixes import box_form
from efficientdet.doctor.data.observation import Observation
from efficientdet.doctor.data.subject import Subject
from efficientdet.errors import DataError

_ENOUGH = 3  # boxes that end exactly one pixel beyond the border; one or two may be a slip of the hand


def check_box_origin(subject: Subject) -> Iterator[Observation]:
    """Finds data sets whose boxes lie one pixel too far to the right and down.

    Of boxes that touch the border, those are one pixel beyond it at the right or the bottom, never more, and none
    begins in the first pixel. Boxes that merely end on the border are right: that is its distance.
    """
    survey = subject.survey
    clipped = {fault.row for fault in survey.faults if fault.code == BOX_CLIPPED and fault.row >= 0}
    if not clipped or not len(survey.boxes) or survey.boxes[:, :2].min() < 1:
        return
    beyond = 0
    for row in sorted(clipped):
        image = _annotation(subject, row)
        if image is None or image.is_normalized:
            return
        size = survey.sizes[row].astype(float)
        excess = [max(box.ymax - size[0], box.xmax - size[1]) for box in image.boxes]
        if max(excess, default=0) > 1:
            return
        beyond += sum(value == 1 for value in excess)
    ends = survey.boxes[:, 2:] == survey.sizes[subject.rows]
    ending = int(ends.any(axis=1).sum()) - beyond
    if beyond >= _ENOUGH and beyond > ending:
        found = [fault for row in np.unique(subject.rows).tolist() for fault in _moved_back(subject, row)]
        if found:
            yield Observation(BOX_OFF_BY_ONE, found, len(found), len(found))


def without_explained(faults: Sequence[Fault], observations: Sequence[Observation]) -> list[Fault]:
    """The faults, less what a count from 1 explains: boxes beyond the border."""
    moved = {(fault.file, fault.place) for seen in observations if seen.code == BOX_OFF_BY_ONE for fault in seen.faults}
    return [fault for fault in faults if fault.code != BOX_CLIPPED or (fault.file, fault.place) not in moved]


def _annotation(subject: Subject, row: int) -> AnnotatedImage | None:
    try:
        return subject.survey.annotation(row)
    except DataError:
        return None


def _moved_back(subject: Subject, row: int) -> Iterator[Fault]:
    image = _annotation(subject, row)
    if image is None:
        return
    for box in image.boxes:
        file = image.annotation or subject.survey.files[row]
        fix = Fix(file, box.place, box_form(box), box_form(_back(box)))
        drawn = (box.ymin, box.xmin, box.ymax, box.xmax)
        yield Fault(BOX_OFF_BY_ONE, file, box.place, f"{box}: counted from 1", row=row, box=drawn, fix=fix)


def _back(box: BoxAnnotation) -> BoxAnnotation:
    return box._replace(ymin=box.ymin - 1, xmin=box.xmin - 1, ymax=box.ymax - 1, xmax=box.xmax - 1)
