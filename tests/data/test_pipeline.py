# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The pipeline: order and draws as functions of (seed, epoch, record), exact resume, padding, clear errors."""

from __future__ import annotations

import functools
import itertools
import logging
from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentations.geometry import random_horizontal_flip, random_scale_crop_and_pad_to_square
from efficientdet.data.pipeline import InputPipeline, ReaderSettings
from efficientdet.data.preprocessing import KeepAspectRatio, Preprocessor
from efficientdet.data.records import RecordParser
from efficientdet.errors import DataError
from efficientdet.types import Batch, Targets

_AUGMENTATIONS = (
    functools.partial(random_horizontal_flip, probability=0.5),
    functools.partial(random_scale_crop_and_pad_to_square, output_size=24, scale_min=0.5, scale_max=1.5),
)
_READING = {
    "shuffle": True, "shuffle_buffer_size": 4, "num_readers": 2, "read_block_length": 2, "num_epochs": 0,
    "sample_1_of_n_examples": 1, "drop_remainder": True, "num_prefetch_batches": 2, "max_number_of_boxes": 100,
}  # fmt: skip
_COUNTS = (5, 0, 3, 4)  # records in each file, 12 in all


def _sum_of_boxes(boxes, classes, weights) -> Targets:
    """Two anchors that hold what reaches the assigner: its rows, and the sums of their values."""
    return Targets(
        classes=tf.stack([tf.shape(boxes)[0], tf.reduce_sum(classes)]),
        class_weights=tf.fill([2], tf.reduce_sum(weights)),
        box_codes=tf.tile(tf.reduce_sum(boxes, axis=0, keepdims=True), [2, 1]),
        box_weights=tf.zeros([2]),
    )


@pytest.fixture(scope="module")
def files(tmp_path_factory, encode_record, encode_picture, write_tfrecord):
    folder, number, paths = tmp_path_factory.mktemp("records"), itertools.count(), []
    for index, count in enumerate(_COUNTS):
        records = []
        for _ in range(count):
            i = next(number)
            boxes = [(0.1, 0.1 + 0.01 * j, 0.5, 0.6) for j in range(i % 4)]
            picture = encode_picture(10 + i, 16, seed=i)
            records.append(encode_record(boxes, encoded=[picture], source_id=[f"{i}".encode()]))
        paths.append(write_tfrecord(folder / f"{index}.record", records))
    return paths


@pytest.fixture(scope="module")
def make(files, label_map):
    def make(batch_size=5, augmentations=_AUGMENTATIONS, seed=1, files=files, **settings) -> InputPipeline:
        return InputPipeline(
            files,
            parse=RecordParser(label_map, num_classes=4),
            preprocessor=Preprocessor(KeepAspectRatio(24, 24), mean=(0, 0, 0), stddev=(1, 1, 1)),
            assign_targets=_sum_of_boxes,
            batch_size=batch_size,
            augmentations=augmentations,
            seed=seed,
            settings=ReaderSettings(**(_READING | settings)),
        )

    return make


def _ids(batches) -> list[int]:
    return [int(source_id) for batch in batches for source_id in batch.source_ids.numpy()]


def _assert_equal(left: list[Batch], right: list[Batch]) -> None:
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
            np.testing.assert_array_equal(a, b)


def test_shapes_and_types(make):
    spec = make().train_dataset().element_spec
    assert isinstance(spec, Batch)
    assert spec.inputs == tf.TensorSpec([5, 24, 24, 3], tf.float32)
    assert spec.true_sizes == spec.original_sizes == tf.TensorSpec([5, 2], tf.int32)
    assert spec.source_ids == tf.TensorSpec([5], tf.string)
    truth = spec.ground_truth
    assert truth.boxes == tf.TensorSpec([5, 100, 4], tf.float32)
    assert truth.classes == tf.TensorSpec([5, 100], tf.int32)
    assert truth.weights == truth.areas == tf.TensorSpec([5, 100], tf.float32)
    assert truth.is_crowd == truth.is_difficult == tf.TensorSpec([5, 100], tf.bool)
    assert truth.count == tf.TensorSpec([5], tf.int32)


@pytest.fixture(scope="module")
def straight(make):
    return list(make().train_dataset().take(15))  # 75 pictures: 6 epochs of 12 and a bit


@pytest.mark.parametrize("start", [1, 2, 7, 12])  # inside the first epoch, over its end, later, at the end of one
def test_resume_equals_the_tail(make, straight, start):
    _assert_equal(list(make().train_dataset(start).take(15 - start)), straight[start:])


