# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Splits are the data set's own, or stratified ones that keep look-alikes together."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efficientdet.data.dataset_files.splits import check_shares, plan_splits
from efficientdet.errors import DataError, UsageError
from tests.surveys import survey_of_classes


def _entries(survey, plan):
    return {name: [survey.entries[row] for row in plan.rows(name)] for name in plan.names}


def _boxes(survey, plan):
    """Boxes by split and class, int [S, C]."""
    counts = np.zeros((len(plan.names), len(survey.class_names)), int)
    splits = plan.split_of[survey.rows_of_boxes]
    np.add.at(counts, (splits[splits >= 0], survey.box_classes[splits >= 0]), 1)
    return counts


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("train", "val"), {"train": [0], "val": [1]}),
        (("Training", "valid"), {"train": [0], "val": [1]}),
        (("instances_train2017", "instances_val2017"), {"train": [0], "val": [1]}),
        (("TEST", "VALIDATION", "TRAIN"), {"train": [2], "val": [1], "test": [0]}),
        (("trainval", "test"), {"train": [0], "val": [], "test": [1]}),
        (("train", "val", "trainval"), {"train": [0], "val": [1]}),
        (("train", "unlabeled", "eval"), {"train": [0], "val": [2]}),
        (("", "valid"), {"train": [0], "val": [1]}),
        (("", "valid", "train"), {"train": [2], "val": [1]}),
    ],
)
def test_own_splits_are_recognised_by_their_names(names, expected):
    survey = survey_of_classes([[0]] * len(names), splits={name: [i] for i, name in enumerate(names)})
    plan = plan_splits(survey)
    assert _entries(survey, plan) == {name: found for name, found in expected.items() if found}
    assert plan.note.startswith("as the data set has them") == (expected["val"] != [])
    left_out = [name for i, name in enumerate(names) if i not in itertools.chain(*expected.values())]
    assert all(f"1 of {repr(name) if name else 'no split'}" in plan.note for name in left_out)
    assert np.count_nonzero(plan.split_of < 0) == len(left_out)


def test_a_lone_train_gives_a_part_to_val_and_a_test_stays():
    survey = survey_of_classes([[0]] * 60, splits={"train": range(50), "test": range(50, 60)})
    entries = _entries(survey, plan_splits(survey))
    assert entries["test"] == list(range(50, 60))
    assert len(entries["val"]) == 10
    assert sorted(entries["train"] + entries["val"]) == list(range(50))


@pytest.mark.parametrize("name", ["", "val", "fold 1"])
def test_a_data_set_without_train_is_dealt_out_as_a_whole(name):
    survey = survey_of_classes([[0]] * 50, splits={name: range(50)})
    plan = plan_splits(survey)
    assert [len(rows) for rows in _entries(survey, plan).values()] == [40, 10]
    assert "made here" in plan.note


def test_shares_overrule_the_data_sets_own_splits():
    survey = survey_of_classes([[0]] * 20, splits={"train": range(18), "val": range(16, 20)})  # 16 and 17 are in both
    plan = plan_splits(survey, {"train": 0.5, "test": 0.25, "val": 0.25})
    entries = _entries(survey, plan)
    assert {name: len(found) for name, found in entries.items()} == {"train": 10, "val": 5, "test": 5}
    assert sorted(itertools.chain(*entries.values())) == list(range(20))


def test_each_class_comes_close_to_the_shares():
    draws = np.random.default_rng(1)
    sizes = draws.geometric(0.15, 500)
    classes = [draws.choice(5, size, p=[0.7, 0.2, 0.07, 0.02, 0.01]).tolist() for size in sizes]
    survey = survey_of_classes([*classes, *[[]] * 20])
    plan = plan_splits(survey, {"train": 0.7, "val": 0.2, "test": 0.1})
    boxes = _boxes(survey, plan)
    expected = np.outer([0.7, 0.2, 0.1], boxes.sum(axis=0))
    assert np.abs(boxes - expected).max() <= 6
    assert (np.abs(boxes - expected) / expected)[:, :3].max() < 0.1
    pictures = np.bincount(plan.split_of)
    np.testing.assert_allclose(pictures / 520, [0.7, 0.2, 0.1], atol=0.02)
    negatives = plan.split_of[[not found for found in classes] + [True] * 20]
    np.testing.assert_allclose(np.bincount(negatives), np.multiply(len(negatives), [0.7, 0.2, 0.1]), atol=1.5)


