# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The boxes of a chunk of pictures: judged together, and turned into columns and faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from efficientdet.data.faults import BOX_NOT_FINITE, Fault
from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation, turn_box
from efficientdet.data.importers.fitting import Frame, Size
from efficientdet.data.survey.box_faults import BoxPlace, geometry_fault, pair_fault
from efficientdet.data.survey.box_frames import BoxColumns
from efficientdet.data.survey.box_pairs import find_pairs
from efficientdet.data.survey.boxes import CODES, Judgement, Tally, judge, tally
from efficientdet.data.survey.pictures import PictureFacts
from efficientdet.data.survey.survey import CROWD, DIFFICULT, TRUNCATED


class AnnotatedPicture(NamedTuple):
    """A picture that can be used, and its annotation."""

    row: int  # of the chunk
    file: str
    image: AnnotatedImage
    facts: PictureFacts

    @property
    def drawn_on(self) -> Size:
        """Height and width of the picture that its boxes refer to."""
        return self.facts.stored if self.facts.frame is Frame.STORED else self.facts.upright

    def turned(self, corners: np.ndarray) -> tuple[float, float, float, float]:
        """A box (ymin xmin ymax xmax, pixels), moved along when the picture is turned upright."""
        ymin, xmin, ymax, xmax = map(float, corners)
        box = BoxAnnotation("", ymin, xmin, ymax, xmax)
        return (turn_box(box, self.facts.orientation, self.facts.stored) if self.is_turned else box)[1:5]

    @property
    def is_turned(self) -> bool:
        """Whether its boxes have to be."""
        return self.facts.frame is Frame.STORED and self.facts.orientation != 1


class ChunkBoxes(NamedTuple):
    """Columns of the boxes that records would hold, as in `Survey`, and what is to be said of all boxes."""

    counts: np.ndarray  # int64, of each picture
    boxes: np.ndarray
    names: list[str]  # distinct
    classes: np.ndarray  # int32 [N], index into `names`
    flags: np.ndarray
    numbers: np.ndarray
    faults: list[Fault]  # `row` is that of the chunk
    tally: Tally


def survey_boxes(pictures: Sequence[AnnotatedPicture], axes_exchanged: bool = False) -> ChunkBoxes:
    """Judges all boxes of some pictures; see `boxes.judge`."""
    annotated = [box for picture in pictures for box in picture.image.boxes]
    counts = np.array([len(picture.image.boxes) for picture in pictures], np.int64)
    columns = BoxColumns(
        np.array([box[1:5] for box in annotated], np.float64).reshape(-1, 4),
        np.repeat(np.arange(len(pictures)), counts),
        np.array([picture.drawn_on for picture in pictures], np.float64).reshape(-1, 2),
        np.array([picture.image.is_normalized for picture in pictures], bool),
    )
    judgement = judge(columns, axes_exchanged)
    kept = judgement.is_kept
    boxes = judgement.fitted.astype(np.float32)
    for number, picture in enumerate(pictures):
        if picture.is_turned:
            for box in np.flatnonzero(columns.pictures == number).tolist():
                boxes[box] = picture.turned(judgement.fitted[box])
    names, classes = _distinct([box.name for box, keep in zip(annotated, kept.tolist(), strict=True) if keep])
    flags = [box.is_crowd * CROWD | box.is_difficult * DIFFICULT | box.is_truncated * TRUNCATED for box in annotated]
    numbers = np.arange(len(annotated)) - np.repeat(np.cumsum(counts) - counts, counts)
    return ChunkBoxes(
        counts=np.bincount(columns.pictures[kept], minlength=len(pictures)),
        boxes=boxes[kept],
        names=names,
        classes=classes,
        flags=np.array(flags, np.uint8)[kept],
        numbers=numbers[kept].astype(np.int32),
        faults=_faults(pictures, annotated, columns, judgement),
        tally=tally(columns, judgement),
    )


def _faults(
    pictures: Sequence[AnnotatedPicture],
    annotated: Sequence[BoxAnnotation],
    columns: BoxColumns,
    judgement: Judgement,
) -> list[Fault]:
    """All faults of boxes, in the order of boxes."""
    bounds = np.searchsorted(columns.pictures, np.arange(len(pictures) + 1))

    def place(box: int) -> BoxPlace:
        number = int(columns.pictures[box])
        picture = pictures[number]
        file = picture.image.annotation or picture.file
        return BoxPlace(picture.image, box - int(bounds[number]), file, picture.drawn_on)

    found: list[tuple[int, Fault]] = []
    for box in np.flatnonzero(judgement.codes).tolist():
        mended = judgement.mended[box] if judgement.remains[box] else None
        found.append((box, geometry_fault(place(box), CODES[judgement.codes[box]], mended)))
    is_crowd = np.array([box.is_crowd for box in annotated], bool)
    corners = np.where((judgement.remains & ~is_crowd)[:, None], judgement.mended, 0.0)
    _, classes = _distinct([box.name for box in annotated])
    for pair in find_pairs(corners, classes, bounds):
        found.append((pair.second, pair_fault(pair, place(pair.first), place(pair.second))))
    faults = []
    for box, fault in sorted(found, key=lambda item: item[0]):
        picture = pictures[int(columns.pictures[box])]
        drawn = None if fault.code == BOX_NOT_FINITE else picture.turned(judgement.mended[box])
        faults.append(fault._replace(row=picture.row, box=drawn))
    return faults


def _distinct(names: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Distinct names, in the order of their first occurrence, and int32 [n], the index of each."""
    numbers: dict[str, int] = {}
    codes = np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int32)
    return list(numbers), codes
