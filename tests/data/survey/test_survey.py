# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A survey's columns: what is in them, in which order, whatever the number of processes."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from efficientdet.data.faults import Fault
from efficientdet.data.importers.fixes import read_fixes, write_fixes
from efficientdet.data.importers.formats.voc import VocSource
from efficientdet.data.survey import Survey, take_survey
from efficientdet.errors import DataError
from tests.surveys import DeadlySource, picture


def _assert_equal(a: Survey, b: Survey) -> None:
    for field in dataclasses.fields(Survey):
        if field.name not in ("source", "fixes"):
            one, other = getattr(a, field.name), getattr(b, field.name)
            one, other = (list(one), list(other)) if field.name == "entries" else (one, other)
            assert np.array_equal(one, other) if isinstance(one, np.ndarray) else one == other, field.name


def test_columns(source):
    source.add("a.jpg", picture(seed=1), [("dog", 1, 2, 11, 22), ("cat", 5, 5, 5, 5), ("cat", 8, 9, 48, 29)])
    source.add("bad.jpg", b"", [("elk", 1, 1, 9, 9)])
    source.add("empty.jpg", picture(24, 32, seed=2), split="val")
    survey = take_survey(source, processes=1)
    assert survey.splits == ("train", "val")
    assert survey.split_of.tolist() == [0, 0, 1]
    assert list(survey.entries) == survey.names == survey.files == ["a.jpg", "bad.jpg", "empty.jpg"]
    assert survey.sizes.tolist() == [[48, 64], [0, 0], [24, 32]]
    assert survey.usable.tolist() == [True, False, True]
    assert survey.box_bounds.tolist() == [0, 2, 2, 2]
    assert survey.boxes.tolist() == [[2, 1, 22, 11], [9, 8, 29, 48]]
    assert survey.class_names == ("cat", "dog")
    assert survey.box_classes.tolist() == [1, 0]
    assert survey.box_numbers.tolist() == [0, 2]
    assert survey.rows_of_boxes.tolist() == [0, 0]
    assert [(fault.code, fault.row) for fault in survey.faults] == [("box-zero-area", 0), ("picture-empty", 1)]
    kinds = {field.name: getattr(survey, field.name) for field in dataclasses.fields(Survey)}
    assert {name: str(value.dtype) for name, value in kinds.items() if isinstance(value, np.ndarray)} == {
        "split_of": "int32", "sizes": "int32", "usable": "bool", "digests": "uint64", "hashes": "uint64",
        "thumbnails": "uint8", "box_bounds": "int64", "boxes": "float32", "box_classes": "int32", "box_flags": "uint8",
        "box_numbers": "int32",
    }  # fmt: skip


def test_digests_are_of_bytes(source):
    for name, seed in (("a.jpg", 1), ("b.jpg", 2), ("c.jpg", 1)):
        source.add(name, picture(seed=seed))
    digests = take_survey(source, processes=1).digests.tolist()
    assert digests[0] == digests[2] != digests[1]


def test_nothing_to_survey(source):
    survey = take_survey(source)
    assert (len(survey), survey.splits, survey.boxes.shape, survey.box_bounds.tolist()) == (0, (), (0, 4), [0])
    assert survey.thumbnails.shape == (0, 64)


def test_fractions_become_pixels(source):
    source.add("x.jpg", picture(), [("a", 0.25, 0.25, 0.5, 1)], is_normalized=True)
    assert take_survey(source, processes=1).boxes.tolist() == [[12, 16, 48, 32]]


