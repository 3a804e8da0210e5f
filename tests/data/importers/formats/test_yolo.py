# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""YOLO labels, clean and dirty, in the layouts that tools write."""

from __future__ import annotations

import math
import pickle

import pytest

from efficientdet.data import faults
from efficientdet.data.importers.annotation import AnnotationError
from efficientdet.data.importers.formats.yolo import YoloSource
from efficientdet.data.label_map import Label
from efficientdet.errors import DataError

_LINE = "0 0.5 0.5 0.5 0.25\n"
_SPLITS = "train: images/train\nval: images/val\n"
_NAMES = "names: [cat, dog]\n"


def _one(plant, label, **files):
    """The one picture of a data set with this label file."""
    source = YoloSource(plant({"images/a.jpg": "", "labels/a.txt": label, "data.yaml": _NAMES, **files}))
    return source.read(source.splits[""][0])


def _pictures(source):
    return {split: [entry.picture.rpartition("/")[2] for entry in found] for split, found in source.splits.items()}


def test_boxes_are_fractions(plant):
    image = _one(plant, "1 0.5 0.25 0.5 0.25\n0.0 .5 .5 1 1")
    assert (image.filename, image.source_id, image.annotation) == ("a.jpg", "images/a.jpg", "labels/a.txt")
    assert (image.size, image.is_normalized, image.faults) == (None, True, ())
    assert [tuple(box[:5]) for box in image.boxes] == [("dog", 0.125, 0.25, 0.375, 0.75), ("cat", 0, 0, 1, 1)]
    assert [box.place for box in image.boxes] == ["line 1", "line 2"]


@pytest.mark.parametrize(
    "label",
    [
        "\ufeff0 0.5 0.5 0.5 0.25\r\n\r\n".encode(),
        "0 0.5 0.5 0.5 0.25\n".encode("utf-16"),
        b"\n  0\t0.5  0.5 0.5 0.25  \n\n",
        b"0 0.5 0.5 0.5 0.25\r",
    ],
)
def test_marks_line_ends_and_spaces(plant, label):
    image = _one(plant, label)
    assert ([tuple(box[:5]) for box in image.boxes], image.faults) == ([("cat", 0.375, 0.25, 0.625, 0.75)], ())


@pytest.mark.parametrize(
    "line",
    ["0 0.5 0.5 0.5", "0 0.5 0.5 0.5 0.5 0.9", "cat 0.5 0.5 0.5 0.5", "0 x 0.5 0.5 0.5", "0.5 0.5 0.5 0.5 0.5", "0",
     "nan 0 0 0 0", "inf 0 0 0 0", "0,0.5,0.5,0.5,0.5", "\0", "0 0.1 0.1 0.1 0.1 0.1 0.1 0.1"],
)  # fmt: skip
def test_a_line_that_cannot_be_read_stops_no_other(plant, brief, line):
    image = _one(plant, _LINE + line + "\n" + _LINE)
    assert [box.place for box in image.boxes] == ["line 1", "line 3"]
    assert brief(image.faults) == [(faults.ANNOTATION_UNREADABLE, "labels/a.txt", "line 2")]
    assert len(image.faults[0].detail) < 200


def test_numbers_that_are_none_are_handed_on(plant):
    first, second = _one(plant, "0 nan 0.5 0.5 0.5\n0 0.5 0.5 1e999 0.5").boxes
    assert math.isnan(first.xmin)
    assert (second.xmin, second.xmax, second.ymin) == (-math.inf, math.inf, 0.25)


def test_outlines_become_boxes(plant, brief):
    image = _one(plant, _LINE + "1 0.1 0.2 0.3 0.25 0.2 0.6\n1 0 0 1 0 1 1 0 1\n")
    assert image.boxes[1][:5] == ("dog", 0.2, 0.1, 0.6, 0.3)
    assert image.boxes[2][:5] == ("dog", 0, 0, 1, 1)
    assert brief(image.faults) == [(faults.ANNOTATION_ODD, "labels/a.txt", "line 2")]
    assert image.faults[0].detail == "an outline, taken as the box around it; 2 lines are"


def test_key_points_are_passed_over(plant):
    line = "0 0.5 0.5 0.5 0.25 0.1 0.1 2 0.2 0.2 1"
    image = _one(plant, line, **{"data.yaml": _NAMES + "kpt_shape: [2, 3]\n"})
    assert ([tuple(box[:5]) for box in image.boxes], image.faults) == ([("cat", 0.375, 0.25, 0.625, 0.75)], ())


def test_a_class_without_a_name_is_called_by_its_number(plant):
    assert [box.name for box in _one(plant, "2 .5 .5 .5 .5\n-1 .5 .5 .5 .5").boxes] == ["2", "-1"]


def test_empty_and_missing_labels_are_background(plant, brief):
    root = plant({"images/a.jpg": "", "images/b.jpg": "", "labels/a.txt": "", "data.yaml": _NAMES})
    source = YoloSource(root)
    assert [source.read(entry).boxes for entry in source.splits[""]] == [(), ()]
    assert [entry.annotation for entry in source.splits[""]] == ["labels/a.txt", ""]
    assert brief(source.faults) == [(faults.ANNOTATION_MISSING, "images/b.jpg", "")]


