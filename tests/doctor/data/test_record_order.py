# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The order of records, and the limits that a config sets."""

from __future__ import annotations

import numpy as np
import pytest

from efficientdet.data import faults
from efficientdet.doctor.data.limits import InputLimits, limits_of
from efficientdet.doctor.data.record_order import check_record_order
from tests.doctor.data.surveys import seen, subject_of
from tests.surveys import Shot, survey_of


def _ordered(classes: str, shuffled: int = 0):
    """Records of one class each; a file for each word."""
    shots = [
        Shot([(name, 0, 0, 9, 9)], name=f"{file}.record: record {number}")
        for file, word in enumerate(classes.split())
        for number, name in enumerate(word)
    ]
    limits = InputLimits((64, 64), 64, 100, np.zeros((0, 4), np.float32), None, shuffled=shuffled)
    return seen(check_record_order, subject_of(survey_of(shots, format_="tfrecord"), limits=limits))


def test_one_class_after_the_other():
    found = _ordered("a" * 20 + "b" * 20 + " " + "abba" * 10)[faults.SHARDS_UNSHUFFLED]
    assert [fault.where for fault in found.faults] == ["0.record"]
    assert found.faults[0].detail == "97 % of neighbours are of one class, 50 % by chance"
    assert found.of == 2


@pytest.mark.parametrize(
    ("classes", "shuffled"),
    [("a" * 40, 0), ("a" * 5 + "b" * 5, 0), ("a" * 20 + "b" * 20, 40), ("abbabaab" * 6, 0)],
    ids=["one class", "few records", "all are shuffled", "mixed"],
)
def test_orders_that_do_no_harm(classes, shuffled):
    assert _ordered(classes, shuffled) == {}


def test_a_file_for_each_class():
    assert _ordered("a" * 40 + " " + "b" * 40)[faults.SHARDS_UNSHUFFLED].number == 2


def test_only_records_have_an_order():
    survey = survey_of([Shot([(name, 0, 0, 9, 9)]) for name in "a" * 20 + "b" * 20])
    assert seen(check_record_order, subject_of(survey)) == {}


def test_limits_of_a_published_recipe(shared):
    from efficientdet.config import load_config

    path = shared / "configs/tfod_zoo/ssd_efficientdet_d0_512x512_coco17_tpu-8.config"
    limits = limits_of(load_config(path))
    assert (limits.size, limits.min_dimension, limits.matched_threshold, limits.max_boxes) == (
        (512, 512),
        512,
        0.5,
        100,
    )
    assert limits.anchors.shape == (49104, 4)
    assert limits.shuffled == 2048
