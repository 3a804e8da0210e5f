# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The faults: what each is called, how to make it, and in which formats."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from tests.doctor.corpus import HEIGHT, WIDTH, Box, DataSet, Picture, jpeg, png

Breaker = Callable[[DataSet], None]


def _content(make: Callable[[Picture], bytes]) -> Breaker:
    """Gives the picture train04 another content."""

    def break_(data: DataSet) -> None:
        picture = data.named("train04")
        picture.content = make(picture)

    return break_


def _box(change: Callable[[Box], Box], *, number: int = 1, picture: str = "train04") -> Breaker:
    """Changes one box."""

    def break_(data: DataSet) -> None:
        boxes = data.named(picture).boxes
        boxes[number] = change(boxes[number])

    return break_


def _boxes(change: Callable[[Box], Box], *, pictures: str = "train04") -> Breaker:
    """Changes all boxes of the pictures whose names begin so."""

    def break_(data: DataSet) -> None:
        for picture in data.pictures:
            if picture.name.startswith(pictures):
                picture.boxes = [change(box) for box in picture.boxes]

    return break_


def _added(make: Callable[[Box], Box]) -> Breaker:
    """Adds a box made of another."""

    def break_(data: DataSet) -> None:
        boxes = data.named("train04").boxes
        boxes.append(make(boxes[1]))

    return break_


def _attributes(**changes: object) -> Breaker:
    """Sets attributes of the picture train04."""

    def break_(data: DataSet) -> None:
        index = data.pictures.index(data.named("train04"))
        data.pictures[index] = replace(data.pictures[index], **changes)  # type: ignore[arg-type]

    return break_


def _copied(name: str, split: str, content: Callable[[Picture], bytes]) -> Breaker:
    """Adds a copy of the picture train04, with its boxes."""

    def break_(data: DataSet) -> None:
        original = data.named("train04")
        copy = replace(original, name=name, split=split, content=content(original), boxes=list(original.boxes))
        data.pictures.append(copy)

    return break_


def _huge_png(picture: Picture) -> bytes:
    """The beginning of a PNG of 100,000 pixels each way."""
    size = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", size) + _chunk(b"IDAT", zlib.compress(b"\0" * 999))


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def _rotated(data: DataSet) -> None:
    """Stores train04 on its side; tools that show it upright annotate it upright."""
    picture = data.named("train04")
    exif = Image.Exif()
    exif[274] = 6  # to be turned clockwise by 90 degrees
    picture.content = jpeg(np.rot90(picture.pixels, 1), exif=exif)


def _typo(name: str) -> Breaker:
    """Calls one dog something else, which the formats that list their classes then list."""

    def break_(data: DataSet) -> None:
        _box(lambda box: box._replace(name=name), number=_first("dog", data))(data)
        data.classes = (*data.classes, name)

    return break_


def _first(name: str, data: DataSet) -> int:
    return [box.name for box in data.named("train04").boxes].index(name)


def _only_in_training(data: DataSet) -> None:
    """Nobody annotated dogs in the other split."""
    for picture in data.of("val"):
        picture.boxes = [box for box in picture.boxes if box.name != "dog"]


def _crowded(data: DataSet) -> None:
    """121 boxes on one picture, apart from each other."""
    data.named("train04").boxes = [
        Box("cat", 1 + 8.5 * column, 1 + 5.5 * row, 8 + 8.5 * column, 6 + 5.5 * row)
        for row in range(11)
        for column in range(11)
    ]


def _from_one(box: Box) -> Box:
    """As tools of the VOC challenge count: the first pixel is 1."""
    return box._replace(xmin=box.xmin + 1, ymin=box.ymin + 1, xmax=box.xmax + 1, ymax=box.ymax + 1)


def _counted_from_one(data: DataSet) -> None:
    """Boxes that touch the right and lower border end one pixel beyond it."""
    for picture in data.pictures:
        first, second, third = picture.boxes
        picture.boxes = [
            _from_one(first._replace(xmin=0)),
            _from_one(second._replace(ymax=HEIGHT)),
            _from_one(third._replace(xmax=WIDTH)),
        ]


