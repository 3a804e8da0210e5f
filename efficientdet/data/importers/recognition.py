# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds out which format a data set is in, by what is in its files."""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from efficientdet.data.files import HEADER_BYTES, masked_crc32c, resolve_files
from efficientdet.data.importers.formats.coco import CocoSource, looks_like_coco
from efficientdet.data.importers.formats.csv_columns import Table
from efficientdet.data.importers.formats.csv_table import CsvSource
from efficientdet.data.importers.formats.labelme import LabelmeSource
from efficientdet.data.importers.formats.records import RecordSource
from efficientdet.data.importers.formats.voc import VocSource
from efficientdet.data.importers.formats.yolo import YoloSource
from efficientdet.data.importers.formats.yolo_config import read_config
from efficientdet.data.importers.formats.yolo_files import SUFFIX as YOLO_SUFFIX
from efficientdet.data.importers.formats.yolo_files import holds_labels, label_places
from efficientdet.data.importers.listing import PICTURE_SUFFIXES, FaultLog, FileTree, join, suffix_of
from efficientdet.data.importers.source import UNSPLIT, Source
from efficientdet.data.importers.split_names import in_order, split_of
from efficientdet.data.label_map import LabelMap, read_label_map
from efficientdet.errors import ConfigError, DataError, UsageError

_logger = logging.getLogger(__name__)

_SAMPLE = 12  # files of a kind that are looked into
_SAMPLE_OF_SMALL = 500  # most label files may be empty
_PIECE = 1 << 16
_YAMLS = (".yaml", ".yml")
_TEXTS = (".xml", ".txt", ".json", ".csv")


class _Format(NamedTuple):
    title: str
    wanted: str  # what is looked for, for people
    signs: Callable[[FileTree, Path | None], str]  # what was found of it, given the image_dir; "" for nothing
    open: Callable[..., Source]  # of a path, with image_dir


class SeveralFormatsError(DataError):
    """A folder holds data sets of several formats, or one in several. `formats` are their names."""

    def __init__(self, path: Path, signs: Mapping[str, str]) -> None:
        found = "; ".join(f"{name}: {sign}" for name, sign in signs.items())
        super().__init__(f"{path}: more than one format ({found}): say which with --format {{{','.join(signs)}}}")
        self.formats = tuple(signs)


def recognise(path: Path, *, format: str | None = None, image_dir: Path | None = None) -> Source:
    """Recognises a data set and lists it.

    Args:
      path: a folder; or a file that stands for the data set: COCO JSON, data.yaml, CSV, TFRecord or a glob of these.
      format: one of FORMATS, for folders that hold several; None to look.
      image_dir: where the pictures are, when not with the annotations.

    Raises:
      UsageError: `format` is none that is known, or an `image_dir` is given for records.
      SeveralFormatsError: more than one format is there.
      DataError: nothing is there that is known; or the data set cannot be listed.
    """
    if format is not None and format not in _FORMATS:
        raise UsageError(f"format {format!r} is not known: one of {', '.join(_FORMATS)}")
    if image_dir is not None and not image_dir.is_dir():
        raise DataError(f"image_dir {str(image_dir)!r} is not a folder")
    if path.is_dir():
        found, signs = _of_folder(path, image_dir) if format is None else (format, "--format")
    elif path.exists() or glob.has_magic(str(path)):
        found, signs = _of_file(path) if format is None else (format, "--format")
    else:
        raise DataError(f"{path}: there is no such file or folder")
    if found == "tfrecord" and image_dir is not None:
        raise UsageError("records hold their pictures: image_dir belongs to the other formats")
    source = _FORMATS[found].open(path, image_dir=image_dir)
    splits = ", ".join(f"{name or 'no splits'}: {len(entries)}" for name, entries in source.splits.items())
    _logger.info("%s: %s (%s); %s pictures", path, _FORMATS[found].title, signs, splits)
    return source


def _of_folder(path: Path, image_dir: Path | None) -> tuple[str, str]:
    """The format of a folder, and the signs of it."""
    tree = FileTree(path, FaultLog())
    found = {name: signs for name, format in _FORMATS.items() if (signs := format.signs(tree, image_dir))}
    if not found:
        wanted = "; ".join(f"{name}: {format.wanted}" for name, format in _FORMATS.items())
        raise DataError(f"{path}: no data set of a known format. Looked for {wanted}")
    if len(found) > 1:
        raise SeveralFormatsError(path, found)
    return next(iter(found.items()))


