# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""COCO JSON, clean and dirty."""

from __future__ import annotations

import json
import math
import pickle

import pytest

from efficientdet.data import faults
from efficientdet.data.importers.annotation import BoxAnnotation
from efficientdet.data.importers.formats import coco_columns
from efficientdet.data.importers.formats.coco import CocoSource
from efficientdet.data.label_map import Label
from efficientdet.errors import DataError

_BOX = {"image_id": 10, "category_id": 3, "bbox": [0, 0, 1, 1]}


def _content(**changes):
    box = {"id": 1, "image_id": 10, "category_id": 3, "bbox": [1, 2, 4, 5.5], "area": 11.5, "iscrowd": 0}
    return {
        "images": [
            {"id": 10, "file_name": "a.jpg", "height": 12, "width": 16},
            {"id": 11, "file_name": "sub/b.jpg"},
        ],
        "categories": [{"id": 3, "name": "cat"}, {"id": 90, "name": "dog"}],
        "annotations": [box, {"image_id": 10, "category_id": 90, "bbox": [0, 0, 2, 2], "iscrowd": 1}],
        **changes,
    }


@pytest.fixture
def write(plant):
    def write(**changes):
        text = json.dumps(_content(**changes))
        return plant({"images/a.jpg": "", "images/sub/b.jpg": "", "x.json": text}) / "x.json"

    return write


def _read(source, split=""):
    return [source.read(entry) for entry in source.splits[split]]


@pytest.mark.parametrize("image_dir", [False, True])
def test_boxes_ids_crowds_and_areas(write, image_dir):
    path = write()
    source = CocoSource(path, image_dir=path.parent / "images" if image_dir else None)
    assert (source.format, source.faults) == ("coco", ())
    assert source.labels == (Label(3, "cat"), Label(90, "dog"))
    first, second = _read(source)
    assert first[1:4] == ("a.jpg", "10", (12, 16))
    assert second[1:4] == ("sub/b.jpg", "11", None)
    assert second.path == path.parent / "images/sub/b.jpg"
    assert (first.annotation, first.is_normalized) == ("x.json", False)
    assert first.boxes == (
        BoxAnnotation("cat", 2, 1, 7.5, 5, area=11.5, place="annotations[0]"),
        BoxAnnotation("dog", 0, 0, 2, 2, is_crowd=True, place="annotations[1]"),
    )
    assert second.boxes == ()  # a negative


def test_lists_in_any_order_and_boxes_of_mixed_pictures(plant):
    content = _content(annotations=[{**_BOX, "image_id": i, "bbox": [i, 0, 1, 1]} for i in (11, 10, 11)])
    text = json.dumps({key: content[key] for key in ("annotations", "categories", "images")})
    first, second = _read(CocoSource(plant({"a.jpg": "", "sub/b.jpg": "", "x.json": "\ufeff" + text})))
    assert [(box.xmin, box.place) for box in first.boxes] == [(10, "annotations[1]")]
    assert [(box.xmin, box.place) for box in second.boxes] == [(11, "annotations[0]"), (11, "annotations[2]")]