@pytest.mark.parametrize(
    "files",
    [
        {"images/train/a.jpg": "", "labels/train/a.txt": "", "images/val/b.jpg": "", "labels/val/b.txt": ""},
        {"train/images/a.jpg": "", "train/labels/a.txt": "", "valid/images/b.jpg": "", "valid/labels/b.txt": ""},
        {"train/a.jpg": "", "train/a.txt": "", "val/b.jpg": "", "val/b.txt": ""},
        {"img/train/a.jpg": "", "txt/train/a.txt": "", "img/val/b.jpg": "", "txt/val/b.txt": ""},
        {"images/images/train/a.JPG": "", "images/labels/train/a.txt": "", "val/b.jpg": "", "val/b.txt": ""},
    ],
)
def test_layouts(plant, files):
    source = YoloSource(plant({**files, "classes.txt": "cat\ndog\n"}))
    assert {split: [name.lower() for name in found] for split, found in _pictures(source).items()} == {
        "train": ["a.jpg"],
        "val": ["b.jpg"],
    }
    assert [entry.annotation.rpartition("/")[2] for entry in source.splits["train"]] == ["a.txt"]
    assert source.faults == ()
    assert source.labels == (Label(1, "cat"), Label(2, "dog"))


_IMAGES = {f"images/{split}/{split}{i}.jpg": "" for split in ("train", "val") for i in range(2)}
_LABELS = {path.replace("images", "labels").replace(".jpg", ".txt"): _LINE for path in _IMAGES}


@pytest.mark.parametrize(
    "config",
    [
        "path: .\n" + _SPLITS + _NAMES,
        "path: ../datasets/x  # of another machine\n" + _SPLITS + "names:\n  0: cat\n  1: dog\n",
        "train: ../images/train\nval: ../images/val\nnc: 2\n" + _NAMES,
        "train: /content/drive/set/images/train\nval: 'C:\\set\\images\\val'\n" + _NAMES,
        "train: [images/train]\nval: [./images/val/]\ntest:\n" + _NAMES,
        "train: train.txt\nvalid: lists/val.txt\n" + _NAMES,
        _NAMES,
        "\ufeff" + _NAMES.replace("\n", "\r\n") + _SPLITS.replace("\n", "\r\n"),
    ],
)
def test_configs(plant, config):
    lists = {
        "train.txt": "./images/train/train0.jpg\nimages\\train\\train1.jpg\r\n",
        "lists/val.txt": "data/images/val/val0.jpg\n\n/abs/val1.jpg\n",
    }
    source = YoloSource(plant({**_IMAGES, **_LABELS, **lists, "data.yaml": config}))
    assert _pictures(source) == {"train": ["train0.jpg", "train1.jpg"], "val": ["val0.jpg", "val1.jpg"]}
    assert source.labels == (Label(1, "cat"), Label(2, "dog"))
    assert source.faults == ()


def test_a_config_may_be_named(plant):
    root = plant({**_IMAGES, **_LABELS, "a.yaml": "x: 1", "my set.yml": _SPLITS + _NAMES})
    assert set(YoloSource(root / "my set.yml").splits) == set(YoloSource(root).splits) == {"train", "val"}
    with pytest.raises(AnnotationError, match=r"a\.yaml: it has no 'names'"):
        YoloSource(root / "a.yaml")


def test_darknet(plant):
    data = "classes = 2\ntrain = data/train.txt\nvalid=data\\valid.txt\nnames = data/obj.names\nbackup = backup/\n"
    lists = {"train.txt": "data/obj_train_data/a.jpg\n", "valid.txt": "data/obj_valid_data/b.png\n"}
    boxes = {"obj_train_data/a.jpg": "", "obj_train_data/a.txt": _LINE, "obj_valid_data/b.png": ""}
    source = YoloSource(plant({**boxes, **lists, "obj.data": data, "obj.names": "cat\r\n dog\r\n\r\n"}))
    assert _pictures(source) == {"train": ["a.jpg"], "val": ["b.png"]}
    assert source.labels == (Label(1, "cat"), Label(2, " dog"))


def test_lists_beside_the_folders(plant):
    lists = {"train.txt": "images/a.jpg\n", "val.txt": "images/b.jpg\n"}
    files = {"images/a.jpg": "", "labels/a.txt": _LINE, "images/b.jpg": "", "labels/b.txt": _LINE}
    source = YoloSource(plant({**files, **lists, "labels/classes.txt": "cat"}))
    assert _pictures(source) == {"train": ["a.jpg"], "val": ["b.jpg"]}
    assert source.faults == ()


def test_a_picture_may_be_called_test(plant):
    source = YoloSource(plant({"test.jpg": "", "test.txt": _LINE, "train.txt": "test.jpg\n", "data.yaml": _NAMES}))
    assert source.splits[""][0].annotation == "test.txt"


