# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pictures as they come in: told what is wrong with them, and made into what a record holds.

That is RGB, 8 bits, upright, JPEG or PNG.
"""

from __future__ import annotations

import io
import os
import stat
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from efficientdet.data import MAX_PIXELS
from efficientdet.data.faults import (
    PICTURE_EMPTY,
    PICTURE_GIGANTIC,
    PICTURE_MISSING,
    PICTURE_TRUNCATED,
    PICTURE_UNREADABLE,
)
from efficientdet.data.importers.annotation import AnnotatedImage
from efficientdet.errors import DataError

# Decoders that may touch an unknown file. The JPEG one also opens MPO, which phones write: a JPEG with a second one
# behind it.
_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")
_JPEGS = ("JPEG", "MPO")
_LOSSY = (*_JPEGS, "WEBP")
_JPEG_QUALITY = 95
_ORIENTATION_TAG = 274
_MAX_BYTES_PER_PIXEL = 8  # four channels of 16 bits; no encoding of a picture within the limit is longer

# Markers of ISO/IEC 10918-1 (JPEG; inside a scan 0xFF is never followed by these) and the last chunk of every PNG.
_JPEG_SCAN, _JPEG_END = b"\xff\xda", b"\xff\xd9"
_PNG_END = b"IEND\xaeB`\x82"

_CHANNELS = {
    "1": "black and white", "L": "grey", "LA": "grey with transparency", "P": "palette",
    "PA": "palette with transparency", "RGBA": "RGB with transparency", "CMYK": "CMYK", "YCbCr": "YCbCr", "LAB": "Lab",
    "I": "grey of more than 8 bits", "F": "grey of floating point numbers",
}  # fmt: skip


class PictureError(DataError):
    """A picture that cannot be used. `code` is one of `data.faults`, `detail` says what is wrong without the place."""

    def __init__(self, code: str, place: str, detail: str) -> None:
        super().__init__(f"{place}: {detail}")
        self.code, self.place, self.detail = code, place, detail

    def __reduce__(self) -> tuple[type[PictureError], tuple[str, str, str]]:
        return type(self), (self.code, self.place, self.detail)  # errors are pickled by their text otherwise


class DecodedPicture(NamedTuple):
    """A picture whose pixels could be decoded, all of them."""

    image: Image.Image  # as stored: any mode, not turned
    format: str  # of the content, as Pillow names it: "JPEG"
    stored_size: tuple[int, int]  # (height, width) in the file
    orientation: int  # EXIF orientation, 1 to 8
    channels: str  # what they are, for people; "" for 8 bits of RGB

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the upright picture."""
        return self.stored_size[::-1] if self.orientation >= 5 else self.stored_size


class EncodedImage(NamedTuple):
    """A picture as a record holds it."""

    data: bytes
    format: str  # "jpeg" or "png"
    size: tuple[int, int]  # (height, width), upright
    stored_size: tuple[int, int]  # (height, width) in the file, before its EXIF orientation is applied
    orientation: int = 1  # EXIF orientation of the file, 1 to 8
    reencoded: bool = False  # False: `data` is the file, byte for byte


def read_image(path: Path, max_pixels: int = MAX_PIXELS) -> EncodedImage:
    """Reads a picture file; see `normalize_image`."""
    return normalize_image(read_bytes(path, max_pixels), str(path), max_pixels)


def read_bytes(path: Path, max_pixels: int = MAX_PIXELS) -> bytes:
    """The content of a picture file.

    Raises:
      PictureError: it is missing, cannot be read, or is larger than any picture of `max_pixels`.
    """
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):  # reading a pipe or a device might never end
            raise PictureError(PICTURE_UNREADABLE, str(path), "is no file")
        if status.st_size > max_pixels * _MAX_BYTES_PER_PIXEL + 2**20:
            detail = f"{status.st_size} bytes are more than a picture of {max_pixels} pixels needs"
            raise PictureError(PICTURE_GIGANTIC, str(path), detail)
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError as error:
        raise PictureError(PICTURE_MISSING, str(path), str(error.strerror)) from error
    except OSError as error:
        raise PictureError(PICTURE_UNREADABLE, str(path), str(error.strerror)) from error


