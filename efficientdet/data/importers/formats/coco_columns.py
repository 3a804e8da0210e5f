# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""One COCO file as columns of numbers: a million boxes are a few arrays, not a million objects."""

from __future__ import annotations

import math
import os
import reprlib
from array import array
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from efficientdet.data import faults
from efficientdet.data.importers.json_items import number_of, side_of, walk_json
from efficientdet.data.importers.listing import FaultLog
from efficientdet.data.importers.text_files import whole_text
from efficientdet.errors import DataError

_SECTIONS = ("images", "annotations", "categories")
_MOST_IDS = 5_000_000  # the largest public data sets have two
_MOST_CATEGORIES = 100_000


class CocoColumns(NamedTuple):
    """P pictures and their N boxes, in the order of the pictures."""

    names: dict[int, str]  # of the categories, by id
    file_names: list[str]  # [P]
    source_ids: list[str]  # [P]
    sizes: np.ndarray  # int32 [P, 2], (height, width); 0 where not stated
    image_ordinals: np.ndarray  # int64 [P], place in the list `images`
    bounds: np.ndarray  # int64 [P + 1], the boxes of picture p are bounds[p]:bounds[p + 1]
    boxes: np.ndarray  # float64 [N, 4], x, y, width, height
    areas: np.ndarray  # float64 [N], NaN where not stated
    is_crowd: np.ndarray  # bool [N]
    categories: np.ndarray  # int32 [N], index into `category_ids`
    category_ids: list[Any]  # as boxes name them, known or not
    ordinals: np.ndarray  # int64 [N], place in the list `annotations`

    def keep(self, rows: Sequence[int]) -> CocoColumns:
        """Only some of the pictures, in the order given."""
        if len(rows) == len(self.file_names):
            return self
        chosen = np.asarray(rows, np.int64)
        counts = np.diff(self.bounds)[chosen]
        bounds = np.concatenate([[0], np.cumsum(counts)])
        boxes = np.arange(bounds[-1]) - np.repeat(bounds[:-1], counts) + np.repeat(self.bounds[chosen], counts)
        return self._replace(
            file_names=[self.file_names[row] for row in rows],
            source_ids=[self.source_ids[row] for row in rows],
            sizes=self.sizes[chosen],
            image_ordinals=self.image_ordinals[chosen],
            bounds=bounds,
            boxes=self.boxes[boxes],
            areas=self.areas[boxes],
            is_crowd=self.is_crowd[boxes],
            categories=self.categories[boxes],
            ordinals=self.ordinals[boxes],
        )


def read_columns(root: Path, file: str, log: FaultLog) -> CocoColumns:
    """Reads one file.

    Args:
      root: the folder of the data set.
      file: relative to it.
      log: receives items that cannot be read, and boxes of pictures that are not listed.

    Raises:
      DataError: it is no COCO file, or names more pictures than any data set has.
    """
    reader = _Reader(file, log)
    take = {"images": reader.take_image, "annotations": reader.take_box, "categories": reader.take_category}
    path = Path(os.path.join(root, file))
    seen: set[str] = set()
    for section, index, value in walk_json(path, _SECTIONS):
        if index < 0:
            seen |= {section} if isinstance(value, list) else set()
        elif isinstance(value, dict):
            take[section](index, value)
        else:
            reader.reject(section, index, f"{reprlib.repr(value)} is no object")
        if len(reader.images) > _MOST_IDS or len(reader.categories) > _MOST_CATEGORIES:
            raise DataError(f"{path}: more than {_MOST_IDS} image ids or {_MOST_CATEGORIES} categories")
    if missing := [section for section in _SECTIONS if section not in seen]:
        raise DataError(f"{path}: not a COCO detection file, it has no list {missing[0]!r}")
    return reader.columns()


