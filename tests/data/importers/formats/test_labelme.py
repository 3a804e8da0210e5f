# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""LabelMe annotations, clean and dirty."""

from __future__ import annotations

import json
import math
import pickle

import pytest

from efficientdet.data import faults
from efficientdet.data.importers.annotation import AnnotationError
from efficientdet.data.importers.formats.labelme import LabelmeSource
from efficientdet.errors import DataError


def _shape(points, kind="rectangle", label="cat", **more):
    return {"label": label, "points": points, "shape_type": kind, **more}


def _text(*shapes, **changes):
    content = {"version": "5.1", "flags": {}, "shapes": shapes, "imagePath": "a.jpg", "imageData": "A" * 1000}
    return json.dumps({**content, "imageHeight": 12, "imageWidth": 16, **changes})


def _one(plant, text):
    source = LabelmeSource(plant({"a.jpg": "", "a.json": text}))
    return source.read(source.splits[""][0])


@pytest.mark.parametrize(
    ("shape", "box"),
    [
        (_shape([[1, 2], [5, 7.5]]), (2, 1, 7.5, 5)),
        (_shape([[5, 7.5], [1, 2]]), (2, 1, 7.5, 5)),  # drawn from the other corner
        (_shape([[1, 2], [5, 2], [3, 9]], "polygon"), (2, 1, 9, 5)),
        (_shape([[1, 2], [5, 2], [3, 9]], None), (2, 1, 9, 5)),
        (_shape([[5, 5], [8, 9]], "circle"), (0, 0, 10, 10)),
        (_shape([[1, 2], [5, 7]], "mask", mask="iVBOR"), (2, 1, 7, 5)),
        (_shape([[-1e999, 2], [10**400, 7]]), (2, -math.inf, 7, math.inf)),
        (_shape([[math.nan, 2], [5, 7]]), (math.nan,) * 4),
    ],
)
def test_shapes(plant, shape, box):
    image = _one(plant, _text(shape))
    assert image[1:4] == ("a.jpg", "a.jpg", (12, 16))
    assert (image.annotation, image.is_normalized, image.faults) == ("a.json", False, ())
    assert image.boxes[0][1:5] == pytest.approx(box, nan_ok=True)
    assert image.boxes[0].place == "shapes[0]"


def test_what_is_no_box_is_left_out_and_told(plant, brief):
    two = [[1, 2], [3, 4]]
    odd = [_shape([[1, 2]], "point"), _shape(two, "line"), _shape([[1, 2]]), _shape(two, "polygon"), _shape(two, ["x"])]
    bad = [7, {"label": "cat"}, _shape([[1, 2], [3, "4"]]), _shape([[1, 2], [3]]), _shape([[1, 2], [3, 4]], label=" "),
           _shape([[1, 2], [3, 4]], label=None)]  # fmt: skip
    image = _one(plant, _text(*odd, *bad, _shape([[1, 2], [3, 4]], label="car\n", difficult=True)))
    assert [(box.name, box.is_difficult, box.place) for box in image.boxes] == [("car\n", True, "shapes[11]")]
    assert brief(image.faults) == [
        *((faults.ANNOTATION_ODD, "a.json", f"shapes[{i}]") for i in range(5)),
        *((faults.ANNOTATION_UNREADABLE, "a.json", f"shapes[{i}]") for i in range(5, 11)),
    ]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "not a JSON file"),
        ("{", "not a JSON file"),
        ("[]", "not a JSON file"),
        ("{}", "no list 'shapes'"),
        ('{"shapes": 1}', "no list 'shapes'"),
        ('{"shapes": ' + "[" * 100_000, "nested too deeply"),
        (b"\xff", "not a JSON file"),
        ('{"shapes": [' + "{}," * 51_000, "more than 50000 shapes"),
    ],
)
def test_files_that_cannot_be_read(plant, text, detail):
    with pytest.raises(AnnotationError, match=r"a\.json") as error:
        _one(plant, text)
    assert error.value.fault.code == faults.ANNOTATION_UNREADABLE
    assert detail in error.value.fault.detail


def test_sizes_that_are_none(plant):
    assert _one(plant, _text(imageHeight=None)).size is None
    assert _one(plant, _text(imageHeight=10**400)).size is None
    assert _one(plant, "\ufeff" + _text(imageHeight=-3)).size is None


def test_listing(plant, brief):
    files = {
        "train/a.json": _text(),
        "train/a.jpg": "",
        "val/x.json": _text(imagePath="..\\pictures\\b.png"),
        "pictures/b.png": "",
        "pictures/c.png": "",
        "val/gone.json": _text(imagePath="../../gone.jpg"),
        "val/bad.json": "{",
        "val/y.json": _text(imagePath="b.png"),
    }
    source = pickle.loads(pickle.dumps(LabelmeSource(plant(files))))
    assert {split: [tuple(entry) for entry in found] for split, found in source.splits.items()} == {
        "train": [("train/a.jpg", "train/a.json")],
        "val": [("pictures/b.png", "val/x.json")],
    }
    assert sorted(brief(source.faults)) == [
        (faults.ANNOTATION_ODD, "val/y.json", ""),
        (faults.ANNOTATION_UNREADABLE, "val/bad.json", ""),
        (faults.PICTURE_LEFT_OUT, "pictures/c.png", ""),
        (faults.PICTURE_MISSING, "val/gone.json", ""),
    ]


def test_nothing_to_import(plant):
    with pytest.raises(DataError, match="none of 0 labelme files"):
        LabelmeSource(plant({"a.jpg": ""}))