def test_each_epoch_holds_each_record_once_in_an_order_of_its_own(make):
    ids = _ids(make(batch_size=6).train_dataset().take(8))
    epochs = [ids[i : i + 12] for i in range(0, 48, 12)]
    assert all(sorted(epoch) == list(range(12)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 4
    assert all(epoch != sorted(epoch) for epoch in epochs)


def test_the_order_depends_on_the_seed_and_on_nothing_else(make, straight):
    first = straight[:6]
    tf.random.set_seed(12345)  # hidden state of somebody else
    try:
        _assert_equal(list(make().train_dataset().take(6)), first)
    finally:
        tf.random.set_seed(None)
    assert _ids(make(seed=2).train_dataset().take(6)) != _ids(first)
    assert _ids(make(seed=1 + 2**31).train_dataset().take(6)) != _ids(first)  # the upper bits count too


def test_draws_belong_to_record_and_epoch_not_to_place(make):
    """With another batch size and reading order, a record of an epoch still looks the same."""

    def pictures(pipeline: InputPipeline) -> dict[tuple[int, int], np.ndarray]:
        batches = itertools.islice(pipeline.train_dataset(), 6)
        rows = [row for batch in batches for row in zip(batch.source_ids.numpy(), batch.inputs.numpy(), strict=True)]
        return {(i // 12, int(source_id)): picture for i, (source_id, picture) in enumerate(rows[:24])}

    one, other = pictures(make(batch_size=4)), pictures(make(batch_size=6, shuffle=False))
    assert one.keys() == other.keys()
    for key, picture in one.items():
        np.testing.assert_array_equal(picture, other[key])
    assert any((one[0, i] != one[1, i]).any() for i in range(12))  # and another epoch draws anew


def test_without_shuffling_files_follow_each_other(make):
    assert _ids(make(shuffle=False).train_dataset().take(4)) == [*range(12), *range(8)]


def test_sampling_takes_every_nth_record(make):
    pipeline = make(batch_size=2, shuffle=False, sample_1_of_n_examples=5)
    assert pipeline.num_records == 3
    assert _ids(pipeline.train_dataset().take(3)) == [0, 5, 10, 0, 5, 10]
    assert _ids(pipeline.train_dataset(1).take(2)) == [10, 0, 5, 10]
    assert _ids(pipeline.eval_dataset()) == [0, 5, 10]


@pytest.mark.parametrize(("drop_remainder", "sizes"), [(True, [5, 5, 5, 5]), (False, [5, 5, 5, 5, 4])])
def test_a_limited_number_of_epochs(make, drop_remainder, sizes):
    pipeline = make(num_epochs=2, drop_remainder=drop_remainder)
    assert [len(batch.source_ids) for batch in pipeline.train_dataset()] == sizes
    assert [len(batch.source_ids) for batch in pipeline.train_dataset(3)] == sizes[3:]
    assert list(pipeline.train_dataset(10)) == []


def test_evaluation_is_one_plain_pass(make):
    pipeline = make()
    batches = list(pipeline.eval_dataset())
    assert pipeline.num_records == 12
    assert _ids(batches) == list(range(12))
    assert [len(batch.source_ids) for batch in batches] == [5, 5, 2]
    _assert_equal(list(pipeline.eval_dataset()), batches)
    assert _ids(pipeline.eval_dataset(max_examples=7)) == list(range(7))
    np.testing.assert_array_equal(batches[0].original_sizes, [[10 + i, 16] for i in range(5)])


def test_truth_is_padded_and_moved_into_the_input(make):
    batch = next(iter(make(max_number_of_boxes=4).eval_dataset()))
    np.testing.assert_array_equal(batch.ground_truth.count, [0, 1, 2, 3, 0])
    np.testing.assert_array_equal(batch.true_sizes[3], [20, 24])  # 13 x 16 by a factor of 1.5, 19.5 rounded to even
    share = np.tile(np.float32([20 / 24, 1.0]), 2)
    expected = np.float32([(0.1, 0.1 + 0.01 * j, 0.5, 0.6) for j in range(3)]) * share
    np.testing.assert_allclose(batch.ground_truth.boxes[3, :3], expected, atol=1e-6)
    assert not batch.ground_truth.boxes[3, 3:].numpy().any()
    assert not batch.ground_truth.weights[3, 3:].numpy().any()
    # The assigner saw the three boxes, not the padding.
    np.testing.assert_array_equal(batch.targets.classes[:, 0], [0, 1, 2, 3, 0])
    np.testing.assert_allclose(batch.targets.box_codes[3, 0], expected.sum(axis=0), atol=1e-6)


def test_crowds_can_be_left_out_of_training_but_not_of_evaluation(make, tmp_path, encode_record, write_tfrecord):
    boxes = [(0.1, 0.1, 0.5, 0.6), (0.2, 0.2, 0.9, 0.9), (0.3, 0.3, 0.4, 0.4)]
    crowds = encode_record(boxes, object__is_crowd=[0, 1, 0], object__area=[10.0, 20.0, 30.0])
    path = write_tfrecord(tmp_path / "x", [crowds, encode_record(boxes[:1], object__is_crowd=[1])])
    reading = {"files": [path], "batch_size": 2, "augmentations": (), "shuffle": False}
    for skip_crowd in (False, True):
        pipeline = make(**reading, skip_crowd=skip_crowd)
        trained, evaluated = next(iter(pipeline.train_dataset())), next(iter(pipeline.eval_dataset()))
        np.testing.assert_array_equal(evaluated.ground_truth.count, [3, 1])
        np.testing.assert_array_equal(evaluated.ground_truth.is_crowd[0, :3], [False, True, False])
        truth = trained.ground_truth
        np.testing.assert_array_equal(truth.count, [2, 0] if skip_crowd else [3, 1])
        np.testing.assert_array_equal(trained.targets.classes[:, 0], truth.count)
        if skip_crowd:
            np.testing.assert_array_equal(truth.areas[0, :3], [10, 30, 0])
            np.testing.assert_allclose(truth.boxes[0, 1], evaluated.ground_truth.boxes[0, 2])


def test_more_boxes_than_rows_are_told_and_cut(make, caplog):
    with caplog.at_level(logging.WARNING):
        batch = next(iter(make(max_number_of_boxes=2, batch_size=12).eval_dataset()))
    np.testing.assert_array_equal(batch.ground_truth.count, [0, 1, 2, 2] * 3)
    assert batch.ground_truth.boxes.shape == (12, 2, 4)
    np.testing.assert_array_equal(batch.targets.classes[:, 0], [0, 1, 2, 2] * 3)
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2  # pictures 3, 7 and 11 have 3 boxes: told at the first and the second
    assert "1 images so far have more than max_number_of_boxes (2)" in lines[0]
    assert "AP and losses are those of the truth so cut" in lines[0]


def test_a_cut_in_training_says_nothing_of_evaluation(make, caplog):
    with caplog.at_level(logging.WARNING):
        list(make(max_number_of_boxes=2, batch_size=12, augmentations=()).train_dataset().take(2))
    lines = [record.getMessage() for record in caplog.records]
    assert len(lines) == 2  # a picture is told once, in whatever epochs it returns
    assert all("and lose the rest; " in line for line in lines)


def test_no_function_holds_an_op_that_makes_determinism_serial(make):
    """The rule of TensorFlow's make_deterministic pass, which acts under `enable_op_determinism`."""
    from tensorflow.python.framework import op_def_registry

    harmless = {"Assert", "If", "PartitionedCall", "StatefulPartitionedCall", "While"}
    for dataset in (make(max_number_of_boxes=2, skip_crowd=True).train_dataset(), make().eval_dataset()):
        graph = tf.compat.v1.GraphDef.FromString(dataset._as_serialized_graph().numpy())
        assert len(graph.library.function) > 3
        for function in graph.library.function:
            for node in function.node_def:
                definition = op_def_registry.get(node.op)
                stateful = definition is not None and definition.is_stateful
                sources = {"TFRecordDataset", "TFRecordDatasetV2", "TensorSliceDataset", "RangeDataset"}
                assert not stateful or node.op in harmless | sources, f"{node.op} in {function.signature.name}"


def test_a_record_without_source_id_is_called_by_its_number(make, tmp_path, encode_record, write_tfrecord):
    path = write_tfrecord(tmp_path / "x", [encode_record(), encode_record(source_id=None)])
    assert _ids(make(files=[path]).eval_dataset()) == [7, 1]


def test_a_fault_everywhere_is_told_at_once(make, tmp_path, encode_record, write_tfrecord):
    path = write_tfrecord(tmp_path / "x", [encode_record(boxes=[(10.0, 10.0, 50.0, 60.0)])])
    with pytest.raises(DataError, match=r"x: record 0 \(source_id '7'\): box is not normalised"):
        make(files=[path])


def test_a_fault_on_the_way_is_explained(make, files, tmp_path, encode_record, write_tfrecord):
    bad = write_tfrecord(tmp_path / "bad", [encode_record(), encode_record(object__class__text=[b"cow"])])
    pipeline = make(files=[*files, bad])
    for dataset in (pipeline.train_dataset().take(4), pipeline.eval_dataset()):
        with pytest.raises(tf.errors.InvalidArgumentError) as raised:
            list(dataset)
        error = pipeline.explain(raised.value)
        assert isinstance(error, DataError)
        assert f"{bad}: record 1 (source_id '7')" in str(error)


def test_no_records(make, tmp_path, write_tfrecord):
    with pytest.raises(DataError, match="no record in"):
        make(files=[write_tfrecord(tmp_path / "x", [])])
    with pytest.raises(DataError, match="no record in an empty list of files"):
        make(files=[])


def test_a_batch_may_be_larger_than_the_data(make, tmp_path, encode_record, write_tfrecord):
    path = write_tfrecord(tmp_path / "x", [encode_record(source_id=[b"%d" % i]) for i in range(2)])
    batches = list(make(files=[path], batch_size=7).train_dataset().take(2))
    assert Counter(_ids(batches)) == {0: 7, 1: 7}
    _assert_equal(list(make(files=[path], batch_size=7).train_dataset(1).take(1)), batches[1:])


def test_under_a_strategy_the_global_batch_is_split(make):
    devices = tf.config.list_physical_devices("CPU")
    strategy = tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(len(devices))])
    expected = _ids(make().train_dataset().take(3))
    distributed = strategy.experimental_distribute_dataset(make().train_dataset())
    batches = [next(iterator) for iterator in [iter(distributed)] for _ in range(3)]
    rows = [part for batch in batches for part in strategy.experimental_local_results(batch.source_ids)]
    assert [int(source_id) for part in rows for source_id in part.numpy()] == expected