def test_the_seed_decides_and_nothing_else_does():
    survey = survey_of_classes([[i % 3] for i in range(90)])
    first, again, other = (plan_splits(survey, seed=seed).split_of for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_identical_pictures_and_look_alikes_stay_on_one_side():
    draws = np.random.default_rng(0)
    copies = np.repeat(np.arange(30), 3)  # each picture three times: as it is, again, and with two bits of its hash off
    hashes = draws.integers(0, 2**63, 30, np.uint64)[copies] ^ np.tile(np.array([0, 0, 2**40 + 2**3], np.uint64), 30)
    digests = np.stack([np.arange(90), np.zeros(90)], axis=1).astype(np.uint64)
    digests[1::3] = digests[::3]
    thumbnails = draws.integers(0, 256, (30, 64), np.uint8)[copies]
    survey = survey_of_classes([[0]] * 90, hashes=hashes, digests=digests, thumbnails=thumbnails)
    split_of = plan_splits(survey).split_of.reshape(30, 3)
    assert (split_of == split_of[:, :1]).all()
    assert np.bincount(split_of[:, 0]).tolist() == [24, 6]


def test_a_film_of_one_scene_is_cut_into_runs():
    thumbnails = np.tile(np.arange(64, dtype=np.uint8) * 4, (100, 1))
    survey = survey_of_classes([[0]] * 100, hashes=np.full(100, 7, np.uint64), thumbnails=thumbnails)
    split_of = plan_splits(survey).split_of
    assert np.bincount(split_of).tolist() == [80, 20]
    assert np.count_nonzero(np.diff(split_of)) <= 4  # two runs of ten


@pytest.mark.parametrize(("number", "sizes"), [(1, [1]), (2, [1, 1]), (3, [2, 1]), (4, [3, 1]), (5, [4, 1])])
def test_tiny_data_sets_have_a_picture_to_evaluate_on(number, sizes):
    for classes in ([[0]] * number, [[i] for i in range(number)], [[]] * number):
        assert np.bincount(plan_splits(survey_of_classes(classes)).split_of).tolist() == sizes
    identical = survey_of_classes([[0]] * number, digests=np.zeros((number, 2), np.uint64))
    assert np.bincount(plan_splits(identical).split_of).tolist() == sizes


def test_what_cannot_be_used_goes_nowhere():
    usable = np.arange(20) % 2 == 0
    plan = plan_splits(survey_of_classes([[0]] * 20, usable=usable))
    np.testing.assert_array_equal(plan.split_of >= 0, usable)
    with pytest.raises(DataError, match="none of its 2 pictures can be used"):
        plan_splits(survey_of_classes([[], []], usable=np.zeros(2, bool)))


def test_a_picture_that_fixes_move_is_no_split_of_the_data_set():
    survey = survey_of_classes([[0]] * 21, splits={"": range(20), "val": [20]}, source_splits={"": range(21)})
    entries = _entries(survey, plan_splits(survey))
    assert len(entries["train"]) == 16
    assert 20 in entries["val"]
    assert len(entries["val"]) == 5


@pytest.mark.parametrize(
    ("shares", "message"),
    [
        ({"train": 1.0}, "must be of train and val"),
        ({"train": 0.5, "val": 0.4, "dev": 0.1}, "must be of train and val"),
        ({"train": 0.5, "val": 0.4}, "not 0.9"),
        ({"train": 1.5, "val": -0.5}, "above 0"),
        ({"train": float("nan"), "val": 0.5}, "not nan"),
    ],
)
def test_shares_that_are_refused(shares, message):
    with pytest.raises(UsageError, match=message):
        check_shares(shares)


def test_shares_may_be_percent():
    assert check_shares({"val": 20, "train": 80}) == {"train": 0.8, "val": 0.2}


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.integers(0, 3), max_size=4), min_size=2, max_size=30), st.integers(0, 3))
def test_every_picture_gets_a_side_and_no_side_is_empty(classes, seed):
    plan = plan_splits(survey_of_classes(classes), {"train": 0.6, "val": 0.4}, seed)
    assert plan.names == ("train", "val")
    assert (plan.split_of >= 0).all()