class _Reader:
    """Collects the items, in whichever order the lists stand."""

    def __init__(self, file: str, log: FaultLog) -> None:
        self._file, self._log = file, log
        self.names: dict[int, str] = {}
        self.images: dict[int | str, int] = {}  # number of an id, in the order of being met anywhere
        self._row_of: dict[int, int] = {}  # by that number
        self._file_names: list[str] = []
        self._source_ids: list[str] = []
        self._sizes, self._image_ordinals = array("i"), array("q")
        self.categories: dict[int, int] = {}  # number of an id, those of boxes and of the list
        self._boxes, self._areas, self._is_crowd = array("d"), array("d"), array("b")
        self._box_images, self._box_categories, self._ordinals = array("q"), array("i"), array("q")

    def reject(self, section: str, index: int, detail: str, code: str = faults.ANNOTATION_UNREADABLE) -> None:
        self._log.add(code, self._file, f"{section}[{index}]", f"{detail}: left out")

    def take_category(self, index: int, item: dict[str, Any]) -> None:
        id_, name = item.get("id"), item.get("name")
        if not _is_integer(id_) or not isinstance(name, str) or not name.strip():
            self.reject("categories", index, "it has no 'id' that is a whole number, or no 'name'")
        elif id_ in self.names:
            self.reject("categories", index, f"id {reprlib.repr(id_)} is repeated")
        else:
            self.categories.setdefault(id_, len(self.categories))
            self.names[id_] = whole_text(name)

    def take_image(self, index: int, item: dict[str, Any]) -> None:
        id_, name = item.get("id"), item.get("file_name")
        if not (_is_integer(id_) or isinstance(id_, str)) or not isinstance(name, str):
            self.reject("images", index, "it has no 'id', or no 'file_name' that is a text")
            return
        number = self.images.setdefault(id_, len(self.images))
        if number in self._row_of:
            self.reject("images", index, f"id {reprlib.repr(id_)} is repeated")
            return
        self._row_of[number] = len(self._file_names)
        self._file_names.append(whole_text(name))
        self._source_ids.append(whole_text(str(id_)))
        self._image_ordinals.append(index)
        self._sizes.extend(map(side_of, (item.get("height"), item.get("width"))))

    def take_box(self, index: int, item: dict[str, Any]) -> None:
        id_, category, bbox, area = (item.get(key) for key in ("image_id", "category_id", "bbox", "area"))
        if not (_is_integer(id_) or isinstance(id_, str)) or not _is_integer(category):
            self.reject("annotations", index, "its 'image_id' or 'category_id' is no number")
            return
        if not isinstance(bbox, list) or not bbox:
            self.reject("annotations", index, "it has no bbox", faults.ANNOTATION_ODD)
            return
        sides = [number_of(side) for side in bbox]
        if len(sides) != 4 or None in sides:
            self.reject("annotations", index, f"bbox {reprlib.repr(bbox)} is no list of four numbers")
            return
        self._boxes.extend(sides)  # type: ignore[arg-type]  # none of them is None
        size = number_of(area)
        self._areas.append(size if size is not None and math.isfinite(size) else math.nan)
        self._is_crowd.append(item.get("iscrowd") in (1, True))
        self._box_images.append(self.images.setdefault(id_, len(self.images)))
        self._box_categories.append(self.categories.setdefault(category, len(self.categories)))
        self._ordinals.append(index)

    def columns(self) -> CocoColumns:
        row_of = np.full(len(self.images), -1, np.int64)
        row_of[list(self._row_of)] = list(self._row_of.values())
        numbers = np.asarray(self._box_images, np.int64)
        rows = row_of[numbers]
        ordinals = np.asarray(self._ordinals, np.int64)
        ids = list(self.images)
        for box in np.flatnonzero(rows < 0).tolist():
            detail = f"image_id {reprlib.repr(ids[numbers[box]])} is not among the images"
            self.reject("annotations", int(ordinals[box]), detail, faults.PICTURE_MISSING)
        order = np.argsort(rows, kind="stable")
        order = order[np.searchsorted(rows[order], 0) :]
        count = len(self._file_names)
        return CocoColumns(
            names=self.names,
            file_names=self._file_names,
            source_ids=self._source_ids,
            sizes=np.asarray(self._sizes, np.int32).reshape(-1, 2),
            image_ordinals=np.asarray(self._image_ordinals, np.int64),
            bounds=np.searchsorted(rows[order], np.arange(count + 1)),
            boxes=np.asarray(self._boxes, np.float64).reshape(-1, 4)[order],
            areas=np.asarray(self._areas, np.float64)[order],
            is_crowd=np.asarray(self._is_crowd, bool)[order],
            categories=np.asarray(self._box_categories, np.int32)[order],
            category_ids=list(self.categories),
            ordinals=ordinals[order],
        )


def _is_integer(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
