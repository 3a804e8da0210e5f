# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Proposed edits are written for people, read back with the line of each mistake, and do what they say."""

from __future__ import annotations

import contextlib
import math
import pickle
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from efficientdet.data.faults import Fault, Fix
from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation
from efficientdet.data.importers.fix_text import name_text, quoted, quoted_place
from efficientdet.data.importers.fixes import (
    EVERY_FILE,
    Fixes,
    box_form,
    class_form,
    picture_form,
    read_fixes,
    write_fixes,
)
from efficientdet.errors import DataError


def _image(*boxes: BoxAnnotation, annotation: str = "x.xml") -> AnnotatedImage:
    placed = tuple(box._replace(place=f"object {i}") for i, box in enumerate(boxes))
    return AnnotatedImage(Path("/data/x.jpg"), "x.jpg", "x.jpg", (10, 20), placed, annotation)


_CAR = BoxAnnotation("Car", 1, 2, 3.5, 4, area=2.5)
_RED = BoxAnnotation("red cell", 5, 9, 7, 6)


@pytest.fixture
def read(tmp_path):
    def read(text: str) -> Fixes:
        (tmp_path / "fixes.diff").write_text(text, encoding="utf-8")
        return read_fixes(tmp_path / "fixes.diff")

    return read


def test_forms():
    assert box_form(_CAR) == "box Car 2 1 4 3.5"
    assert box_form(BoxAnnotation("a b", math.nan, -0.1, 1e-7, math.inf)) == 'box "a b" -0.1 nan inf 1e-07'
    assert list(map(picture_form, ("train", "", None))) == ["picture train", 'picture ""', "picture"]
    assert class_form("car\n") == 'class "car\\n"'


def test_boxes_are_replaced_and_removed(read):
    fixes = read('@@ x.xml: object 1   # inverted\n- box "red cell" 9 5 6 7\n+ box "red cell" 6 5 9 7\n\n'
                 "@@ x.xml: object 0\n- box Car 2 1 4 3.5\n@@ y.xml: object 0\n- box Car 2 1 4 3.5\n")  # fmt: skip
    image = fixes.apply(_image(_CAR, _RED))
    assert [box[:5] for box in image.boxes] == [("red cell", 5, 6, 7, 9)]
    assert fixes.used == {0, 1}
    with pytest.raises(DataError, match=r"fixes.diff:7: no 'box Car 2 1 4 3.5' in y.xml: object 0"):
        fixes.check_all_used()
    fixes.apply(_image(_CAR, annotation="y.xml"))
    fixes.check_all_used()


def test_the_area_of_a_mask_goes_with_its_box(read):
    moved = read("@@ x.xml: object 0\n- box Car 2 1 4 3.5\n+ box Car 2 1 4 3\n").apply(_image(_CAR))
    renamed = read("@@ x.xml: object 0\n- box Car 2 1 4 3.5\n+ box Bus 2 1 4 3.5\n").apply(_image(_CAR))
    assert (moved.boxes[0].area, renamed.boxes[0].area, renamed.boxes[0].name) == (None, 2.5, "Bus")


def test_edits_are_made_in_order(read):
    fixes = read("@@ x.xml: object 0\n- box Car 2 1 4 3.5\n+ box Car 0 0 4 4\n@@ *\n- class Car\n+ class car\n"
                 "@@ x.xml: object 0\n- box car 0 0 4 4\n+ box car 1 1 4 4\n")  # fmt: skip
    assert fixes.apply(_image(_CAR, _RED)).boxes[0][:5] == ("car", 1, 1, 4, 4)
    assert fixes.class_of("Car") == "car"
    fixes.check_all_used()


def test_classes_are_renamed_and_removed_everywhere(read):
    fixes = read('@@ *   # class-typo: "Car" and "car"\n- class Car\n+ class car\n@@ *\n- class "red cell"\n')
    assert [box.name for box in fixes.apply(_image(_CAR, _RED, _CAR)).boxes] == ["car", "car"]
    assert [fixes.class_of(name) for name in ("Car", "red cell", "bus")] == ["car", None, "bus"]


def test_pictures_are_dropped_and_moved(read):
    fixes = read("@@ a b.jpg\n- picture train\n@@ c.jpg\n- picture train\n+ picture val\n"
                 "@@ x.record: record 7\n- picture\n@@ both.jpg\n- picture train\n")  # fmt: skip
    assert fixes.split_of("a b.jpg", "train") is None
    assert fixes.split_of("c.jpg", "train") == "val"
    assert fixes.split_of("x.record: record 7", "") is None
    assert fixes.split_of("both.jpg", "val") == "val"
    with pytest.raises(DataError, match=r"fixes.diff:8: no 'picture train' in both.jpg"):
        fixes.check_all_used()
    assert fixes.split_of("both.jpg", "train") is None
    fixes.check_all_used()


