# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Surveys a chunk of pictures, in a worker process: what goes back is a handful of arrays and the faults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from efficientdet.data.faults import ANNOTATION_UNREADABLE, Fault, Fix
from efficientdet.data.importers.annotation import AnnotatedImage, AnnotationError
from efficientdet.data.importers.fixes import Fixes, picture_form
from efficientdet.data.importers.source import Entry, Source
from efficientdet.data.survey.chunk_boxes import AnnotatedPicture, ChunkBoxes, survey_boxes
from efficientdet.data.survey.hashing import GREY_SIDE, perceptual_hashes, thumbnails
from efficientdet.data.survey.pictures import DIGEST_BYTES, Look, look_at, picture_place
from efficientdet.data.survey.survey import THUMBNAIL_SIDE
from efficientdet.data.texts import Texts
from efficientdet.data.worker_pool import Step
from efficientdet.errors import DataError


class Task(NamedTuple):
    """What a worker needs besides the chunk."""

    source: Source
    fixes: Fixes | None
    max_pixels: int
    axes_exchanged: bool = False  # x and y of all boxes, see `boxes.Tally`


class PictureColumns(NamedTuple):
    """Columns of pictures, as in `Survey`."""

    sizes: np.ndarray
    usable: np.ndarray
    digests: np.ndarray
    hashes: np.ndarray
    thumbnails: np.ndarray


class Chunk(NamedTuple):
    """What came of some entries. Rows of the chunk are counted from 0, in `Fault.row` as well."""

    kept: list[int]  # the entry of each row, among those of the chunk
    splits: list[str]
    names: Texts
    files: Texts
    pictures: PictureColumns
    box_counts: np.ndarray  # int64, of each row
    boxes: ChunkBoxes
    faults: list[Fault]  # row by row, but for those of boxes
    used_fixes: set[int]


class _Row(NamedTuple):
    """One picture of a chunk."""

    kept: int
    split: str
    file: str
    image: AnnotatedImage | None  # None: the annotation cannot be read
    look: Look


def survey_chunk(task: Task, entries: Sequence[tuple[str, Entry]], step: Step = lambda: None) -> Chunk:
    """Surveys some pictures, given by split and entry; takes a step after each."""
    rows: list[_Row] = []
    for number, (split, entry) in enumerate(entries):
        if (row := _survey_picture(task, number, split, entry)) is not None:
            rows.append(row)
        step()
    pictures = [
        AnnotatedPicture(index, row.file, row.image, row.look.facts)
        for index, row in enumerate(rows)
        if row.image is not None and row.look.facts is not None
    ]
    boxes = survey_boxes(pictures, task.axes_exchanged)
    box_counts = np.zeros(len(rows), np.int64)
    box_counts[[picture.row for picture in pictures]] = boxes.counts
    return Chunk(
        kept=[row.kept for row in rows],
        splits=[row.split for row in rows],
        names=Texts(row.image.filename if row.image else "" for row in rows),
        files=Texts(row.file for row in rows),
        pictures=_picture_columns([row.look for row in rows]),
        box_counts=box_counts,
        boxes=boxes,
        faults=[fault._replace(row=index) for index, row in enumerate(rows) for fault in row.look.faults],
        used_fixes=set() if task.fixes is None else set(task.fixes.used),
    )


def _survey_picture(task: Task, number: int, split: str, entry: Entry) -> _Row | None:
    """Looks at one picture; None: a fix drops it."""
    try:
        image = task.source.read(entry)
    except DataError as error:
        return _unreadable(task, number, split, entry, error)
    where = picture_place(image, task.source.root)
    file = ": ".join(filter(None, where))
    if task.fixes is not None:
        image = task.fixes.apply(image)
    if (moved := _split_of(task, file, split)) is None:
        return None
    look = look_at(image, where, task.max_pixels)
    if image.faults:
        look = look._replace(faults=[*image.faults, *look.faults])
    return _Row(number, moved, file, image, look)


def _unreadable(task: Task, number: int, split: str, entry: Entry, error: DataError) -> _Row | None:
    """A picture whose annotation cannot be read."""
    fault = Fault(ANNOTATION_UNREADABLE, str(entry), "", str(error))
    if isinstance(error, AnnotationError):
        fault = error.fault
    if (moved := _split_of(task, fault.where, split)) is None:
        return None
    if fault.fix is None:
        fault = fault._replace(fix=Fix(fault.file, fault.place, picture_form(), ""))
    return _Row(number, moved, fault.where, None, Look(b"", None, [fault]))


def _split_of(task: Task, picture: str, split: str) -> str | None:
    return split if task.fixes is None else task.fixes.split_of(picture, split)


def _picture_columns(looks: Sequence[Look]) -> PictureColumns:
    facts = [look.facts for look in looks if look.facts is not None]
    usable = np.array([look.facts is not None for look in looks], bool)
    greys = np.array([fact.grey for fact in facts], np.uint8).reshape(-1, GREY_SIDE, GREY_SIDE)
    digests = b"".join(look.digest or bytes(DIGEST_BYTES) for look in looks)
    columns = PictureColumns(
        sizes=np.zeros((len(looks), 2), np.int32),
        usable=usable,
        digests=np.frombuffer(digests, "<u8").astype(np.uint64).reshape(-1, DIGEST_BYTES // 8),
        hashes=np.zeros(len(looks), np.uint64),
        thumbnails=np.zeros((len(looks), THUMBNAIL_SIDE**2), np.uint8),
    )
    columns.sizes[usable] = np.array([fact.upright for fact in facts], np.int32).reshape(-1, 2)
    columns.hashes[usable] = perceptual_hashes(greys)
    columns.thumbnails[usable] = thumbnails(greys)
    return columns
