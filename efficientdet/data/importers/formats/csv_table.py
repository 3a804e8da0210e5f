# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Reads tables with a line for each box: with a header (TFOD's tutorials), of keras-retinanet, of TensorFlow AutoML."""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from efficientdet.data import faults
from efficientdet.data.faults import Fault
from efficientdet.data.importers.annotation import LARGEST_SIDE, AnnotatedImage, BoxAnnotation
from efficientdet.data.importers.formats.csv_columns import Columns, Table
from efficientdet.data.importers.listing import FaultLog, FileTree, folder_of, join
from efficientdet.data.importers.pairing import report_unannotated
from efficientdet.data.importers.picture_index import FileIndex, parts_of, picture_index
from efficientdet.data.importers.split_names import in_order, name_splits, split_of
from efficientdet.data.label_map import Label
from efficientdet.errors import DataError

_SIDES = ("ymin", "xmin", "ymax", "xmax")
_MOST_CLASSES = 100_000
_MOST_PICTURES = 5_000_000


class CsvSource:
    """One table, or a folder with one for each split, see `source.Source`; entries are numbers."""

    format = "csv"

    def __init__(self, path: Path, *, image_dir: Path | None = None) -> None:
        """Reads the tables, into columns.

        Args:
          path: a CSV file, or a folder that holds some; the name of each says its split where no column does.
          image_dir: where the pictures are; None looks for them in the folder.

        Raises:
          DataError: when there is no table of boxes, or no picture is there.
        """
        log = FaultLog()
        tree = FileTree(path, log) if path.is_dir() else None
        self.root = path if tree else path.absolute().parent
        self.image_root = image_dir or self.root
        found = find_tables(tree) if tree else {path.name: Table(path).columns()}
        tables = {file: columns for file, columns in sorted(found.items()) if columns is not None}
        if not tables:
            raise DataError(f"{path}: no table of boxes (columns as filename,width,height,class,xmin,ymin,xmax,ymax)")
        pictures = tree if tree and image_dir is None else FileTree(self.image_root, log)
        self._rows = _Rows(picture_index(pictures), log)
        for (file, columns), split in zip(tables.items(), name_splits(list(tables)), strict=True):
            self._rows.take(self.root, file, columns, split)
        self._rows.finish()
        if not self._rows.pictures:
            raise DataError(f"{path}: none of its pictures is in {self.image_root}")
        splits: dict[str, list[int]] = {}
        for entry, (_, split, _) in enumerate(self._rows.pictures):
            splits.setdefault(split, []).append(entry)
        self.splits: Mapping[str, Sequence[int]] = in_order(splits)
        others = found if tree else [other.name for other in sorted(self.root.glob("*.csv"))]
        self.labels = _class_list(self.root, [file for file in others if file not in tables], log)
        report_unannotated(pictures, {picture for _, _, picture in self._rows.pictures}, log)
        self.faults: Sequence[Fault] = log.finish()

    def read(self, entry: int) -> AnnotatedImage:
        """Takes the boxes of one picture out of the columns."""
        file, _, picture = self._rows.pictures[entry]
        height, width = self._rows.sizes[2 * entry : 2 * entry + 2]
        return AnnotatedImage(
            path=Path(os.path.join(self.image_root, picture)),
            filename=picture.rpartition("/")[2],
            source_id=picture,
            size=(height, width) if height and width else None,
            boxes=tuple(self._rows.boxes(entry)),
            annotation=file,
            is_normalized=self._rows.normalized[file],
        )


def find_tables(tree: FileTree) -> dict[str, Columns | None]:
    """The tables of boxes in a folder."""
    return {file: _columns(tree.root / file) for file in tree.paths(".csv", ".tsv")}


def _columns(path: Path) -> Columns | None:
    try:
        return Table(path).columns()
    except DataError:  # of tables that happen to lie there not each has to be read
        return None


