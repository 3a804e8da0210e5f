# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is wrong with a picture is named; one that cannot be used is proposed to be dropped."""

from __future__ import annotations

import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from efficientdet.data.survey import take_survey
from tests.surveys import ListedSource, encoded, picture

_JPEG, _PNG = picture(), picture(image_format="PNG")
_HUGE_HEADER = b"IHDR" + (70_000).to_bytes(4, "big") * 2 + _PNG[24:29]
_HUGE = _PNG[:12] + _HUGE_HEADER + zlib.crc32(_HUGE_HEADER).to_bytes(4, "big") + _PNG[33:]


def _faults(source: ListedSource, name: str, data: bytes, **fields) -> list[tuple[str, str, str]]:
    source.add(name, data, [("a", 1, 1, 9, 9)], **fields)
    return [(fault.code, fault.file, fault.detail) for fault in take_survey(source, processes=1).faults]


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("x.jpg", b"", "picture-empty"),
        ("x.jpg", b"<html>not found</html>", "picture-unreadable"),
        ("x.png", _PNG[:60] + bytes(20) + _PNG[80:], "picture-unreadable"),
        ("x.jpg", _JPEG[: len(_JPEG) // 2], "picture-truncated"),
        ("x.jpg", _JPEG[:-2], "picture-truncated"),
        ("x.png", _PNG[: len(_PNG) // 2], "picture-truncated"),
        ("x.png", _PNG[:-12], "picture-truncated"),
        ("x.png", _HUGE, "picture-gigantic"),
    ],
)
def test_a_picture_that_cannot_be_used(source, name, data, code):
    source.add(name, data, [("a", 1, 1, 9, 9)])
    survey = take_survey(source, processes=1)
    (fault,) = survey.faults
    assert (fault.code, fault.file, fault.place, fault.row) == (code, name, "", 0)
    assert fault.fix == (name, "", "picture", "")
    assert survey.usable.tolist() == [False]
    assert survey.sizes.tolist() == [[0, 0]]
    assert not len(survey.boxes)
    assert survey.names == [name]


def test_more_pixels_than_allowed(source):
    source.add("x.jpg", picture())
    assert not take_survey(source, processes=1, max_pixels=64 * 48).faults
    (fault,) = take_survey(source, processes=1, max_pixels=64 * 48 - 1).faults
    assert (fault.code, fault.detail) == ("picture-gigantic", "64x48 pixels exceed the limit of 3071")


def test_a_file_longer_than_any_picture_is_not_read(source):
    source.add("x.jpg", bytes(2**20 + 801))
    (fault,) = take_survey(source, processes=1, max_pixels=100).faults
    assert fault.code == "picture-gigantic"


def test_a_pipe_is_not_waited_for(source, tmp_path):
    source.add("x.jpg", b"")
    (tmp_path / "x.jpg").unlink()
    os.mkfifo(tmp_path / "x.jpg")
    (fault,) = take_survey(source, processes=1).faults
    assert fault.code == "picture-unreadable"


def test_a_picture_that_went_away(source, tmp_path):
    source.add("x.jpg", b"")
    (tmp_path / "x.jpg").unlink()
    (fault,) = take_survey(source, processes=1).faults
    assert (fault.code, fault.file, fault.fix.file) == ("picture-missing", "x.jpg.xml", "x.jpg")


def test_what_follows_the_end_of_a_jpeg_is_no_fault(source):
    assert not _faults(source, "x.jpg", _JPEG + b"appended by a phone")


@pytest.mark.parametrize("name", ["x.png", "x.bmp", "x.GIF"])
def test_a_name_that_says_another_format(source, name):
    ((code, file, detail),) = _faults(source, name, _JPEG)
    assert (code, file, detail) == ("picture-misnamed", name, f"is called {name[1:].lower()} and is a JPEG")


@pytest.mark.parametrize("name", ["x.jpg", "x.JPEG", "x", "x.data"])
def test_a_name_that_fits_or_says_nothing(source, name):
    assert not _faults(source, name, _JPEG)


@pytest.mark.parametrize(
    ("mode", "image_format", "detail"),
    [("L", "JPEG", "grey"), ("CMYK", "JPEG", "CMYK"), ("P", "PNG", "palette"), ("LA", "PNG", "grey with transparency"),
     ("RGBA", "PNG", "RGB with transparency"), ("1", "PNG", "black and white"), ("I;16", "PNG", "grey of 16 bits")],
)  # fmt: skip
def test_channels(source, mode, image_format, detail):
    pixels = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)
    image = Image.fromarray(pixels) if mode == "I;16" else Image.fromarray((pixels >> 4).astype(np.uint8)).convert(mode)
    name = "x.jpg" if image_format == "JPEG" else "x.png"
    assert _faults(source, name, encoded(image, image_format)) == [("picture-channels", name, detail)]
    assert take_survey(source, processes=1).usable.all()


def test_sixteen_bits_of_rgb(source):
    # Pillow writes none: the header, the row's filter byte and 6 bytes for each of 64 pixels.
    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 64, 48, 16, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + bytes(64 * 6)) * 48)
    data = b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", rows) + part(b"IEND", b"")
    assert _faults(source, "x.png", data) == [("picture-channels", "x.png", "RGB of 16 bits")]


