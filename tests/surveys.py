# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Data sets that are listed by hand, and surveys of them that are made without a look at a picture."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from efficientdet.data.faults import ANNOTATION_UNREADABLE, Fault
from efficientdet.data.importers.annotation import AnnotatedImage, AnnotationError, BoxAnnotation
from efficientdet.data.importers.source import UNSPLIT
from efficientdet.data.label_map import Label
from efficientdet.data.survey import Survey

SIZE = (64, 96)

Corners = tuple[str, float, float, float, float]
"""Class, xmin, ymin, xmax, ymax."""

Box = tuple[str, float, float, float, float]
"""Class, then ymin xmin ymax xmax in pixels."""


@dataclass
class ListedSource:
    """Fulfils `source.Source`; entries are what `images` can be asked for."""

    root: Path = Path("data")
    splits: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    images: Any = field(default_factory=dict)
    labels: tuple[Label, ...] = ()
    faults: Sequence[Fault] = ()
    format: str = "listed"

    def add(self, name: str, data: bytes, boxes: Sequence[Corners] = (), split: str = "train", **fields) -> None:
        """Adds a picture, under its name; `fields` are those of AnnotatedImage."""
        (self.root / name).write_bytes(data)
        annotated = tuple(
            BoxAnnotation(name, ymin, xmin, ymax, xmax, place=f"object {number}")
            for number, (name, xmin, ymin, xmax, ymax) in enumerate(boxes)
        )
        image = AnnotatedImage(self.root / name, name, name, None, annotated, f"{name}.xml")
        self.images[name] = image._replace(**fields)
        self.splits.setdefault(split, []).append(name)

    def read(self, entry: Any) -> AnnotatedImage:
        """As it was added; None stands for an annotation that cannot be read."""
        image = self.images[entry]
        if image is None:
            raise AnnotationError(Fault(ANNOTATION_UNREADABLE, f"{entry}.xml", "", "no element found"))
        return image


class DeadlySource(ListedSource):
    """Ends a worker process that reads "deadly.jpg"."""

    def read(self, entry: Any) -> AnnotatedImage:
        if entry == "deadly.jpg" and multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(entry)


def picture(height: int = 48, width: int = 64, image_format: str = "JPEG", seed: int = 0, **options) -> bytes:
    """A few large blots, encoded; those of two seeds do not look alike."""
    blots = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), np.uint8)
    return encoded(Image.fromarray(blots).resize((width, height), Image.Resampling.BICUBIC), image_format, **options)


def encoded(image: Image.Image, image_format: str = "JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


class Shot(NamedTuple):
    """A picture of a survey: what is not said of it is unremarkable."""

    boxes: Sequence[Box] = ()
    split: str = "train"
    name: str = ""  # else p000.jpg, p001.jpg, ...; those of one name are one picture, listed twice
    size: tuple[int, int] = SIZE
    content: int | None = None  # those of equal content are one file
    look: np.ndarray | None = None  # uint8 [64], those of an equal one look alike
    pixels: np.ndarray | None = None
    raw: Sequence[Box] | None = None  # as annotated, where that differs


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
    numbers: dict[str, int] = {}
    entries = [numbers.setdefault(shot.name, len(numbers)) for shot in shots]
    images = {entry: _annotated(shot) for entry, shot in zip(entries, shots, strict=True)}
    members = {
        split: [entry for entry, shot in zip(entries, shots, strict=True) if shot.split == split] for split in splits
    }
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
    listed = tuple(Label(i + 1, name) for i, name in enumerate(labels))
    return Survey(
        source=ListedSource(Path("data"), members, images, listed, format=format_),
        fixes=None,
        splits=splits,
        split_of=np.array([splits.index(shot.split) for shot in shots], np.int32),
        entries=entries,
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


def survey_of_classes(
    classes: Sequence[Sequence[int]],
    *,
    splits: Mapping[str, Sequence[int]] | None = None,
    source_splits: Mapping[str, Sequence[int]] | None = None,
    **columns: np.ndarray,
) -> Survey:
    """A survey of pictures of which only the classes of their boxes count, up to 10 of them.

    Args:
      classes: of each picture.
      splits: of the survey, as numbers of pictures in ascending order; None for none.
      source_splits: of the source, where fixes moved pictures.
      columns: replace columns of the survey; rows stand split by split.
    """
    splits = splits or {UNSPLIT: range(len(classes))}
    survey = survey_of(
        Shot(
            [(f"class {number}", 10, 20, 30, 40) for number in classes[picture]],
            split,
            f"{picture}.jpg",
            content=picture,
        )
        for split, pictures in splits.items()
        for picture in pictures
    )
    return replace(survey, source=replace(survey.source, splits=source_splits or splits), **columns)


def _annotated(shot: Shot) -> AnnotatedImage:
    boxes = shot.boxes if shot.raw is None else shot.raw
    return AnnotatedImage(
        path=Path("data") / shot.name,
        filename=shot.name,
        source_id=shot.name,
        size=shot.size,
        boxes=tuple(BoxAnnotation(*box, place=f"object {number}") for number, box in enumerate(boxes)),
        annotation=shot.name.replace(".jpg", ".xml"),
        encoded=None if shot.pixels is None else encoded(Image.fromarray(shot.pixels), "PNG"),
    )
