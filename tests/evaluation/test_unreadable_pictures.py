# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A record that cannot be read counts nowhere in an evaluation, and is told of beside the metrics."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import tensorflow as tf

from efficientdet.types import Batch
from tests.evaluation.telegraph import build, pictures


def _without(place: int) -> Callable[..., tf.data.Dataset]:
    """The pictures, one of which stands for a record that cannot be read."""

    def taken_out(number: tf.Tensor, batch: Batch) -> Batch:
        share = tf.cast(number != place, tf.int32)
        return batch._replace(original_sizes=batch.original_sizes * share)

    return lambda: pictures().unbatch().batch(1).enumerate().map(taken_out)


def test_a_picture_that_cannot_be_read_counts_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        evaluation = build(tmp_path / "a", dataset_fn=_without(1)).evaluate(7)
    others = build(
        tmp_path / "b", dataset_fn=lambda: _without(1)().filter(lambda batch: batch.original_sizes[0, 0] > 0)
    )
    expected = others.evaluate(7)
    assert evaluation.images == expected.images == 2
    assert evaluation.metrics == expected.metrics
    assert evaluation.losses == expected.losses
    assert "step 7: 1 records" in caplog.text
    assert "count nowhere in this evaluation" in caplog.text


def test_a_batch_is_fetched_anew_where_its_record_was_left_out(tmp_path: Path) -> None:
    asked: list[int] = []

    def dataset(start_batch: int = 0) -> tf.data.Dataset:
        fails = tf.constant(not asked)

        def check(number: tf.Tensor, batch: Batch) -> Batch:
            tf.debugging.Assert(tf.logical_not(fails & (number == 1)), ["a bad record"])
            return batch

        return pictures().unbatch().batch(1).enumerate().map(check).skip(start_batch)

    def leave_out(error: Exception, number: int) -> None:
        asked.append(number)

    evaluator = build(tmp_path, dataset_fn=dataset, keywords={"on_input_error": leave_out})
    assert evaluator.evaluate(0).images == 3
    assert asked == [1]