def test_another_size_than_annotated(source):
    expected = "annotated as 48x64, is 64x48: height and width are exchanged"
    assert _faults(source, "x.jpg", _JPEG, size=(64, 48)) == [("picture-size-differs", "x.jpg", expected)]
    assert not _faults(source, "x.jpg", _JPEG, size=(48, 64))


def _turned(orientation: int) -> bytes:
    exif = Image.Exif()
    exif[274] = orientation
    return picture(exif=exif)


@pytest.mark.parametrize(
    ("size", "expected"),
    # Turned by 90 degrees to the right, what was 10 from the left and 5 from the top is 10 from the top and 5 from the
    # right of 48 pixels.
    [(None, [5, 10, 15, 30]), ((64, 48), [5, 10, 15, 30]), ((48, 64), [10, 33, 30, 43])],
)
def test_a_picture_to_be_turned(source, size, expected):
    source.add("x.jpg", _turned(6), [("a", 10, 5, 30, 15)], size=size)
    survey = take_survey(source, processes=1)
    ((code, _, detail),) = [(fault.code, fault.file, fault.detail) for fault in survey.faults]
    assert (code, detail) == ("picture-rotated", "EXIF orientation 6")
    assert survey.sizes.tolist() == [[64, 48]]
    assert survey.boxes.tolist() == [expected]
    pixels, boxes = survey.load(0)
    assert pixels.shape == (64, 48, 3)
    assert boxes.tolist() == [expected]


@pytest.mark.parametrize("orientation", range(2, 9))
def test_hashes_are_of_the_upright_picture(source, orientation):
    upright = Image.open(os.path.join(source.root, _saved(source, orientation)))
    source.add("upright.png", encoded(upright, "PNG"))
    survey = take_survey(source, processes=1)
    assert int(survey.hashes[0] ^ survey.hashes[1]).bit_count() <= 2
    assert np.abs(survey.thumbnails[0].astype(int) - survey.thumbnails[1]).max() <= 3


def _saved(source: ListedSource, orientation: int) -> str:
    from PIL import ImageOps

    source.add("stored.jpg", _turned(orientation))
    ImageOps.exif_transpose(Image.open(source.root / "stored.jpg")).save(source.root / "turned.png")
    return "turned.png"


def test_a_picture_in_a_record(source):
    source.add("x.png", b"", [("a", 0.25, 0.25, 0.5, 0.5)], encoded=_JPEG[:-2], annotation="a.record", place="record 7")
    survey = take_survey(source, processes=1)
    (fault,) = survey.faults
    assert (fault.code, fault.where) == ("picture-truncated", "a.record: record 7")
    assert fault.fix == ("a.record", "record 7", "picture", "")
    assert survey.files == ["a.record: record 7"]