def test_an_annotation_that_cannot_be_read(source, tmp_path):
    source.add("a.jpg", picture())
    source.images["a.jpg"] = None
    source.faults = [Fault("annotation-odd", "z.txt", "", "of listing")]
    survey = take_survey(source, processes=1)
    assert [(fault.code, fault.where, fault.row) for fault in survey.faults] == [
        ("annotation-odd", "z.txt", -1),
        ("annotation-unreadable", "a.jpg.xml", 0),
    ]
    assert (survey.names, survey.files, survey.usable.tolist()) == ([""], ["a.jpg.xml"], [False])
    source.add("b.jpg", picture())
    write_fixes(tmp_path / "fixes", survey.faults)
    survey = take_survey(source, fixes=read_fixes(tmp_path / "fixes"), processes=1)
    assert list(survey.entries) == ["b.jpg"]
    assert [fault.code for fault in survey.faults] == ["annotation-odd"]


def test_what_a_reader_overlooked_is_told_with_its_row(source):
    source.add("a.jpg", picture())
    source.add("b.jpg", picture(seed=1), faults=(Fault("annotation-odd", "b.txt", "line 3", "a circle"),))
    (fault,) = take_survey(source, processes=1).faults
    assert (fault.where, fault.row) == ("b.txt: line 3", 1)


def test_fixes_leave_no_fault(source, tmp_path):
    boxes = [("a", 12, 3, 2, 33), ("a", 50, 3, 65, 33), ("a", 5, 5, 5, 5), ("b", 20, 2, 30, 9), ("b", 20, 2, 30, 9)]
    source.add("a.jpg", picture(seed=1), boxes)
    source.add("bad.jpg", picture()[:-2], [("elk", 12, 1, 1, 9)])
    source.add("c.jpg", picture(seed=2), [("a", 0.25, 0.25, 0.5, 0.75)], split="val")
    before = take_survey(source, processes=1)
    write_fixes(tmp_path / "fixes", before.faults)
    fixes = read_fixes(tmp_path / "fixes")
    after = take_survey(source, fixes=fixes, processes=1)
    assert not after.faults
    assert after.names == ["a.jpg", "c.jpg"]
    assert after.split_of.tolist() == [0, 1]
    assert after.boxes.tolist() == [[3, 2, 33, 12], [3, 50, 33, 64], [2, 20, 9, 30], [12, 16, 36, 32]]
    assert [box.xmin for box in after.annotation(0).boxes] == [2, 50, 20]


def test_an_edit_that_finds_nothing_is_an_error(source, tmp_path):
    source.add("a.jpg", picture())
    (tmp_path / "fixes").write_text("@@ gone.jpg\n- picture train\n")
    with pytest.raises(DataError, match=r"fixes:1.*gone\.jpg"):
        take_survey(source, fixes=read_fixes(tmp_path / "fixes"), processes=1)


def test_a_picture_in_two_splits_has_two_rows_and_each_fault_once(source):
    source.add("a.jpg", picture(), [("a", 12, 3, 2, 33)])
    source.splits["val"] = ["a.jpg"]
    survey = take_survey(source, processes=1)
    assert survey.split_of.tolist() == [0, 1]
    assert [(fault.code, fault.row) for fault in survey.faults] == [("box-inverted", 0)]


def _add_with_axes_exchanged(source, number: int) -> None:
    # One of three boxes tells, which is not enough for a picture by itself.
    boxes = [("a", 10, 50, 20, 60), ("a", 5, 30, 25, 40), ("a", 3, 4, 13, 34)]
    source.add(f"{number}.jpg", picture(seed=number), boxes)


def test_exchanged_axes_of_a_whole_data_set(source, tmp_path):
    for number in range(3):
        _add_with_axes_exchanged(source, number)
    source.add("inside.jpg", picture(seed=4), [("a", 1, 2, 11, 22)])
    source.add("square.jpg", picture(48, 48, seed=5), [("a", 1, 2, 11, 22)])
    survey = take_survey(source, processes=1)
    assert [fault.code for fault in survey.faults] == ["box-axes-swapped"] * 11
    assert survey.faults[-1].fix.after == "box a 2 1 22 11"
    write_fixes(tmp_path / "fixes", survey.faults)
    assert not take_survey(source, fixes=read_fixes(tmp_path / "fixes"), processes=1).faults


