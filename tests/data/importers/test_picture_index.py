# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A picture is found however its name is written, and never a wrong one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efficientdet.data.importers.listing import FaultLog, FileTree
from efficientdet.data.importers.picture_index import FileIndex, parts_of, picture_index

_INDEX = FileIndex(
    [
        ("images", "a.jpg"),
        ("images", "b.PNG"),
        ("", "c d.jpeg"),
        ("one", "e.jpg"),
        ("two", "e.jpg"),
        ("images", "v1.5.jpg"),
    ]
)


@pytest.mark.parametrize(
    ("name", "near", "found"),
    [
        ("a.jpg", "", "images/a.jpg"),
        ("images/a.jpg", "", "images/a.jpg"),
        (r"C:\Users\me\data\a.jpg", "", "images/a.jpg"),
        (r"..\images\a.jpg", "", "images/a.jpg"),
        ("gs://bucket/folder/a.jpg", "", "images/a.jpg"),
        ("file:///home/me/a.jpg", "", "images/a.jpg"),
        ("a", "", "images/a.jpg"),
        ("A.JPG", "", "images/a.jpg"),
        (" a.jpg\n", "", "images/a.jpg"),
        ("b.png", "", "images/b.PNG"),
        ("c d.jpg", "", "c d.jpeg"),
        ("v1.5", "", "images/v1.5.jpg"),
        ("v1.5.jpg", "", "images/v1.5.jpg"),
        ("a.png", "", None),  # of another kind: a mask perhaps
        ("e.jpg", "", None),  # either
        ("two/e.jpg", "", "two/e.jpg"),
        ("e.jpg", "one", "one/e.jpg"),
        ("", "", None),
        ("..", "", None),
        ("/", "", None),
        ("\0", "", None),
        ("x" * 100_000, "", None),
    ],
)
def test_names(name, near, found):
    assert _INDEX.find(name, near) == found


def test_a_picture_of_another_split_is_another_picture():
    index = FileIndex([("images/val", "0001.jpg")])
    assert index.find("images/train/0001.jpg") is None
    assert index.find("0001.jpg", "annotations/train") is None
    assert index.find("0001.jpg", "annotations") == "images/val/0001.jpg"
    assert index.find("/old/valid/0001.jpg") == "images/val/0001.jpg"


def test_folders_that_have_to_do_with_each_other():
    index = FileIndex([("VOC2007/JPEGImages", "1.jpg"), ("VOC2012/JPEGImages", "1.jpg")])
    assert index.find("1", "VOC2012/Annotations") == "VOC2012/JPEGImages/1.jpg"


def test_masks_are_no_pictures(plant):
    root = plant({"JPEGImages/1.jpg": "", "SegmentationClass/2.png": "", "train_masks/3.png": "", "mask/4.png": ""})
    assert picture_index(FileTree(root, FaultLog())).paths == {"JPEGImages/1.jpg"}


def test_why_nothing_is_found():
    assert _INDEX.missing("../../etc/passwd").startswith("'../../etc/passwd' leads out of its folder, and no picture")
    assert _INDEX.missing("e.jpg") == "'e.jpg' may be one/e.jpg or two/e.jpg"
    assert _INDEX.missing("x.jpg") == "'x.jpg' is not among the pictures"
    assert len(_INDEX.missing("x" * 100_000)) < 100


@settings(deadline=None)
@given(st.text(max_size=40))
def test_any_text_names_a_listed_picture_or_none(name):
    assert _INDEX.find(name) in {None, *_INDEX.paths}
    assert ".." not in parts_of(name)
    assert _INDEX.missing(name)
