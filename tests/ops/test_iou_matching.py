# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Matching without comparing all pairs, against the matcher that compares them, bit for bit."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.ops.anchor_search import AnchorSearch
from efficientdet.ops.anchors import generate_anchors
from efficientdet.ops.boxes import iou
from efficientdet.ops.iou_matching import IouMatcher
from efficientdet.ops.matching import DenseMatcher, argmax_match
from tests.ops.anchor_sets import ANCHOR_SETS, random_boxes
from tests.ops.test_anchors import TFOD

_HALF: dict[str, Any] = {
    "matched_threshold": 0.5,
    "unmatched_threshold": 0.5,
    "force_match": True,
    "negatives_lower_than_unmatched": True,
}
_RULES = {
    "forced": {},
    "not forced": {"force_match": False},
    "ignored between": {"matched_threshold": 0.7, "unmatched_threshold": 0.3},
    "background between": {"unmatched_threshold": 0.1, "negatives_lower_than_unmatched": False},
    "one threshold": {"matched_threshold": 0.25, "unmatched_threshold": None, "force_match": False},
    "nothing reaches it": {"matched_threshold": 1.0, "unmatched_threshold": 1.0},
}


def _matchers(anchors: np.ndarray, **changes: Any) -> tuple[IouMatcher, DenseMatcher]:
    """The quick matcher and the plain one."""
    settings = _HALF | changes
    rule = functools.partial(argmax_match, **settings)
    return IouMatcher(anchors, **settings), DenseMatcher(anchors, similarity=iou, rule=rule)


def _awkward_boxes(anchors: np.ndarray) -> np.ndarray:
    """Float32 [25, 4], in the anchors' unit."""
    some = anchors[:: len(anchors) // 4][:4]
    low, sides = some[:, :2], some[:, 2:] - some[:, :2]
    span = np.concatenate([anchors[:, :2].min(axis=0), anchors[:, 2:].max(axis=0)])[np.newaxis]
    boxes = [
        *(some, some),  # anchors, twice
        (some + np.roll(some, 1, axis=0)) / 2,  # between two of them, or upside down
        np.concatenate([low + sides / 3, low + sides * 0.334], axis=1),  # tiny, inside of many
        some[:, [0, 1, 2, 1]],  # without width
        np.concatenate([span, span * 0.5, span * 0]),  # all of the picture, a part of it, a point
        np.tile(span[:, 2:], 2) * [[2.0, 2.0, 3.0, 3.0], [1.0, 1.0, 3.0, 3.0]],  # beyond all anchors
    ]
    return np.concatenate(boxes).astype(np.float32)


@pytest.mark.parametrize("name", ANCHOR_SETS)
def test_it_matches_as_all_pairs_do(name: str) -> None:
    anchors = ANCHOR_SETS[name]
    for seed, changes in enumerate(_RULES.values()):
        quick, plain = _matchers(anchors, **changes)
        for boxes in (random_boxes(seed, 25) * np.abs(anchors).max(), _awkward_boxes(anchors)):
            weights = np.random.default_rng(seed).choice(np.float32([0.0, 0.5, 1.0]), len(boxes))
            np.testing.assert_array_equal(quick(boxes, weights), plain(boxes, weights))


def test_a_crowded_picture_of_the_largest_input() -> None:
    quick, plain = _matchers(generate_anchors((512, 512), **TFOD))
    boxes = np.clip(random_boxes(7, 120), 0, 1)
    matches = quick(boxes, np.ones(len(boxes), np.float32))
    np.testing.assert_array_equal(matches, plain(boxes, np.ones(len(boxes), np.float32)))
    assert np.count_nonzero(matches.numpy() >= 0) > 120


@pytest.mark.parametrize("changes", _RULES.values(), ids=_RULES)
def test_without_boxes_all_is_background(changes: dict[str, Any]) -> None:
    matches = IouMatcher(ANCHOR_SETS["SSD"][:5], **_HALF | changes)(tf.zeros([0, 4]), tf.zeros([0]))
    assert matches.numpy().tolist() == [-1] * 5


def test_a_box_that_overlaps_nothing_is_forced_onto_the_first_anchor() -> None:
    matcher = IouMatcher(np.float32([[0, 0, 1, 1], [0, 1, 1, 2]]), **_HALF)
    boxes = tf.constant([[5.0, 5.0, 6.0, 6.0], [0.0, 1.0, 1.0, 2.0]])
    assert matcher(boxes, tf.constant([1.0, 1.0])).numpy().tolist() == [0, 1]
    assert matcher(boxes, tf.constant([0.0, 1.0])).numpy().tolist() == [-1, 1]


@pytest.mark.parametrize("low", [0.0, -0.5])
def test_thresholds_that_everything_reaches_are_for_the_plain_matcher(low: float) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        IouMatcher(np.zeros([1, 4]), **_HALF | {"unmatched_threshold": low})


def test_thresholds_that_exclude_each_other() -> None:
    with pytest.raises(ValueError, match=r"unmatched_threshold \(0.6\) must not exceed matched_threshold \(0.5\)"):
        IouMatcher(np.zeros([1, 4]), **_HALF | {"unmatched_threshold": 0.6})


def test_pairs_by_hand() -> None:
    # Two by two anchors of a side of 2, and one without area, which would lie in the box.
    anchors = np.float32([[0, 0, 2, 2], [0, 2, 2, 4], [1, 1, 1, 1], [2, 0, 4, 2], [2, 2, 4, 4]])
    search = AnchorSearch(anchors)
    boxes = tf.constant([[0.0, 0.0, 2.0, 3.0], [1.0, 1.0, 3.0, 3.0], [2.0, 2.0, 4.0, 4.0]])
    pairs = search.pairs(boxes, 0.5)
    found = {(int(box), int(anchor)): float(value) for box, anchor, value in zip(*pairs, strict=True)}
    assert found[0, 0] == pytest.approx(4 / 6)
    assert found[2, 4] == 1.0
    assert {pair for pair, value in found.items() if value >= 0.5} == {(0, 0), (2, 4)}
    forced = search.pairs(boxes, 0.5, tf.constant([False, True, False]))
    of_second = {int(anchor) for box, anchor in zip(forced.boxes, forced.anchors, strict=True) if box == 1}
    assert of_second == {0, 1, 3, 4}  # 1 / 7 each: all of them are its best
    assert search.num_anchors == 5


def test_few_pairs_are_looked_at() -> None:
    search = AnchorSearch(generate_anchors((512, 512), **TFOD))
    boxes = np.clip(random_boxes(3, 100), 0, 1)
    looked_at = search.pairs(boxes, 0.5, tf.fill([100], True))
    reached = np.count_nonzero(iou(boxes, tf.constant(generate_anchors((512, 512), **TFOD))) >= 0.5)
    assert reached <= len(looked_at.ious) < 5000  # of 4,910,400


def test_no_anchor_at_all() -> None:
    matcher = IouMatcher(np.zeros([0, 4], np.float32), **_HALF | {"force_match": False})
    assert matcher(tf.constant([[0.0, 0.0, 1.0, 1.0]]), tf.ones([1])).shape == (0,)
