# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The files that a config names, and the order of records."""

from __future__ import annotations

import numpy as np
import pytest

from efficientdet.config import parse_config
from efficientdet.data import faults
from efficientdet.doctor.data.limits import InputLimits, limits_of
from efficientdet.doctor.data.record_files import check_reader_files, check_record_order, reader_files
from tests.doctor.data.surveys import Shot, seen, subject_of, survey_of


def _config(train: str, val: str):
    return parse_config(
        f"""
        train_input_reader {{
          tf_record_input_reader {{ input_path: "{train}" }}
        }}
        eval_input_reader {{
          tf_record_input_reader {{ input_path: "{val}" }}
        }}
        """,
        "my.config",
    )


def _observed(config):
    return {found.code: found for found in check_reader_files(config, reader_files(config))}


def test_files_that_are_there(tmp_path):
    for name in ("train.record", "val.record-00000-of-00002", "val.record-00001-of-00002"):
        (tmp_path / name).touch()
    config = _config(f"{tmp_path}/train.record", f"{tmp_path}/val.record-*")
    assert [(reader.reader, len(reader.files)) for reader in reader_files(config)] == [
        ("train_input_reader", 1), ("eval_input_reader[0]", 2),
    ]  # fmt: skip
    assert _observed(config) == {}


def test_one_shard_of_100_that_is_not_there():
    found = _observed(_config("/no/train.record-00000-of-00100", "/no/val.record"))
    assert set(found) == {faults.FILES_MISSING, faults.SHARDS_MISSING}
    shards = found[faults.SHARDS_MISSING]
    assert (shards.number, shards.of, shards.figures) == (99, 100, "1 of 100 shards is read")
    assert shards.faults[0].where == "my.config:3"
    assert found[faults.FILES_MISSING].faults[0].detail == "input_path '/no/val.record' matches no file"


def test_trained_and_evaluated_on(tmp_path):
    (tmp_path / "a.record").touch()
    (tmp_path / "b.record").symlink_to(tmp_path / "a.record")
    found = _observed(_config(f"{tmp_path}/a.record", f"{tmp_path}/b.*"))[faults.FILES_OVERLAP]
    assert found.faults[0].where == "my.config:6"
    assert f"{tmp_path}/b.record is read by train_input_reader as well" == found.faults[0].detail


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
