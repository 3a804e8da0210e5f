# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The batch that takes the most memory: the largest pictures of the data, full of boxes, at the largest scale.

Records are walked field by field in a mapped file, so that of a picture of 200 kB a few hundred bytes are read. No
TensorFlow.
"""

from __future__ import annotations

import contextlib
import heapq
import io
import mmap
import struct
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from google.protobuf.message import DecodeError, Message
from PIL import Image

from efficientdet import field_paths
from efficientdet.config import PipelineConfig
from efficientdet.data.files import resolve_files
from efficientdet.data.record_encoding import frame_record
from efficientdet.errors import DataError
from efficientdet.protos.example_pb2 import Example, Feature

_PICTURES = 4  # they are repeated to fill a batch; several, so that a single odd one does not stand for all
_HEADER = struct.Struct("<QI")
_FOOTER_BYTES = 4
_SIZE_KEYS = (b"image/height", b"image/width")
_PICTURE_KEY = b"image/encoded"
_BOXES = "image/object/"
_PICTURE_START = 1 << 18  # bytes of a picture that hold its header, EXIF thumbnail and all
_DELIMITED, _VARINT, _FIXED64, _FIXED32 = 2, 0, 1, 5  # wire types of protocol buffers
# (least, greatest) of a draw that decides how large a picture becomes.
_SCALES = (("scale_min", "scale_max"), ("min_scale_ratio", "max_scale_ratio"))


class Place(NamedTuple):
    """Where a record is."""

    file: str
    offset: int
    length: int


class Largest(NamedTuple):
    """What a look at all records found."""

    places: tuple[Place, ...]  # of the largest pictures, the largest first
    size: tuple[int, int]  # (height, width) of the largest; (0, 0) where no record tells
    num_records: int  # looked at
    num_bytes: int  # of these
    is_complete: bool  # False: time ran out before the last record


def training_files(config: PipelineConfig) -> list[str]:
    """The record files of training.

    Raises:
      DataError: none is there; with the line of the config.
    """
    place = "train_input_reader.tf_record_input_reader.input_path"
    try:
        return resolve_files(list(config.proto.train_input_reader.tf_record_input_reader.input_path))
    except DataError as error:
        raise DataError(f"{config.where(place)}: {error}") from None


def shuffled_bytes(config: PipelineConfig, largest: Largest) -> int:
    """Bytes of the records that wait in the shuffle buffer of training, by their mean size."""
    reader = config.proto.train_input_reader
    buffered = min(reader.shuffle_buffer_size, largest.num_records) if reader.shuffle else 0
    return buffered * largest.num_bytes // max(largest.num_records, 1)


def find_largest(files: Sequence[str], *, seconds: float = 20.0) -> Largest:
    """Looks for the records with the largest pictures.

    Args:
      files: TFRecord files, whole ones.
      seconds: to spend at most.
    """
    best: list[tuple[int, int, Place, tuple[int, int]]] = []
    num_records = num_bytes = 0
    stop = time.monotonic() + seconds
    is_complete = True
    for file in files:
        if Path(file).stat().st_size == 0 or not is_complete:
            continue  # nothing can be mapped
        with open(file, "rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
            for offset, length in _records(content):
                height, width = picture_size(content, offset, length)
                entry = (height * width, -num_records, Place(file, offset, length), (height, width))
                (heapq.heappushpop if len(best) == _PICTURES else heapq.heappush)(best, entry)
                num_records, num_bytes = num_records + 1, num_bytes + length
                if time.monotonic() > stop:
                    is_complete = False
                    break
    best.sort(reverse=True)
    size = best[0][3] if best else (0, 0)
    return Largest(tuple(entry[2] for entry in best), size, num_records, num_bytes, is_complete)


def write_worst_case(largest: Largest, path: Path, *, num_boxes: int) -> None:
    """Writes the records with the largest pictures, each with as many boxes as the reader keeps.

    Args:
      largest: as found.
      path: a TFRecord file to make.
      num_boxes: M.
    """
    with open(path, "wb") as written:
        for place in largest.places:
            with open(place.file, "rb") as file:
                file.seek(place.offset)
                data = _full_of_boxes(file.read(place.length), num_boxes)
            written.writelines(frame_record(data))


def worst_case(config: PipelineConfig, record: Path, batch_size: int) -> PipelineConfig:
    """A config that trains on the worst case alone, with the largest scale at each draw.

    Args:
      config: resolved.
      record: what `write_worst_case` wrote.
      batch_size: of the copy.
    """
    copy = config.copy()
    reader, train = copy.proto.train_input_reader, copy.proto.train_config
    train.batch_size = batch_size
    reader.num_epochs, reader.sample_1_of_n_examples = 0, 1
    reader.ClearField("sample_from_datasets_weights")
    del reader.tf_record_input_reader.input_path[:]
    reader.tf_record_input_reader.input_path.append(str(record))
    for step in train.data_augmentation_options:
        for _, message in field_paths.messages(step):
            _draw_largest(message)
    return copy


def _draw_largest(message: Message) -> None:
    names = message.DESCRIPTOR.fields_by_name
    for least, greatest in _SCALES:
        if least in names and greatest in names:
            setattr(message, least, getattr(message, greatest))


def _records(content: mmap.mmap) -> Iterator[tuple[int, int]]:
    """(offset, length) of the data of each record; ends where the file does, or is no TFRecord file any more."""
    offset = 0
    while offset + _HEADER.size <= len(content):
        length, _ = _HEADER.unpack_from(content, offset)
        offset += _HEADER.size
        if length > len(content) - offset:
            return
        yield offset, length
        offset += length + _FOOTER_BYTES


def picture_size(content: bytes | mmap.mmap, offset: int, length: int) -> tuple[int, int]:
    """Height and width of a record's picture: as its fields say it, else as the picture does; (0, 0) if neither.

    Args:
      content: of a file.
      offset: of a tf.Example in it.
      length: of this, in bytes.
    """
    sizes: dict[bytes, int] = {}
    picture = (0, 0)
    with contextlib.suppress(DecodeError, ValueError, IndexError):
        for key, start, end in _features(content, offset, offset + length):
            if key in _SIZE_KEYS:
                values = Feature.FromString(bytes(content[start:end])).int64_list.value
                sizes[key] = values[0] if values else 0
            elif key == _PICTURE_KEY:
                picture = (start, end)
            if len(sizes) == len(_SIZE_KEYS):
                break
    height, width = (sizes.get(key, 0) for key in _SIZE_KEYS)
    return (height, width) if height > 0 and width > 0 else _size_in_header(content, *picture)


def _size_in_header(content: bytes | mmap.mmap, start: int, end: int) -> tuple[int, int]:
    """The size that a picture in a Feature says of itself."""
    with contextlib.suppress(OSError, SyntaxError, ValueError, IndexError, StopIteration, Image.DecompressionBombError):
        _, start, end = next(_fields(content, start, end))  # Feature { bytes_list }
        _, start, end = next(_fields(content, start, end))  # BytesList { value }
        data = io.BytesIO(bytes(content[start : min(end, start + _PICTURE_START)]))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(data, formats=("JPEG", "PNG")) as image:
                return image.height, image.width
    return 0, 0


def _features(content: bytes | mmap.mmap, start: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """(key, start, end) of each feature of a tf.Example, whose bytes are a Feature."""
    for _, first, last in _fields(content, start, end):  # Example { features }
        for _, entry, entry_end in _fields(content, first, last):  # Features { feature }
            parts = {number: (low, high) for number, low, high in _fields(content, entry, entry_end)}
            if len(parts) == 2:
                key, value = parts[1], parts[2]
                yield bytes(content[slice(*key)]), *value


def _fields(content: bytes | mmap.mmap, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """(field number, start, end) of the delimited fields of a message; others are passed over."""
    while start < end:
        tag, start = _varint(content, start)
        kind = tag & 7
        if kind == _DELIMITED:
            length, start = _varint(content, start)
            if length > end - start:
                raise ValueError("a field reaches beyond its message")
            yield tag >> 3, start, start + length
            start += length
        elif kind == _VARINT:
            _, start = _varint(content, start)
        elif kind in (_FIXED64, _FIXED32):
            start += 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")


def _varint(content: bytes | mmap.mmap, start: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        byte = content[start]
        start += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, start
        shift += 7
    raise ValueError("a number of more than 10 bytes")


def _full_of_boxes(data: bytes, num_boxes: int) -> bytes:
    """A record with its boxes repeated until there are `num_boxes`; one without boxes as it is."""
    example = Example.FromString(data)
    features = example.features.feature
    lists = {}
    for key in features:
        kind = features[key].WhichOneof("kind") if key.startswith(_BOXES) else None
        if kind is not None:
            lists[key] = getattr(features[key], kind).value
    count = len(lists.get(f"{_BOXES}bbox/ymin", ()))
    for values in lists.values():
        if 0 < len(values) == count:
            more = [values[index % count] for index in range(count, num_boxes)]
            values.extend(more)
    return example.SerializeToString()