def test_a_picture_without_a_split_is_in_whichever_it_is(read):
    text = '@@ a.jpg\n- picture\n@@ b.jpg\n- picture\n+ picture val\n@@ c.jpg\n- picture ""\n'
    fixes = read(text)
    assert [fixes.split_of(name, split) for name in ("a.jpg", "b.jpg") for split in ("", "eval")] == [
        None, None, "val", "val",
    ]  # fmt: skip
    assert (fixes.split_of("c.jpg", "train"), fixes.split_of("c.jpg", "")) == ("train", None)
    fixes.check_all_used()


def test_a_picture_may_be_dropped_for_several_reasons(read):
    fixes = read("@@ a.jpg\n- picture\n@@ a.jpg\n- picture train\n")
    assert fixes.split_of("a.jpg", "train") is None
    fixes.check_all_used()


def test_what_does_not_stand_there_any_more_is_an_error(read):
    fixes = read("# a remark\n\n@@ x.xml: object 0\n- box Car 2 1 4 3\n")
    with pytest.raises(
        DataError, match=r"fixes.diff:3: x.xml: object 0 is not 'box Car 2 1 4 3' but 'box Car 2 1 4 3.5'"
    ):
        fixes.apply(_image(_CAR))


def test_fixes_travel_to_other_processes(read):
    fixes = pickle.loads(pickle.dumps(read("@@ *\n- class Car\n+ class car\n")))
    assert fixes.apply(_image(_CAR)).boxes[0].name == "car"
    assert fixes.used == {0}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- box Car 1 2 3 4\n", ":1: .* stands before the first"),
        ("@@ x\nbox Car 1 2 3 4\n", ":2: 'box Car 1 2 3 4' is no line of a fixes file"),
        ("@@ x\n", ":1: the block has no '- ' line"),
        ("@@ x\n+ picture val\n@@ y\n", ":1: the block has no '- ' line"),
        ("@@ x\n- picture\n- picture\n", ":3: a block has one '- ' line"),
        ("@@ x\n- picture\n+\n", ":3: a block has one '- ' line, and at most one '\\+ ' line; leave out"),
        ("@@ x\n- box Car 1 2 3\n", ":2: 'box Car 1 2 3' is none of: box NAME"),
        ("@@ x\n- box Car 1 2 3 4px\n", ":2: .* is none of"),
        ("@@ x\n- circle 1 2 3\n", ":2: .* is none of"),
        ("@@ x\n- picture train 2\n", ":2: .* is none of"),
        ("@@ *\n- class\n", ":2: .* is none of"),
        ('@@ x\n- box "Car 1 2 3 4\n', ":2: .* is not a quoted name"),
        ('@@ "x\n- picture\n', ":1: .* is not a quoted name"),
        ('@@ "x" y\n- picture\n', ":1: expected '@@ file: place   # comment'"),
        ("@@\n- picture\n", ":1: expected '@@ file: place   # comment'"),
        ("@@ x\n- picture\n+ box Car 1 2 3 4\n", ":1: a picture cannot become a box"),
        ("@@ x\n- box Car 1 2 3 4\n+ box Car 1 2 3 nan\n", "the new coordinates must be numbers"),
        ("@@ x\n- class Car\n", ":1: 'class' is for every file"),
        ("@@ *\n- picture\n", ":1: 'class' is for every file"),
    ],
)
def test_mistakes_are_named_by_their_line(read, text, message):
    with pytest.raises(DataError, match=rf"fixes.diff{message}|{message}"):
        read(text)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="No such file"):
        read_fixes(tmp_path / "x")
    (tmp_path / "x").write_bytes(b"@@ \xff\n")
    with pytest.raises(DataError, match="not a text file"):
        read_fixes(tmp_path / "x")


def _fault(*fix: str, code: str = "box-odd", detail: str = "why") -> Fault:
    return Fault(code, fix[0], fix[1], detail, fix=Fix(*fix))


