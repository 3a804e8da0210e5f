# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Faults in records, one by one: what each of them comes to, in training and in evaluation."""

from __future__ import annotations

import logging
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.checks import INPUT_ERRORS
from efficientdet.data.pipeline import InputPipeline
from efficientdet.data.preprocessing import FixedShape, Preprocessor
from efficientdet.data.record_order import ReaderSettings
from efficientdet.data.records import RecordParser
from efficientdet.types import Batch, Targets

_READING = {
    "shuffle": True, "shuffle_buffer_size": 3, "num_readers": 2, "read_block_length": 2, "num_epochs": 0,
    "sample_1_of_n_examples": 1, "drop_remainder": True, "num_prefetch_batches": 2, "max_number_of_boxes": 5,
    "max_unreadable_records": 10,
}  # fmt: skip
_BOX = (0.25, 0.25, 0.75, 0.5)


def _one_anchor(boxes: tf.Tensor, classes: tf.Tensor, weights: tf.Tensor) -> Targets:
    """An anchor that is of class 3, and as much of it as there is weight in the picture; background counts 1."""
    weight = tf.reduce_sum(weights, keepdims=True)
    return Targets(tf.constant([3]), 1.0 + weight, tf.reduce_sum(boxes, axis=0, keepdims=True), weight)


def _bomb() -> bytes:
    """The head of a PNG of 30,000 x 30,000 pixels, whose data would follow."""
    head = b"IHDR" + struct.pack(">IIBBBBB", 30_000, 30_000, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))


@pytest.fixture(scope="module")
def faulty(encode_record, encode_picture) -> dict[str, tuple[bytes, str]]:
    """Records with a fault of each kind, and the problem that is named."""
    jpeg = encode_picture(40, 40, "JPEG")
    unreadable = {
        "cut off": (jpeg[: len(jpeg) // 2], "cannot be read"),
        "garbage": (jpeg[:20] + bytes(range(256)) * 4, "cannot be read"),
        "text": (b"<html>404</html>", "picture is neither JPEG nor PNG"),
        "bomb": (_bomb(), r"picture exceeds 80000000 pixels, its height and width: \[30000 30000\]"),
    }
    boxes = {
        "nan": ((float("nan"), 0.1, 0.5, 0.5), "box coordinate is not a number"),
        "inverted": ((0.5, 0.1, 0.2, 0.5), "box has its maximum below its minimum"),
    }
    return {
        **{name: (encode_record(encoded=[picture], source_id=[name.encode()]), text)
           for name, (picture, text) in unreadable.items()},
        **{name: (encode_record([box], source_id=[name.encode()]), text) for name, (box, text) in boxes.items()},
        "": (b"\xff\xff\xff", "cannot be read"),
    }  # fmt: skip


@pytest.fixture
def make(tmp_path, label_map, encode_record, encode_picture, write_tfrecord) -> Callable[..., InputPipeline]:
    """Pipelines over 16 records in two files, with pictures of their own, some of them replaced."""

    def make(replaced: dict[int, bytes] | None = None, batch_size: int = 4, **settings: object) -> InputPipeline:
        records = [
            encode_record([_BOX], encoded=[encode_picture(8, 8, seed=i)], source_id=[b"%d" % i]) for i in range(16)
        ]
        for index, record in (replaced or {}).items():
            records[index] = record
        return InputPipeline(
            [write_tfrecord(tmp_path / name, records[start : start + 8]) for name, start in (("a", 0), ("b", 8))],
            parse=RecordParser(label_map, num_classes=4),
            preprocessor=Preprocessor(FixedShape(8, 8), mean=(5, 5, 5), stddev=(1, 1, 1)),
            assign_targets=_one_anchor,
            batch_size=batch_size,
            seed=1,
            settings=ReaderSettings(**(_READING | settings)),  # type: ignore[arg-type]
        )

    return make


def _read(data: InputPipeline, trains: bool) -> list[Batch]:
    """An epoch of batches, as a trainer or an evaluator fetches them."""
    dataset = data.train_dataset if trains else data.eval_dataset
    exclude = data.exclude if trains else data.exclude_evaluated
    batches: list[Batch] = []
    iterator = iter(dataset())
    while len(batches) < 2:
        try:
            batches.append(next(iterator))
        except INPUT_ERRORS as error:
            if (problem := exclude(error, len(batches))) is not None:
                raise problem from error
            iterator = iter(dataset(start_batch=len(batches)))
    return batches


@pytest.mark.parametrize(
    ("trains", "count"),
    [(True, 2), *(pytest.param(trains, 7, marks=pytest.mark.slow) for trains in (True, False))],
)
def test_each_fault_is_named(make, faulty, caplog, trains, count):
    faulty = dict(list(faulty.items())[:count])
    places = dict(zip(faulty, (0, 3, 4, 7, 8, 12, 15), strict=False))
    data = make({places[name]: record for name, (record, _) in faulty.items()}, batch_size=8)
    with caplog.at_level(logging.WARNING):
        batches = _read(data, trains)
    by_name = {fault.source_id: fault for fault in data.excluded}
    assert by_name.keys() == faulty.keys()
    for name, (_, problem) in faulty.items():
        fault = by_name[name]
        assert (Path(fault.file).name, fault.record) == ("ab"[places[name] // 8], places[name] % 8)
        assert re.match(problem, fault.problem)
        assert f"LEFT OUT from now on: {fault}" in caplog.text
    assert sum(int(not size.any()) for batch in batches for size in batch.original_sizes.numpy()) == count
    assert sum(float(batch.targets.box_weights.numpy().sum()) for batch in batches) == 16 - count  # a box in each other


def test_a_box_without_area_is_no_fault(make, encode_record):
    data = make({5: encode_record([_BOX, (0.2, 0.2, 0.2, 0.6)], source_id=[b"flat"])})
    batch = next(iter(data.eval_dataset(start_batch=1)))
    np.testing.assert_array_equal(batch.ground_truth.weights[1], [1, 0, 0, 0, 0])
    np.testing.assert_array_equal(batch.ground_truth.count, [1, 2, 1, 1])
