# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pascal VOC annotations, clean and dirty, in folders of any layout."""

from __future__ import annotations

import math
import pickle

import pytest

from efficientdet.data import faults
from efficientdet.data.importers.annotation import AnnotationError
from efficientdet.data.importers.formats.voc import VocSource
from efficientdet.errors import DataError

_XML = "<annotation><filename>{}</filename></annotation>"
_BOX = "<object><name>{}</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>7</ymax></bndbox></object>"


def _stems(source, split=""):
    return [entry.picture.rpartition("/")[2].rpartition(".")[0] for entry in source.splits[split]]


def test_boxes_flags_and_sizes(voc_folder):
    folder = voc_folder({"a": [("cat", 1, 2, 5, 7, 1, 0), ("dog", 2.5, 0, 9, 3, 0, 1)], "b": []})
    source = VocSource(folder)
    assert (source.format, source.root, source.labels, source.faults) == ("voc", folder, (), ())
    first, second = map(source.read, source.splits["train"])
    assert first.path == folder / "JPEGImages/a.jpg"
    assert first[1:4] == ("a.jpg", "JPEGImages/a.jpg", (12, 16))
    assert (first.annotation, first.is_normalized) == ("Annotations/a.xml", False)
    cat, dog = first.boxes
    assert cat[:5] == (" cat ", 2, 1, 7, 5)
    assert (cat.is_truncated, cat.is_difficult, cat.place) == (True, False, "object 0")
    assert dog[1:5] == (0, 2.5, 3, 9)
    assert (dog.is_truncated, dog.is_difficult, dog.place) == (False, True, "object 1")
    assert second.boxes == ()


@pytest.mark.parametrize(
    ("text", "name"), [("car", "car"), ("car\n", "car\n"), (" Car", " Car"), ("\n      car\n    ", "car"), ("", "")]
)
def test_names_are_kept_as_typed(plant, text, name):
    root = plant({"a.jpg": "", "a.xml": f"<annotation>{_BOX.format(text)}</annotation>"})
    source = VocSource(root)
    assert source.read(source.splits[""][0]).boxes[0].name == name


@pytest.mark.parametrize(
    ("files", "pairs"),
    [
        ({"a.xml": "", "a.jpg": "", "c d.xml": "", "c d.PNG": ""}, [("a.jpg", "a.xml"), ("c d.PNG", "c d.xml")]),
        ({"annotations/xmls/a.xml": "", "images/a.jpeg": ""}, [("images/a.jpeg", "annotations/xmls/a.xml")]),
        ({"x.xml": _XML.format("C:\\data\\ü.jpg"), "ü.jpg": ""}, [("ü.jpg", "x.xml")]),
        ({"x.xml": _XML.format("noext"), "noext.jpg": ""}, [("noext.jpg", "x.xml")]),
        ({"A/1.xml": "", "JPEGImages/1.jpg": "", "SegmentationClass/1.png": ""}, [("JPEGImages/1.jpg", "A/1.xml")]),
    ],
)
def test_layouts(plant, files, pairs):
    source = VocSource(plant(files))
    assert [tuple(entry) for entry in source.splits[""]] == pairs
    assert source.faults == ()


def test_several_folders_below_one(plant):
    files = {}
    for year in ("VOC2007", "VOC2012"):
        for stem in ("1", "2"):
            files |= {f"{year}/Annotations/{stem}.xml": "", f"{year}/JPEGImages/{stem}.jpg": ""}
        files[f"{year}/ImageSets/Main/train.txt"] = "1\n"
        files[f"{year}/ImageSets/Main/val.txt"] = "2\n"
    source = VocSource(plant(files))
    assert [entry.picture for entry in source.splits["train"]] == [
        "VOC2007/JPEGImages/1.jpg",
        "VOC2012/JPEGImages/1.jpg",
    ]
    assert [entry.annotation for entry in source.splits["val"]] == [
        "VOC2007/Annotations/2.xml",
        "VOC2012/Annotations/2.xml",
    ]
    assert source.faults == ()


def test_splits_by_folder(plant):
    source = VocSource(plant({"train/a.xml": "", "train/a.jpg": "", "valid/b.xml": "", "valid/b.jpg": ""}))
    assert {split: _stems(source, split) for split in source.splits} == {"train": ["a"], "val": ["b"]}


def test_pictures_of_another_split_are_not_taken(plant, brief):
    source = VocSource(plant({"train/a.xml": _XML.format("a.jpg"), "val/a.jpg": "", "val/a.xml": ""}))
    assert brief(source.faults) == [(faults.PICTURE_MISSING, "train/a.xml", "")]


def test_a_second_annotation_of_a_picture_is_left_out(plant, brief):
    source = VocSource(plant({"images/a.jpg": "", "labels/a.xml": "", "labels_old/a.xml": ""}))
    assert [tuple(entry) for entry in source.splits[""]] == [("images/a.jpg", "labels/a.xml")]
    assert brief(source.faults) == [(faults.ANNOTATION_ODD, "labels_old/a.xml", "")]


