# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Reads TFRecords without TensorFlow: tf.Example with the feature keys of the Object Detection API (TFOD)."""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, overload

import numpy as np
from google.protobuf.message import DecodeError

from efficientdet.data import faults
from efficientdet.data.faults import Fault
from efficientdet.data.files import FOOTER_BYTES, HEADER_BYTES, masked_crc32c, walk_records
from efficientdet.data.importers.annotation import LARGEST_SIDE, AnnotatedImage, AnnotationError, BoxAnnotation
from efficientdet.data.importers.listing import FaultLog
from efficientdet.data.label_map import LabelMap
from efficientdet.errors import DataError
from efficientdet.protos import example_pb2

_LARGEST_RECORD = 128 << 20
_MOST_VALUES = 1_000_000  # in one list
_SIDES = ("ymin", "xmin", "ymax", "xmax")
_OBJECT = "image/object/"


class RecordEntry(NamedTuple):
    """Where a record lies."""

    file: int  # number of the file
    number: int  # of the record in its file, from 0
    offset: int  # byte that its header starts at
    length: int  # bytes of its content


class RecordEntries(Sequence[RecordEntry]):
    """The records of a split: numbers in one array, since there may be a million of them."""

    def __init__(self, rows: np.ndarray) -> None:
        """Takes int64 [R, 4], the fields of an entry."""
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> RecordEntry: ...

    @overload
    def __getitem__(self, index: slice) -> RecordEntries: ...

    def __getitem__(self, index: int | slice) -> RecordEntry | RecordEntries:
        if isinstance(index, slice):
            return RecordEntries(self._rows[index])
        return RecordEntry(*self._rows[index].tolist())


class RecordSource:
    """Record files, see `source.Source`; pictures are inside, and boxes are fractions of them."""

    format = "tfrecord"

    def __init__(
        self,
        files: Mapping[str, Sequence[str | Path]],
        *,
        label_map: LabelMap | None = None,
        root: Path | None = None,
    ) -> None:
        """Walks the files' headers; a damaged file counts up to the damage.

        Args:
          files: by split, in the order to read them; several splits may name the same file.
          label_map: names the classes of records that hold ids only.
          root: what faults call files relative to; None for the folder that all of them are below.

        Raises:
          DataError: when there is no record in any of them.
        """
        log = FaultLog()
        paths = list(dict.fromkeys(os.path.abspath(path) for found in files.values() for path in found))
        self.root = Path(os.path.abspath(root) if root else _common_folder(paths))
        self.labels = label_map.labels if label_map else ()
        self._names = {label.id: label.name for label in self.labels}
        self._paths = paths
        self._files = [_relative(path, str(self.root)) for path in paths]
        rows = [_list(number, path, self._files[number], log) for number, path in enumerate(paths)]
        number_of = {path: number for number, path in enumerate(paths)}
        self.splits: Mapping[str, Sequence[RecordEntry]] = {
            split: RecordEntries(np.concatenate([rows[number_of[os.path.abspath(path)]] for path in found]))
            for split, found in files.items()
            if found
        }
        if not any(map(len, self.splits.values())):
            raise DataError(f"{self.root}: there is no record in its {len(paths)} files; {log.first()}")
        self.faults: Sequence[Fault] = log.finish()

    def read(self, entry: RecordEntry) -> AnnotatedImage:
        """Reads a record, with both checksums."""
        file, place = self._files[entry.file], f"record {entry.number}"
        try:
            return self._image(_parse(_read(self._paths[entry.file], entry)), file, place)
        except _RecordError as error:
            raise AnnotationError(Fault(faults.RECORD_UNREADABLE, file, place, str(error))) from error

    def _image(self, example: _Features, file: str, place: str) -> AnnotatedImage:
        encoded = example.bytes_of("image/encoded")
        if len(encoded) != 1 or not encoded[0]:
            raise _RecordError("it holds no picture (image/encoded)")
        filename, source_id = (_text(example.bytes_of(f"image/{key}")) for key in ("filename", "source_id"))
        stated = [next(iter(example.integers_of(f"image/{key}")), 0) for key in ("height", "width")]
        return AnnotatedImage(
            path=Path(os.path.join(self.root, file)),
            filename=filename or source_id,
            source_id=source_id or filename,
            size=(stated[0], stated[1]) if all(0 < side <= LARGEST_SIDE for side in stated) else None,
            boxes=tuple(self._boxes(example, place)),
            annotation=file,
            is_normalized=True,
            encoded=encoded[0],
            place=place,
        )

    def _boxes(self, example: _Features, place: str) -> list[BoxAnnotation]:
        sides = [example.floats_of(f"{_OBJECT}bbox/{side}") for side in _SIDES]
        count = len(sides[0])
        if any(len(side) != count for side in sides):
            lengths = ", ".join(str(len(side)) for side in sides)
            raise _RecordError(f"its lists {_OBJECT}bbox/{{ymin,xmin,ymax,xmax}} differ in length: {lengths}")
        names = self._class_names(example, count)
        areas = _per_box(f"{_OBJECT}area", example.floats_of(f"{_OBJECT}area"), count)
        flags = [
            _per_box(key, example.integers_of(key), count)
            for key in (f"{_OBJECT}is_crowd", f"{_OBJECT}difficult", f"{_OBJECT}truncated")
        ]
        return [
            BoxAnnotation(
                names[i], sides[0][i], sides[1][i], sides[2][i], sides[3][i],
                area=float(areas[i]) if areas and np.isfinite(areas[i]) else None,
                is_crowd=bool(flags[0] and flags[0][i]),
                is_difficult=bool(flags[1] and flags[1][i]),
                is_truncated=bool(flags[2] and flags[2][i]),
                place=f"{place} box {i}",
            )
            for i in range(count)
        ]  # fmt: skip

    def _class_names(self, example: _Features, count: int) -> list[str]:
        """The class of each box: its text, else the label map's name of its id, else the id."""
        key = f"{_OBJECT}class/"
        texts = _per_box(f"{key}text", example.bytes_of(f"{key}text"), count)
        ids = _per_box(f"{key}label", example.integers_of(f"{key}label"), count)
        if count and not texts and not ids:
            raise _RecordError(f"its boxes have no class ({key}text or {key}label)")
        by_id = [self._names.get(id_, str(id_)) for id_ in ids] or [""] * count
        return [_text([text]) or name for text, name in zip(texts or [b""] * count, by_id, strict=True)]


