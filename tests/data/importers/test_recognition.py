# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A data set is recognised by what is in its files."""

from __future__ import annotations

import json
import logging
import subprocess
import sys

import pytest

from efficientdet.data.importers.recognition import FORMATS, SeveralFormatsError, recognise
from efficientdet.data.record_encoding import encode_example, frame_record
from efficientdet.errors import DataError, UsageError

_XML = "<annotation><object><name>cat</name><bndbox/></object></annotation>"
_COCO = json.dumps({"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [], "categories": []})
_RECORD = b"".join(
    frame_record(encode_example(encoded=b"x", image_format="png", size=(1, 1), filename="a", source_id="1", boxes=[]))
)
_SETS = {
    "voc": {"Annotations/a.xml": _XML, "JPEGImages/a.jpg": ""},
    "coco": {"annotations/x.json": _COCO, "images/a.jpg": ""},
    "yolo": {"images/a.jpg": "", "labels/a.txt": "0 .5 .5 .5 .5\n", "README.txt": "hello"},
    "csv": {"images/a.jpg": "", "labels.csv": "a.jpg,1,2,3,4,cat\n"},
    "labelme": {"a.jpg": "", "a.json": '{"shapes": [], "imagePath": "a.jpg"}'},
    "tfrecord": {"train.record": _RECORD, "val.record-00000-of-00001": _RECORD, "label_map.pbtxt": ""},
}


def test_every_format_has_a_set():
    assert set(_SETS) == set(FORMATS)


@pytest.mark.parametrize("format", FORMATS)
def test_folders(plant, caplog, format):
    root = plant(_SETS[format])
    with caplog.at_level(logging.INFO):
        source = recognise(root)
    assert source.format == recognise(root, format=format).format == format
    (line,) = [record.getMessage() for record in caplog.records if record.name.endswith("recognition")][:1]
    assert str(root) in line
    assert sum(map(len, source.splits.values())) == (2 if format == "tfrecord" else 1)


@pytest.mark.parametrize(
    ("format", "file"),
    [
        ("coco", "annotations/x.json"),
        ("csv", "labels.csv"),
        ("tfrecord", "train.record"),
        ("tfrecord", "*.record*"),
        ("yolo", "data.yaml"),
    ],
)
def test_files(plant, format, file):
    root = plant({**_SETS[format], **({"data.yaml": "names: [cat]"} if format == "yolo" else {})})
    assert recognise(root / file).format == format


def test_splits_of_records(plant):
    assert list(recognise(plant(_SETS["tfrecord"])).splits) == ["train", "val"]


def test_labels_that_are_all_empty(plant):
    files = {"images/a.jpg": "", "labels/a.txt": "", "data.yaml": "names: [cat]"}
    assert recognise(plant(files)).format == "yolo"
    with pytest.raises(DataError, match="no data set of a known format"):
        recognise(plant({**files, "data.yaml": "port: 80"}, "other"))


def test_two_formats_are_named(plant):
    root = plant({**_SETS["voc"], **_SETS["coco"]})
    message = r"more than one format \(voc: 1 XML files.*coco: .*say which with --format"
    with pytest.raises(SeveralFormatsError, match=message) as caught:
        recognise(root)
    assert caught.value.formats == ("voc", "coco")
    assert recognise(root, format="coco").format == "coco"


def test_nothing_known(plant, tmp_path):
    files = {
        "a.jpg": "",
        "x.xml": "<html/>",
        "x.json": "[]",
        "x.csv": "a,b\n1,2\n",
        "notes.txt": "a b\n",
        "x.record": "no",
    }
    root = plant(files)
    with pytest.raises(DataError, match=r"no data set of a known format\. Looked for voc: .*; coco: .*tfrecord: "):
        recognise(root)
    with pytest.raises(DataError, match="no data set of a known format"):
        recognise(plant({}, "empty"))
    for name in ("a.jpg", "x.xml", "x.json", "x.csv", "x.record"):
        with pytest.raises(DataError, match="not a file that stands for a data set"):
            recognise(root / name)
    (root / "x.zip").touch()
    with pytest.raises(DataError, match="unpack it first"):
        recognise(root / "x.zip")
    with pytest.raises(DataError, match="there is no such file or folder"):
        recognise(tmp_path / "nowhere")
    with pytest.raises(DataError, match="matches no file"):
        recognise(tmp_path / "nowhere-*")


def test_what_an_import_writes_is_records(plant):
    root = plant({**_SETS["tfrecord"], "train.json": _COCO, "val.json": _COCO, "report.json": '{"schema": 1}'})
    assert recognise(root).format == "tfrecord"


def test_coco_without_pictures_is_some_with_their_folder(plant):
    root, pictures = plant({"x.json": _COCO}), plant({"a.jpg": ""}, "pictures")
    assert recognise(root, image_dir=pictures).format == "coco"
    with pytest.raises(DataError, match="no data set of a known format"):
        recognise(root)


def test_mistakes(plant, tmp_path):
    root = plant(_SETS["tfrecord"])
    with pytest.raises(UsageError, match="format 'pdf' is not known: one of voc, coco"):
        recognise(root, format="pdf")
    with pytest.raises(UsageError, match="records hold their pictures"):
        recognise(root, image_dir=tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        recognise(root, image_dir=tmp_path / "nowhere")


def test_many_empty_labels(plant):
    files = {f"images/{i:03}.jpg": "" for i in range(100)} | {f"labels/{i:03}.txt": "" for i in range(100)}
    assert recognise(plant({**files, "labels/057.txt": "0 .5 .5 .5 .5\n"})).format == "yolo"


@pytest.mark.parametrize(
    ("path", "format", "expected"),
    [("bccd", "voc", [205, 87, 72]), ("coco128", "yolo", [26, 27]), ("coco128", "coco", [26, 27])],
)
def test_real_data(shared, path, format, expected):
    source = recognise(shared / "data" / path, format=format)
    assert list(map(len, source.splits.values())) == expected
    with pytest.raises(DataError, match=f"more than one format.*{format}"):
        recognise(shared / "data" / path)


def test_no_tensorflow():
    code = "import sys, efficientdet.data.importers.recognition; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_labels_that_start_with_a_mark(plant):
    assert recognise(plant({"images/a.jpg": "", "labels/a.txt": "\ufeff0 .5 .5 .5 .5\n"})).format == "yolo"
