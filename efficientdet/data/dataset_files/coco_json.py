# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Writes COCO detection annotations piece by piece, so that those of a million pictures never pile up in memory.

Whoever writes a shard of records writes the same pictures' annotations beside it; the pieces are joined at the end.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

from efficientdet.data.dataset_files.preparation import box_area
from efficientdet.data.importers.annotation import BoxAnnotation
from efficientdet.data.label_map import Label

_DECIMALS = 3  # of a pixel
_ENCODER = json.JSONEncoder(allow_nan=False)


class CocoPiece:
    """The annotations of some pictures, in two files beside `path` that `join_pieces` reads and removes."""

    def __init__(self, path: Path) -> None:
        """Opens the files; a context manager closes them."""
        with contextlib.ExitStack() as stack:
            images, annotations = (stack.enter_context(part.open("w", encoding="utf-8")) for part in _parts(path))
            self._images: IO[str] = images
            self._annotations: IO[str] = annotations
            self._files = stack.pop_all()

    def __enter__(self) -> CocoPiece:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def add(
        self,
        image_id: int,
        file_name: str,
        size: tuple[int, int],
        boxes: Sequence[BoxAnnotation],
        category_ids: Sequence[int],
        first_id: int,
    ) -> None:
        """Adds one picture.

        Args:
          image_id: unique in the data set.
          file_name: of the picture.
          size: (height, width) in pixels, upright.
          boxes: in pixels of it.
          category_ids: of the boxes.
          first_id: of the annotations; the others' follow it.
        """
        height, width = size
        _write_line(self._images, {"id": image_id, "file_name": file_name, "height": height, "width": width})
        for number, (box, category) in enumerate(zip(boxes, category_ids, strict=True)):
            corner, extent = (box.xmin, box.ymin), (box.xmax - box.xmin, box.ymax - box.ymin)
            annotation = {
                "id": first_id + number,
                "image_id": image_id,
                "category_id": category,
                "bbox": [round(side, _DECIMALS) for side in (*corner, *extent)],
                "area": round(box_area(box), _DECIMALS),
                "iscrowd": int(box.is_crowd),
            }
            _write_line(self._annotations, annotation)


def join_pieces(path: Path, labels: Iterable[Label], pieces: Sequence[Path]) -> None:
    """Writes a COCO JSON file of the pieces beside `pieces`, one image or annotation a line, and removes them."""
    categories = [{"id": label.id, "name": label.name, "supercategory": ""} for label in labels]
    with path.open("wb") as target:
        target.write(f'{{"info": {{}}, "licenses": [], "categories": {json.dumps(categories)}'.encode())
        for section, parts in zip(("images", "annotations"), zip(*map(_parts, pieces), strict=True), strict=True):
            target.write(f',\n"{section}": ['.encode())
            ends_line = False
            for part in parts:
                if ends_line and part.stat().st_size:
                    target.write(b",")
                ends_line = ends_line or part.stat().st_size > 0
                with part.open("rb") as source:
                    shutil.copyfileobj(source, target)
                part.unlink()
            target.write(b"\n]")
        target.write(b"}\n")


def _parts(path: Path) -> tuple[Path, Path]:
    return path.with_name(f".{path.name}.images"), path.with_name(f".{path.name}.annotations")


def _write_line(file: IO[str], value: dict[str, object]) -> None:
    file.write(f"{',' if file.tell() else ''}\n{_ENCODER.encode(value)}")