def _of_file(path: Path) -> tuple[str, str]:
    suffix = suffix_of(path.name)
    if glob.has_magic(str(path)) or _is_record_file(path):
        return "tfrecord", "records"
    if suffix == ".json" and looks_like_coco(path):
        return "coco", "images, annotations, categories"
    if suffix in _YAMLS:
        return "yolo", suffix
    if suffix in (".csv", ".tsv") and (columns := Table(path).columns()):
        return "csv", columns.kind
    hint = ": unpack it first" if suffix in (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar") else ""
    hint = hint or ": give the folder that holds it" if suffix in (".xml", ".txt", ".json", ".jpg", ".png") else hint
    raise DataError(f"{path}: not a file that stands for a data set (COCO JSON, data.yaml, CSV, TFRecord){hint}")


def _sample(paths: list[str], count: int = _SAMPLE) -> list[str]:
    """Some of many files, from all over the list."""
    return paths[:: -(-len(paths) // count) or 1]


def _start(tree: FileTree, file: str) -> bytes:
    try:
        with open(tree.root / file, "rb") as opened:
            return opened.read(_PIECE).replace(b"\0", b"")  # UTF-16 as well
    except OSError:
        return b""


def _voc_signs(tree: FileTree, image_dir: Path | None) -> str:
    files = tree.paths(".xml")
    hits = [file for file in _sample(files) if b"<annotation" in (start := _start(tree, file)) and b"<object" in start]
    return f"{len(files)} XML files, {hits[0]} for one" if hits else ""


def _coco_signs(tree: FileTree, image_dir: Path | None) -> str:
    if image_dir is None and next(tree.files(PICTURE_SUFFIXES), None) is None:  # what an import writes beside records
        return ""
    files = tree.paths(".json")
    hits = [file for file in _sample(files) if looks_like_coco(tree.root / file)]
    return f"JSON with images, annotations and categories, {hits[0]} for one" if hits else ""


def _labelme_signs(tree: FileTree, image_dir: Path | None) -> str:
    files = tree.paths(".json")
    starts = {file: _start(tree, file) for file in _sample(files)}
    hits = [file for file, start in starts.items() if b'"shapes"' in start and b'"images"' not in start]
    return f"{len(files)} JSON files, {hits[0]} with shapes for one" if hits else ""


def _yolo_signs(tree: FileTree, image_dir: Path | None) -> str:
    """Text files of numbers, where those of pictures lie or in folders of their own; where all are empty, data.yaml."""
    texts = tree.paths(YOLO_SUFFIX)
    pictures = [join(*pair) for pair in tree.files(PICTURE_SUFFIXES)] if texts else []
    known = set(texts)
    places = [place + YOLO_SUFFIX for path in _sample(pictures, _SAMPLE_OF_SMALL) for place in label_places(path)]
    beside = [place for place in places if place in known]
    labels = beside + _sample([path for path in texts if "/" in path], _SAMPLE_OF_SMALL) if pictures else []
    hit = next((file for file in labels if holds_labels(tree, file)), None)
    if hit:
        return f"{len(texts)} text files, {hit} with boxes for one"
    config = read_config(tree, None, FaultLog()).file if beside else ""
    return f"{config}, and text files without boxes" if suffix_of(config) in _YAMLS else ""


def _csv_signs(tree: FileTree, image_dir: Path | None) -> str:
    for file in _sample(tree.paths(".csv", ".tsv")):
        try:
            if columns := Table(tree.root / file).columns():
                return f"{file} with columns of {columns.kind}"
        except DataError:
            continue
    return ""


def _record_files(tree: FileTree) -> list[str]:
    called = [
        join(folder, name)
        for folder, files in tree.folders
        for suffix, names in files.items()
        if suffix not in PICTURE_SUFFIXES and suffix not in _TEXTS
        for name in names
        if "record" in name.lower() or "-of-" in name
    ]
    return [file for file in called if _is_record_file(tree.root / file)]


def _record_signs(tree: FileTree, image_dir: Path | None) -> str:
    files = _record_files(tree)
    return f"{len(files)} record files" if files else ""


def _is_record_file(path: Path) -> bool:
    """Whether a file starts with a length and its checksum."""
    try:
        with open(path, "rb") as file:
            header = file.read(HEADER_BYTES)
    except OSError:
        return False
    return len(header) == HEADER_BYTES and masked_crc32c(header[:8]) == int.from_bytes(header[8:], "little")


def _open_records(path: Path, *, image_dir: None) -> Source:
    if path.is_dir():
        files = [str(path / file) for file in _record_files(FileTree(path, FaultLog()))]
        if not files:
            raise DataError(f"{path}: no record file in it")
    else:
        files = resolve_files([str(path)])
    splits: dict[str, list[str | Path]] = {}
    for file in files:
        splits.setdefault(split_of(os.path.basename(file)) or UNSPLIT, []).append(file)
    root = path if path.is_dir() else None
    return RecordSource(in_order(splits), label_map=_label_map(root or Path(files[0]).parent), root=root)


def _label_map(folder: Path) -> LabelMap | None:
    """The label map beside the records, where there is one and only one."""
    found: list[LabelMap] = []
    for path in sorted(folder.glob("*.pbtxt")):
        try:
            found.append(read_label_map(path))
        except ConfigError:  # something else in the same notation
            continue
    return found[0] if len({label_map.labels for label_map in found}) == 1 else None


_FORMATS = {
    "voc": _Format("Pascal VOC", "XML files with <annotation>", _voc_signs, VocSource),
    "coco": _Format("COCO", "JSON with images, annotations and categories", _coco_signs, CocoSource),
    "yolo": _Format("YOLO", "text files with lines of a class and four numbers", _yolo_signs, YoloSource),
    "csv": _Format("CSV", "a table with columns for picture, class and corners", _csv_signs, CsvSource),
    "labelme": _Format("LabelMe", "JSON files with shapes", _labelme_signs, LabelmeSource),
    "tfrecord": _Format("TFRecords", "record files", _record_signs, _open_records),
}

FORMATS = tuple(_FORMATS)
"""What `format` may be."""
