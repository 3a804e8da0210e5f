# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Writes a data set in each format."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.sax.saxutils import escape

from tests.doctor.corpus import HEIGHT, SPLITS, WIDTH, Box, DataSet, Picture


def _write_pictures(data: DataSet, folder: Path, *, by_split: bool = False) -> None:
    for picture in data.pictures:
        path = (folder / picture.split if by_split else folder) / f"{picture.name}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        if picture.has_file:
            path.write_bytes(picture.encoded())


def write_voc(data: DataSet, root: Path) -> None:
    """Annotations, JPEGImages, ImageSets/Main."""
    _write_pictures(data, root / "JPEGImages")
    for folder in ("Annotations", "ImageSets/Main"):
        (root / folder).mkdir(parents=True)
    for picture in data.pictures:
        if picture.has_annotation:
            (root / "Annotations" / f"{picture.name}.xml").write_text(_voc_text(picture))
    for split in SPLITS:
        listed = "".join(f"{picture.name}\n" for picture in data.of(split))
        (root / "ImageSets" / "Main" / f"{split}.txt").write_text(listed)


def _voc_text(picture: Picture) -> str:
    objects = "".join(
        f"<object><name>{escape(box.name)}</name><bndbox><xmin>{box.xmin}</xmin><ymin>{box.ymin}</ymin>"
        f"<xmax>{box.xmax}</xmax><ymax>{box.ymax}</ymax></bndbox></object>"
        for box in picture.boxes
    )
    width, height = picture.size
    size = f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"
    return f"<annotation><filename>{picture.name}.jpg</filename>{size}{objects}</annotation>"


def write_yolo(data: DataSet, root: Path) -> None:
    """images/SPLIT, labels/SPLIT, data.yaml."""
    _write_pictures(data, root / "images", by_split=True)
    for picture in data.pictures:
        path = root / "labels" / picture.split / f"{picture.name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        if picture.has_annotation:
            path.write_text("".join(_yolo_line(box, data.classes) for box in picture.boxes))
    names = json.dumps(list(data.classes))
    (root / "data.yaml").write_text(f"path: .\ntrain: images/train\nval: images/val\nnames: {names}\n")


def _yolo_line(box: Box, classes: tuple[str, ...]) -> str:
    name, xmin, ymin, xmax, ymax = box
    centre = (xmin + xmax) / 2 / WIDTH, (ymin + ymax) / 2 / HEIGHT
    return f"{classes.index(name)} {centre[0]} {centre[1]} {(xmax - xmin) / WIDTH} {(ymax - ymin) / HEIGHT}\n"


def write_coco(data: DataSet, root: Path) -> None:
    """annotations/instances_SPLIT.json and a folder of pictures for each split."""
    _write_pictures(data, root, by_split=True)
    (root / "annotations").mkdir(parents=True)
    ids = {name: id_ for id_, name in enumerate(data.classes, 1)}
    for split in SPLITS:
        images, annotations = [], []
        for number, picture in enumerate(data.of(split), 1):
            width, height = picture.size
            images.append({"id": number, "file_name": f"{picture.name}.jpg", "width": width, "height": height})
            for name, xmin, ymin, xmax, ymax in picture.boxes if picture.has_annotation else ():
                item = {"image_id": number, "category_id": ids[name], "bbox": [xmin, ymin, xmax - xmin, ymax - ymin]}
                annotations.append({"id": len(annotations) + 1, "iscrowd": 0, **item})
        categories = [{"id": id_, "name": name} for name, id_ in ids.items()]
        content = {"images": images, "annotations": annotations, "categories": categories}
        (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))


def write_csv(data: DataSet, root: Path) -> None:
    """TFOD's columns, one table for each split, pictures beside them."""
    _write_pictures(data, root / "images")
    for split in SPLITS:
        lines = ["filename,width,height,class,xmin,ymin,xmax,ymax"]
        for picture in data.of(split):
            width, height = picture.size
            for name, *sides in picture.boxes if picture.has_annotation else ():
                quoted = f'"{name}"' if name != name.strip() else name
                lines.append(f"{picture.name}.jpg,{width},{height},{quoted},{','.join(map(str, sides))}")
        (root / f"{split}_labels.csv").write_text("\n".join(lines) + "\n")


def write_automl_csv(data: DataSet, root: Path) -> None:
    """TensorFlow AutoML's columns: set, path, label, corners as fractions of the picture."""
    _write_pictures(data, root / "images")
    sets = {"train": "TRAIN", "val": "VALIDATION"}
    lines = []
    for picture in data.pictures:
        for name, xmin, ymin, xmax, ymax in picture.boxes if picture.has_annotation else ():
            sides = [xmin / WIDTH, ymin / HEIGHT, xmax / WIDTH, ymax / HEIGHT]
            corners = f"{sides[0]},{sides[1]},,,{sides[2]},{sides[3]},,"
            lines.append(f"{sets[picture.split]},gs://bucket/images/{picture.name}.jpg,{name},{corners}")
    (root / "annotations.csv").write_text("\n".join(lines) + "\n")


def write_labelme(data: DataSet, root: Path) -> None:
    """A JSON beside each picture, a folder for each split."""
    _write_pictures(data, root, by_split=True)
    for picture in data.pictures:
        if not picture.has_annotation:
            continue
        shapes = [
            {"label": name, "shape_type": "rectangle", "points": [[xmin, ymin], [xmax, ymax]]}
            for name, xmin, ymin, xmax, ymax in picture.boxes
        ]
        width, height = picture.size
        content = {"version": "5.2.1", "imagePath": f"{picture.name}.jpg", "shapes": shapes, "imageData": None}
        path = root / picture.split / f"{picture.name}.json"
        path.write_text(json.dumps({**content, "imageWidth": width, "imageHeight": height}))


WRITERS: dict[str, Callable[[DataSet, Path], None]] = {
    "voc": write_voc,
    "yolo": write_yolo,
    "coco": write_coco,
    "csv": write_csv,
    "automl": write_automl_csv,
    "labelme": write_labelme,
}
