# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Tables of boxes, clean and dirty, of the three kinds that tools write."""

from __future__ import annotations

import math
import pickle

import pytest

from efficientdet.data import faults
from efficientdet.data.importers.formats.csv_table import CsvSource
from efficientdet.data.label_map import Label
from efficientdet.errors import DataError

_HEADER = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
_TWO = {"images/a.jpg": "", "images/b.jpg": ""}


def _read(source, split=""):
    return [source.read(entry) for entry in source.splits[split]]


def test_header_of_tfod(plant):
    table = _HEADER + "a.jpg,16,12,cat,1,2,5,7.5\nb.jpg,16,12,dog,0,0,2,2\na.jpg,16,12,dog,3,3,4,4\n"
    source = CsvSource(plant({**_TWO, "labels.csv": table}))
    assert (source.format, source.labels, source.faults) == ("csv", (), ())
    first, second = _read(source)
    assert first[1:4] == ("a.jpg", "images/a.jpg", (12, 16))
    assert (first.annotation, first.is_normalized) == ("labels.csv", False)
    assert [(tuple(box[:5]), box.place) for box in first.boxes] == [
        (("cat", 2, 1, 7.5, 5), "line 2"),
        (("dog", 3, 3, 4, 4), "line 4"),
    ]
    assert [tuple(box[:5]) for box in second.boxes] == [("dog", 0, 0, 2, 2)]


@pytest.mark.parametrize(
    "table",
    [
        "\ufeff" + _HEADER.replace("\n", "\r\n") + "a.jpg,16,12,cat,1,2,5,7\r\n",
        (_HEADER + "a.jpg,16,12,cat,1,2,5,7\n").encode("utf-16"),
        "Class;XMin;YMin;XMax;YMax;Image\ncat;1,0;2;5;7,0;images\\a.jpg\n",
        "image_path\tlabel\tx1\ty1\tx2\ty2\n/home/me/a.jpg\tcat\t1\t2\t5\t7\n",
        '"filename","class","xmin","ymin","xmax","ymax","note"\n"a.jpg","cat"," 1 ","2","5","7","one,\ntwo"\n',
        "images/a.jpg,1,2,5,7,cat\n",
        "\n\na.jpg,1,2,5,7,cat\r",
    ],
)
def test_dialects(plant, table):
    source = CsvSource(plant({"images/a.jpg": "", "x.csv": table}))
    (image,) = _read(source)
    assert ([tuple(box[:5]) for box in image.boxes], source.faults) == ([("cat", 2, 1, 7, 5)], ())


def test_keras_retinanet(plant):
    table = "images/a.jpg,1,2,5,7,cat\nimages/b.jpg,,,,,\nimages/a.jpg,0,0,1,1,dog\n"
    source = CsvSource(plant({**_TWO, "annotations.csv": table, "classes.csv": "cat,0\ndog,1\x1e\n"}))
    assert [len(image.boxes) for image in _read(source)] == [2, 0]
    assert source.labels == (Label(1, "cat"), Label(2, "dog"))
    assert source.faults == ()


@pytest.mark.parametrize("folder", [False, True])
def test_automl(plant, folder):
    table = (
        "TRAIN,gs://bucket/x/a.jpg,cat,0.1,0.2,,,0.3,0.4,,\n"
        "VALIDATION,gs://bucket/x/b.jpg,dog,0,0,1,0,1,1,0,1\n"
        "TEST,gs://bucket/x/c.jpg,,,,,,,,,\n"
    )
    root = plant({**_TWO, "images/c.jpg": "", "x.csv": table})
    source = CsvSource(root if folder else root / "x.csv")
    assert list(source.splits) == ["train", "val", "test"]
    (train,), (val,), (test,) = (_read(source, split) for split in source.splits)
    assert train.is_normalized
    assert [tuple(box[:5]) for box in train.boxes] == [("cat", 0.2, 0.1, 0.4, 0.3)]
    assert [tuple(box[:5]) for box in val.boxes] == [("dog", 0, 0, 1, 1)]
    assert (test.filename, test.boxes) == ("c.jpg", ())


def test_splits_of_files_and_of_columns(plant):
    row = "{},16,12,cat,1,2,5,7\n"
    root = plant(
        {**_TWO, "train_labels.csv": _HEADER + row.format("a.jpg"), "test_labels.csv": _HEADER + row.format("b.jpg")}
    )
    assert {split: [image.filename for image in _read(CsvSource(root), split)] for split in CsvSource(root).splits} == {
        "train": ["a.jpg"],
        "test": ["b.jpg"],
    }
    table = "image,split,label,x1,y1,x2,y2\na.jpg,Training,cat,1,2,3,4\nb.jpg,,cat,1,2,3,4\n"
    assert set(CsvSource(plant({**_TWO, "x.csv": table}, "columns")).splits) == {"train", ""}


