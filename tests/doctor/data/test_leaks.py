# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pictures that are there more than once."""

from __future__ import annotations

import numpy as np

from efficientdet.data import faults
from efficientdet.data.faults import Fix
from efficientdet.doctor.data.leaks import check_leaks, check_overlap
from tests.doctor.data.surveys import seen, subject_of
from tests.surveys import Shot, survey_of

_LOOK = np.arange(0, 256, 4).astype(np.uint8)
_CAT, _DOG = [("cat", 8, 8, 24, 24)], [("dog", 8, 8, 24, 24)]


def _drop(name: str, split: str | None = None) -> Fix:
    return Fix(name, "", f"picture {split}" if split else "picture", "")


def test_nothing_is_there_twice():
    shots = [Shot(_CAT, split) for split in ("train", "val") for _ in range(10)]
    assert seen(check_leaks, subject_of(survey_of(shots))) == {}
    assert seen(check_leaks, subject_of(survey_of([]))) == {}


def test_one_file_in_training_and_in_evaluation():
    shots = [Shot(_CAT, "train", content=1), Shot(_CAT, "train"), Shot(_CAT, "val", content=1), Shot(_CAT, "val")]
    found = seen(check_leaks, subject_of(survey_of(shots)))
    assert list(found) == [faults.LEAK_IDENTICAL]
    (fault,) = found[faults.LEAK_IDENTICAL].faults
    assert (fault.where, fault.fix) == ("p002.jpg", _drop("p000.jpg"))
    assert fault.detail == "in 'val'; is the same file as p000.jpg in 'train'"
    assert (found[faults.LEAK_IDENTICAL].number, found[faults.LEAK_IDENTICAL].of) == (1, 2)


def test_every_copy_in_training_is_dropped():
    shots = [Shot(split=split, content=1) for split in ("train", "train", "val", "test")]
    found = seen(check_leaks, subject_of(survey_of(shots)))
    leaks = {fault.fix for fault in found[faults.LEAK_IDENTICAL].faults}
    # Of val and test the later one stays.
    assert leaks == {_drop("p000.jpg"), _drop("p001.jpg"), _drop("p002.jpg")}
    assert found[faults.PICTURES_IDENTICAL].faults[0].fix == _drop("p001.jpg")


def test_a_picture_that_both_splits_list():
    shots = [Shot(split=split, content=1, name="a.jpg") for split in ("train", "val")]
    assert seen(check_leaks, subject_of(survey_of(shots))) == {}
    found = seen(check_overlap, subject_of(survey_of(shots)))[faults.SPLIT_OVERLAP]
    assert [(fault.where, fault.detail, fault.fix) for fault in found.faults] == [
        ("a.jpg", "in split 'val' and in split 'train'", _drop("a.jpg", "train")),
    ]


def test_identical_in_a_split():
    shots = [Shot(_CAT, content=1), Shot(_DOG, content=1), Shot(_CAT, content=1)]
    found = seen(check_leaks, subject_of(survey_of(shots)))[faults.PICTURES_IDENTICAL]
    assert [(fault.where, fault.detail, fault.fix) for fault in found.faults] == [
        ("p001.jpg", "is the same file as p000.jpg, with other boxes", _drop("p001.jpg")),
        ("p002.jpg", "is the same file as p000.jpg", _drop("p002.jpg")),
    ]


def test_look_alikes():
    near, apart = _LOOK.copy(), _LOOK.copy()
    near[0] += 3  # encoded anew
    apart[0] += 30  # something moved
    shots = [Shot(_CAT, look=_LOOK), Shot(_CAT, look=near), Shot(_CAT, look=apart)]
    survey = survey_of(shots)
    survey.hashes[:] = survey.hashes[0]
    found = seen(check_leaks, subject_of(survey))[faults.PICTURES_ALIKE]
    assert {fault.row: fault.fix for fault in found.faults} == {1: _drop("p001.jpg"), 2: None}
    shots[1] = shots[1]._replace(split="val")
    survey = survey_of(shots)
    survey.hashes[:] = survey.hashes[0]
    found = seen(check_leaks, subject_of(survey))
    assert {fault.fix for fault in found[faults.LEAK_ALIKE].faults} == {
        _drop("p000.jpg"), _drop("p002.jpg"),
    }  # fmt: skip
    assert found[faults.LEAK_ALIKE].number == 1  # one picture of evaluation


def test_records_are_named_by_file_and_place():
    shots = [Shot(content=1, name="train.record: record 4"), Shot(split="val", content=1, name="val.record: record 0")]
    (fault,) = seen(check_leaks, subject_of(survey_of(shots)))[faults.LEAK_IDENTICAL].faults
    assert (fault.file, fault.place) == ("val.record", "record 0")
    assert fault.fix == Fix("train.record", "record 4", "picture", "")
