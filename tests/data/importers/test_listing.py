# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A folder is listed without opening anything, and nothing outside of it."""

from __future__ import annotations

import os

import pytest

from efficientdet.data import faults
from efficientdet.data.importers.annotation import AnnotationError
from efficientdet.data.importers.listing import FaultLog, FileTree, folder_of, stem_of, suffix_of
from efficientdet.errors import DataError


def _list(root):
    log = FaultLog()
    return FileTree(root, log), log


def test_files_by_suffix_sorted(plant):
    root = plant({"b.JPG": "", "a.jpg": "", "sub/deep/c.jpg": "", "sub/c.xml": "", "no_suffix": "", ".hidden.jpg": ""})
    (root / ".git").mkdir()
    (root / ".git/x.jpg").touch()
    (root / "__MACOSX").mkdir()
    (root / "__MACOSX/y.jpg").touch()
    tree, log = _list(root)
    assert tree.paths(".jpg") == ["a.jpg", "b.JPG", "sub/deep/c.jpg"]
    assert tree.paths(".xml", "") == ["no_suffix", "sub/c.xml"]
    assert log.finish() == ()


def test_links_stay_inside(plant, tmp_path, brief):
    outside = plant({"secret.jpg": "", "secret.xml": ""}, "outside")
    root = plant({"real/a.jpg": ""})
    (root / "b.jpg").symlink_to(root / "real/a.jpg")
    (root / "c.jpg").symlink_to(outside / "secret.jpg")
    (root / "c.xml").symlink_to(outside / "secret.xml")
    (root / "folder").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "broken.jpg").symlink_to(root / "nothing.jpg")
    tree, log = _list(root)
    assert tree.paths(".jpg", ".xml") == ["b.jpg", "real/a.jpg"]
    assert sorted(brief(log.finish())) == [
        (faults.ANNOTATION_ODD, "c.xml", ""),
        (faults.ANNOTATION_ODD, "folder", ""),
        (faults.PICTURE_MISSING, "c.jpg", ""),
    ]
    # The folder itself may be a link: whoever names it means it.
    (tmp_path / "link").symlink_to(root)
    assert _list(tmp_path / "link")[0].paths(".jpg") == ["b.jpg", "real/a.jpg"]


def test_names_that_are_no_text(plant, brief):
    root = plant({"ü 1.jpg": ""})
    (root / os.fsdecode(b"\xff\xfe.jpg")).touch()
    tree, log = _list(root)
    assert tree.paths(".jpg") == ["ü 1.jpg"]
    assert brief(log.finish()) == [(faults.PICTURE_UNREADABLE, "\\xff\\xfe.jpg", "")]


def test_what_is_no_file_is_passed_over(plant):
    root = plant({"a.jpg": ""})
    os.mkfifo(root / "b.jpg")
    assert _list(root)[0].paths(".jpg") == ["a.jpg"]


def test_no_folder(tmp_path):
    with pytest.raises(DataError, match="nowhere: No such file"):
        _list(tmp_path / "nowhere")


def test_faults_beyond_the_limit_are_counted():
    log = FaultLog(max_of_a_kind=2)
    for i in range(5):
        log.add(faults.PICTURE_MISSING, f"{i}.xml", "", "gone")
    log.add(faults.ANNOTATION_ODD, "x", "line 1", "odd")
    found = log.finish()
    assert [fault.file for fault in found] == ["0.xml", "1.xml", "x", ""]
    assert found[-1][:4] == (faults.PICTURE_MISSING, "", "", "and 3 more of this kind")
    for _ in range(195):
        log.add(faults.PICTURE_MISSING, "y", "line 8", "gone")
    with pytest.raises(AnnotationError, match="y: line 9: given up after 201 cases of picture-missing"):
        log.add(faults.PICTURE_MISSING, "y", "line 9", "gone")


@pytest.mark.parametrize(
    ("name", "stem", "suffix"), [("a.b.JPG", "a.b", ".jpg"), ("a", "a", ""), (".a", ".a", ""), ("a.", "a", ".")]
)
def test_stem_and_suffix(name, stem, suffix):
    assert (stem_of(name), suffix_of(name)) == (stem, suffix)


def test_folders():
    assert [folder_of(path) for path in ("a/b/c.jpg", "a/b", "c.jpg", "")] == ["a/b", "a", "", ""]
