# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Mixing inside the pipeline: exact resume, any number of records, and nothing but what the seed decides."""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.augmentations.geometry import random_horizontal_flip
from efficientdet.data.augmentations.mixing import Mixing, random_mix_up, random_mosaic
from efficientdet.data.pipeline import InputPipeline
from efficientdet.data.preprocessing import FixedShape, Preprocessor
from efficientdet.data.record_order import ReaderSettings
from efficientdet.data.records import RecordParser
from efficientdet.types import Batch, Targets

_READING = {
    "shuffle": True, "shuffle_buffer_size": 4, "num_readers": 2, "read_block_length": 2, "num_epochs": 0,
    "sample_1_of_n_examples": 1, "drop_remainder": True, "num_prefetch_batches": 2, "max_number_of_boxes": 100,
}  # fmt: skip
_FLIP = functools.partial(random_horizontal_flip, probability=0.5)


def _mosaic(probability: float = 0.5) -> Mixing:
    settings = {"output_size": 16, "min_center": 0.3, "max_center": 0.7, "min_box_share": 0.0}
    return Mixing(functools.partial(random_mosaic, probability=probability, **settings), 3)


def _mix_up(probability: float = 0.5) -> Mixing:
    return Mixing(functools.partial(random_mix_up, probability=probability, alpha=1.0), 1)


def _no_targets(boxes, classes, weights) -> Targets:
    return Targets(tf.zeros([1], tf.int32), tf.zeros([1]), tf.zeros([1, 4]), tf.zeros([1]))


@pytest.fixture(scope="module")
def make(tmp_path_factory, label_map, encode_record, encode_picture, write_tfrecord):
    """Pipelines over any number of records in two files; picture i is one box of class cat."""
    folder = tmp_path_factory.mktemp("mixed")

    def make(count: int, augmentations: Sequence, batch_size: int = 4, seed: int = 1, **settings) -> InputPipeline:
        pictures = [encode_picture(8 + i % 5, 12, seed=i) for i in range(count)]
        records = [
            encode_record([(0, 0, 1, 1)], encoded=[picture], source_id=[b"%d" % i])
            for i, picture in enumerate(pictures)
        ]
        half = count // 2
        parts = (records[:half], records[half:])
        return InputPipeline(
            [write_tfrecord(folder / f"{count}-{i}", part) for i, part in enumerate(parts)],
            parse=RecordParser(label_map, num_classes=4),
            preprocessor=Preprocessor(FixedShape(16, 16), mean=(0, 0, 0), stddev=(1, 1, 1)),
            assign_targets=_no_targets,
            batch_size=batch_size,
            augmentations=augmentations,
            seed=seed,
            settings=ReaderSettings(**(_READING | settings)),
        )

    return make


def _ids(batches: Sequence[Batch]) -> list[int]:
    return [int(source_id) for batch in batches for source_id in batch.source_ids.numpy()]


def _assert_equal(left: Sequence[Batch], right: Sequence[Batch]) -> None:
    assert len(left) == len(right)
    for one, other in zip(left, right, strict=True):
        for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.fixture(scope="module")
def mixed(make) -> InputPipeline:
    """37 records in epochs of groups of 19 and 18; two mixing steps after one another."""
    return make(37, (_FLIP, _mix_up(), _mix_up()))


@pytest.fixture(scope="module")
def straight(mixed) -> list[Batch]:
    return list(mixed.train_dataset().take(25))


def test_resume_equals_the_tail(mixed, straight):
    """From inside the second group of the first epoch; a batch straddles the epochs."""
    _assert_equal(list(mixed.train_dataset(6).take(19)), straight[6:])


def test_mixing_changes_pictures_and_not_the_order(make, straight):
    order = make(37, (_FLIP,))._order.training(0).take(100).as_numpy_iterator()
    assert _ids(straight) == [record.index for record in order]
    truth = [batch.ground_truth for batch in straight]
    counts = np.concatenate([part.count for part in truth])
    # One draw in two is a blend: alone 1/4; of two pictures 1/4 + 1/2 * 1/4; three 1/4; four 1/8. By four deviations:
    for count, share in ((1, 0.25), (2, 0.375), (3, 0.25), (4, 0.125)):
        assert abs((counts == count).mean() - share) < 0.2
    np.testing.assert_allclose(np.concatenate([part.weights.numpy().sum(axis=1) for part in truth]), 1.0, rtol=1e-5)


@pytest.mark.slow
def test_a_single_record_is_mixed_with_itself(make):
    """One in three of three, ten times; and never where the data are evaluated."""
    pipeline = make(3, (_mosaic(1.0),), sample_1_of_n_examples=3, num_epochs=10, drop_remainder=False)
    batches = list(pipeline.train_dataset())
    assert pipeline.num_records == 1
    assert [len(batch.source_ids) for batch in batches] == [4, 4, 2]
    for batch in batches:
        assert set(_ids([batch])) == {0}
        assert (batch.ground_truth.count.numpy() == 4).all()
        assert (batch.ground_truth.boxes[:, :4].numpy().max(axis=(1, 2)) == 1).all()
    assert len(np.unique(np.concatenate([batch.inputs for batch in batches]), axis=0)) > 5
    (evaluated,) = pipeline.eval_dataset()
    assert _ids([evaluated]) == [0]
    assert evaluated.ground_truth.count.numpy() == [1]


def test_no_function_holds_an_op_that_makes_determinism_serial(mixed):
    """The rule of TensorFlow's make_deterministic pass, which acts under `enable_op_determinism`."""
    from tensorflow.python.framework import op_def_registry

    graph = tf.compat.v1.GraphDef.FromString(mixed.train_dataset()._as_serialized_graph().numpy())
    ops = {node.op for function in graph.library.function for node in function.node_def}
    definitions = [op_def_registry.get(op) for op in ops]
    stateful = {definition.name for definition in definitions if definition is not None and definition.is_stateful}
    harmless = {"Assert", "If", "PartitionedCall", "StatefulPartitionedCall", "While"}
    assert stateful <= harmless | {"TFRecordDataset", "TFRecordDatasetV2", "TensorSliceDataset", "RangeDataset"}
