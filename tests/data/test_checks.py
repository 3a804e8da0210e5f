# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Errors of the pipeline are traced to their file and record."""

from __future__ import annotations

import pytest
import tensorflow as tf

from efficientdet.data import checks
from efficientdet.data.records import RecordParser


@pytest.fixture(scope="module")
def parse(label_map) -> RecordParser:
    return RecordParser(label_map, num_classes=4)


def test_a_sound_file_has_no_fault(tmp_path, parse, encode_record, write_tfrecord):
    assert checks.find_fault(write_tfrecord(tmp_path / "x", [encode_record()] * 3), parse) is None
    assert checks.find_fault(write_tfrecord(tmp_path / "y", []), parse) is None


def test_file_record_source_id_and_rule_are_named(tmp_path, parse, encode_record, write_tfrecord):
    good, bad = encode_record(), encode_record(object__class__text=[b"cow"], source_id=[b"77"])
    sound = write_tfrecord(tmp_path / "a", [good] * 3)
    faulty = write_tfrecord(tmp_path / "b", [good, good, bad, good])
    with pytest.raises(checks.INPUT_ERRORS) as raised:
        list(tf.data.TFRecordDataset(faulty).map(parse))
    error = checks.explain(raised.value, [sound, faulty], parse)
    assert str(error) == f"{faulty}: record 2 (source_id '77'): class name is not in the label map: [cow]"


def test_a_picture_that_cannot_be_decoded(tmp_path, parse, encode_record, encode_picture, write_tfrecord):
    bad = encode_record(encoded=[encode_picture(40, 40, "JPEG")[:300]], source_id=None, filename=[b"x.jpg"])
    fault = checks.find_fault(write_tfrecord(tmp_path / "x", [encode_record(), bad]), parse)
    assert fault is not None
    assert (fault.record, fault.source_id) == (1, "x.jpg")
    assert "cannot be read" in fault.problem


def test_a_record_that_is_none(tmp_path, parse, encode_record, write_tfrecord):
    fault = checks.find_fault(write_tfrecord(tmp_path / "x", [encode_record(), b"\xff\xff\xff"]), parse)
    assert fault is not None
    assert (fault.record, fault.source_id) == (1, "")
    assert "cannot be read" in fault.problem


def test_a_damaged_payload(tmp_path, parse, encode_record, write_tfrecord):
    path = tmp_path / "x"
    write_tfrecord(path, [encode_record()] * 2)
    content = bytearray(path.read_bytes())
    content[-20] ^= 1  # inside the second record; its checksum no longer fits
    path.write_bytes(content)
    fault = checks.find_fault(str(path), parse)
    assert fault is not None
    assert (fault.record, fault.source_id) == (1, "")


def test_an_error_without_a_faulty_record(tmp_path, parse, encode_record, write_tfrecord):
    path = write_tfrecord(tmp_path / "x", [encode_record()])
    error = checks.explain(tf.errors.InvalidArgumentError(None, None, "odd\nmore"), [path], parse)
    assert str(error) == "every record can be read, and yet TensorFlow reports: cannot be read (odd)"
