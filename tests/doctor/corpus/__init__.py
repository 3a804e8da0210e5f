# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Small data sets with one fault each, in every format that can hold it, and their clean twin.

A data set is described once (`DataSet`), broken or not, and written in the format of anyone's choice; what a format
only holds in its files (a line that does not parse) is broken there. Pictures show what their boxes say: filled
rectangles on a background of large soft blobs, each picture with its own, so that no two look alike.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 96, 64
CLASSES = ("bird", "cat", "dog")
_COLOURS = {"bird": (250, 220, 20), "cat": (220, 30, 30), "dog": (20, 60, 230)}
SPLITS = {"train": 9, "val": 6}


class Box(NamedTuple):
    """As it will be written, in pixels of the picture as stored, right or wrong."""

    name: str
    xmin: float
    ymin: float
    xmax: float
    ymax: float


@dataclass
class Picture:
    """A picture and what its annotation says."""

    name: str
    split: str
    pixels: np.ndarray
    boxes: list[Box]
    size: tuple[int, int] = (WIDTH, HEIGHT)  # (width, height) as annotated
    content: bytes | None = None  # of the file, where it is not simply the pixels
    has_file: bool = True
    has_annotation: bool = True

    def encoded(self) -> bytes:
        """What its file holds."""
        return jpeg(self.pixels) if self.content is None else self.content


@dataclass
class DataSet:
    """Pictures in the order of their names, and the classes that the format lists, where it lists them."""

    pictures: list[Picture]
    classes: tuple[str, ...] = CLASSES
    extra_splits: dict[str, tuple[str, ...]] = field(default_factory=dict)  # split -> names listed there as well

    def of(self, split: str) -> list[Picture]:
        """The pictures listed in a split."""
        extra = self.extra_splits.get(split, ())
        return [picture for picture in self.pictures if picture.split == split or picture.name in extra]

    def named(self, name: str) -> Picture:
        """The picture of a name."""
        return next(picture for picture in self.pictures if picture.name == name)


def jpeg(pixels: np.ndarray, quality: int = 92, **options: object) -> bytes:
    """A JPEG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=quality, **options)
    return buffer.getvalue()


def png(image: Image.Image) -> bytes:
    """A PNG file."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def clean_data_set() -> DataSet:
    """Nothing is wrong with it: every split has every class in like shares, and boxes are large and apart."""
    rng = np.random.default_rng(7)
    pictures = []
    for split, count in SPLITS.items():
        for i in range(count):
            # A third of the pictures start with each class, in an order that looks shuffled.
            classes = [CLASSES[(2 * i + i // 3 + j) % 3] for j in range(3)]
            pictures.append(_draw(rng, f"{split}{i:02d}", split, classes))
    return DataSet(pictures)


def _draw(rng: np.random.Generator, name: str, split: str, classes: list[str]) -> Picture:
    """A picture of 96 x 64 with one box in each of three columns, all sides between 14 and 26 pixels."""
    coarse = Image.fromarray(rng.integers(40, 215, (4, 6, 3), np.uint8))
    pixels = np.array(coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
    boxes = []
    for column, class_name in enumerate(classes):
        width, height = (int(side) for side in rng.integers(14, 27, 2))
        xmin = column * 32 + int(rng.integers(1, 32 - width - 1))
        ymin = int(rng.integers(2, HEIGHT - height - 2))
        boxes.append(Box(class_name, xmin, ymin, xmin + width, ymin + height))
        pixels[ymin : ymin + height, xmin : xmin + width] = _COLOURS[class_name]
    return Picture(name, split, pixels, boxes)