def test_one_picture_that_contradicts_is_enough(source):
    for number in range(3):
        _add_with_axes_exchanged(source, number)
    source.add("other.jpg", picture(seed=4), [("a", 50, 2, 60, 22)])
    assert [fault.code for fault in take_survey(source, processes=1).faults] == ["box-outside"] * 3


def test_a_survey_does_not_depend_on_the_number_of_processes(source):
    rng = np.random.default_rng(0)
    pictures = [picture(16, 24, seed=seed) for seed in range(8)]
    for number in range(150):
        data = b"" if number % 40 == 3 else pictures[number % 8]
        boxes = [("abc"[kind], *rng.integers(0, 30, 4).tolist()) for kind in rng.integers(0, 3, number % 4)]
        source.add(f"{number}.jpg", data, boxes, split="train" if number < 100 else "val")
    calls: list[tuple[int, int]] = []
    alone = take_survey(source, processes=1)
    together = take_survey(source, processes=2, on_progress=lambda done, total: calls.append((done, total)))
    _assert_equal(alone, together)
    assert len(alone.faults) > 100
    assert calls[-1] == (150, 150)
    assert calls == sorted(calls)


@pytest.mark.slow
def test_a_worker_that_is_killed_is_an_error_that_names_the_place(tmp_path):
    source = DeadlySource(tmp_path)
    for number in range(200):
        source.add("deadly.jpg" if number == 150 else f"{number}.jpg", picture(16, 16))
    with pytest.raises(DataError, match=r"to read pictures was ended from outside, at \w+.jpg or something after it"):
        take_survey(source, processes=2)


_INTERRUPTED = """
import sys, signal
from pathlib import Path
from tests.surveys import ListedSource, picture
from efficientdet.data.survey import take_survey

def stop(done, total):
    raise KeyboardInterrupt

if __name__ == "__main__":
    source = ListedSource(Path(sys.argv[1]))
    for number in range(300):
        source.add(f"{number}.jpg", picture(16, 16))
    try:
        take_survey(source, processes=2, on_progress=stop)
    except KeyboardInterrupt:
        import multiprocessing
        assert not multiprocessing.active_children()
        print("ended; tensorflow" if "tensorflow" in sys.modules else "ended")
"""


@pytest.mark.slow
def test_ctrl_c_ends_all_processes(tmp_path):
    (tmp_path / "script.py").write_text(_INTERRUPTED)
    root = Path(__file__).parents[3]
    result = subprocess.run(
        [sys.executable, tmp_path / "script.py", tmp_path], capture_output=True, text=True, timeout=60, cwd=root,
        env={"PYTHONPATH": str(root)}, check=False,
    )  # fmt: skip
    assert (result.stdout.strip(), result.stderr) == ("ended", "")


_NEAR_DUPLICATES = {
    ("00013", 14, 6), ("00020", 14, 13), ("00100", 2, 1), ("00104", 13, 12), ("00251", 7, 6), ("00284", 1, 0),
    ("00331", 2, 1), ("00403", 3, 2),
}  # fmt: skip


@pytest.mark.slow
def test_the_known_dirt_of_bccd_and_nothing_else(shared: Path):
    survey = take_survey(VocSource(shared / "data" / "bccd"))
    found = {}
    for fault in survey.faults:
        found.setdefault(fault.code, set()).add((fault.file[-9:-4], fault.place, fault.detail))
    assert found.keys() == {"box-near-duplicate", "box-zero-area"}
    assert {(stem, place) for stem, place, _ in found["box-zero-area"]} == {
        ("00338", "object 12"),
        ("00343", "object 3"),
    }
    assert {(stem, place, detail.split(" (")[0]) for stem, place, detail in found["box-near-duplicate"]} == {
        (stem, f"object {second}", f"'RBC': overlaps object {first}") for stem, second, first in _NEAR_DUPLICATES
    }
    assert (len(survey), len(survey.boxes)) == (364, 4886)
