# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pictures as they come in, made into what a record holds: RGB, 8 bits, upright, JPEG or PNG."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

from efficientdet.data import MAX_PIXELS
from efficientdet.errors import DataError

# Decoders that may touch an unknown file. The JPEG one also opens MPO, which phones write: a JPEG with a second one
# behind it.
_FORMATS = ("JPEG", "PNG", "BMP", "WEBP", "TIFF", "GIF")
_LOSSY = ("JPEG", "MPO", "WEBP")
_JPEG_QUALITY = 95
_ORIENTATION_TAG = 274


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
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    return normalize_image(data, str(path), max_pixels)


def normalize_image(data: bytes, place: str, max_pixels: int = MAX_PIXELS) -> EncodedImage:
    """Makes any picture an upright RGB one.

    The content decides what a file is, not its name. A JPEG or PNG that is RGB already is kept byte for byte. Others
    are encoded anew, as JPEG where they were lossy before and as PNG where not: greyscale, palette, CMYK, 16-bit ones
    and ones that an EXIF orientation turns. Transparency is ignored, as it is when a picture is read for detection.

    Args:
      data: the file's content.
      place: what names the picture in an error.
      max_pixels: pictures that claim to be larger are refused before they are decoded.

    Raises:
      DataError: when the content is no picture, is damaged, or is too large.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's remarks on odd EXIF data and on sizes, which are checked here
            image = Image.open(io.BytesIO(data), formats=_FORMATS)
            if image.width * image.height > max_pixels:
                raise DataError(f"{place}: {image.width}x{image.height} pixels exceed the limit of {max_pixels}")
            image.load()
            return _encode(image, data)
    except Image.DecompressionBombError as error:
        raise DataError(f"{place}: more pixels than the limit of {max_pixels}") from error
    except (OSError, SyntaxError, ValueError, IndexError, OverflowError) as error:  # what Pillow's decoders raise
        if isinstance(error, DataError):
            raise
        raise DataError(f"{place}: not a readable picture ({error})") from error


def _encode(image: Image.Image, data: bytes) -> EncodedImage:
    orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    if orientation not in range(1, 9):
        orientation = 1
    stored_size = (image.height, image.width)
    lossy = image.format in _LOSSY
    if image.mode == "RGB" and orientation == 1 and "transparency" not in image.info:
        if image.format in ("JPEG", "MPO"):
            return EncodedImage(data, "jpeg", stored_size, stored_size)
        if image.format == "PNG":
            return EncodedImage(data, "png", stored_size, stored_size)
    upright = _to_rgb(ImageOps.exif_transpose(image) if orientation != 1 else image)
    buffer = io.BytesIO()
    if lossy:
        upright.save(buffer, "JPEG", quality=_JPEG_QUALITY, subsampling=0)
    else:
        upright.save(buffer, "PNG")
    size = (upright.height, upright.width)
    return EncodedImage(buffer.getvalue(), "jpeg" if lossy else "png", size, stored_size, orientation, reencoded=True)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # Pillow's own conversion would clip at 255 instead of scaling
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    rgb = image.convert("RGB")
    rgb.info.clear()  # no colour profile, EXIF or transparency travels into the new file
    return rgb
