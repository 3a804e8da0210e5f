# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What every annotation format comes down to: pictures with named boxes in pixels, and notes on what was wrong."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from efficientdet.data.faults import Fault
from efficientdet.errors import DataError

# Formats that write two decimals leave boxes a hundredth of a pixel outside; that is rounding, not a fault to report.
_ROUNDING = 0.02

LARGEST_SIDE = 2**31 - 1
"""Pixels that a height or width may be said to have: what an array of 32 bits holds."""

DROPPED_ZERO_AREA = "dropped: box without area"
DROPPED_INVERTED = "dropped: box whose maximum is below its minimum"
DROPPED_OUTSIDE = "dropped: box completely outside the picture"
DROPPED_NOT_FINITE = "dropped: box with a coordinate that is not a number"
CLIPPED = "clipped: box reaching outside the picture"


class BoxAnnotation(NamedTuple):
    """One box, in pixels; a coordinate is a distance from the top left corner of the picture."""

    name: str
    ymin: float
    xmin: float
    ymax: float
    xmax: float
    area: float | None = None  # square pixels, of the mask where there is one; None: of the box
    is_crowd: bool = False
    is_difficult: bool = False
    is_truncated: bool = False
    place: str = ""  # in the annotation file: "object 12", "line 3", "annotations[7]", "shapes[2]"

    def __str__(self) -> str:
        return f"{self.name} (xmin {self.xmin:g}, ymin {self.ymin:g}, xmax {self.xmax:g}, ymax {self.ymax:g})"


class AnnotatedImage(NamedTuple):
    """One picture as an annotation describes it, right or wrong."""

    path: Path
    filename: str
    source_id: str
    size: tuple[int, int] | None  # (height, width) as annotated, where it is
    boxes: tuple[BoxAnnotation, ...]
    annotation: str = ""  # the file that holds the boxes, relative to the data set's root; "" where there is none
    is_normalized: bool = False  # coordinates are fractions of the picture, not pixels
    encoded: bytes | None = None  # the picture itself, where it is no file of its own (records)
    place: str = ""  # of such a picture in the file `annotation`: "record 7"; with it, `Survey.files` names the picture
    faults: tuple[Fault, ...] = ()  # what the reader had to overlook


class AnnotationError(DataError):
    """The annotation of one picture cannot be read; the rest of the data set may be fine."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.where}: {fault.detail}")
        self.fault = fault

    def __reduce__(self) -> tuple[type[AnnotationError], tuple[Fault]]:
        return type(self), (self.fault,)  # errors are pickled by their text otherwise


class Note(NamedTuple):
    """Something the summary has to mention: a `kind` shared by many, and the one case."""

    kind: str
    detail: str


def fit_boxes(
    boxes: Iterable[BoxAnnotation], size: tuple[int, int], place: str
) -> tuple[list[BoxAnnotation], list[Note]]:
    """Clips boxes to the picture and drops those of which nothing is left.

    Args:
      boxes: in pixels of the picture.
      size: (height, width) of the picture.
      place: what names the picture in a note.

    Returns:
      The boxes that remain, in order, and a note for each one dropped or visibly clipped.
    """
    kept: list[BoxAnnotation] = []
    notes: list[Note] = []
    for index, box in enumerate(boxes):
        clipped = _clip(box, size)
        kind = _fault(box, clipped)
        if kind is not None:
            notes.append(Note(kind, f"{place}: box {index}, {box}"))
        if kind in (None, CLIPPED):
            kept.append(clipped)
    return kept, notes


def _clip(box: BoxAnnotation, size: tuple[int, int]) -> BoxAnnotation:
    height, width = size
    return box._replace(
        ymin=min(max(box.ymin, 0.0), height),
        xmin=min(max(box.xmin, 0.0), width),
        ymax=min(max(box.ymax, 0.0), height),
        xmax=min(max(box.xmax, 0.0), width),
    )


def _fault(box: BoxAnnotation, clipped: BoxAnnotation) -> str | None:
    before, after = box[1:5], clipped[1:5]
    if not all(map(math.isfinite, before)):
        return DROPPED_NOT_FINITE
    if box.ymax < box.ymin or box.xmax < box.xmin:
        return DROPPED_INVERTED
    if box.ymax == box.ymin or box.xmax == box.xmin:
        return DROPPED_ZERO_AREA
    if clipped.ymax <= clipped.ymin or clipped.xmax <= clipped.xmin:
        return DROPPED_OUTSIDE
    moved = max(abs(a - b) for a, b in zip(before, after, strict=True))
    return CLIPPED if moved > _ROUNDING else None


def turn_box(box: BoxAnnotation, orientation: int, size: tuple[int, int]) -> BoxAnnotation:
    """Moves a box along when its picture is turned upright.

    Args:
      box: in pixels of the picture as stored.
      orientation: EXIF orientation, 1 to 8 (CIPA DC-008, tag 274).
      size: (height, width) of the picture as stored.
    """
    height, width = size
    ymin, xmin, ymax, xmax = box[1:5]
    if orientation in (2, 3, 7, 8):  # what is at the right as stored ends up at the left or at the top
        xmin, xmax = width - xmax, width - xmin
    if orientation in (3, 4, 6, 7):
        ymin, ymax = height - ymax, height - ymin
    if orientation >= 5:
        ymin, xmin, ymax, xmax = xmin, ymin, xmax, ymax
    return box._replace(ymin=ymin, xmin=xmin, ymax=ymax, xmax=xmax)
