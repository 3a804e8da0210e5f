# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The best (anchor, class) pairs: by hand, and against a plain sort where scores tie, saturate or are no numbers."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.ops.candidates import Candidates, best_pairs


def _to_scores(logits: tf.Tensor) -> tf.Tensor:
    """Saturates, and gives the same bits wherever a number stands in a vector."""
    return tf.minimum(logits, 20.0)


def _best(logits: np.ndarray, count: int) -> Candidates:
    values = tf.constant(logits, tf.float32)
    return best_pairs(values, tf.reduce_max(values, axis=-1), count, _to_scores)


def test_pairs_of_two_pictures_by_hand() -> None:
    # The best pairs of the first picture are of two anchors, those of the second of one.
    logits = np.array([[[0, 1], [2, -1], [-5, -5]], [[-3, -3], [-4, -4], [3, 2]]], np.float32)
    best = _best(logits, 2)
    np.testing.assert_array_equal(best.anchors, [[1, 0], [2, 2]])
    np.testing.assert_array_equal(best.classes, [[0, 1], [0, 1]])
    np.testing.assert_array_equal(best.scores, [[2, 1], [3, 2]])
    np.testing.assert_array_equal(best.bound, [1, 2])


@pytest.mark.parametrize("count", [1, 5, 19, 20, 21, 59, 60, 100])
@pytest.mark.parametrize("kind", ["ties", "saturated", "distinct"])
def test_the_order_is_that_of_a_stable_sort_class_by_class(kind: str, count: int) -> None:
    draws = np.random.default_rng(count)
    logits = {
        "ties": draws.integers(-2, 3, (3, 20, 3)),
        "saturated": draws.uniform(10, 60, (3, 20, 3)),  # many scores are 20, of unequal logits
        "distinct": draws.normal(0, 2, (3, 20, 3)),
    }[kind].astype(np.float32)
    best = _best(logits, count)
    width = min(count, 20)
    for picture in range(3):
        strongest = np.sort(np.argsort(-logits[picture].max(axis=-1), kind="stable")[:width])
        scores = np.minimum(logits[picture, strongest].T.reshape(-1), 20)
        order = np.argsort(-scores, kind="stable")[: min(count, width * 3)]
        np.testing.assert_array_equal(best.anchors[picture], strongest[order % width])
        np.testing.assert_array_equal(best.classes[picture], order // width)
        np.testing.assert_array_equal(best.scores[picture], scores[order])


def test_pictures_of_no_numbers_do_not_end_the_call() -> None:
    assert _best(np.full([2, 6, 3], np.nan, np.float32), 4).scores.shape == (2, 4)


def test_the_batch_stays_known() -> None:
    function = tf.function(lambda values: best_pairs(values, values[..., 0], 2, _to_scores))
    candidates = function.get_concrete_function(tf.TensorSpec([5, 7, 3])).structured_outputs
    assert candidates.scores.shape[0] == 5
