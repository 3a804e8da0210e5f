# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Every kind of picture becomes an upright RGB one, and is kept as it is when it is that already."""

from __future__ import annotations

import io
import pickle

import numpy as np
import pytest
from PIL import Image

from efficientdet.data.importers.images import PictureError, normalize_image, read_image
from efficientdet.errors import DataError

_GRADIENT = np.linspace(0, 255, 12 * 20 * 3).reshape(12, 20, 3).astype(np.uint8)


def _encode(image: Image.Image, image_format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, image_format, **options)
    return buffer.getvalue()


def _pixels(data: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(data))
    assert image.mode == "RGB"
    return np.asarray(image)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG"])
def test_plain_rgb_is_kept_byte_for_byte(image_format):
    data = _encode(Image.fromarray(_GRADIENT), image_format)
    result = normalize_image(data, "x")
    assert result.data == data
    assert (result.format, result.size, result.reencoded) == (image_format.lower(), (12, 20), False)


def test_content_decides_not_the_name(tmp_path):
    (tmp_path / "x.jpg").write_bytes(_encode(Image.fromarray(_GRADIENT), "PNG"))
    assert read_image(tmp_path / "x.jpg").format == "png"


@pytest.mark.parametrize(
    ("mode", "image_format", "result_format", "tolerance"),
    [("L", "JPEG", "jpeg", 8), ("CMYK", "JPEG", "jpeg", 12), ("RGBA", "PNG", "png", 0), ("L", "PNG", "png", 0),
     ("P", "PNG", "png", 0), ("LA", "PNG", "png", 0), ("1", "PNG", "png", 0), ("RGB", "BMP", "png", 0),
     ("RGB", "TIFF", "png", 0), ("RGB", "WEBP", "jpeg", 12)],
)  # fmt: skip
def test_other_modes_and_formats_become_rgb(mode, image_format, result_format, tolerance):
    image = Image.fromarray(_GRADIENT).convert(mode)
    data = _encode(image, image_format, **({"quality": 95} if image_format in ("JPEG", "WEBP") else {}))
    result = normalize_image(data, "x")
    assert (result.format, result.size, result.reencoded) == (result_format, (12, 20), True)
    difference = np.abs(_pixels(result.data).astype(int) - np.asarray(image.convert("RGB")))
    assert difference.max() <= tolerance


def test_transparency_is_ignored():
    pixels = np.dstack([_GRADIENT, np.zeros((12, 20), np.uint8)])
    np.testing.assert_array_equal(
        _pixels(normalize_image(_encode(Image.fromarray(pixels), "PNG"), "x").data), _GRADIENT
    )


def test_sixteen_bits_are_scaled_not_clipped():
    wide = (np.arange(240).reshape(12, 20) * 256 + 17).astype(np.uint16)
    result = _pixels(normalize_image(_encode(Image.fromarray(wide), "PNG"), "x").data)
    np.testing.assert_array_equal(result[..., 0], np.arange(240).reshape(12, 20))


@pytest.mark.parametrize("orientation", range(2, 9))
def test_exif_orientation_is_applied_and_removed(orientation):
    image = Image.fromarray(_GRADIENT)
    exif = Image.Exif()
    exif[274] = orientation
    result = normalize_image(_encode(image, "PNG", exif=exif), "x")
    turns = {2: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT), 3: image.rotate(180),
             4: image.transpose(Image.Transpose.FLIP_TOP_BOTTOM), 5: image.transpose(Image.Transpose.TRANSPOSE),
             6: image.rotate(-90, expand=True), 7: image.transpose(Image.Transpose.TRANSVERSE),
             8: image.rotate(90, expand=True)}  # fmt: skip
    np.testing.assert_array_equal(_pixels(result.data), np.asarray(turns[orientation]))
    assert result.orientation == orientation
    assert result.stored_size == (12, 20)
    assert result.size == ((12, 20) if orientation < 5 else (20, 12))
    assert not Image.open(io.BytesIO(result.data)).getexif()


def test_an_orientation_out_of_range_is_none():
    exif = Image.Exif()
    exif[274] = 99
    data = _encode(Image.fromarray(_GRADIENT), "JPEG", exif=exif)
    assert normalize_image(data, "x").data == data


@pytest.mark.parametrize(
    "data",
    [b"", b"hello", b"%!PS-Adobe-3.0 EPSF-3.0\n", _encode(Image.fromarray(_GRADIENT), "JPEG")[:300],
     _encode(Image.fromarray(_GRADIENT), "PNG")[:80]],
)  # fmt: skip
def test_what_is_no_picture_is_named(data):
    with pytest.raises(DataError, match=r"x\.jpg: not a readable picture"):
        normalize_image(data, "x.jpg")


def test_pixels_are_counted_before_decoding():
    data = _encode(Image.fromarray(_GRADIENT), "PNG")
    with pytest.raises(DataError, match="x: 20x12 pixels exceed the limit of 239"):
        normalize_image(data, "x", max_pixels=239)
    huge = bytearray(data)
    huge[16:24] = b"\x00\x01\x00\x00" * 2  # a header that claims 65,536 x 65,536 pixels
    with pytest.raises(DataError):
        normalize_image(bytes(huge), "x")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"gone\.jpg: No such file"):
        read_image(tmp_path / "gone.jpg")


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "picture-empty"), (b"hello", "picture-unreadable"),
     (_encode(Image.fromarray(_GRADIENT), "JPEG")[:-2], "picture-truncated"),
     (_encode(Image.fromarray(_GRADIENT), "PNG")[:-12], "picture-truncated")],
)  # fmt: skip
def test_an_error_says_what_kind_it_is_and_travels_between_processes(data, code):
    with pytest.raises(PictureError) as caught:
        normalize_image(data, "x.jpg")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (copy.code, str(copy)) == (code, f"x.jpg: {caught.value.detail}")


def test_a_picture_known_to_be_sound_is_not_decoded_again():
    damaged = _encode(Image.fromarray(_GRADIENT), "JPEG")[:-2]
    assert normalize_image(damaged, "x", load=False).data == damaged
    grey = _encode(Image.fromarray(_GRADIENT[..., 0]), "PNG")
    assert normalize_image(grey, "x", load=False) == normalize_image(grey, "x")
    with pytest.raises(PictureError, match="x: not a readable picture"):
        normalize_image(grey[:80], "x", load=False)
