# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Looks at one picture: decodes it, tells what is odd about it, and shrinks it to what a hash is taken of."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from efficientdet.data.faults import (
    PICTURE_CHANNELS,
    PICTURE_MISNAMED,
    PICTURE_MISSING,
    PICTURE_ROTATED,
    PICTURE_SIZE_DIFFERS,
    Fault,
    Fix,
)
from efficientdet.data.importers.annotation import AnnotatedImage
from efficientdet.data.importers.fitting import Frame, Size, frame_of
from efficientdet.data.importers.fixes import picture_form
from efficientdet.data.importers.images import DecodedPicture, PictureError, decode_picture, read_bytes, upright_rgb
from efficientdet.data.survey.hashing import GREY_SIDE

# Pictures are shrunk by a whole factor first, to a short side of this or more: averages are quicker than the filter
# that brings the rest down to GREY_SIDE.
_SHORT_SIDE = 2 * GREY_SIDE
DIGEST_BYTES = 16

_FORMATS_OF_SUFFIX = {
    ".jpg": "JPEG", ".jpeg": "JPEG", ".jpe": "JPEG", ".jfif": "JPEG", ".png": "PNG", ".bmp": "BMP", ".webp": "WEBP",
    ".tif": "TIFF", ".tiff": "TIFF", ".gif": "GIF",
}  # fmt: skip


class PictureFacts(NamedTuple):
    """What is kept of a picture that can be used."""

    upright: Size
    stored: Size
    orientation: int
    frame: Frame  # of its boxes
    grey: np.ndarray  # uint8 [GREY_SIDE, GREY_SIDE], upright


class Look(NamedTuple):
    """What came of looking at a picture."""

    digest: bytes  # of the file's bytes; empty where they could not be read
    facts: PictureFacts | None  # None: the picture cannot be used
    faults: list[Fault]


def picture_place(image: AnnotatedImage, root: Path) -> tuple[str, str]:
    """File and place of a picture for faults: ("images/x.jpg", "") or, of a record, ("x.record", "record 7")."""
    if image.encoded is not None:
        return image.annotation, image.place
    path, folder = os.fspath(image.path), f"{os.fspath(root)}{os.sep}"
    return (path[len(folder) :] if path.startswith(folder) else path).replace(os.sep, "/"), ""


def look_at(image: AnnotatedImage, where: tuple[str, str], max_pixels: int) -> Look:
    """Decodes a picture and notes what is wrong with it.

    Args:
      image: its annotation.
      where: file and place, see `picture_place`.
      max_pixels: larger ones are not decoded.
    """
    file, place = where
    digest = b""
    try:
        data = read_bytes(image.path, max_pixels) if image.encoded is None else image.encoded
        digest = hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()
        picture = decode_picture(data, file, max_pixels)
        grey = _grey(picture)
    except PictureError as error:
        # A picture that is not there is one of no annotation's fault; whoever lists a data set leaves such ones out.
        file = file if error.code != PICTURE_MISSING else image.annotation or file
        fix = Fix(*where, picture_form(), "")
        return Look(digest, None, [Fault(error.code, file, place, error.detail, fix=fix)])
    faults = [Fault(code, file, place, detail) for code, detail in _oddities(image, picture)]
    frame = frame_of(image.size, picture.size, picture.stored_size)
    return Look(digest, PictureFacts(picture.size, picture.stored_size, picture.orientation, frame, grey), faults)


def _oddities(image: AnnotatedImage, picture: DecodedPicture) -> list[tuple[str, str]]:
    """Codes and details of what does not keep a picture from being used."""
    found = []
    content = "JPEG" if picture.format == "MPO" else picture.format
    suffix = os.path.splitext(image.path)[1].lower() if image.encoded is None else ""
    if _FORMATS_OF_SUFFIX.get(suffix, content) != content:
        found.append((PICTURE_MISNAMED, f"is called {suffix} and is a {content}"))
    if picture.orientation != 1:
        found.append((PICTURE_ROTATED, f"EXIF orientation {picture.orientation}"))
    if picture.channels:
        found.append((PICTURE_CHANNELS, picture.channels))
    if image.size is not None and image.size not in (picture.size, picture.stored_size):
        (height, width), (real_height, real_width) = image.size, picture.size
        note = ": height and width are exchanged" if (width, height) == picture.size else ""
        found.append((PICTURE_SIZE_DIFFERS, f"annotated as {width}x{height}, is {real_width}x{real_height}{note}"))
    return found


def _grey(picture: DecodedPicture) -> np.ndarray:
    """The upright picture in GREY_SIDE x GREY_SIDE grey pixels, whatever its shape."""
    image = picture.image
    if image.mode not in ("RGB", "L"):
        image = upright_rgb(picture._replace(orientation=1))
    if (factor := min(image.size) // _SHORT_SIDE) > 1:
        image = image.reduce(factor)
    grey = np.asarray(image.convert("L").resize((GREY_SIDE, GREY_SIDE), Image.Resampling.LANCZOS))
    if picture.orientation in (2, 3, 7, 8):  # as `annotation.turn_box` moves boxes
        grey = grey[:, ::-1]
    if picture.orientation in (3, 4, 6, 7):
        grey = grey[::-1]
    return grey.T if picture.orientation >= 5 else grey
