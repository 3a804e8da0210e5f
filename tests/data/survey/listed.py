# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A data set that is a list of annotations, for surveys to read."""

from __future__ import annotations

import io
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from efficientdet.data.faults import ANNOTATION_UNREADABLE, Fault
from efficientdet.data.importers.annotation import AnnotatedImage, AnnotationError, BoxAnnotation

Corners = tuple[str, float, float, float, float]
"""Class, xmin, ymin, xmax, ymax."""


class ListedSource:
    """Fulfils `source.Source`; entries are file names."""

    format = "listed"
    labels = ()
    faults: Sequence[Fault] = ()

    def __init__(self, root: Path) -> None:
        self.root = root
        self.splits: dict[str, list[str]] = {}
        self.images: dict[str, AnnotatedImage | None] = {}

    def add(self, name: str, data: bytes, boxes: Sequence[Corners] = (), split: str = "train", **fields) -> None:
        """Adds a picture of 64x48 or so; `fields` are those of AnnotatedImage."""
        (self.root / name).write_bytes(data)
        annotated = tuple(
            BoxAnnotation(name, ymin, xmin, ymax, xmax, place=f"object {number}")
            for number, (name, xmin, ymin, xmax, ymax) in enumerate(boxes)
        )
        image = AnnotatedImage(self.root / name, name, name, None, annotated, f"{name}.xml")
        self.images[name] = image._replace(**fields)
        self.splits.setdefault(split, []).append(name)

    def read(self, entry: str) -> AnnotatedImage:
        """As it was added; None stands for an annotation that cannot be read."""
        image = self.images[entry]
        if image is None:
            raise AnnotationError(Fault(ANNOTATION_UNREADABLE, f"{entry}.xml", "", "no element found"))
        return image


class DeadlySource(ListedSource):
    """Ends the process that reads "deadly"."""

    def read(self, entry: str) -> AnnotatedImage:
        if entry == "deadly":
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
