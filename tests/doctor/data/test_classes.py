# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Names, ids and shares of classes."""

from __future__ import annotations

import pytest

from efficientdet.data import faults
from efficientdet.data.faults import Fix
from efficientdet.doctor.data.class_names import check_class_ids, check_class_names, spellings_of
from efficientdet.doctor.data.class_shares import check_class_shares
from efficientdet.doctor.data.observation import finding_of
from efficientdet.doctor.findings import Severity
from tests.doctor.data.surveys import seen, subject_of
from tests.surveys import Shot, survey_of


def _named(counts: dict[str, int], **options):
    """A data set with so many boxes of each class, a picture each."""
    shots = [Shot([(name, 0, 0, 9, 9)]) for name, count in counts.items() for _ in range(count)]
    return survey_of(shots, **options)


@pytest.mark.parametrize("name", ["Car", "car ", "car\n", "CAR", "c ar", "car\u200b", "ｃar"])
def test_spellings_of_one_name(name):
    found = seen(check_class_names, subject_of(_named({"car": 5, name: 1})))
    assert list(found) == [faults.CLASS_TYPO]
    (fault,) = found[faults.CLASS_TYPO].faults
    assert fault.where == "p005.xml: object 0"
    assert fault.fix.file == "*"
    assert (fault.fix.before[:6], fault.fix.after) == ("class ", "class car")
    assert f"class {name!r} (1 box) is a spelling of 'car'" == fault.detail


@pytest.mark.parametrize("names", [("traffic light", "traffic_light"), ("e-scooter", "e scooter"), ("Grün", "grün")])
def test_separators_and_case(names):
    assert spellings_of(subject_of(_named({names[0]: 7, names[1]: 3}))) == {names[1]: names[0]}


@pytest.mark.parametrize(
    "names",
    [("car", "cat"), ("bus1", "bus2"), ("bus_stop1", "bus_stop2"), ("type a", "type b"), ("carrot", "parrot"),
     ("truck", "trunk"), ("male", "female"), ("7", "70"), ("spoon", "spoons")],
)  # fmt: skip
def test_names_that_differ_for_a_reason(names):
    assert spellings_of(subject_of(_named({names[0]: 900, names[1]: 1}))) == {}


@pytest.mark.parametrize("name", ["platlets", "plateletss", "plaetlets", "plateletz"])
def test_slips_of_the_finger(name):
    assert spellings_of(subject_of(_named({"platelets": 150, name: 2}))) == {name: "platelets"}
    assert spellings_of(subject_of(_named({"platelets": 90, name: 2}))) == {}  # not rare enough
    assert spellings_of(subject_of(_named({"platelets": 150, name: 2}, labels=["platelets", name]))) == {}  # both meant


def test_the_label_map_has_the_last_word():
    survey = _named({"Car": 9, "car": 2, "dog": 1})
    found = seen(check_class_names, subject_of(survey, label_map=["car", "cat"]))
    assert [fault.fix for fault in found[faults.CLASS_TYPO].faults] == [Fix("*", "", "class Car", "class car")]
    (unknown,) = found[faults.CLASS_UNKNOWN].faults
    assert unknown.detail == "class 'dog' (1 box) is not in labels.pbtxt"
    assert finding_of(found[faults.CLASS_UNKNOWN], in_place=True).severity == Severity.ERROR
    assert seen(check_class_names, subject_of(_named({"Car": 3, "car": 2}), label_map=["car", "Car"])) == {}


def test_ids_counted_from_1_in_yolo():
    survey = _named({"dog": 4, "bird": 2, "3": 1}, labels=["cat", "dog", "bird"], format_="yolo")
    found = seen(check_class_ids, subject_of(survey))[faults.CLASS_OFFSET]
    assert [(fault.fix.before, fault.fix.after) for fault in found.faults] == [
        ("class dog", "class cat"), ("class bird", "class dog"), ("class 3", "class bird"),
    ]  # fmt: skip
    assert finding_of(found, in_place=False).severity == Severity.ERROR
    assert seen(check_class_names, subject_of(survey)) == {}