class _Rows:
    """The boxes of all tables, by picture; a picture that is in two tables or splits counts for each."""

    def __init__(self, index: FileIndex, log: FaultLog) -> None:
        self._index, self._log = index, log
        self._found: dict[tuple[str, str], str | None] = {}  # (file, name as written) -> picture
        self._entries: dict[tuple[str, str, str], int] = {}
        self._names: dict[str, int] = {}
        self.normalized: dict[str, bool] = {}
        self.sizes = array("i")  # height, width of each entry; 0 where not stated
        self._owners, self._sides, self._classes, self._lines = array("q"), array("d"), array("i"), array("q")

    def take(self, root: Path, file: str, columns: Columns, split: str) -> None:
        """Reads a table."""
        table = Table(root / file)
        self.normalized[file] = columns.is_normalized
        is_title = columns.has_header
        for line, row in table.rows():
            place = f"line {line}"
            if isinstance(row, str):
                self._log.add(faults.ANNOTATION_UNREADABLE, file, place, f"{row}: left out")
            elif is_title:
                is_title = False
            else:
                self._take_row(file, split, columns, row, line, decimal_mark="." if table.delimiter == "," else ",")

    def _take_row(
        self, file: str, split: str, columns: Columns, row: Sequence[str], line: int, *, decimal_mark: str
    ) -> None:
        name = columns.value(row, "name")
        cells = [columns.value(row, side).strip().replace(decimal_mark, ".") for side in _SIDES]
        is_box = any(cells) or bool(name.strip())
        sides = [0.0] * 4
        if is_box:
            try:
                sides = [float(cell) for cell in cells]
            except ValueError:
                written = ", ".join(columns.value(row, side)[:40] for side in _SIDES)
                detail = f"ymin, xmin, ymax, xmax ({written}) are not four numbers: left out"
                self._log.add(faults.ANNOTATION_UNREADABLE, file, f"line {line}", detail)
                return
        entry = self._entry(file, _split_of(columns.value(row, "split"), split), columns, row, line)
        if entry is None or not is_box:
            return
        if not name.strip():
            self._log.add(faults.ANNOTATION_UNREADABLE, file, f"line {line}", "the box has no class: left out")
            return
        if len(self._names) >= _MOST_CLASSES and name not in self._names:
            raise DataError(f"{file}: more than {_MOST_CLASSES} classes by line {line}: is column {name[:40]!r} one?")
        self._owners.append(entry)
        self._sides.extend(sides)
        self._classes.append(self._names.setdefault(name, len(self._names)))
        self._lines.append(line)

    def _entry(self, file: str, split: str, columns: Columns, row: Sequence[str], line: int) -> int | None:
        """The number of a row's picture; None, with a fault for its first row, where there is none."""
        name = columns.value(row, "path")
        key = (file, name)
        if key not in self._found:
            if len(self._found) >= _MOST_PICTURES:
                raise DataError(f"{file}: more than {_MOST_PICTURES} pictures by line {line}")
            self._found[key] = self._find(name, file, f"line {line}")
        picture = self._found[key]
        if picture is None:
            return None
        entry = self._entries.setdefault((file, split, picture), len(self._entries))
        if 2 * entry == len(self.sizes):
            for side in ("height", "width"):
                value = _side(columns.value(row, side))
                if value is None:
                    detail = f"{side} {columns.value(row, side)[:40]!r} is not a number: not used"
                    self._log.add(faults.ANNOTATION_UNREADABLE, file, f"line {line}", detail)
                self.sizes.append(value or 0)
        return entry

    def _find(self, name: str, file: str, place: str) -> str | None:
        folder = folder_of(file)
        path = join(folder, "/".join(parts_of(name)))
        picture = path if path in self._index.paths else self._index.find(name, folder)
        if picture is None:
            self._log.add(faults.PICTURE_MISSING, file, place, self._index.missing(name, folder))
        return picture

    def finish(self) -> None:
        """Sorts the boxes by picture, once all tables are read."""
        self.pictures = list(self._entries)  # (table, split, picture) of each entry
        owners = np.asarray(self._owners, np.int64)
        order = np.argsort(owners, kind="stable")
        self._bounds = np.searchsorted(owners[order], np.arange(len(self.pictures) + 1))
        self._boxes = np.asarray(self._sides, np.float64).reshape(-1, 4)[order]
        self._rows_of_classes = np.asarray(self._classes, np.int32)[order]
        self._lines_of_boxes = np.asarray(self._lines, np.int64)[order]
        self._class_names = list(self._names)
        del self._found, self._entries, self._owners, self._sides, self._classes, self._lines, self._index, self._log

    def boxes(self, entry: int) -> list[BoxAnnotation]:
        """The boxes of one picture, in the order of the table."""
        found = []
        for i in range(self._bounds[entry], self._bounds[entry + 1]):
            ymin, xmin, ymax, xmax = self._boxes[i].tolist()
            name, place = self._class_names[self._rows_of_classes[i]], f"line {self._lines_of_boxes[i]}"
            found.append(BoxAnnotation(name, ymin, xmin, ymax, xmax, place=place))
        return found


def _split_of(cell: str, of_file: str) -> str:
    """The split of a row: what its own column says, else what the file is."""
    return split_of(cell) or of_file if cell.strip() else of_file


def _side(cell: str) -> int | None:
    """Height or width; 0 where there is none, None where it is no number."""
    try:
        value = float(cell.strip() or 0)
    except ValueError:
        return None
    return int(value) if 0 < value <= LARGEST_SIDE else 0


def _class_list(root: Path, files: Iterable[str], log: FaultLog) -> tuple[Label, ...]:
    """keras-retinanet's list of classes: lines of name and number, from 0."""
    for file in files:
        ids: dict[str, int] = {}
        for _, row in Table(root / file).rows():
            if isinstance(row, str) or len(row) != 2 or not row[1].strip().isdecimal() or len(row[1]) > 9:
                ids = {}
                break
            ids[row[0]] = int(row[1].strip()) + 1
        if ids and len(set(ids.values())) == len(ids):
            return tuple(sorted(Label(id_, name) for name, id_ in ids.items()))
        if ids:
            log.add(faults.ANNOTATION_ODD, file, "", "two classes have the same number: the list is not used")
    return ()