class _RecordError(ValueError):
    """What is wrong with a record."""


class _Features:
    """The features of a tf.Example, of the kinds that are expected."""

    def __init__(self, example: example_pb2.Example) -> None:
        self._features = example.features.feature

    def bytes_of(self, key: str) -> list[bytes]:
        return list(self._features[key].bytes_list.value) if self._has(key, "bytes_list") else []

    def floats_of(self, key: str) -> list[float]:
        return list(self._features[key].float_list.value) if self._has(key, "float_list") else []

    def integers_of(self, key: str) -> list[int]:
        return list(self._features[key].int64_list.value) if self._has(key, "int64_list") else []

    def _has(self, key: str, kind: str) -> bool:
        if key not in self._features:
            return False
        found = self._features[key].WhichOneof("kind")
        if found not in (None, kind):
            raise _RecordError(f"its {key} is a {found}, where a {kind} is expected")
        if found and len(getattr(self._features[key], found).value) > _MOST_VALUES:
            raise _RecordError(f"its {key} has more than {_MOST_VALUES} values")
        return True


def _common_folder(paths: Sequence[str]) -> str:
    try:
        return os.path.commonpath([os.path.dirname(path) for path in paths])
    except ValueError:  # none, or on several drives
        return os.getcwd()


def _relative(path: str, root: str) -> str:
    inside = path.startswith(os.path.join(root, ""))
    return (os.path.relpath(path, root) if inside else path).replace(os.sep, "/")


def _list(number: int, path: str, file: str, log: FaultLog) -> np.ndarray:
    """int64 [R, 4], the records of a file up to its end or to where it is damaged."""
    rows: list[tuple[int, int]] = []
    try:
        rows.extend(walk_records(path))
    except DataError as error:
        # `extend` keeps what came before the error.
        detail = str(error).removeprefix(f"{path}: ")
        log.add(faults.RECORD_UNREADABLE, file, f"record {len(rows)}", f"{detail}; what follows is not read")
    else:
        if not rows:
            log.add(faults.RECORD_UNREADABLE, file, "", "the file holds no record")
    found = np.array(rows, np.int64).reshape(-1, 2)
    numbers = np.arange(len(found))
    return np.stack([np.full_like(numbers, number), numbers, found[:, 0], found[:, 1]], axis=1)


def _read(path: str, entry: RecordEntry) -> bytes:
    if entry.length > _LARGEST_RECORD:
        raise _RecordError(f"{entry.length} bytes, beyond the limit of {_LARGEST_RECORD}")
    size = HEADER_BYTES + entry.length + FOOTER_BYTES
    try:
        with open(path, "rb", buffering=0) as file:
            data = os.pread(file.fileno(), size, entry.offset)
    except OSError as error:
        raise _RecordError(error.strerror or str(error)) from error
    if len(data) < size:
        raise _RecordError("the file has become shorter since it was listed")
    content = data[HEADER_BYTES:-FOOTER_BYTES]
    if masked_crc32c(data[:8]) != struct.unpack_from("<I", data, 8)[0]:
        raise _RecordError(f"the checksum of its header is wrong (byte {entry.offset})")
    if masked_crc32c(content) != struct.unpack("<I", data[-FOOTER_BYTES:])[0]:
        raise _RecordError(f"its checksum is wrong (bytes {entry.offset} to {entry.offset + size})")
    return content


def _parse(content: bytes) -> _Features:
    try:
        return _Features(example_pb2.Example.FromString(content))
    except DecodeError as error:
        raise _RecordError("it is no tf.Example") from error


def _per_box(key: str, values: list, count: int) -> list:
    """A list that may be absent, but not of another length than the boxes."""
    if len(values) not in (0, count):
        raise _RecordError(f"its {key} has {len(values)} values for {count} boxes")
    return values


def _text(values: Sequence[bytes]) -> str:
    return values[0].decode("utf-8", "replace") if values else ""
