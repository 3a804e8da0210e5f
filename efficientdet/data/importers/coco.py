# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Reads COCO detection annotations: one JSON file with images, annotations and categories, and a folder of pictures."""

from __future__ import annotations

import json
import math
import reprlib
from collections import defaultdict
from pathlib import Path
from typing import Any

from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation, Note, path_inside
from efficientdet.data.label_map import Label
from efficientdet.errors import DataError

SKIPPED_NO_PICTURE = "skipped: picture file is missing"
DROPPED_NO_BOX = "dropped: annotation without a bbox of four numbers"
DROPPED_NO_IMAGE = "dropped: annotation of an image_id that is not listed"


_LARGEST_ID = 2**31 - 1  # of a class, in a label map


def read_coco(
    path: Path, image_dir: Path, *, needs_labels: bool = False
) -> tuple[list[AnnotatedImage], list[Label], list[Note]]:
    """Reads a COCO JSON file.

    Args:
      path: the JSON file; `bbox` is [x, y, width, height] in pixels.
      image_dir: folder that the `file_name`s are relative to.
      needs_labels: the categories are to become a label map, so that their ids must be fit for one.

    Returns:
      The pictures in the order of the file, those without annotation included; all categories under their own ids; and
      notes on what had to be left out. The source id is the image id; crowd flags and (mask) areas are kept.

    Raises:
      DataError: when the file is no such JSON, an id occurs twice, a category is unknown or (see
        `needs_labels`) has an id below 1, or no picture is there.
    """
    content = _load(path)
    if not image_dir.is_dir():
        raise DataError(f"image_dir {str(image_dir)!r} is not a folder")
    names = {item["id"]: item["name"].strip() for item in content["categories"]}
    if needs_labels:
        _require_label_ids(names, path)
    notes: list[Note] = []
    boxes = _boxes_by_image(content, names, str(path), notes)
    images: list[AnnotatedImage] = []
    for index, item in enumerate(content["images"]):
        picture = _picture(image_dir, item["file_name"], f"{path}: images[{index}]")
        if picture is None:
            notes.append(Note(SKIPPED_NO_PICTURE, str(image_dir / item["file_name"])))
            continue
        height, width = item.get("height"), item.get("width")
        size = (height, width) if isinstance(height, int) and isinstance(width, int) else None
        images.append(
            AnnotatedImage(picture, item["file_name"], str(item["id"]), size, tuple(boxes.get(item["id"], ())))
        )
    if not images:
        raise DataError(f"{path}: none of its {len(content['images'])} pictures is in {image_dir}")
    return images, [Label(id_, name) for id_, name in names.items()], notes


def _require_label_ids(names: dict[int, str], path: Path) -> None:
    for id_, name in names.items():
        if not 1 <= id_ <= _LARGEST_ID:
            raise DataError(
                f"{path}: category {name!r} has id {_shortened(id_)}; ids of a label map start at 1 (0 is the "
                f"background) and end at {_LARGEST_ID}. Write a label map of your own, with ids from 1 and the names "
                "of the categories, and give it as --label_map_path: classes are then matched by name"
            )


def _picture(image_dir: Path, name: str, place: str) -> Path | None:
    """The file of a picture; None where there is none."""
    try:
        picture = path_inside(image_dir, name)
        return picture if picture.is_file() else None
    except DataError as error:
        raise DataError(f"{place}: {error}") from None
    except (ValueError, OSError) as error:  # a NUL, half a surrogate pair, a name longer than the system takes
        raise DataError(f"{place}: file_name {_shortened(name)} cannot name a file ({error})") from error


def _load(path: Path) -> dict[str, Any]:
    """Reads the JSON and checks the parts that everything else leans on."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except ValueError as error:  # not JSON, or not text
        raise DataError(f"{path}: not a JSON file ({error})") from error
    except RecursionError as error:
        raise DataError(f"{path}: not a COCO detection file, its lists are nested too deeply") from error
    required = {"images": {"id": int, "file_name": str}, "categories": {"id": int, "name": str}, "annotations": {}}
    for section, fields in required.items():
        if not isinstance(content, dict) or not isinstance(content.get(section), list):
            raise DataError(f"{path}: not a COCO detection file, it has no list {section!r}")
        seen: set[int] = set()
        for index, item in enumerate(content[section]):
            for field, kind in fields.items():
                if not isinstance(item, dict) or not isinstance(item.get(field), kind):
                    raise DataError(f"{path}: {section}[{index}] has no {field!r} that is a {kind.__name__}")
            if fields and item["id"] in seen:
                raise DataError(f"{path}: {section}[{index}] repeats id {item['id']}")
            seen.add(item["id"] if fields else index)
    return content


def _boxes_by_image(
    content: dict[str, Any], names: dict[int, str], path: str, notes: list[Note]
) -> dict[int, list[BoxAnnotation]]:
    listed = {item["id"] for item in content["images"]}
    boxes: dict[int, list[BoxAnnotation]] = defaultdict(list)
    for index, item in enumerate(content["annotations"]):
        place = f"{path}: annotations[{index}]"
        if not isinstance(item, dict):
            notes.append(Note(DROPPED_NO_IMAGE, place))
            continue
        for field in ("image_id", "category_id"):
            if isinstance(item.get(field), list | dict):
                raise DataError(f"{place}: {field} {_shortened(item[field])} is not a number")
        if item.get("image_id") not in listed:
            notes.append(Note(DROPPED_NO_IMAGE, place))
        elif not _is_box(item.get("bbox")):
            notes.append(Note(DROPPED_NO_BOX, place))
        elif item.get("category_id") not in names:
            raise DataError(f"{place}: category_id {_shortened(item.get('category_id'))} is not among the categories")
        else:
            try:
                boxes[item["image_id"]].append(_box(item, names[item["category_id"]]))
            except OverflowError as error:
                raise DataError(f"{place}: bbox or area holds a number beyond all pixels") from error
    return boxes


def _shortened(value: Any) -> str:
    return reprlib.repr(value)


def _is_box(bbox: Any) -> bool:
    return isinstance(bbox, list) and len(bbox) == 4 and all(isinstance(side, int | float) for side in bbox)


def _box(item: dict[str, Any], name: str) -> BoxAnnotation:
    x, y, width, height = map(float, item["bbox"])
    area = item.get("area", math.nan)
    known = isinstance(area, int | float) and math.isfinite(area)
    return BoxAnnotation(
        name, y, x, y + height, x + width,
        area=float(area) if known else None,
        is_crowd=item.get("iscrowd") == 1,
    )  # fmt: skip
