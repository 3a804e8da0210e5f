# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""COCO JSON, clean and dirty."""

from __future__ import annotations

import json

import pytest

from efficientdet.data.importers import coco
from efficientdet.data.importers.annotation import BoxAnnotation
from efficientdet.data.label_map import Label
from efficientdet.errors import DataError


@pytest.fixture
def write(tmp_path, encode_picture):
    def write(**changes):
        for name in ("a.jpg", "sub/b.jpg"):
            path = tmp_path / "images" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(encode_picture(12, 16, "JPEG"))
        box = {"id": 1, "image_id": 10, "category_id": 3, "bbox": [1, 2, 4, 5.5], "area": 11.5, "iscrowd": 0}
        content = {
            "images": [
                {"id": 10, "file_name": "a.jpg", "height": 12, "width": 16},
                {"id": 11, "file_name": "sub/b.jpg"},
            ],
            "categories": [{"id": 3, "name": "cat"}, {"id": 90, "name": "dog"}],
            "annotations": [box, {"image_id": 10, "category_id": 90, "bbox": [0, 0, 2, 2], "iscrowd": 1}],
        }
        path = tmp_path / "x.json"
        path.write_text(json.dumps({**content, **changes}))
        return path, tmp_path / "images"

    return write


def test_boxes_ids_crowds_and_areas(write):
    images, labels, notes = coco.read_coco(*write())
    assert notes == []
    assert labels == [Label(3, "cat"), Label(90, "dog")]
    assert [(image.filename, image.source_id, image.size) for image in images] == [
        ("a.jpg", "10", (12, 16)),
        ("sub/b.jpg", "11", None),
    ]
    assert images[0].boxes == (
        BoxAnnotation("cat", 2, 1, 7.5, 5, area=11.5),
        BoxAnnotation("dog", 0, 0, 2, 2, is_crowd=True),
    )
    assert images[1].boxes == ()  # a negative


def test_what_is_left_out_is_noted(write):
    images = [{"id": 10, "file_name": "a.jpg"}, {"id": 12, "file_name": "gone.jpg"}]
    annotations = [
        {"image_id": 99, "category_id": 3, "bbox": [0, 0, 1, 1]},
        {"image_id": 10, "category_id": 3},
        {"image_id": 10, "category_id": 3, "bbox": [0, 0, "1", 1]},
        {"image_id": 10, "category_id": 3, "bbox": [0, 0, 1, 1]},
        "nonsense",
    ]
    read, _, notes = coco.read_coco(*write(images=images, annotations=annotations))
    assert [(image.source_id, len(image.boxes)) for image in read] == [("10", 1)]
    assert [note.kind for note in notes] == [
        coco.DROPPED_NO_IMAGE, coco.DROPPED_NO_BOX, coco.DROPPED_NO_BOX, coco.DROPPED_NO_IMAGE, coco.SKIPPED_NO_PICTURE,
    ]  # fmt: skip
    assert "annotations[0]" in notes[0].detail
    assert "gone.jpg" in notes[-1].detail


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, "it has no list 'images'"),
        ({"categories": {}}, "it has no list 'categories'"),
        ({"images": [{"id": "1", "file_name": "a.jpg"}]}, r"images\[0\] has no 'id' that is a int"),
        ({"images": [7]}, r"images\[0\] has no 'id'"),
        ({"categories": [{"id": 3}]}, r"categories\[0\] has no 'name'"),
        ({"categories": [{"id": 3, "name": "a"}] * 2}, r"categories\[1\] repeats id 3"),
        ({"images": [{"id": 1, "file_name": "a.jpg"}] * 2}, r"images\[1\] repeats id 1"),
        ({"categories": [{"id": 3, "name": "cat"}]}, r"annotations\[1\]: category_id 90 is not among the categories"),
        ({"images": [{"id": 1, "file_name": "gone.jpg"}]}, "none of its 1 pictures is in"),
        ({"images": [{"id": 1, "file_name": "../x.json"}]}, "leads out of"),
    ],
)
def test_files_that_are_something_else(write, changes, message):
    with pytest.raises(DataError, match=message):
        coco.read_coco(*write(**changes))


def test_no_json_no_file_no_folder(write, tmp_path):
    path, image_dir = write()
    with pytest.raises(DataError, match="is not a folder"):
        coco.read_coco(path, tmp_path / "nowhere")
    with pytest.raises(DataError, match="No such file"):
        coco.read_coco(tmp_path / "y.json", image_dir)
    for text in ("{", "[]", "\x00"):
        path.write_text(text)
        with pytest.raises(DataError, match=r"x\.json: not a"):
            coco.read_coco(path, image_dir)


@pytest.mark.parametrize(
    ("split", "pictures", "boxes", "crowds", "classes"), [("train2017", 26, 181, 1, 36), ("val2017", 27, 173, 2, 45)]
)
def test_coco128(shared, split, pictures, boxes, crowds, classes):
    folder = shared / "data" / "coco128"
    images, labels, notes = coco.read_coco(folder / "coco" / f"{split}.json", folder / "images" / split)
    assert notes == []
    assert (len(images), len(labels), labels[-1].id) == (pictures, 80, 90)
    found = [box for image in images for box in image.boxes]
    assert sum(box.is_crowd for box in found) == crowds
    assert sum(not box.is_crowd for box in found) == boxes
    assert len({box.name for box in found if not box.is_crowd}) == classes


_BOX = {"image_id": 10, "category_id": 3, "bbox": [0, 0, 1, 1]}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"annotations": [{**_BOX, "image_id": [1]}]}, r"annotations\[0\]: image_id \[1\] is not a number"),
        ({"annotations": [_BOX, {**_BOX, "category_id": [1]}]}, r"annotations\[1\]: category_id \[1\] is not a number"),
        (
            {"annotations": [{**_BOX, "bbox": [0, 0, 10**400, 1]}]},
            r"annotations\[0\]: bbox or area .* beyond all pixels",
        ),
        ({"annotations": [{**_BOX, "area": 10**400}]}, r"annotations\[0\]: bbox or area .* beyond all pixels"),
        ({"images": [{"id": 10, "file_name": "a\0.jpg"}]}, r"images\[0\]: file_name 'a\\x00\.jpg' cannot name a file"),
        ({"images": [{"id": 10, "file_name": "a" * 5000}]}, r"images\[0\]: file_name 'aaa.*' cannot name a file"),
    ],
)
def test_hostile_values_are_named(write, changes, message):
    with pytest.raises(DataError, match=message):
        coco.read_coco(*write(**changes))


def test_deep_nesting(write):
    path, image_dir = write()
    path.write_text("[" * 200_000)
    with pytest.raises(DataError, match="nested too deeply"):
        coco.read_coco(path, image_dir)


@pytest.mark.parametrize("id_", [0, -1, 2**31])
def test_ids_that_no_label_map_can_hold_matter_where_one_is_made(write, id_):
    files = write(categories=[{"id": id_, "name": "cat"}], annotations=[])
    assert coco.read_coco(*files)[1] == [Label(id_, "cat")]  # classes may be matched by name
    with pytest.raises(DataError, match=rf"category 'cat' has id {id_}; .* label map of your own, with ids from 1"):
        coco.read_coco(*files, needs_labels=True)