def _shifted(data: DataSet) -> None:
    """The annotations of a sequence of frames are one frame late."""
    pictures = data.of("train")
    boxes = [picture.boxes for picture in pictures]
    for picture, late in zip(pictures, [boxes[-1], *boxes[:-1]], strict=True):
        picture.boxes = late


def _swapped(box: Box) -> Box:
    return Box(box.name, box.ymin, box.xmin, box.ymax, box.xmax)


def _listed_twice(data: DataSet) -> None:
    data.extra_splits["val"] = ("train04",)


def _inverted(box: Box) -> Box:
    return box._replace(xmin=box.xmax, xmax=box.xmin)


def _fractions(box: Box) -> Box:
    return Box(box.name, box.xmin / WIDTH, box.ymin / HEIGHT, box.xmax / WIDTH, box.ymax / HEIGHT)


def _multiples(box: Box) -> Box:
    """What becomes pixels where a format divides by the size."""
    return Box(box.name, box.xmin * WIDTH, box.ymin * HEIGHT, box.xmax * WIDTH, box.ymax * HEIGHT)


def _renamed(box: Box) -> Box:
    return box._replace(name="cat" if box.name == "bird" else "bird")


class Broken(NamedTuple):
    """A fault: what it is called, how to make it, and the formats that can hold it."""

    code: str
    how: str
    break_: Breaker
    formats: tuple[str, ...]
    where: str = "train04"  # what the finding must name
    also: tuple[str, ...] = ()  # what else may be said of it
    left: tuple[str, ...] = ()  # what may still be said when all that can be mended without a person's eye is


def _grey(picture: Picture) -> bytes:
    return jpeg(picture.pixels.mean(axis=2).astype(np.uint8))


def _cmyk(picture: Picture) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture.pixels).convert("CMYK").save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def _with_alpha(picture: Picture) -> bytes:
    return png(Image.fromarray(picture.pixels).convert("RGBA"))


def _coarse(picture: Picture) -> bytes:
    return jpeg(picture.pixels, 40)


def _smaller(picture: Picture) -> bytes:
    size = WIDTH * 3 // 4, HEIGHT * 3 // 4
    return jpeg(np.asarray(Image.fromarray(picture.pixels).resize(size, Image.Resampling.LANCZOS)), 80)


_ALL = ("voc", "yolo", "coco", "csv", "labelme")
_PIXELS = ("voc", "csv", "coco")
_SIZED = (*_PIXELS, "labelme")  # say the size of a picture
_NO_BOXES = ("pictures-without-boxes",)
_RARE = ("class-rare",)  # two classes lose boxes to the third