def decode_picture(data: bytes, place: str, max_pixels: int = MAX_PIXELS, *, load: bool = True) -> DecodedPicture:
    """Decodes a picture of any of the formats that are read; the content decides what it is, not its name.

    Args:
      data: the file's content.
      place: what names the picture in an error.
      max_pixels: pictures that claim to be larger are refused before they are decoded.
      load: False decodes nothing before the pixels are asked for: for a picture that was decoded once without an error.

    Raises:
      PictureError: when the content is no picture, is damaged, or is too large.
    """
    if not data:
        raise PictureError(PICTURE_EMPTY, place, "not a readable picture (zero bytes)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd EXIF data and on sizes, which are checked here
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
            if image.width * image.height > max_pixels:
                detail = f"{image.width}x{image.height} pixels exceed the limit of {max_pixels}"
                raise PictureError(PICTURE_GIGANTIC, place, detail)
            channels = _channels(image)
            if load:
                image.load()
                _check_end(image, data, place)
            orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except PictureError:
        raise
    except Image.DecompressionBombError as error:
        raise PictureError(PICTURE_GIGANTIC, place, f"more pixels than the limit of {max_pixels}") from error
    except Image.UnidentifiedImageError as error:
        detail = f"not a readable picture (starts with {data[:12]!r}, read are {', '.join(_FORMATS)})"
        raise PictureError(PICTURE_UNREADABLE, place, detail) from error
    except Exception as error:  # whatever a decoder makes of damaged bytes: their kinds differ from format to format
        code = PICTURE_TRUNCATED if "truncated" in str(error).lower() else PICTURE_UNREADABLE
        raise PictureError(code, place, f"not a readable picture ({error})") from error
    orientation = orientation if orientation in range(1, 9) else 1
    return DecodedPicture(image, image.format or "", (image.height, image.width), orientation, channels)


def _check_end(image: Image.Image, data: bytes, place: str) -> None:
    """Finds pictures that lack no more than their end, which Pillow lets pass and other decoders refuse."""
    if image.format in _JPEGS:
        ends = data.endswith(_JPEG_END) or data.rfind(_JPEG_END) > data.rfind(_JPEG_SCAN)
    else:
        ends = image.format != "PNG" or _PNG_END in data
    if not ends:
        raise PictureError(
            PICTURE_TRUNCATED, place, f"not a readable picture (the end of the {image.format} is missing)"
        )


def _channels(image: Image.Image) -> str:
    """What is in the channels, from the header of a picture that is not decoded yet; "" for 8 bits of RGB."""
    if image.mode == "RGB":
        # Pillow brings 16 bits down to 8 while it decodes; what it will decode from says so.
        wide = image.format == "PNG" and any("16" in str(tile[3]) for tile in getattr(image, "tile", ()))
        return "RGB of 16 bits" if wide else "RGB with a transparent colour" if "transparency" in image.info else ""
    if image.mode.startswith("I;16"):
        return "grey of 16 bits"
    return _CHANNELS.get(image.mode, image.mode)


def normalize_image(data: bytes, place: str, max_pixels: int = MAX_PIXELS, *, load: bool = True) -> EncodedImage:
    """Makes any picture an upright RGB one.

    A JPEG or PNG that is RGB already is kept byte for byte. Others are encoded anew, as JPEG where they were lossy
    before and as PNG where not: greyscale, palette, CMYK, 16-bit ones and ones that an EXIF orientation turns.
    Transparency is ignored, as it is when a picture is read for detection.

    Args:
      data: the file's content.
      place: what names the picture in an error.
      max_pixels: pictures that claim to be larger are refused before they are decoded.
      load: see `decode_picture`; False keeps a plain picture without decoding it again.

    Raises:
      PictureError: when the content is no picture, is damaged, or is too large.
    """
    picture = decode_picture(data, place, max_pixels, load=load)
    if picture.orientation == 1 and picture.image.mode == "RGB" and "transparency" not in picture.image.info:
        if picture.format in _JPEGS:
            return EncodedImage(data, "jpeg", picture.size, picture.stored_size)
        if picture.format == "PNG":
            return EncodedImage(data, "png", picture.size, picture.stored_size)
    try:
        upright = upright_rgb(picture)
    except Exception as error:  # as in `decode_picture`: with load=False the pixels are decoded here
        raise PictureError(PICTURE_UNREADABLE, place, f"not a readable picture ({error})") from error
    lossy = picture.format in _LOSSY
    buffer = io.BytesIO()
    if lossy:
        upright.save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    else:
        upright.save(buffer, "PNG")
    size, stored_size = (upright.height, upright.width), picture.stored_size
    return EncodedImage(
        buffer.getvalue(), "jpeg" if lossy else "png", size, stored_size, picture.orientation, reencoded=True
    )


def upright_rgb(picture: DecodedPicture) -> Image.Image:
    """The picture as the network sees it: upright, RGB, 8 bits."""
    image = picture.image
    if picture.orientation != 1:
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):  # Pillow's own conversion would clip at 255 instead of scaling
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    rgb = image.convert("RGB")
    rgb.info.clear()  # no colour profile, EXIF or transparency travels into the new file
    return rgb


def read_upright(image: AnnotatedImage, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """The pixels of an annotated picture, uint8 [h, w, 3], upright.

    Raises:
      PictureError: it cannot be read.
    """
    data = read_bytes(image.path, max_pixels) if image.encoded is None else image.encoded
    return np.asarray(upright_rgb(decode_picture(data, str(image.path), max_pixels)))
