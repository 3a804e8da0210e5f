# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The matchers against hand-made similarities and plain numpy twins."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from efficientdet.ops.matching import argmax_match, bipartite_match

HALF: dict[str, Any] = {
    "matched_threshold": 0.5,
    "unmatched_threshold": 0.5,
    "force_match": False,
    "negatives_lower_than_unmatched": True,
}


def match(similarity: Any, weights: Any = None, **changes: Any) -> list[int]:
    similarity = np.asarray(similarity, np.float32)
    weights = np.ones(len(similarity), np.float32) if weights is None else np.asarray(weights, np.float32)
    return argmax_match(tf.constant(similarity), tf.constant(weights), **{**HALF, **changes}).numpy().tolist()


def plain_match(similarity: np.ndarray, weights: np.ndarray, low: float, high: float, force: bool) -> list[int]:
    """The same rules, one anchor after the other."""
    matches = []
    for column in similarity.T:
        best = column.max(initial=-1)
        matches.append(int(column.argmax()) if best >= high else -1 if best < low else -2)
    if force:
        for row in reversed(np.flatnonzero(weights > 0)):
            matches[similarity[row].argmax()] = int(row)
    return matches


def test_best_row_at_or_above_the_threshold() -> None:
    assert match([[0.5, 0.49, 0.9, 0.0], [0.4, 0.2, 0.95, 0.0]]) == [0, -1, 1, -1]


def test_ties_go_to_the_lower_row() -> None:
    assert match([[0.2], [0.7], [0.7]]) == [1]


def test_between_the_thresholds_is_ignored() -> None:
    assert match([[0.3, 0.4, 0.49, 0.5]], unmatched_threshold=0.4) == [-1, -2, -2, 0]


def test_negatives_between_the_thresholds() -> None:
    matches = match([[0.3, 0.4, 0.5]], unmatched_threshold=0.4, negatives_lower_than_unmatched=False)
    assert matches == [-2, -1, 0]


def test_a_missing_unmatched_threshold_is_the_matched_one() -> None:
    assert match([[0.3, 0.49, 0.5]], unmatched_threshold=None) == [-1, -1, 0]


def test_without_threshold_every_anchor_is_matched() -> None:
    assert match([[0.0, 0.1], [0.0, 0.2]], matched_threshold=None, unmatched_threshold=None) == [0, 1]


def test_force_match_gives_each_row_its_first_best_anchor() -> None:
    assert match([[0.1, 0.3, 0.3]], force_match=True) == [-1, 0, -1]


def test_force_match_overrides_and_the_lower_row_wins() -> None:
    assert match([[0.1, 0.4], [0.2, 0.9]], force_match=True) == [-1, 0]


def test_a_row_of_weight_zero_is_matched_but_not_forced() -> None:
    assert match([[0.4, 0.3, 0.0], [0.0, 0.0, 0.6]], weights=[0, 0], force_match=True) == [-1, -1, 1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"unmatched_threshold": 0.6}, r"unmatched_threshold \(0.6\) must not exceed matched_threshold \(0.5\)"),
        ({"matched_threshold": None}, "needs a matched_threshold"),
        ({"negatives_lower_than_unmatched": False}, "no anchor would be background"),
    ],
)
def test_thresholds_that_exclude_each_other(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        match([[0.5]], **changes)


@pytest.mark.parametrize("matched", [0.5, None])
@pytest.mark.parametrize("negatives_lower", [True, False])
@pytest.mark.parametrize("force", [True, False])
def test_without_boxes_everything_is_background(matched: float | None, negatives_lower: bool, force: bool) -> None:
    changes: dict[str, Any] = {"matched_threshold": matched, "unmatched_threshold": None if matched is None else 0.4}
    empty = np.zeros([0, 3])
    assert match(empty, **changes, force_match=force, negatives_lower_than_unmatched=negatives_lower) == [-1, -1, -1]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    similarity=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=7),
        elements=st.integers(0, 10).map(lambda i: i / 10),
    ),
    data=st.data(),
)
def test_equals_the_plain_rules(similarity: np.ndarray, data: st.DataObject) -> None:
    weights = data.draw(hnp.arrays(np.float32, len(similarity), elements=st.sampled_from([0.0, 0.5, 1.0])))
    low, high = sorted(np.float32(data.draw(st.integers(1, 10)) / 10) for _ in range(2))
    force = data.draw(st.booleans())
    matches = match(similarity, weights, matched_threshold=high, unmatched_threshold=low, force_match=force)
    assert matches == plain_match(similarity, weights, low, high, force)


def match_one_to_one(similarity: Any, weights: Any = None) -> list[int]:
    similarity = np.asarray(similarity, np.float32)
    weights = np.ones(len(similarity), np.float32) if weights is None else np.asarray(weights, np.float32)
    return bipartite_match(tf.constant(similarity), tf.constant(weights)).numpy().tolist()


def plain_bipartite_match(similarity: np.ndarray, weights: np.ndarray) -> list[int]:
    """The same rules, one pair after the other."""
    matches = [-1] * similarity.shape[1]
    pairs = sorted(
        (-similarity[row, anchor], row, anchor) for row in np.flatnonzero(weights > 0) for anchor in range(len(matches))
    )
    for _, row, anchor in pairs:
        if row not in matches and matches[anchor] == -1:
            matches[anchor] = int(row)
    return matches


def test_the_most_similar_pair_goes_first() -> None:
    assert match_one_to_one([[0.5, 0.1, 0.8], [0.15, 0.2, 0.3]]) == [-1, 1, 0]
    assert match_one_to_one([[0.5, 0.8, 0.1], [0.3, 0.9, 0.2]]) == [0, 1, -1]


def test_nothing_is_too_unlike_for_a_match() -> None:
    assert match_one_to_one([[0.0, 0.0, 0.0], [-9.0, -8.0, -8.0]]) == [0, 1, -1]


def test_rows_of_weight_zero_have_no_anchor_and_others_keep_their_numbers() -> None:
    assert match_one_to_one([[0.9, 0.0], [0.5, 0.4], [0.6, 0.0]], weights=[0.0, 1.0, 0.5]) == [2, 1]
    assert match_one_to_one([[0.9, 0.0]], weights=[0.0]) == [-1, -1]


def test_identical_boxes_take_one_anchor_each() -> None:
    assert match_one_to_one([[0.2, 0.9, 0.5]] * 3) == [2, 0, 1]
    assert match_one_to_one([[0.2, 0.9]] * 3) == [1, 0]


def test_one_to_one_without_boxes() -> None:
    assert match_one_to_one(np.zeros([0, 3])) == [-1, -1, -1]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    similarity=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=7),
        elements=st.integers(-3, 5).map(float),
    ),
    data=st.data(),
)
def test_one_to_one_equals_the_plain_rules(similarity: np.ndarray, data: st.DataObject) -> None:
    weights = data.draw(hnp.arrays(np.float32, len(similarity), elements=st.sampled_from([0.0, 0.5, 1.0])))
    assert match_one_to_one(similarity, weights) == plain_bipartite_match(similarity, weights)


def test_one_to_one_of_a_full_picture_is_quick_enough_for_a_pipeline() -> None:
    similarity = np.random.default_rng(0).random([100, 5000], np.float32)
    similarity[1::2] = similarity[::2]
    matches = np.array(match_one_to_one(similarity))
    assert sorted(matches[matches >= 0]) == list(range(100))