def test_what_is_left_out_is_told(write, brief):
    images = [
        {"id": 12, "file_name": "gone.jpg"},
        {"id": 10, "file_name": "a.jpg"},
        {"id": 10, "file_name": "a.jpg"},
        7,
    ]
    annotations = [
        {"image_id": 99, "category_id": 3, "bbox": [0, 0, 1, 1]},
        {"image_id": 10, "category_id": 3},
        {"image_id": 10, "category_id": 3, "bbox": [0, 0, "1", 1]},
        {"image_id": 10, "category_id": 3, "bbox": [0, 0, 1]},
        {"image_id": 10, "category_id": 3, "bbox": [5, 0, 1, 1]},
        {"image_id": 12, "category_id": 3, "bbox": [0, 0, 1, 1]},
        {"image_id": [10], "category_id": 3, "bbox": [0, 0, 1, 1]},
        {"image_id": 10, "category_id": {}, "bbox": [0, 0, 1, 1]},
        "nonsense",
    ]
    categories = [{"id": 3, "name": "cat"}, {"id": 3, "name": "dog"}, {"id": 4}, {"id": 5, "name": " "}]
    source = CocoSource(write(images=images, annotations=annotations, categories=categories))
    (image,) = _read(source)
    assert (image.source_id, [box.xmin for box in image.boxes]) == ("10", [5])
    unreadable = (
        "images[2]",
        "images[3]",
        *(f"annotations[{i}]" for i in (2, 3, 6, 7, 8)),
        "categories[1]",
        "categories[2]",
    )
    expected = {(faults.ANNOTATION_UNREADABLE, "x.json", place) for place in (*unreadable, "categories[3]")}
    expected |= {(faults.PICTURE_MISSING, "x.json", place) for place in ("annotations[0]", "images[0]")}
    assert set(brief(source.faults)) == expected | {(faults.ANNOTATION_ODD, "x.json", "annotations[1]")}
    assert len(source.faults) == len(expected) + 1


@pytest.mark.parametrize(
    ("bbox", "area", "corners"),
    [
        ([math.nan, 0, 1, 1], math.inf, (0, math.nan, 1, math.nan)),
        ([0, 0, 1e999, 1], None, (0, 0, 1, math.inf)),
        ([0, 0, 10**400, 1], 10**400, (0, 0, 1, math.inf)),
        ([5, 5, -2, -3], "large", (5, 5, 2, 3)),
    ],
)
def test_absurd_numbers_are_handed_on(write, bbox, area, corners):
    source = CocoSource(write(annotations=[{**_BOX, "bbox": bbox, "area": area}]))
    (box,) = _read(source)[0].boxes
    assert box[1:5] == pytest.approx(corners, nan_ok=True)
    assert box.area is None


def test_an_unknown_category_is_called_by_its_id(write):
    assert _read(CocoSource(write(annotations=[{**_BOX, "category_id": 91}])))[0].boxes[0].name == "91"


def test_ids_may_be_texts_and_names_have_spaces(write):
    source = CocoSource(
        write(
            images=[{"id": "x1", "file_name": "a.jpg", "height": -1, "width": "5"}],
            annotations=[{**_BOX, "image_id": "x1", "category_id": 0}],
            categories=[{"id": 0, "name": "cat "}],
        )
    )
    (image,) = _read(source)
    assert (image.source_id, image.size, image.boxes[0].name) == ("x1", None, "cat ")
    assert source.labels == (Label(0, "cat "),)


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (["annotations/instances_train2017.json", "annotations/instances_val2017.json"], {"train", "val"}),
        (["train/_annotations.coco.json", "valid/_annotations.coco.json"], {"train", "val"}),
        (["annotations/instances_val2017.json", "annotations/person_keypoints_val2017.json"], {"val"}),
        (["labels.json"], {""}),
    ],
)
def test_splits_of_a_folder(plant, files, splits):
    text = json.dumps(_content(images=[{"id": 10, "file_name": "a.jpg"}]))
    pictures = {f"{folder}/a.jpg": "" for folder in ("train2017", "val2017", "train", "valid")}
    root = plant({**dict.fromkeys(files, text), **(pictures if splits != {""} else {"data/a.jpg": ""})})
    source = CocoSource(root)
    assert set(source.splits) == splits
    assert source.faults == ()
    for split in source.splits:
        (image,) = _read(source, split)
        expected = {"": "data", "val": "valid" if "valid/" in files[-1] else "val2017"}
        assert image.path.parent.name == expected.get(split, "train" if "valid/" in files[-1] else "train2017")


def test_file_names_of_another_machine(plant, brief):
    names = [r"C:\coco\sub\a.jpg", "/home/me/b.jpg", "../../c.jpg", "d", "E.JPG", "/etc/passwd", "f\0.jpg", "g" * 5000]
    text = json.dumps(_content(images=[{"id": i, "file_name": name} for i, name in enumerate(names)], annotations=[]))
    source = CocoSource(plant({"annotations/x.json": text, **{f"images/{stem}.jpg": "" for stem in "abcde"}}))
    assert [image.path.name for image in _read(source)] == [f"{stem}.jpg" for stem in "abcde"]
    assert brief(source.faults) == [(faults.PICTURE_MISSING, "annotations/x.json", f"images[{i}]") for i in (5, 6, 7)]


