# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Records that are numbers, and an input pipeline of them that is traced in a moment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from efficientdet.data.augmentations.mixing import Mixing
from efficientdet.data.pipeline import InputPipeline
from efficientdet.data.preprocessing import FixedShape, Preprocessor
from efficientdet.data.record_order import ReaderSettings
from efficientdet.data.records import ERROR_MARKER
from efficientdet.data.stand_in import stand_in_record
from efficientdet.types import Batch, Example, Targets

_READING = {
    "shuffle": True, "shuffle_buffer_size": 3, "num_readers": 2, "read_block_length": 2, "num_epochs": 0,
    "sample_1_of_n_examples": 1, "drop_remainder": True, "num_prefetch_batches": 2, "max_number_of_boxes": 5,
    "max_unreadable_records": 10,
}  # fmt: skip


def _parse(serialized: tf.Tensor) -> Example:
    """A record that is a number, as a picture of that colour with one box; "bad" cannot be parsed."""
    readable = tf.debugging.Assert(serialized != b"bad", [ERROR_MARKER, "", "a bad record"])
    with tf.control_dependencies([readable] if readable is not None else []):
        number = tf.strings.to_number(tf.where(serialized == stand_in_record(), b"0", serialized), tf.int32)
    boxes = tf.constant([[0.25, 0.25, 0.75, 0.5]])
    zeros = tf.zeros([1])
    image = tf.fill([4, 4, 3], tf.cast(number, tf.uint8))
    return Example(
        image,
        boxes,
        tf.zeros([1], tf.int32),
        tf.ones([1]),
        zeros > 0,
        zeros > 0,
        zeros,
        serialized,
        tf.shape(image)[:2],
    )


def _one_anchor(boxes: tf.Tensor, classes: tf.Tensor, weights: tf.Tensor) -> Targets:
    """An anchor that is of class 3, and as much of it as there is weight in the picture; background counts 1."""
    weight = tf.reduce_sum(weights, keepdims=True)
    return Targets(tf.constant([3]), 1.0 + weight, tf.reduce_sum(boxes, axis=0, keepdims=True), weight)


def _brighten(example: Example, seed: tf.Tensor) -> Example:
    draw = tf.random.stateless_uniform([], seed, 0.0, 100.0)
    return example._replace(image=tf.cast(example.image, tf.float32) + draw)


def _add(example: Example, partners: Sequence[Callable[[], Example]], seed: tf.Tensor) -> Example:
    return example._replace(image=example.image + 0.5 * partners[0]().image)


def build(files: Sequence[str], mixes: bool = False, batch_size: int = 4, **settings: Any) -> InputPipeline:
    """A pipeline over files of numbers as text; "bad" ones cannot be read."""
    return InputPipeline(
        files,
        parse=_parse,
        preprocessor=Preprocessor(FixedShape(4, 4), mean=(5, 5, 5), stddev=(1, 1, 1)),
        assign_targets=_one_anchor,
        batch_size=batch_size,
        augmentations=(_brighten, Mixing(_add, 1)) if mixes else (_brighten,),
        seed=1,
        settings=ReaderSettings(**(_READING | settings)),
    )


def rows_of(batches: Sequence[Batch]) -> list[Batch]:
    """The pictures of batches, NumPy arrays."""
    arrays = [tf.nest.map_structure(np.asarray, batch) for batch in batches]
    return [tf.nest.map_structure(lambda t, i=i: t[i], batch) for batch in arrays for i in range(len(batch.inputs))]


def assert_equal(one: Batch, other: Batch) -> None:
    for a, b in zip(tf.nest.flatten(one), tf.nest.flatten(other), strict=True):
        np.testing.assert_array_equal(a, b)