BROKEN = (
    Broken("picture-empty", "zero bytes", _content(lambda _: b""), _ALL),
    Broken("picture-truncated", "half a file", _content(lambda p: p.encoded()[: len(p.encoded()) // 2]), _ALL),
    Broken("picture-unreadable", "a web page", _content(lambda _: b"<html>not found</html>" * 9), _ALL),
    Broken("picture-gigantic", "claims 1e10 pixels", _content(_huge_png), _ALL),
    Broken("picture-misnamed", "a PNG called .jpg", _content(lambda p: png(Image.fromarray(p.pixels))), _ALL),
    Broken("picture-rotated", "EXIF orientation 6", _rotated, _ALL),
    Broken("picture-channels", "grey", _content(_grey), _ALL),
    Broken("picture-channels", "CMYK", _content(_cmyk), ("voc", "coco")),
    Broken("picture-channels", "transparent", _content(_with_alpha), ("voc", "yolo"), also=("picture-misnamed",)),
    Broken("picture-size-differs", "annotated 100 x 64", _attributes(size=(100, 64)), _SIZED),
    Broken("picture-missing", "no file", _attributes(has_file=False), _ALL),
    Broken("annotation-missing", "no label file", _attributes(has_annotation=False), ("yolo",), left=_NO_BOXES),
    Broken("picture-left-out", "no annotation", _attributes(has_annotation=False), ("voc", "labelme", "csv")),
    Broken("box-not-finite", "nan", _box(lambda b: b._replace(xmax=float("nan"))), ("voc", "yolo", "csv")),
    Broken("box-inverted", "xmin, xmax exchanged", _box(_inverted), ("voc", "csv", "coco", "yolo")),
    Broken("box-zero-area", "no width", _box(lambda b: b._replace(xmax=b.xmin)), _ALL),
    Broken("box-outside", "to the right", _box(lambda b: b._replace(xmin=WIDTH + 5, xmax=WIDTH + 30)), _ALL),
    Broken("box-clipped", "8 pixels beyond", _box(lambda b: b._replace(ymax=HEIGHT + 8)), _ALL),
    Broken("box-normalised", "fractions", _boxes(_fractions), _PIXELS),
    Broken("box-in-pixels", "pixels", _boxes(_multiples), ("yolo", "automl")),
    Broken("box-axes-swapped", "everywhere", _boxes(_swapped, pictures=""), (*_PIXELS, "labelme")),
    Broken("box-off-by-one", "all counted from 1", _counted_from_one, _PIXELS, where=""),
    Broken("box-duplicate", "twice", _added(lambda b: b), _ALL),
    Broken("box-near-duplicate", "one pixel off", _added(lambda b: b._replace(xmax=b.xmax + 1, ymin=b.ymin - 1)), _ALL),
    Broken("box-two-classes", "as another class", _added(_renamed), _ALL, left=("box-two-classes",)),
    Broken("class-typo", "Dog", _typo("Dog"), _ALL, where="Dog"),
    Broken("class-typo", "a space", _typo("dog "), ("csv", "coco", "labelme", "voc"), where="dog"),
    Broken("class-typo", "a newline", _typo("dog\n"), ("coco", "labelme", "voc"), where="dog"),
    Broken("class-empty-in-split", "no dog in val", _only_in_training, _ALL, where="dog"),
    Broken("boxes-too-many", "121", _crowded, ("voc", "yolo", "coco"), also=_RARE, left=("boxes-too-many", *_RARE)),
    Broken("leak-identical", "the same file", _copied("val99", "val", Picture.encoded), _ALL, where="val99"),
    Broken("leak-alike", "smaller", _copied("val99", "val", _smaller), ("yolo", "automl"), where="val99"),
    Broken("leak-alike", "JPEG quality 40", _copied("val99", "val", _coarse), _ALL, where="val99"),
    Broken("pictures-identical", "the same file", _copied("train99", "train", Picture.encoded), _ALL, where="train99"),
    Broken("pictures-alike", "JPEG quality 40", _copied("train99", "train", _coarse), _ALL, where="train99"),
    Broken("split-overlap", "listed in both", _listed_twice, ("voc", "csv")),
    Broken("annotations-shifted", "one frame late", _shifted, ("voc", "yolo"), where="", left=("annotations-shifted",)),
)  # fmt: skip


def _replace_in(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def _shift_yolo_ids(root: Path) -> None:
    for path in (root / "labels").rglob("*.txt"):
        lines = path.read_text().splitlines()
        path.write_text("".join(f"{int(line[0]) + 1}{line[1:]}\n" for line in lines))


class BrokenFile(NamedTuple):
    """A fault of a format's files, made after they are written."""

    code: str
    how: str
    format: str
    break_: Callable[[Path], None]
    where: str


def _edited(path: str, before: str, after: str) -> Callable[[Path], None]:
    return lambda root: _replace_in(root / path, before, after)


_XML, _TXT, _CSV = "Annotations/train04.xml", "labels/train/train04.txt", "train_labels.csv"
_ENTITY = '<!DOCTYPE a [<!ENTITY e "x">]><annotation>&e;'
_WORD = "train04.jpg,96,sixty-four"

BROKEN_FILES = (
    BrokenFile("annotation-unreadable", "no XML", "voc", _edited(_XML, "</annotation>", ""), "train04"),
    BrokenFile("annotation-unreadable", "an entity", "voc", _edited(_XML, "<annotation>", _ENTITY), "train04"),
    BrokenFile("annotation-unreadable", "no JSON", "labelme", _edited("train/train04.json", "{", "["), "train04"),
    BrokenFile("annotation-unreadable", "words", "yolo", _edited(_TXT, "\n", " and more\n"), "train04"),
    BrokenFile("annotation-unreadable", "a word", "csv", _edited(_CSV, "train04.jpg,96,64", _WORD), "labels.csv"),
    BrokenFile("class-offset", "ids from 1", "yolo", _shift_yolo_ids, "labels"),
)  # fmt: skip