def test_one_picture_annotated_for_two_splits(plant, brief):
    source = VocSource(plant({"images/a.jpg": "", "train/a.xml": "", "val/a.xml": ""}))
    assert {split: _stems(source, split) for split in source.splits} == {"train": ["a"], "val": ["a"]}
    assert brief(source.faults) == []  # a picture in two splits is found once all are listed


def test_what_is_no_annotation_and_has_no_picture(plant, brief):
    source = VocSource(plant({"a.jpg": "", "a.xml": "", "meta.xml": "<meta/>", "cut.xml": "<annotation>"}))
    assert brief(source.faults) == [
        (faults.ANNOTATION_UNREADABLE, "cut.xml", "line 1"),
        (faults.ANNOTATION_UNREADABLE, "meta.xml", ""),
    ]


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ({"train": "a\n", "val": "b\n", "trainval": "a\nb\n", "cat_train": "a 1\n"}, {"train": ["a"], "val": ["b"]}),
        ({"trainval": "b\na\n", "test": "c d\n"}, {"train": ["b", "a"], "test": ["c d"]}),
        ({"default": "a\nb\nc d\n"}, {"": ["a", "b", "c d"]}),
        ({"one": "b  -1\n\nb 1\r\nc d\r\n", "two": "a.jpg\n"}, {"one": ["b", "c d"], "two": ["a"]}),
        ({"train": "\ufeffJPEGImages\\a.jpg Annotations/a.xml\n"}, {"train": ["a"]}),
        ({"cat_train": "a 1\n"}, {"": ["a", "b", "c d"]}),
    ],
)
def test_lists(voc_folder, lists, expected):
    folder = voc_folder({"a": [], "b": [], "c d": []})
    (folder / "ImageSets/Main/train.txt").unlink()
    for name, content in lists.items():
        (folder / f"ImageSets/Main/{name}.txt").write_text(content)
    source = VocSource(folder)
    assert {split: _stems(source, split) for split in source.splits} == expected


def test_lists_that_are_asked_for(voc_folder):
    folder = voc_folder({"a": [], "b": [], "c": []})
    (folder / "ImageSets/Main/some.txt").write_text("b\nc\n")
    source = VocSource(folder, lists=["some"])
    assert {split: _stems(source, split) for split in source.splits} == {"some": ["b", "c"]}
    assert _stems(VocSource(folder, lists=())) == ["a", "b", "c"]
    with pytest.raises(DataError, match=r"no split 'val' \(there: some, train\)"):
        VocSource(folder, lists=["val"])
    for name in ("../../x", "/etc/x", "nul\0"):
        with pytest.raises(DataError, match="no split"):
            VocSource(folder, lists=[name])
    (folder / "ImageSets/Main/none.txt").write_text("x\n")
    with pytest.raises(
        DataError, match=r"no annotated picture in none; the first fault: .*line 1: 'x' has no annotation"
    ):
        VocSource(folder, lists=["none"])


def test_faults_of_the_listing(voc_folder, brief):
    folder = voc_folder({stem: [] for stem in "abcde"})
    (folder / "Annotations/b.xml").unlink()
    (folder / "JPEGImages/c.jpg").unlink()
    (folder / "ImageSets/Main/train.txt").write_text("a\nb\nc\nd\n../../e\nz\n")
    (folder / "ImageSets/Main/val.txt").write_text("d\n")
    source = VocSource(folder)
    assert sorted(brief(source.faults)) == [
        (faults.PICTURE_LEFT_OUT, "ImageSets/Main/train.txt", "line 6"),  # of b and c the files themselves tell
        (faults.PICTURE_LEFT_OUT, "JPEGImages/b.jpg", ""),
        (faults.PICTURE_MISSING, "Annotations/c.xml", ""),
    ]
    assert _stems(source, "train") == ["a", "d", "e"]


def test_annotations_in_no_list_are_told(voc_folder):
    folder = voc_folder({"a": [], "b": [], "c": []})
    (folder / "ImageSets/Main/train.txt").write_text("a\n")
    (fault,) = VocSource(folder).faults
    assert fault[:2] == (faults.ANNOTATION_ODD, "ImageSets/Main")
    assert fault.detail == "2 annotations are in no list: left out, Annotations/b.xml for one"


def test_pictures_elsewhere(plant):
    root, pictures = plant({"a.xml": ""}), plant({"deep/a.jpg": ""}, "pictures")
    source = VocSource(root, image_dir=pictures)
    assert source.splits[""] == [("deep/a.jpg", "a.xml")]
    (root / "a.xml").write_text("<annotation/>")
    assert source.read(source.splits[""][0]).path == pictures / "deep/a.jpg"


_BOMB = (
    "<!DOCTYPE x [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;&b;&b;&b;'>]>"
    "<annotation><filename>&c;</filename></annotation>"
)
_SECRET = "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><annotation><filename>&e;</filename></annotation>"


