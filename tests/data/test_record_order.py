# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which record comes when: mixtures of sources by weight, and groups of neighbours. Records are their own names."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.record_order import ReaderSettings, RecordOrder, Source, _group_size
from efficientdet.errors import DataError

_READING = {
    "shuffle": True, "shuffle_buffer_size": 20, "num_readers": 2, "read_block_length": 2, "num_epochs": 0,
    "sample_1_of_n_examples": 1, "drop_remainder": True, "num_prefetch_batches": 2, "max_number_of_boxes": 100,
}  # fmt: skip
_COUNTS = {"a0": 5, "a1": 3, "b0": 4, "empty": 0, "c0": 23}


@pytest.fixture(scope="module")
def files(tmp_path_factory, write_tfrecord):
    folder = tmp_path_factory.mktemp("order")
    return {
        name: write_tfrecord(folder / name, [f"{name}-{i}".encode() for i in range(count)])
        for name, count in _COUNTS.items()
    }


@pytest.fixture(scope="module")
def order(files):
    def order(*names: str, seed: int = 1, weights: dict[str, float] | None = None, **settings) -> RecordOrder:
        sources = [
            Source(tuple(files[name] for name in names if name.startswith(start)), weight)
            for start, weight in (weights or {}).items()
        ]
        settings = ReaderSettings(**(_READING | settings), sources=tuple(sources))
        return RecordOrder([files[name] for name in names], settings, seed)

    return order


def _first(records: tf.data.Dataset, count: int) -> list:
    return list(records.take(count).as_numpy_iterator())


def _names(records: tf.data.Dataset, count: int) -> list[str]:
    return [record.serialized.decode() for record in _first(records, count)]


def test_sources_are_drawn_by_weight(order):
    mixture = order("a0", "a1", "b0", weights={"a": 1.0, "b": 3.0})
    assert mixture.num_records == 12
    names = _names(mixture.training(0), 1000)
    assert abs(sum(name.startswith("b") for name in names) / 1000 - 0.75) < 0.055  # four standard deviations
    for start, records in (("a", 8), ("b", 4)):  # each has epochs of its own
        drawn = [name for name in names if name.startswith(start)]
        epochs = [drawn[i : i + records] for i in range(0, len(drawn) - records, records)]
        assert all(sorted(epoch) == sorted(epochs[0]) for epoch in epochs)
        assert len({tuple(epoch) for epoch in epochs}) > 5
        assert len(set(drawn)) == records


def test_a_mixture_repeats_and_resumes_exactly(order):
    weights = {"a": 1.0, "b": 3.0}
    names = _names(order("a0", "a1", "b0", weights=weights).training(0), 100)
    # Noted at the first run: whatever changes it changes the runs of users that resume.
    assert "".join(name[0] for name in names[:24]) == "babbbbbbbbabbbbbbbbbbbbb"
    assert names[:8] == ["b0-0", "a1-2", "b0-1", "b0-3", "b0-2", "b0-3", "b0-2", "b0-1"]
    for consumed in (7, 90):
        assert _names(order("a0", "a1", "b0", weights=weights).training(consumed), 10) == names[consumed:][:10]
    assert _names(order("a0", "a1", "b0", weights=weights, seed=2).training(0), 100) != names


def test_a_mixture_resumes_far_away(order):
    """Beyond a block of draws, and without reading what lies before."""
    mixture = order("a0", "a1", "b0", weights={"a": 1.0, "b": 1.0}, shuffle=False)
    position = (1 << 16) + 1000
    draws = np.concatenate([mixture._drawn_sources(block) for block in (0, 1)])
    seen_a = int(np.count_nonzero(draws[:position] == 0))
    names = _names(mixture.training(position), 40)
    in_order = {"a": [f"a0-{i}" for i in range(5)] + [f"a1-{i}" for i in range(3)], "b": [f"b0-{i}" for i in range(4)]}
    following = {
        "a": itertools.islice(itertools.cycle(in_order["a"]), seen_a % 8, None),
        "b": itertools.islice(itertools.cycle(in_order["b"]), (position - seen_a) % 4, None),
    }
    expected = [next(following["ab"[source]]) for source in draws[position : position + 40]]
    assert names == expected


