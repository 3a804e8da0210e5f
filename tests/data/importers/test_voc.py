# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pascal VOC folders, clean and dirty."""

from __future__ import annotations

import math

import pytest

from efficientdet.data.importers import voc
from efficientdet.errors import DataError


def test_boxes_flags_and_sizes(voc_folder):
    folder = voc_folder({"a": [("cat", 1, 2, 5, 7, 1, 0), ("dog", 2.5, 0, 9, 3, 0, 1)], "b": []})
    images, notes = voc.read_voc([folder], ["train"])
    assert notes == []
    assert [(image.filename, image.source_id, image.size) for image in images] == [
        ("a.jpg", "a.jpg", (12, 16)),
        ("b.jpg", "b.jpg", (12, 16)),
    ]
    cat, dog = images[0].boxes
    assert cat[:5] == ("cat", 2, 1, 7, 5)
    assert (cat.is_truncated, cat.is_difficult) == (True, False)
    assert dog[:5] == ("dog", 0, 2.5, 3, 9)
    assert (dog.is_truncated, dog.is_difficult) == (False, True)
    assert images[1].boxes == ()


def test_several_folders_keep_their_pictures_apart(voc_folder):
    folders = [voc_folder({"a": []}, "one"), voc_folder({"a": [], "b": []}, "two")]
    images, _ = voc.read_voc(folders, ["train", "train"])
    assert [image.source_id for image in images] == ["one/a.jpg", "two/a.jpg", "two/b.jpg"]


def test_folders_of_one_name_are_told_by_their_paths(voc_folder):
    folders = [voc_folder({"a": []}, "one/voc"), voc_folder({"a": []}, "two/voc")]
    images, _ = voc.read_voc(folders, [None, "train"])
    assert [image.source_id for image in images] == [f"{folder.as_posix()}/a.jpg" for folder in folders]


def test_a_folder_may_be_read_with_several_splits_that_do_not_overlap(voc_folder):
    folder, other = voc_folder({"a": [], "b": [], "c": []}, "one"), voc_folder({"a": []}, "two")
    for name, content in (("first", "a\n"), ("second", "b\nc\n"), ("third", "c\na\n")):
        (folder / f"ImageSets/Main/{name}.txt").write_text(content)
    images, _ = voc.read_voc([folder, folder, other], ["first", "second", "train"])
    assert [image.source_id for image in images] == ["one/a.jpg", "one/b.jpg", "one/c.jpg", "two/a.jpg"]
    with pytest.raises(DataError, match=r"one: 'one/a.jpg' is given twice: its splits must not overlap"):
        voc.read_voc([folder, folder], ["first", "third"])


def test_splits(voc_folder):
    folder = voc_folder({"a": [], "b": [], "c d": []})
    (folder / "ImageSets/Main/some.txt").write_text("b  -1\n\nb 1\nc d\n")
    assert [image.path.stem for image in voc.read_voc([folder], ["some"])[0]] == ["b", "c d"]
    assert [image.path.stem for image in voc.read_voc([folder], [None])[0]] == ["a", "b", "c d"]
    with pytest.raises(DataError, match=r"no split 'val' \(there: some, train\)"):
        voc.read_voc([folder], ["val"])


def test_class_names_of_all_annotations(voc_folder):
    folder = voc_folder({"a": [("dog", 0, 0, 1, 1)], "b": [("cat", 0, 0, 1, 1), ("", 0, 0, 1, 1)]})
    (folder / "ImageSets/Main/train.txt").write_text("a\n")
    assert voc.class_names([folder]) == ["cat", "dog"]


def test_pictures_left_out_are_noted(voc_folder):
    folder = voc_folder({"a": [], "b": [], "c": [], "d": []})
    (folder / "Annotations/b.xml").unlink()
    (folder / "JPEGImages/c.jpg").unlink()
    (folder / "Annotations/d.xml").write_text("<annotation><object>")
    images, notes = voc.read_voc([folder], ["train"])
    assert [image.path.stem for image in images] == ["a"]
    kinds = [voc.SKIPPED_NO_ANNOTATION, voc.SKIPPED_NO_PICTURE, voc.SKIPPED_BAD_ANNOTATION]
    assert [note.kind for note in notes] == kinds
    assert all(f"{stem}.xml" in note.detail for stem, note in zip("bcd", notes, strict=True))


def test_entities_are_not_expanded(voc_folder):
    folder = voc_folder({"a": [], "b": []})
    bomb = "<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><annotation><filename>&e;</filename></annotation>"
    (folder / "Annotations/b.xml").write_text(bomb)
    _, notes = voc.read_voc([folder], ["train"])
    assert [note.kind for note in notes] == [voc.SKIPPED_BAD_ANNOTATION]


def test_the_picture_may_be_found_by_its_filename(voc_folder, encode_picture):
    folder = voc_folder({"a": [], "b": []})
    (folder / "JPEGImages/a.jpg").rename(folder / "JPEGImages/a.PNG")
    (folder / "JPEGImages/b.jpg").rename(folder / "JPEGImages/copied.jpg")
    images, _ = voc.read_voc([folder], ["train"])
    assert [image.filename for image in images] == ["a.PNG", "copied.jpg"]


def test_a_coordinate_that_is_no_number(voc_folder):
    folder = voc_folder({"a": [("cat", "left", 0, 1, 1)]})
    assert math.isnan(voc.read_voc([folder], ["train"])[0][0].boxes[0].xmin)


def test_one_absurd_file_spoils_no_import(voc_folder):
    folder = voc_folder({"a": [], "b": []})
    a, b = (folder / f"Annotations/{stem}.xml" for stem in "ab")
    a.write_text("<annotation><size><height>1e999</height><width>5</width></size></annotation>")
    b.write_text(f"<annotation><filename>{'x' * 400}.jpg</filename></annotation>")
    (folder / "JPEGImages/b.jpg").unlink()
    images, notes = voc.read_voc([folder], ["train"])
    assert [(image.path.stem, image.size) for image in images] == [("a", None)]
    assert [note.kind for note in notes] == [voc.SKIPPED_NO_PICTURE]
    (folder / "ImageSets/Main/bad.txt").write_bytes(b"a\n\xff\n")
    with pytest.raises(DataError, match=r"bad\.txt: is not a list of names: byte 2 is not UTF-8"):
        voc.read_voc([folder], ["bad"])


def test_folders_that_are_something_else(voc_folder, tmp_path):
    with pytest.raises(DataError, match="not a Pascal VOC folder"):
        voc.read_voc([tmp_path], ["train"])
    folder = voc_folder({"a": []})
    (folder / "JPEGImages/a.jpg").unlink()
    with pytest.raises(DataError, match="no annotated picture in split 'train'; the first: skipped: annotation whose"):
        voc.read_voc([folder], ["train"])
    for name in ("../../x", "/etc/x"):
        with pytest.raises(DataError, match="leads out of"):
            voc.read_voc([folder], [name])


@pytest.mark.parametrize(("split", "pictures", "boxes"), [("train", 205, 2805), ("val", 87, 1138), ("test", 72, 945)])
def test_bccd(shared, split, pictures, boxes):
    folder = shared / "data" / "bccd"
    images, notes = voc.read_voc([folder], [split])
    assert notes == []
    assert (len(images), sum(len(image.boxes) for image in images)) == (pictures, boxes)
    assert voc.class_names([folder]) == ["Platelets", "RBC", "WBC"]