@pytest.mark.parametrize(
    ("content", "place", "detail"),
    [
        ("", "", "the file is empty"),
        (" \n", "", "the file is empty"),
        ("<annotation>\n<object>", "line 2", "not XML"),
        ("<annotation>\n<name>a & b</name></annotation>", "line 2", "not XML"),
        ("<html></html>", "", "its root element is 'html'"),
        (_BOMB, "", "it defines entities"),
        (_SECRET, "", "it defines entities"),
        ("<?xml version='1.0' encoding='klingon'?><annotation/>", "", "not XML"),
        (b"\x00\x01\x02", "line 1", "not XML"),
        (b"\xff\xd8\xff\xe0", "line 1", "not XML"),
    ],
)
def test_files_that_cannot_be_read(plant, content, place, detail):
    root = plant({"a.jpg": "", "a.xml": content})
    source = VocSource(root)
    with pytest.raises(AnnotationError, match=r"a\.xml.*") as error:
        source.read(source.splits[""][0])
    found = pickle.loads(pickle.dumps(error.value)).fault
    assert found[:3] == (faults.ANNOTATION_UNREADABLE, "a.xml", place)
    assert detail in found.detail


def test_too_large_a_file(plant):
    root = plant({"a.jpg": "", "a.xml": ""})
    with (root / "a.xml").open("wb") as file:
        file.truncate(1 << 30)
    source = VocSource(root)
    with pytest.raises(AnnotationError, match="larger than 8 MiB"):
        source.read(source.splits[""][0])


@pytest.mark.parametrize("content", ["<annotation/>", "\ufeff<annotation/>", "\r\n <?xml version='1.0'?><annotation/>"])
def test_marks_and_spaces_before_the_start(plant, content):
    source = VocSource(plant({"a.jpg": "", "a.xml": content}))
    assert source.read(source.splits[""][0]).boxes == ()


def test_deep_nesting_does_no_harm(plant):
    deep = "<annotation>" + "<a>" * 100_000 + "</a>" * 100_000 + "</annotation>"
    source = VocSource(plant({"a.jpg": "", "a.xml": deep}))
    assert source.read(source.splits[""][0]).boxes == ()


def test_odd_values(plant, brief):
    sides = "<xmin>left</xmin><ymin>1e999</ymin><xmax> 3.5 </xmax>"
    odd = f"<object><name>cat</name><bndbox>{sides}</bndbox></object><object><polygon/></object>"
    size = "<size><height>1e999</height><width>5</width></size>"
    source = VocSource(plant({"a.jpg": "", "a.xml": f"<annotation>{size}{odd}{_BOX.format('dog')}</annotation>"}))
    image = source.read(source.splits[""][0])
    assert image.size is None
    assert math.isnan(image.boxes[0].xmin)
    assert math.isnan(image.boxes[0].ymax)
    assert (image.boxes[0].ymin, image.boxes[0].xmax) == (math.inf, 3.5)
    assert image.boxes[1][:5] == ("dog", 2, 1, 7, 5)
    assert brief(image.faults) == [(faults.ANNOTATION_ODD, "a.xml", "object 1")]
    assert image.boxes[1].place == "object 2"


@pytest.mark.parametrize("name", ["../secret.jpg", "/etc/passwd", r"..\..\secret.jpg", "x" * 5000, "a\nb"])
def test_names_that_lead_out(plant, brief, name):
    plant({"secret.jpg": ""}, ".")
    root = plant({"a.xml": _XML.format(name), "b.xml": "", "b.jpg": ""})
    assert brief(VocSource(root).faults) == [(faults.PICTURE_MISSING, "a.xml", "")]


def test_nothing_to_import(plant, tmp_path):
    with pytest.raises(DataError, match="No such file"):
        VocSource(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"none of 0 voc files \(\.xml\) has a picture"):
        VocSource(plant({"a.jpg": ""}))
    with pytest.raises(DataError, match=r"none of 1 voc files .*; the first fault: x.xml: 'gone.jpg' is not among"):
        VocSource(plant({"x.xml": _XML.format("gone.jpg")}, "other"))


def test_it_travels_to_other_processes(voc_folder):
    source = pickle.loads(pickle.dumps(VocSource(voc_folder({"a": [("cat", 1, 2, 5, 7)]}))))
    assert len(source.read(source.splits["train"][0]).boxes) == 1


def test_bccd(shared):
    source = VocSource(shared / "data" / "bccd")
    assert source.faults == ()
    assert {split: len(entries) for split, entries in source.splits.items()} == {"train": 205, "val": 87, "test": 72}
    images = {split: [source.read(entry) for entry in entries] for split, entries in source.splits.items()}
    boxes = {split: sum(len(image.boxes) for image in found) for split, found in images.items()}
    assert boxes == {"train": 2805, "val": 1138, "test": 945}
    names = [box.name for found in images.values() for image in found for box in image.boxes]
    assert {name: names.count(name) for name in set(names)} == {"RBC": 4155, "WBC": 372, "Platelets": 361}
    by_name = {image.filename: image for found in images.values() for image in found}
    box = by_name["BloodImage_00338.jpg"].boxes[12]
    assert (box.place, *box[1:5]) == ("object 12", 337, 504, 337, 504)
