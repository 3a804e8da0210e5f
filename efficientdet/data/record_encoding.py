# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Writes records: tf.Example with the feature keys of the Object Detection API (TFOD). No TensorFlow."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from efficientdet.data.files import masked_crc32c
from efficientdet.protos import example_pb2


class RecordBox(NamedTuple):
    """One box of a record, normalised to the picture."""

    name: str
    class_id: int
    ymin: float
    xmin: float
    ymax: float
    xmax: float
    area: float  # square pixels
    is_crowd: bool = False
    is_difficult: bool = False
    is_truncated: bool = False


def encode_example(
    *,
    encoded: bytes,
    image_format: str,
    size: tuple[int, int],
    filename: str,
    source_id: str,
    boxes: Sequence[RecordBox],
) -> bytes:
    """Serializes one picture with its boxes.

    Args:
      encoded: the picture, JPEG or PNG, RGB.
      image_format: "jpeg" or "png".
      size: (height, width) in pixels.
      filename: name of the picture's file.
      source_id: what the picture is called in results; COCO's image id where there is one.
      boxes: may be empty, which makes the picture a negative.

    Returns:
      A serialized tf.train.Example; equal arguments give equal bytes.
    """
    features = {
        "image/encoded": _bytes([encoded]),
        "image/format": _bytes([_utf8(image_format)]),
        "image/height": _ints([size[0]]),
        "image/width": _ints([size[1]]),
        "image/filename": _bytes([_utf8(filename)]),
        "image/source_id": _bytes([_utf8(source_id)]),
        "image/key/sha256": _bytes([hashlib.sha256(encoded).hexdigest().encode()]),
        "image/object/bbox/ymin": _floats(box.ymin for box in boxes),
        "image/object/bbox/xmin": _floats(box.xmin for box in boxes),
        "image/object/bbox/ymax": _floats(box.ymax for box in boxes),
        "image/object/bbox/xmax": _floats(box.xmax for box in boxes),
        "image/object/class/text": _bytes(_utf8(box.name) for box in boxes),
        "image/object/class/label": _ints(box.class_id for box in boxes),
        "image/object/area": _floats(box.area for box in boxes),
        "image/object/is_crowd": _ints(box.is_crowd for box in boxes),
        "image/object/difficult": _ints(box.is_difficult for box in boxes),
        "image/object/truncated": _ints(box.is_truncated for box in boxes),
    }
    example = example_pb2.Example(features=example_pb2.Features(feature=features))
    return example.SerializeToString(deterministic=True)


def frame_record(serialized: bytes) -> tuple[bytes, bytes, bytes]:
    """The three pieces that a TFRecord file holds of one record: header, the record, footer.

    Source: tensorflow/core/lib/io/record_writer.h. Length as uint64, its masked CRC-32C, the bytes, their masked
    CRC-32C; little-endian.
    """
    length = struct.pack("<Q", len(serialized))
    header = length + struct.pack("<I", masked_crc32c(length))
    return header, serialized, struct.pack("<I", masked_crc32c(serialized))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")  # names of files that are no UTF-8 keep their bytes


def _bytes(values: Iterable[bytes]) -> example_pb2.Feature:
    return example_pb2.Feature(bytes_list=example_pb2.BytesList(value=values))


def _floats(values: Iterable[float]) -> example_pb2.Feature:
    return example_pb2.Feature(float_list=example_pb2.FloatList(value=values))


def _ints(values: Iterable[int]) -> example_pb2.Feature:
    return example_pb2.Feature(int64_list=example_pb2.Int64List(value=map(int, values)))