def test_one_picture_in_two_files(plant, brief):
    text = json.dumps(_content(images=[{"id": 10, "file_name": "a.jpg"}]))
    source = CocoSource(plant({"train.json": text, "val.json": text, "images/a.jpg": ""}))
    assert {split: len(entries) for split, entries in source.splits.items()} == {"train": 1, "val": 1}
    assert brief(source.faults) == []


def test_files_have_to_agree(plant):
    one, two = _content(), _content(categories=[{"id": 3, "name": "dog"}])
    files = {"train.json": json.dumps(one), "val.json": json.dumps(two), "a.jpg": "", "sub/b.jpg": ""}
    with pytest.raises(DataError, match=r"val\.json: category 3 is 'dog' here and 'cat' in .*train\.json"):
        CocoSource(plant(files))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, "it has no list 'images'"),
        ({"categories": {}}, "it has no list 'categories'"),
        ({"images": [{"id": 1, "file_name": "gone.jpg"}]}, "none of its 1 pictures is in"),
        ({"images": []}, "none of its 0 pictures is in"),
    ],
)
def test_files_that_are_something_else(write, changes, message):
    with pytest.raises(DataError, match=message):
        CocoSource(write(**changes))


def test_no_json_no_file_no_folder(write, tmp_path):
    path = write()
    with pytest.raises(DataError, match="nowhere: No such file"):
        CocoSource(path, image_dir=tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"y\.json: No such file"):
        CocoSource(tmp_path / "y.json", image_dir=tmp_path)
    with pytest.raises(DataError, match="no JSON file with lists 'images', 'annotations' and 'categories'"):
        CocoSource(tmp_path / "set/images")
    for text in ("{", "[]", "\x00", ""):
        path.write_text(text)
        with pytest.raises(DataError, match=r"x\.json: not a"):
            CocoSource(path)
    path.write_text("[" * 200_000)
    with pytest.raises(DataError, match=r"x\.json: not a JSON file"):
        CocoSource(path)


def test_more_ids_than_any_data_set_has(write, monkeypatch):
    monkeypatch.setattr(coco_columns, "_MOST_IDS", 3)
    with pytest.raises(DataError, match="more than 3 image ids"):
        CocoSource(write(annotations=[{**_BOX, "image_id": i} for i in range(20, 30)]))


def test_boxes_are_columns(write):
    boxes = [{**_BOX, "bbox": [i, 0, 1, 1], "id": i} for i in range(5_000)]
    source = CocoSource(write(annotations=boxes))
    assert len(pickle.dumps(source)) < 5_000 * 70  # 8 numbers each, no objects
    assert len(pickle.loads(pickle.dumps(source)).read(0).boxes) == 5_000


@pytest.mark.parametrize(
    ("split", "pictures", "boxes", "crowds", "classes"), [("train", 26, 181, 1, 36), ("val", 27, 173, 2, 45)]
)
def test_coco128(shared, split, pictures, boxes, crowds, classes):
    source = CocoSource(shared / "data" / "coco128")
    images = _read(source, split)
    assert source.faults == ()
    assert (len(images), len(source.labels), source.labels[-1].id) == (pictures, 80, 90)
    found = [box for image in images for box in image.boxes]
    assert sum(box.is_crowd for box in found) == crowds
    assert sum(not box.is_crowd for box in found) == boxes
    assert len({box.name for box in found if not box.is_crowd}) == classes


def test_bccd(shared):
    source = CocoSource(shared / "data" / "bccd")
    assert {split: len(entries) for split, entries in source.splits.items()} == {"train": 205, "val": 87, "test": 72}
    assert sum(len(image.boxes) for image in _read(source, "train")) == 2804