def test_a_mixture_of_one_source_and_with_sampling(order):
    assert Counter(_names(order("b0", weights={"b": 2.0}).training(0), 8)) == {f"b0-{i}": 2 for i in range(4)}
    sampled = order("a0", "a1", "b0", weights={"a": 1.0, "b": 1.0}, sample_1_of_n_examples=4)
    assert sampled.num_records == 3
    assert set(_names(sampled.training(0), 40)) == {"a0-0", "a0-4", "b0-0"}  # records 0, 4 and 8


def test_evaluation_reads_every_record_once_whatever_the_weights(order):
    mixture = order("a0", "b0", weights={"b": 1.0, "a": 5.0})
    names = [serialized.numpy().decode() for _, serialized in mixture.evaluation()]
    assert names == [f"a0-{i}" for i in range(5)] + [f"b0-{i}" for i in range(4)]


def test_a_source_without_records_is_told(order):
    with pytest.raises(DataError, match=r"no record to sample from in .*empty"):
        order("a0", "empty", weights={"a": 1.0, "empty": 1.0})
    with pytest.raises(DataError, match=r"no record to sample from in .*b0"):
        order("a0", "b0", weights={"a": 1.0, "b": 1.0}, sample_1_of_n_examples=10)


@pytest.mark.parametrize(
    ("records", "size", "last"), [(1, 16, 1), (12, 16, 12), (16, 16, 16), (17, 17, 17), (33, 17, 16), (100, 25, 25)]
)
def test_no_group_is_small_where_there_are_many(records, size, last):
    assert _group_size(records) == size
    assert (records - 1) % size + 1 == last


def test_groups_leave_at_least_half_their_size_to_the_last_one():
    for records in (118287, 4952, 874, 31, 47, 10**6 + 1):
        size = _group_size(records)
        assert 16 <= size < 32
        assert (records - 1) % size + 1 >= min(records, 16)


@pytest.mark.parametrize("weights", [None, {"a": 1.0, "c": 2.0}])
def test_groups_keep_the_order_and_do_not_depend_on_where_one_starts(order, weights):
    plan = order("a0", "a1", "c0", weights=weights)  # 31 records: one group of them all in each epoch
    records, groups = _first(plan.training(0), 70), _first(plan.training_in_groups(0), 70)
    names = [record.serialized for record in records]
    assert [(record.epoch, record.index) for record in groups] == [(record.epoch, record.index) for record in records]
    for position, record in enumerate(groups):
        start = position // 31 * 31
        assert record.place == position - start
        assert list(record.serialized)[: 70 - start] == names[start:][:31]
    for consumed in (30, 45):
        tail = _first(plan.training_in_groups(consumed), 20)
        for one, other in zip(tail, groups[consumed:], strict=False):
            assert all(np.array_equal(left, right) for left, right in zip(one, other, strict=True))


def test_groups_end_with_the_epoch(order):
    plan = order("b0", num_epochs=2)
    groups = _first(plan.training_in_groups(0), 99)
    assert [len(record.serialized) for record in groups] == [4] * 8
    assert len(_first(plan.training_in_groups(5), 99)) == 3


def test_no_function_of_a_mixture_or_of_groups_holds_a_stateful_op(order):
    from tensorflow.python.framework import op_def_registry

    sources = {"TFRecordDataset", "TFRecordDatasetV2", "TensorSliceDataset", "RangeDataset"}
    for dataset in (
        order("a0", "a1", "b0", weights={"a": 1.0, "b": 1.0}).training_in_groups(3),
        order("a0", "a1").training_in_groups(3),
    ):
        graph = tf.compat.v1.GraphDef.FromString(dataset._as_serialized_graph().numpy())
        ops = {node.op for function in graph.library.function for node in function.node_def}
        definitions = [op_def_registry.get(op) for op in ops]
        stateful = {definition.name for definition in definitions if definition is not None and definition.is_stateful}
        assert stateful <= {"PartitionedCall", "StatefulPartitionedCall", *sources}