def test_faults_of_the_listing(plant, brief):
    files = {
        **_IMAGES,
        **_LABELS,
        "labels/val/gone.txt": _LINE,
        "images/other/c.jpg": "",
        "labels/notes/readme.txt": "hello",
        "train.txt": "images/train/train0.jpg\nimages/train/gone.jpg\n../../../etc/passwd.jpg\n",
        "data.yaml": "train: train.txt\nval: [images/val, train.txt, nowhere]\nnc: 3\nnames: [cat, cat]\n",
    }
    source = YoloSource(plant(files))
    assert sorted(brief(source.faults)) == [
        (faults.ANNOTATION_ODD, "data.yaml", ""),  # two classes of one name
        (faults.ANNOTATION_ODD, "data.yaml", ""),  # pictures in no split
        (faults.ANNOTATION_ODD, "data.yaml", "nc"),
        (faults.ANNOTATION_ODD, "data.yaml", "val"),
        *[(faults.PICTURE_MISSING, "labels/val/gone.txt", "")],
        *[(faults.PICTURE_MISSING, "train.txt", f"line {line}") for line in (2, 2, 3, 3)],
    ]
    details = {fault.detail for fault in source.faults}
    assert "2 pictures are in no split: left out, images/other/c.jpg for one" in details
    assert "classes 0 and 1 are both called 'cat'" in details
    assert source.labels == (Label(1, "cat"),)


@pytest.mark.parametrize(
    "config",
    [
        "names: !!python/object/apply:os.system ['touch /tmp/pwned']\n",
        "names: !!python/name:os.system\n",
        "a: [&x [1], *x\n",
        "names: [\n",
        "{" * 5000,
        "[" * 100_000,
        "names: 7\n",
        "names: [[cat]]\n",
        "names: {cat: 0}\n",
        "- names\n",
        "",
        b"\xff\xff\xff",
        "names: [cat]\nnames: &a [*a]\n",
    ],
)
def test_hostile_configs(plant, config):
    root = plant({"images/a.jpg": "", "labels/a.txt": _LINE, "data.yaml": config})
    with pytest.raises(AnnotationError, match=r"data\.yaml"):
        YoloSource(root / "data.yaml")
    source = YoloSource(root)  # found, and done without
    assert source.labels == ()
    assert all(fault.code in (faults.ANNOTATION_UNREADABLE, faults.ANNOTATION_ODD) for fault in source.faults)


def test_names_stay_texts(plant):
    source = YoloSource(
        plant({"a.jpg": "", "a.txt": _LINE, "data.yaml": "names: [no, 1, 2.50, 'x ', ~, 2020-01-01]\n"})
    )
    assert [label.name for label in source.labels] == ["no", "1", "2.50", "x ", "~", "2020-01-01"]


def test_no_names(plant):
    source = YoloSource(plant({"a.jpg": "", "a.txt": _LINE}))
    assert source.read(source.splits[""][0]).boxes[0].name == "0"
    assert [fault.detail for fault in source.faults] == ["no names of classes: they are called by their numbers"]


def test_too_large_a_file(plant):
    root = plant({"a.jpg": "", "a.txt": "", "data.yaml": _NAMES})
    source = YoloSource(root)
    with (root / "a.txt").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(AnnotationError, match="larger than 8 MiB"):
        source.read(source.splits[""][0])
    (root / "a.txt").unlink()
    with pytest.raises(AnnotationError, match="No such file"):
        source.read(source.splits[""][0])


def test_nothing_to_import(plant, tmp_path):
    with pytest.raises(DataError, match="none of its 1 pictures has a YOLO label file"):
        YoloSource(plant({"a.jpg": "", "data.yaml": _NAMES}))
    with pytest.raises(DataError, match="none of its 0 pictures"):
        YoloSource(plant({"a.txt": _LINE}, "other"))
    with pytest.raises(DataError, match="No such file"):
        YoloSource(tmp_path / "nowhere" / "data.yaml")


def test_pictures_elsewhere(plant):
    pictures = plant({"train/a.jpg": "", "val/b.jpg": ""}, "pictures")
    root = plant(
        {"labels/train/a.txt": _LINE, "labels/val/b.txt": _LINE, "data.yaml": "train: train\nval: val\n" + _NAMES}
    )
    source = pickle.loads(pickle.dumps(YoloSource(root, image_dir=pictures)))
    image = source.read(source.splits["train"][0])
    assert (image.path, image.annotation) == (pictures / "train/a.jpg", "labels/train/a.txt")


def test_coco128(shared, brief):
    source = YoloSource(shared / "data" / "coco128")
    assert sorted(brief(source.faults)) == [
        (faults.ANNOTATION_MISSING, "images/train2017/000000000508.jpg", ""),
        (faults.PICTURE_MISSING, "labels/train2017/000000000656.txt", ""),
        (faults.PICTURE_MISSING, "labels/train2017/000000000659.txt", ""),
    ]
    boxes = {
        split: [box for entry in found for box in source.read(entry).boxes] for split, found in source.splits.items()
    }
    assert {split: len(found) for split, found in boxes.items()} == {"train": 181, "val": 173}
    assert {split: len({box.name for box in found}) for split, found in boxes.items()} == {"train": 36, "val": 45}
    assert (len(source.labels), source.labels[79]) == (80, Label(80, "toothbrush"))