def test_a_file_for_people(tmp_path):
    faults = [
        _fault(EVERY_FILE, "", "class Car", "class car", code="class-typo", detail='3 boxes of "Car"\n'),
        _fault("b.xml", "object 10", "box Car 1 2 3 4", "box Car 1 2 3 5"),
        Fault("picture-rotated", "c.jpg", "", "nothing to mend"),
        _fault("a: b.xml", "object 0", "box Car 1 2 3 4", "", detail="is there twice"),
        _fault("b.xml", "object 2", "box Car 9 9 3 5", "box Car 3 5 9 9", code="box-inverted"),
        _fault("b.xml", "object 10", "box Car 1 2 3 4", "", code="box-duplicate"),
    ]
    assert write_fixes(tmp_path / "fixes.diff", faults) == 4
    text = (tmp_path / "fixes.diff").read_text()
    assert all(line.startswith("#") for line in text.split("\n\n")[0].splitlines())
    assert text.split("\n\n", 1)[1] == (
        '@@ "a: b.xml": object 0   # box-odd: is there twice\n- box Car 1 2 3 4\n\n'
        "@@ b.xml: object 10   # box-odd: why; box-duplicate: why\n- box Car 1 2 3 4\n\n"
        "@@ b.xml: object 2   # box-inverted: why\n- box Car 9 9 3 5\n+ box Car 3 5 9 9\n\n"
        '@@ *   # class-typo: 3 boxes of "Car" \n- class Car\n+ class car\n'
    )
    assert [edit.fix for edit in read_fixes(tmp_path / "fixes.diff").edits] == [
        Fix("a: b.xml", "object 0", "box Car 1 2 3 4", ""),
        Fix("b.xml", "object 10", "box Car 1 2 3 4", ""),
        Fix("b.xml", "object 2", "box Car 9 9 3 5", "box Car 3 5 9 9"),
        Fix(EVERY_FILE, "", "class Car", "class car"),
    ]


def test_the_reason_names_what_it_is_about(tmp_path):
    fix = Fix("a.jpg", "", "picture", "")
    faults = [
        Fault("leak-alike", "b.jpg", "", "in 'val'; looks like a.jpg", fix=fix),
        Fault("picture-size-differs", "a.jpg", "", "annotated as 1x2", fix=fix),
        Fault("class-typo", "c.xml", "object 1", "Car", fix=Fix(EVERY_FILE, "", "class Car", "class car")),
    ]
    write_fixes(tmp_path / "fixes.diff", faults)
    heads = [line for line in (tmp_path / "fixes.diff").read_text().splitlines() if line.startswith("@@")]
    assert heads == [
        "@@ a.jpg   # leak-alike: b.jpg: in 'val'; looks like a.jpg; picture-size-differs: annotated as 1x2",
        "@@ *   # class-typo: Car",
    ]


def test_nothing_to_propose(tmp_path):
    assert write_fixes(tmp_path / "fixes.diff", []) == 0
    assert len(read_fixes(tmp_path / "fixes.diff")) == 0


_NAME = st.text(min_size=1, max_size=12)
_SIDE = st.floats(allow_nan=False, width=64)


@example("0:", "", "cat", (0.0, 1.0, 2.0, 3.0))
@example(":", "object 0", "cat", (0.0, 1.0, 2.0, 3.0))
@given(_NAME, st.text(max_size=8), _NAME, st.tuples(*[_SIDE] * 4))
def test_whatever_is_written_is_read_back(tmp_path_factory, file, place, name, sides):
    if file == EVERY_FILE:
        file = "x"
    box = BoxAnnotation(name, *sides)
    path = tmp_path_factory.mktemp("fixes") / "fixes.diff"
    write_fixes(path, [_fault(file, place, box_form(box), "", detail=name)])
    fixes = read_fixes(path)
    assert [edit.fix for edit in fixes.edits] == [Fix(file, place, box_form(box), "")]
    image = AnnotatedImage(Path(), "", "", None, (box._replace(place=place),), file)
    assert fixes.apply(image).boxes == ()


@given(st.text(max_size=300))
def test_any_text_is_fixes_or_an_error(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.diff"
    path.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    with contextlib.suppress(DataError):
        read_fixes(path)


def test_quotes_are_for_odd_names_only():
    assert [quoted(name) for name in ("Größe", "a b", "", 'a"')] == ["Größe", '"a b"', '""', '"a\\""']
    places = ("Größe 1.jpg", "a: b", "a #b", " a", "\udcff")
    assert [quoted_place(name) for name in places] == ["Größe 1.jpg", '"a: b"', '"a #b"', '" a"', '"\\udcff"']


def test_spaces_at_the_ends_of_a_name_are_shown():
    assert [name_text(name) for name in ("red cell", "dog ", " cat", "")] == ["red cell", '"dog "', '" cat"', ""]


def test_editors_that_mark_their_files(tmp_path):
    (tmp_path / "fixes.diff").write_bytes(b"\xef\xbb\xbf@@ *\r\n- class Car\r\n+ class car\r\n")
    assert read_fixes(tmp_path / "fixes.diff").class_of("Car") == "car"