def test_a_row_that_cannot_be_read_stops_no_other(plant, brief):
    rows = [
        "a.jpg,16,12,cat,1,2,5,7",
        "a.jpg,16,12,cat,left,2,5,7",
        "a.jpg,16,12,cat,1,2",
        "gone.jpg,16,12,cat,1,2,5,7",
        "gone.jpg,16,12,cat,1,2,5,7",
        "../../../etc/passwd,16,12,cat,1,2,5,7",
        "a.jpg,16,12,,1,2,5,7",
        "x" * 200_000,
        "a.jpg,-1,twelve,cat\n,nan,1e999,5,7",
    ]
    source = CsvSource(plant({"a.jpg": "", "x.csv": _HEADER + "\n".join(rows) + "\n"}))
    (image,) = _read(source)
    assert [box.place for box in image.boxes] == ["line 2"]
    assert brief(source.faults) == [
        *((faults.ANNOTATION_UNREADABLE, "x.csv", f"line {line}") for line in (3, 4)),
        *((faults.PICTURE_MISSING, "x.csv", f"line {line}") for line in (5, 7)),
        *((faults.ANNOTATION_UNREADABLE, "x.csv", f"line {line}") for line in (8, 9, 10, 11)),
    ]


def test_names_and_numbers_as_they_stand(plant):
    table = _HEADER + '"a.jpg",0,1e99,"car\n",nan,1e999,-5,7\na.jpg,,, Car,5,6,1,2\n'
    (image,) = _read(CsvSource(plant({"a.jpg": "", "x.csv": table})))
    assert image.size is None
    assert [box.name for box in image.boxes] == ["car\n", " Car"]
    assert math.isnan(image.boxes[0].xmin)
    assert image.boxes[0].ymin == math.inf
    assert image.boxes[1][1:5] == (6, 5, 2, 1)
    assert image.boxes[1].place == "line 4"


def test_a_size_that_is_no_number(plant, brief):
    table = _HEADER + "a.jpg,16,twelve,cat,1,2,5,7\na.jpg,16,twelve,cat,1,2,5,7\n"
    source = CsvSource(plant({"a.jpg": "", "x.csv": table}))
    (image,) = _read(source)
    assert (image.size, len(image.boxes)) == (None, 2)
    assert brief(source.faults) == [(faults.ANNOTATION_UNREADABLE, "x.csv", "line 2")]
    assert source.faults[0].detail == "height 'twelve' is not a number: not used"


def test_listing(plant, brief):
    table = "TRAIN,a.jpg,cat,0,0,,,1,1,,\nTEST,a.jpg,cat,0,0,,,1,1,,\nTRAIN,./a.jpg,dog,0,0,,,1,1,,\n"
    root = plant({"images/a.jpg": "", "images/b.jpg": "", "other/c.jpg": "", "x.csv": table, "other.csv": "a,b\n1,2\n"})
    source = CsvSource(root)
    assert [len(image.boxes) for image in _read(source, "train")] == [2]
    assert brief(source.faults) == [(faults.PICTURE_LEFT_OUT, "images/b.jpg", "")]


def test_nothing_to_import(plant, tmp_path):
    root = plant({"a.jpg": "", "x.csv": "a,b\n1,2\n", "empty.csv": "", "long.csv": "x" * (1 << 20)})
    for path in (root, root / "x.csv", root / "empty.csv"):
        with pytest.raises(DataError, match="no table of boxes"):
            CsvSource(path)
    with pytest.raises(DataError, match="a line is longer than 1048576 characters"):
        CsvSource(root / "long.csv")
    with pytest.raises(DataError, match="none of its pictures is in"):
        CsvSource(plant({"x.csv": _HEADER + "a.jpg,1,1,cat,0,0,1,1\n"}, "other"))
    with pytest.raises(DataError, match="No such file"):
        CsvSource(tmp_path / "nowhere.csv")


def test_pictures_elsewhere(plant):
    pictures = plant({"deep/a.jpg": ""}, "pictures")
    root = plant({"x.csv": _HEADER + "a.jpg,1,1,cat,0,0,1,1\n"})
    source = pickle.loads(pickle.dumps(CsvSource(root / "x.csv", image_dir=pictures)))
    assert _read(source)[0].path == pictures / "deep/a.jpg"


def test_boxes_are_columns(plant):
    table = _HEADER + "".join(f"a.jpg,16,12,cat,{i},2,5,7\n" for i in range(2000))
    source = CsvSource(plant({"a.jpg": "", "x.csv": table}))
    assert len(pickle.dumps(source)) < 2000 * 60
    assert len(_read(source)[0].boxes) == 2000
