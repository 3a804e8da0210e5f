# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which column of a table of boxes is which: of tables with a header, of keras-retinanet and of TensorFlow AutoML."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from efficientdet.data.importers.text_files import encoding_of
from efficientdet.errors import DataError

_LONGEST_LINE = 1 << 20
_NAMES = {
    "path": (
        "filename",
        "file_name",
        "path",
        "image",
        "image_path",
        "image_name",
        "img",
        "imagename",
        "file",
        "image_id",
        "imageid",
    ),
    "name": ("class", "label", "class_name", "name", "category", "labelname"),
    "xmin": ("xmin", "x_min", "x1", "left", "bbox_xmin"),
    "ymin": ("ymin", "y_min", "y1", "top", "bbox_ymin"),
    "xmax": ("xmax", "x_max", "x2", "right", "bbox_xmax"),
    "ymax": ("ymax", "y_max", "y2", "bottom", "bbox_ymax"),
    "width": ("width", "image_width", "img_width"),
    "height": ("height", "image_height", "img_height"),
    "split": ("split", "set", "subset"),
}
_REQUIRED = ("path", "name", "xmin", "ymin", "xmax", "ymax")
_AUTOML_SETS = ("TRAIN", "TRAINING", "VALIDATE", "VALIDATION", "TEST", "UNASSIGNED", "")
_AUTOML = {"split": 0, "path": 1, "name": 2, "xmin": 3, "ymin": 4}
_RETINANET = {"path": 0, "xmin": 1, "ymin": 2, "xmax": 3, "ymax": 4, "name": 5}


class Columns(NamedTuple):
    """Where the values of a row stand."""

    at: dict[str, int]
    kind: str
    has_header: bool = False
    is_normalized: bool = False

    def value(self, row: Sequence[str], key: str) -> str:
        """A cell as it stands; "" where the row or the table has none."""
        index = self.at.get(key, len(row))
        return row[index] if index < len(row) else ""


class Table:
    """A CSV file, read row by row."""

    def __init__(self, path: Path) -> None:
        """Looks at the start of a file.

        Raises:
          DataError: it cannot be opened.
        """
        self._path = path
        try:
            with open(path, "rb") as file:
                start = file.read(4096)
        except OSError as error:
            raise DataError(f"{path}: {error.strerror}") from error
        self._encoding = encoding_of(start)
        if self._encoding == "utf-8":
            try:
                start[: start.rfind(b"\n") + 1].decode()
            except UnicodeDecodeError:
                self._encoding = "latin-1"
        line = next(filter(str.strip, start.decode(self._encoding, "replace").splitlines()), "")
        self.delimiter = max(",;\t", key=line.count)

    def rows(self) -> Iterator[tuple[int, list[str] | str]]:
        """(line, cells) of each row that is not empty; the line is its last, from 1. A text for cells is a fault.

        Raises:
          DataError: a line is longer than any row.
        """
        with open(self._path, encoding=self._encoding, errors="replace", newline="") as file:
            reader = csv.reader(self._lines(file), delimiter=self.delimiter)
            while True:
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield reader.line_num, f"not a row of CSV ({error})"
                    continue
                if any(map(str.strip, row)):
                    yield reader.line_num, row

    def _lines(self, file: Iterator[str]) -> Iterator[str]:
        read = file.readline  # type: ignore[attr-defined]  # of a text file
        while line := read(_LONGEST_LINE):
            if len(line) == _LONGEST_LINE:
                raise DataError(f"{self._path}: a line is longer than {_LONGEST_LINE} characters")
            yield line.replace("\0", "")

    def columns(self) -> Columns | None:
        """What the columns are, by the header or by what stands in the first rows; None for another table."""
        for number, (_, row) in enumerate(self.rows()):
            if isinstance(row, list) and (found := _columns_of(row)):
                return found
            if number == 10:  # a first row may be damaged
                break
        return None


def _columns_of(row: Sequence[str]) -> Columns | None:
    titles = [cell.strip().strip("\ufeff").lower() for cell in row]
    at: dict[str, int] = {}
    for key, names in _NAMES.items():
        index = next((titles.index(name) for name in names if name in titles), None)
        if index is not None:
            at[key] = index
    if all(key in at for key in _REQUIRED):
        return Columns(at, "a header", has_header=True)
    sides = [cell.strip() for cell in row]
    if len(row) >= 7 and sides[0].upper() in _AUTOML_SETS and sides[1]:
        far = 7 if len(row) >= 9 else 5  # two corners, or all four of which the other two are left empty
        if _are_numbers((*sides[3:5], *sides[far : far + 2])):
            return Columns({**_AUTOML, "xmax": far, "ymax": far + 1}, "TensorFlow AutoML", is_normalized=True)
    if len(row) == 6 and sides[0] and _are_numbers(sides[1:5]):
        return Columns(_RETINANET, "keras-retinanet")
    return None


def _are_numbers(cells: Sequence[str]) -> bool:
    """All of them are numbers, or all are empty, as those of a picture without boxes."""
    if not any(cells):
        return True
    try:
        return len([float(cell) for cell in cells]) > 0
    except ValueError:
        return False