def test_ids_counted_from_0_in_records():
    survey = _named({"cat": 4, "0": 2}, format_="tfrecord")
    found = seen(check_class_ids, subject_of(survey, label_map=["cat", "dog"]))[faults.CLASS_OFFSET]
    assert [(f.fix.before, f.fix.after) for f in found.faults] == [("class cat", "class dog"), ("class 0", "class cat")]


@pytest.mark.parametrize("counts", [{"cat": 1, "dog": 1}, {"cat": 1, "3": 1}, {"dog": 1, "9": 1}, {"dog": 2, "x": 1}])
def test_ids_that_no_shift_explains(counts):
    survey = _named(counts, labels=["cat", "dog", "bird"], format_="yolo")
    assert seen(check_class_ids, subject_of(survey)) == {}


def _split(classes_of: dict[str, list[str]]):
    return survey_of([Shot([(name, 0, 0, 9, 9) for name in names.split()], split)
                      for split, pictures in classes_of.items() for names in pictures])  # fmt: skip


def test_a_class_missing_in_evaluation():
    subject = subject_of(_split({"train": ["cat dog"] * 9, "val": ["cat"] * 6}))
    found = seen(check_class_shares, subject)[faults.CLASS_EMPTY_IN_SPLIT]
    assert found.severity == Severity.WARNING
    (fault,) = found.faults
    assert fault.detail == "no box of 'dog' in 'val', 9 images elsewhere"
    assert fault.fix == Fix("p000.jpg", "", "picture", "picture val")


def test_a_class_missing_in_evaluation_by_chance():
    subject = subject_of(_split({"train": ["cat dog"] * 3 + ["cat"] * 6, "val": ["cat"] * 6}))
    found = seen(check_class_shares, subject)[faults.CLASS_EMPTY_IN_SPLIT]
    assert found.severity is None  # as its text says: a note
    assert found.faults[0].fix is None


def test_a_class_missing_in_training_moves_a_picture_that_can_be_spared():
    pictures = {"train": ["cat"] * 4, "val": ["cat dog owl", "dog emu", "emu dog", "cat"]}
    found = seen(check_class_shares, subject_of(_split(pictures)))[faults.CLASS_EMPTY_IN_SPLIT]
    fixes = {fault.detail.split("'")[1]: fault.fix for fault in found.faults}
    move = Fix("p005.jpg", "", "picture", "picture train")
    assert fixes == {"dog": move, "emu": move, "owl": None}  # of owls there is but one
    assert found.severity == Severity.WARNING


def test_unused_and_rare_classes():
    subject = subject_of(_named({"cat": 120, "dog": 4}), label_map=["cat", "dog", "emu"])
    found = seen(check_class_shares, subject)
    assert [fault.file for fault in found[faults.CLASS_UNUSED].faults] == ["emu"]
    assert [fault.detail for fault in found[faults.CLASS_RARE].faults] == ["4 boxes to learn from, fewer than 10"]
    assert seen(check_class_shares, subject_of(_named({"cat": 12, "dog": 4}))) == {}  # all is rare in a toy


def test_shares_that_differ():
    pictures = {"train": ["cat dog"] * 60 + ["cat"] * 40, "val": ["cat dog"] * 3 + ["cat"] * 47}
    found = seen(check_class_shares, subject_of(_split(pictures)))
    (fault,) = found[faults.CLASS_SHARE_DIFFERS].faults
    assert fault.detail == "'dog' is in 60 % of 'train', in 6 % of 'val'"
    few = {"train": ["cat dog"] * 6 + ["cat"] * 4, "val": ["cat dog"] * 1 + ["cat"] * 9}
    assert faults.CLASS_SHARE_DIFFERS not in seen(check_class_shares, subject_of(_split(few)))


def test_no_boxes_at_all():
    subject = subject_of(survey_of([Shot(), Shot(split="val")]))
    for check in (check_class_ids, check_class_names, check_class_shares):
        assert seen(check, subject) == {}
