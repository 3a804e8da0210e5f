# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Reads LabelMe annotations: a JSON file for each picture; what is inside of its outlines becomes a box."""

from __future__ import annotations

import math
import os
import reprlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from efficientdet.data import faults
from efficientdet.data.importers.annotation import AnnotatedImage, AnnotationError, BoxAnnotation
from efficientdet.data.importers.json_items import Item, number_of, side_of, walk_json
from efficientdet.data.importers.listing import FaultLog, FilePair, FilePairs, FileTree, folder_of
from efficientdet.data.importers.pairing import MOST_FAULTS, PairedFiles, pair_annotations, report_unannotated
from efficientdet.data.importers.split_names import split_by_folder
from efficientdet.data.importers.text_files import unreadable, whole_text
from efficientdet.data.label_map import Label
from efficientdet.errors import DataError

SUFFIX = ".json"

_MOST_SHAPES = 50_000
_FEWEST_POINTS = {"rectangle": 2, "polygon": 3, "circle": 2, "mask": 2, "rotation": 4, "oriented_rectangle": 4}


class LabelmeSource(PairedFiles):
    """A folder with LabelMe annotations beside their pictures or elsewhere, see `source.Source`."""

    format = "labelme"

    def __init__(self, root: Path, *, image_dir: Path | None = None) -> None:
        """Lists the folder.

        Args:
          root: the folder; names of folders below it may say the split.
          image_dir: where the pictures are, when not below `root`.

        Raises:
          DataError: when no annotation has a picture.
        """
        log = FaultLog()
        tree = FileTree(root, log)
        pairs = pair_annotations(tree, SUFFIX, image_dir, self.format, picture_name, log)
        self.root = root
        self.image_root = image_dir or root
        self.labels: tuple[Label, ...] = ()
        splits = split_by_folder(pairs, lambda pair: (folder_of(pair.annotation), folder_of(pair.picture)))
        self.splits = {name: FilePairs(found) for name, found in splits.items()}
        pictures = tree if image_dir is None else FileTree(image_dir, log)
        report_unannotated(pictures, {pair.picture for pair in pairs}, log)
        self.faults = log.finish()

    def read(self, entry: FilePair) -> AnnotatedImage:
        """Reads one annotation; corners may be in any order, as LabelMe lets one draw them."""
        boxes: list[BoxAnnotation] = []
        log = FaultLog(MOST_FAULTS)
        sides = {"imageHeight": 0, "imageWidth": 0}
        for key, number, value in _walk(self.root, entry.annotation, ("shapes", *sides)):
            place = f"shapes[{number}]"
            if key in sides:
                sides[key] = side_of(value)
            elif number >= 0:
                try:
                    boxes.append(_box(value, place))
                except _OddShapeError as odd:
                    log.add(faults.ANNOTATION_ODD, entry.annotation, place, f"{odd}: left out")
                except ValueError as error:
                    log.add(faults.ANNOTATION_UNREADABLE, entry.annotation, place, f"{error}: left out")
            if number >= _MOST_SHAPES:
                raise unreadable(entry.annotation, f"more than {_MOST_SHAPES} shapes")
        height, width = sides["imageHeight"], sides["imageWidth"]
        return self.image(entry, (height, width) if height and width else None, boxes, log)


class _OddShapeError(ValueError):
    """A shape that is no box and has no inside."""


def picture_name(root: Path, file: str) -> str:
    """The name of the picture that an annotation states; "" where it states none. Raises an AnnotationError."""
    names = [item.value for item in _walk(root, file, ("shapes", "imagePath")) if item.section == "imagePath"]
    return names[0] if names and isinstance(names[0], str) else ""


def _walk(root: Path, file: str, keys: Sequence[str]) -> Iterator[Item]:
    """Walks some keys of a file, "shapes" among them: an AnnotationError where there is no list of these."""
    path = Path(os.path.join(root, file))
    has_shapes = False
    try:
        for item in walk_json(path, keys):
            has_shapes |= item.section == "shapes" and isinstance(item.value, list)
            yield item
    except DataError as error:
        if isinstance(error, AnnotationError):
            raise
        raise unreadable(file, str(error).removeprefix(f"{path}: ")) from error
    if not has_shapes:
        raise unreadable(file, "not a LabelMe annotation: it has no list 'shapes'")


def _box(shape: Any, place: str) -> BoxAnnotation:
    if not isinstance(shape, dict) or not isinstance(shape.get("label"), str) or not shape["label"].strip():
        raise ValueError("a shape without label")
    stated = shape.get("points")
    points = [point for point in map(_numbers, stated) if point] if isinstance(stated, list) else []
    if not isinstance(stated, list) or len(points) < len(stated):
        raise ValueError(f"its points are not pairs of numbers ({reprlib.repr(stated)})")
    kind = shape.get("shape_type") or "polygon"  # old files do not say
    fewest = _FEWEST_POINTS.get(kind) if isinstance(kind, str) else None
    if fewest is None:
        raise _OddShapeError(f"shape_type {reprlib.repr(kind)} has no inside")
    if len(points) < fewest:
        raise _OddShapeError(f"a {kind} of {len(points)} points")
    (xmin, ymin), (xmax, ymax) = _bounds(points, is_circle=kind == "circle")
    return BoxAnnotation(
        whole_text(shape["label"]), ymin, xmin, ymax, xmax, is_difficult=shape.get("difficult") is True, place=place
    )


def _bounds(points: list[list[float]], is_circle: bool) -> tuple[tuple[float, float], tuple[float, float]]:
    xs, ys = [point[0] for point in points], [point[1] for point in points]
    if is_circle:  # its centre and a point on it
        radius = math.hypot(xs[1] - xs[0], ys[1] - ys[0])
        return (xs[0] - radius, ys[0] - radius), (xs[0] + radius, ys[0] + radius)
    if any(map(math.isnan, xs + ys)):  # which min and max would pass over, or not
        return (math.nan, math.nan), (math.nan, math.nan)
    return (min(xs), min(ys)), (max(xs), max(ys))


def _numbers(point: Any) -> list[float] | None:
    """(x, y) of a point; None where it is none."""
    found = [number_of(value) for value in point] if isinstance(point, list) and len(point) == 2 else [None]
    numbers = [number for number in found if number is not None]
    return numbers if len(numbers) == len(found) else None
