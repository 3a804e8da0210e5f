# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Several workers and replicas: together they see what one of them would have seen."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.input_share import InputShare
from efficientdet.data.pipeline import InputPipeline
from efficientdet.errors import DataError
from efficientdet.types import Batch
from tests.data.toy_input import assert_equal, build, rows_of


@pytest.fixture(scope="module")
def make(tmp_path_factory, write_tfrecord) -> Callable[..., InputPipeline]:
    """Pipelines over the numbers 0 to 19, in files of 7, 5, 0, 5 and 3."""
    folder, numbers = tmp_path_factory.mktemp("shares"), itertools.count()
    files = [
        write_tfrecord(folder / f"{index}", [b"%d" % next(numbers) for _ in range(count)])
        for index, count in enumerate((7, 5, 0, 5, 3))
    ]

    def make(**changes: Any) -> InputPipeline:
        return build(files, **changes)

    return make


def _batches(data: InputPipeline, count: int, start: int, share: InputShare) -> list[Batch]:
    return list(data.train_dataset(start, share).take(count))


def _numbers(rows: list[Batch]) -> list[int]:
    return [int(row.source_ids) for row in rows]


@pytest.mark.parametrize(("workers", "replicas", "mixes"), [(1, 2, False), (2, 4, True)])
def test_shares_by_record_add_up_to_the_batches_of_one(make, workers, replicas, mixes):
    data = make(mixes=mixes, batch_size=8)
    whole = rows_of(_batches(data, 4, 3, InputShare()))
    local = replicas // workers
    shares = [_batches(data, 4 * local, 3, InputShare(worker, workers, replicas)) for worker in range(workers)]
    assert {len(batch.source_ids) for share in shares for batch in share} == {8 // replicas}
    parts = [batch for step in range(4) for share in shares for batch in share[step * local : (step + 1) * local]]
    for one, other in zip(rows_of(parts), whole, strict=True):
        assert_equal(one, other)


def test_shares_by_file_have_files_and_epochs_of_their_own(make):
    data = make(batch_size=4, worker_sharding="by_file", shuffle_buffer_size=20)
    own = [{*range(7), 17, 18, 19}, {*range(7, 17)}]  # files 0, 2 (empty) and 4; files 1 and 3
    for worker, numbers in enumerate(own):
        share = InputShare(worker, 2, 2)
        rows = _numbers(rows_of(_batches(data, 10, 0, share)))  # two epochs of 10, in batches of two
        assert set(rows[:10]) == set(rows[10:]) == numbers
        assert rows[:10] != rows[10:]
        assert _numbers(rows_of(_batches(data, 3, 4, share))) == rows[8:14]


def test_too_few_files_are_an_error_for_every_worker(make):
    data = make(batch_size=5, worker_sharding="by_file")
    for worker in (0, 4):
        with pytest.raises(DataError, match=r"4 record files cannot be shared out among 5 workers.*BY_RECORD"):
            data.train_dataset(0, InputShare(worker, 5, 5))


def test_all_replicas_end_with_the_same_full_batch(make):
    data = make(batch_size=6, num_epochs=2, drop_remainder=False)
    assert [len(batch.inputs) for batch in data.train_dataset()] == [6, 6, 6, 6, 6, 6, 4]
    for worker in range(2):
        assert [len(batch.inputs) for batch in data.train_dataset(1, InputShare(worker, 2, 2))] == [3] * 5


def test_a_batch_that_does_not_divide(make):
    with pytest.raises(ValueError, match=r"batch_size \(4\) must be divisible by the 3 replicas"):
        make().train_dataset(0, InputShare(0, 1, 3))


def test_workers_evaluate_every_other_batch(make):
    data = make(batch_size=3)
    whole = list(data.eval_dataset(max_examples=16))
    assert [len(batch.inputs) for batch in whole] == [3, 3, 3, 3, 3, 1]
    for worker, start in ((0, 0), (1, 0), (0, 3)):
        own = list(data.eval_dataset(16, worker, 2, start))
        expected = [batch for number, batch in enumerate(whole) if number % 2 == worker and number >= start]
        for one, other in zip(own, expected, strict=True):
            np.testing.assert_array_equal(one.source_ids, other.source_ids)


def test_replicas_of_a_strategy_are_given_their_parts(make):
    data = make(batch_size=4)
    devices = [device.name.removeprefix("/device:") for device in tf.config.list_logical_devices("CPU")]
    strategy = tf.distribute.MirroredStrategy(devices)
    share = InputShare(0, 1, len(devices))
    batches = iter(strategy.distribute_datasets_from_function(lambda context: data.train_dataset(0, share)))
    values = [strategy.experimental_local_results(next(batches).source_ids) for _ in range(3)]
    numbers = [int(number) for batch in values for part in batch for number in part.numpy()]
    assert numbers == _numbers(rows_of(_batches(data, 3, 0, InputShare())))
