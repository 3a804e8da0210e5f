# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Surveys made by hand: what each picture is like is said in a line, everything else is unremarkable."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from efficientdet.data.faults import Fault
from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation
from efficientdet.data.label_map import Label, LabelMap
from efficientdet.data.survey import Survey
from efficientdet.doctor.data.observation import Observation, Totals
from efficientdet.doctor.data.subject import Subject

SIZE = (64, 96)

Box = tuple[str, float, float, float, float]
"""Class, then ymin xmin ymax xmax in pixels."""


class Shot(NamedTuple):
    """A picture."""

    boxes: Sequence[Box] = ()
    split: str = "train"
    name: str = ""  # else p000.jpg, p001.jpg, ...
    size: tuple[int, int] = SIZE
    content: int | None = None  # those of equal content are one file
    look: np.ndarray | None = None  # uint8 [64], those of an equal one look alike
    pixels: np.ndarray | None = None
    raw: Sequence[Box] | None = None  # as annotated, where that differs


class MadeSource:
    """Holds what is read."""

    def __init__(self, format_: str, splits: dict[str, list[int]], images: list[AnnotatedImage], labels) -> None:
        self.format, self.splits, self.labels = format_, splits, tuple(labels)
        self.root, self.faults = Path("data"), ()
        self._images = images

    def read(self, entry: int) -> AnnotatedImage:
        return self._images[entry]


def survey_of(
    shots: Iterable[Shot],
    *,
    labels: Sequence[str] = (),
    format_: str = "voc",
    faults: Sequence[Fault] = (),
) -> Survey:
    """A survey of pictures; splits in the order in which they are met."""
    shots = [shot._replace(name=shot.name or f"p{number:03d}.jpg") for number, shot in enumerate(shots)]
    splits = tuple(dict.fromkeys(shot.split for shot in shots)) or ("",)
    images = [_annotated(shot) for shot in shots]
    members = {split: [row for row, shot in enumerate(shots) if shot.split == split] for split in splits}
    class_names = tuple(sorted({box[0] for shot in shots for box in shot.boxes}))
    rng = np.random.default_rng(3)
    looks = rng.integers(0, 256, (len(shots), 64), np.uint8)
    hashes = rng.integers(0, 2**63, len(shots), np.uint64)
    for row, shot in enumerate(shots):
        if shot.look is not None:
            looks[row], hashes[row] = shot.look, int(shot.look.astype(np.int64).sum() // 64)
    digests = [shot.content if shot.content is not None else 1000 + row for row, shot in enumerate(shots)]
    counts = [len(shot.boxes) for shot in shots]
    boxes = [box for shot in shots for box in shot.boxes]
    return Survey(
        source=MadeSource(format_, members, images, [Label(i + 1, name) for i, name in enumerate(labels)]),
        fixes=None,
        splits=splits,
        split_of=np.array([splits.index(shot.split) for shot in shots], np.int32),
        entries=list(range(len(shots))),
        names=[shot.name.rpartition("/")[2] for shot in shots],
        files=[shot.name for shot in shots],
        sizes=np.array([shot.size for shot in shots], np.int32).reshape(-1, 2),
        usable=np.ones(len(shots), bool),
        digests=np.array([(7, digest) for digest in digests], np.uint64).reshape(-1, 2),
        hashes=hashes,
        thumbnails=looks,
        box_bounds=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        boxes=np.array([box[1:] for box in boxes], np.float32).reshape(-1, 4),
        box_classes=np.array([class_names.index(box[0]) for box in boxes], np.int32),
        class_names=class_names,
        box_flags=np.zeros(len(boxes), np.uint8),
        box_numbers=np.concatenate([np.arange(count) for count in counts] or [[]]).astype(np.int32),
        faults=list(faults),
    )


def _annotated(shot: Shot) -> AnnotatedImage:
    boxes = shot.boxes if shot.raw is None else shot.raw
    encoded = None
    if shot.pixels is not None:
        buffer = io.BytesIO()
        Image.fromarray(shot.pixels).save(buffer, "PNG")
        encoded = buffer.getvalue()
    return AnnotatedImage(
        path=Path("data") / shot.name,
        filename=shot.name,
        source_id=shot.name,
        size=shot.size,
        boxes=tuple(BoxAnnotation(*box, place=f"object {number}") for number, box in enumerate(boxes)),
        annotation=shot.name.replace(".jpg", ".xml"),
        encoded=encoded,
    )


def subject_of(survey: Survey, *, label_map: Sequence[str] | None = None, limits=None, in_place=False) -> Subject:
    """What checks take."""
    known = None
    if label_map is not None:
        known = LabelMap(tuple(Label(i + 1, name) for i, name in enumerate(label_map)), "labels.pbtxt")
    return Subject(survey, survey.splits, survey.split_of, known, limits, in_place)


def totals_of(survey: Survey) -> Totals:
    """What counts are shares of."""
    return Totals(len(survey), len(survey.boxes), len(survey.class_names), 1)


def seen(check, subject: Subject) -> dict[str, Observation]:
    """What a check sees, by code."""
    return {found.code: found for found in check(subject, totals_of(subject.survey))}
