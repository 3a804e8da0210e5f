# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Reads COCO detection annotations: JSON files with images, annotations and categories, and folders of pictures.

Outlines and run lengths are passed over; their `area` and `iscrowd` are kept.
"""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from efficientdet.data import faults
from efficientdet.data.faults import Fault
from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation
from efficientdet.data.importers.formats.coco_columns import CocoColumns, read_columns
from efficientdet.data.importers.listing import FaultLog, FileTree, folder_of, join
from efficientdet.data.importers.picture_index import FileIndex, parts_of, picture_index
from efficientdet.data.importers.split_names import in_order, name_splits, split_of, split_of_path
from efficientdet.data.label_map import Label
from efficientdet.errors import DataError

_logger = logging.getLogger(__name__)

_ANNOTATION_FOLDERS = ("annotations", "annotation", "coco", "labels", "json")
_SAMPLE = 64


class CocoSource:
    """One COCO file, or a folder with one for each split, see `source.Source`; entries are numbers."""

    format = "coco"

    def __init__(self, path: Path, *, image_dir: Path | None = None) -> None:
        """Reads the files, into columns.

        Args:
          path: a JSON file, or a folder that holds some; the name of each says its split.
          image_dir: what `file_name`s are relative to; None looks for the pictures in the folder of the data set.

        Raises:
          DataError: when a file is no such JSON, they do not agree on the categories, or no picture is there.
        """
        log = FaultLog()
        self.root = path if path.is_dir() else _root_of(path)
        tree = FileTree(self.root, log) if path.is_dir() else None
        found = coco_files(tree) if tree else [os.path.relpath(path, self.root)]
        if not found:
            raise DataError(f"{path}: no JSON file with lists 'images', 'annotations' and 'categories'")
        self._files = _without_others(found)
        self._columns = [read_columns(self.root, file, log) for file in self._files]
        self.labels = _agree(self._columns, [str(self.root / file) for file in self._files])
        self.image_root = image_dir or self.root
        index = picture_index(tree if tree and image_dir is None else FileTree(self.image_root, log))
        self._first: list[int] = []  # entry of each file's first picture
        self._pictures: list[str] = []  # of each entry, relative to `image_root`
        splits: dict[str, Sequence[int]] = {}
        listed = sum(len(columns.file_names) for columns in self._columns)
        for number, split in enumerate(name_splits(self._files)):
            pictures = _find_pictures(self._columns[number], self._files[number], index, log)
            kept = [row for row, picture in enumerate(pictures) if picture]
            self._first.append(len(self._pictures))
            self._pictures += [pictures[row] for row in kept]
            self._columns[number] = self._columns[number].keep(kept)
            splits[split] = range(self._first[number], len(self._pictures))
        if not self._pictures:
            raise DataError(f"{path}: none of its {listed} pictures is in {self.image_root}")
        self.splits: Mapping[str, Sequence[int]] = in_order(splits)
        self.faults: Sequence[Fault] = log.finish()

    def read(self, entry: int) -> AnnotatedImage:
        """Takes the boxes of one picture out of the columns."""
        number = max(i for i, first in enumerate(self._first) if first <= entry)
        columns, row = self._columns[number], entry - self._first[number]
        names = columns.names
        boxes = []
        for i in range(columns.bounds[row], columns.bounds[row + 1]):
            x, y, width, height = columns.boxes[i].tolist()
            area, category = float(columns.areas[i]), columns.category_ids[columns.categories[i]]
            boxes.append(
                BoxAnnotation(
                    names.get(category, str(category)), y, x, y + height, x + width,
                    area=None if math.isnan(area) else area,
                    is_crowd=bool(columns.is_crowd[i]),
                    place=f"annotations[{columns.ordinals[i]}]",
                )
            )  # fmt: skip
        height, width = columns.sizes[row].tolist()
        return AnnotatedImage(
            path=Path(os.path.join(self.image_root, self._pictures[entry])),
            filename=columns.file_names[row].replace("\\", "/"),
            source_id=columns.source_ids[row],
            size=(height, width) if height and width else None,
            boxes=tuple(boxes),
            annotation=self._files[number],
        )


def coco_files(tree: FileTree) -> list[str]:
    """The JSON files of a folder that look like COCO annotations, by the keys at their start and end."""
    return [file for file in tree.paths(".json") if looks_like_coco(tree.root / file)]


def looks_like_coco(path: Path) -> bool:
    """Whether the start and the end of a file name all three lists."""
    piece = 1 << 16
    try:
        with open(path, "rb") as file:
            start = file.read(piece)
            file.seek(max(piece, os.fstat(file.fileno()).st_size - piece))
            text = (start + file.read(piece)).replace(b"\0", b"")  # UTF-16 as well
    except OSError:
        return False
    keys = (b'"images"', b'"annotations"', b'"categories"')
    # The list in the middle may hide behind one that is long.
    return b"{" in start[:64] and sum(key in text for key in keys) >= 2


def _root_of(file: Path) -> Path:
    """The folder that holds the pictures of a file: where it lies, or above a folder for annotations."""
    folder = file.absolute().parent
    return folder.parent if folder.name.lower() in _ANNOTATION_FOLDERS else folder


def _without_others(files: list[str]) -> list[str]:
    """Leaves out key points and captions of the same pictures, which COCO has beside its instances."""
    instances = [file for file in files if file.rpartition("/")[2].startswith("instances")]
    if instances and len(instances) < len(files):
        _logger.info("of %d COCO files the instances are read: %s", len(files), ", ".join(instances))
    return instances or files


def _agree(columns: Sequence[CocoColumns], files: Sequence[str]) -> tuple[Label, ...]:
    """The categories of all files; a DataError where two give one id different names."""
    names: dict[int, str] = {}
    for file, of_file in zip(files, columns, strict=True):
        for id_, name in of_file.names.items():
            if names.setdefault(id_, name) != name:
                raise DataError(f"{file}: category {id_} is {name!r} here and {names[id_]!r} in {files[0]}")
    return tuple(Label(id_, name) for id_, name in sorted(names.items()))


def _find_pictures(columns: CocoColumns, file: str, index: FileIndex, log: FaultLog) -> list[str]:
    """The picture of each row; "" where there is none."""
    folder = _folder_of(columns.file_names, file, index)
    near = folder or folder_of(file)
    pictures = []
    for name, ordinal in zip(columns.file_names, columns.image_ordinals.tolist(), strict=True):
        path = join(folder, "/".join(parts_of(name))) if folder is not None else ""
        if path not in index.paths:
            path = index.find(name, near) or ""
        if not path:
            log.add(faults.PICTURE_MISSING, file, f"images[{ordinal}]", index.missing(name, near))
        pictures.append(path)
    return pictures


def _folder_of(names: Sequence[str], file: str, index: FileIndex) -> str | None:
    """The folder that most of a sample of names are in; of equals, the file's own, then the one called as it is."""
    votes: dict[str, int] = {}
    for name in names[:: max(1, len(names) // _SAMPLE)]:
        path = "/".join(parts_of(name))
        for candidate in index.candidates(name):
            if candidate == path or candidate.endswith(f"/{path}"):
                folder = candidate[: -len(path)].rstrip("/")
                votes[folder] = votes.get(folder, 0) + 1
    own, _, stem = file.lower().rpartition("/")
    split = split_of(stem) or split_of_path(own)

    def rank(folder: str) -> tuple[bool, int, bool, int, bool, int, str]:
        last = folder.rpartition("/")[2].lower()
        there = split_of_path(folder)
        contradicts = None not in (split, there) and split != there
        alike = len(last) if last in stem else 0
        return contradicts, -votes[folder], folder.lower() != own, -alike, there != split, len(folder), folder

    return min(votes, key=rank, default=None)
