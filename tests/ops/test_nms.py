# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Non-maximum suppression: literals, and equality with the plain loop over pictures and classes."""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from efficientdet.ops import nms
from efficientdet.ops.candidates import Selection
from efficientdet.ops.nms import NmsSettings, class_nms, class_nms_loop
from tests.ops.pictures import (
    EVERYWHERE,
    LEFT,
    LEFT_MOVED,
    RIGHT,
    Row,
    as_rows,
    crowded_pictures,
    gather_from,
    one_picture,
    visible_in,
)

USUAL = NmsSettings(score_threshold=0.05, iou_threshold=0.5, max_detections_per_class=10, max_total_detections=10)


def plain_nms(
    boxes: np.ndarray, scores: np.ndarray, settings: NmsSettings, windows: np.ndarray | None = None
) -> list[list[Row]]:
    """(anchor, class, score) of each picture's detections: one TensorFlow suppression for each class, then a sort."""
    detections = []
    for picture in range(len(boxes)):
        rows = []
        for class_row in range(scores.shape[2]):
            anchors = tf.image.non_max_suppression(
                boxes[picture],
                scores[picture, :, class_row],
                settings.max_detections_per_class,
                settings.iou_threshold,
                settings.score_threshold,
            )
            rows += [
                (anchor, class_row, float(scores[picture, anchor, class_row])) for anchor in anchors.numpy().tolist()
            ]
        visible = visible_in(None if windows is None else windows[picture], boxes[picture])
        rows = sorted((row for row in rows if visible[row[0]]), key=lambda row: -row[2])
        detections.append(rows[: settings.max_total_detections])
    return detections


@functools.cache
def traced(settings: NmsSettings, candidates: tuple[int, ...] | None, block: int, in_windows: bool) -> Any:
    """`class_nms` (or, without candidates, the loop) of scores, as a graph for any shape."""

    def select(boxes: tf.Tensor, scores: tf.Tensor, windows: tf.Tensor) -> Selection:
        visible_in = windows if in_windows else None
        if candidates is None:
            return class_nms_loop(gather_from(boxes), scores, settings, windows=visible_in)
        return class_nms(
            gather_from(boxes), scores, settings, to_scores=tf.identity, windows=visible_in, candidates=candidates
        )

    specs = [tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None, None]), tf.TensorSpec([None, 4])]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nms, "_BLOCK", block)
        return tf.function(select, autograph=False, input_signature=specs).get_concrete_function()


def check(
    boxes: np.ndarray,
    scores: np.ndarray,
    settings: NmsSettings = USUAL,
    windows: np.ndarray | None = None,
    candidates: tuple[int, ...] | None = (2048,),
    block: int = 128,
) -> list[list[Row]]:
    """Asserts that selection equals the plain loop, and returns it."""
    given_windows = np.tile(EVERYWHERE, [len(boxes), 1]) if windows is None else windows
    select = traced(settings, candidates, block, windows is not None)
    rows = as_rows(select(*map(tf.constant, (boxes, scores, given_windows))))
    assert rows == plain_nms(boxes, scores, settings, windows)
    return rows


def test_suppresses_within_a_class_only() -> None:
    boxes, scores = one_picture([LEFT, LEFT_MOVED, RIGHT], [[0.75, 0.0], [0.5, 0.5], [0.25, 0.0]])
    assert check(boxes, scores) == [[(0, 0, 0.75), (1, 1, 0.5), (2, 0, 0.25)]]


def test_a_suppressed_box_suppresses_nothing() -> None:
    steps = [[0.0, left, 1.0, left + 0.5] for left in (0.0, 0.125, 0.25, 0.375)]  # IoU .6 with the next, .33 beyond
    boxes, scores = one_picture(steps, [[0.9], [0.8], [0.7], [0.6]])
    assert [anchor for anchor, _, _ in check(boxes, scores)[0]] == [0, 2]


def test_an_iou_equal_to_the_threshold_is_kept() -> None:
    boxes, scores = one_picture([[0, 0, 1, 1], [0, 0, 1, 0.5]], [[0.9], [0.8]])
    assert len(check(boxes, scores)[0]) == 2


def test_a_score_equal_to_the_threshold_is_dropped() -> None:
    boxes, scores = one_picture([LEFT, RIGHT], [[0.25], [0.2500001]])
    assert [row[0] for row in check(boxes, scores, USUAL._replace(score_threshold=0.25))[0]] == [1]


def test_equal_scores_go_by_class_then_anchor() -> None:
    boxes, scores = one_picture([LEFT, RIGHT], [[0.5, 0.5], [0.5, 0.5]])
    assert [row[:2] for row in check(boxes, scores)[0]] == [(0, 0), (1, 0), (0, 1), (1, 1)]


def test_a_class_stops_at_its_limit_and_leaves_room_to_others() -> None:
    boxes, scores = one_picture([LEFT, RIGHT], [[0.9, 0.1], [0.8, 0.2]])
    settings = USUAL._replace(max_detections_per_class=1, max_total_detections=2)
    assert [row[:2] for row in check(boxes, scores, settings)[0]] == [(0, 0), (1, 1)]


def test_a_box_outside_its_window_suppresses_and_counts_but_is_not_reported() -> None:
    outside, across, inside = [0.0, 0.5, 1.0, 1.0], [0.0, 0.45, 1.0, 0.95], [0.0, 0.0, 1.0, 0.3]
    boxes, scores = one_picture([outside, across, inside], [[0.9], [0.8], [0.7]])
    window = np.array([[0.0, 0.0, 1.0, 0.5]], np.float32)
    assert [row[0] for row in check(boxes, scores, windows=window)[0]] == [2]
    assert check(boxes, scores, USUAL._replace(max_detections_per_class=1), windows=window) == [[]]
    assert [row[0] for row in check(boxes, scores, USUAL._replace(max_total_detections=1), windows=window)[0]] == [2]


@pytest.mark.parametrize("candidates", [(2048,), (1,)])
@pytest.mark.parametrize("shape", [(1, 0, 3), (0, 4, 3), (2, 1, 1)])
def test_degenerate_shapes(shape: tuple[int, int, int], candidates: tuple[int, ...] | None) -> None:
    pictures, anchors, classes = shape
    boxes = np.broadcast_to(np.array(LEFT, np.float32), [pictures, anchors, 4])
    rows = check(boxes, np.full([pictures, anchors, classes], 0.5, np.float32), candidates=candidates)
    assert [len(picture) for picture in rows] == [min(anchors, 1) * classes] * pictures


def test_without_any_score_above_the_threshold() -> None:
    boxes, scores = one_picture([LEFT, RIGHT], [[0.0], [0.05]])
    assert check(boxes, scores) == [[]]


SETTINGS = [
    USUAL,
    NmsSettings(0.0, 0.3, 2, 6),
    NmsSettings(0.25, 0.5, 1, 3),
    NmsSettings(0.0, 0.5, 20, 4),
    NmsSettings(0.0, 1.0, 50, 200),
]
# Growth into the loop at once, after some attempts, and seldom; blocks of one pair, of some, of all.
ATTEMPTS = [((1,), 1), ((2, 7), 3), ((5, 20, 60), 8), ((40,), 128), (None, 128)]


# Every combination is traced, which takes most of the time. Paired, each of the settings and each of the attempts meets
# one partner in windows and another without.
ALL_CASES = list(itertools.product(SETTINGS, ATTEMPTS, (True, False)))
PAIRED_CASES = [(SETTINGS[i], ATTEMPTS[(i + step) % 5], step == 0) for i in range(5) for step in (0, 1)]


@pytest.mark.parametrize(
    "cases", [pytest.param(PAIRED_CASES, id="paired"), pytest.param(ALL_CASES, id="all", marks=pytest.mark.slow)]
)
@settings(max_examples=80, deadline=None, derandomize=True)
@given(picture=crowded_pictures(), data=st.data())
def test_equals_the_plain_loop_on_ties_and_coinciding_boxes(cases: list, picture: tuple, data: st.DataObject) -> None:
    nms_settings, attempt, in_windows = data.draw(st.sampled_from(cases))
    boxes, scores, windows = picture
    assume(boxes.shape[1] > 0 or attempt[0] is not None)  # the loop alone needs an anchor
    if in_windows and windows is None:
        windows = np.tile(EVERYWHERE, [len(boxes), 1])
    check(boxes, scores, nms_settings, windows if in_windows else None, *attempt)


OVERLAP_CASES = [
    (USUAL, (16, 64), 8),
    (SETTINGS[1], (64, 512), 32),
    (SETTINGS[3], (2048,), 128),
    (SETTINGS[4], (16, 64), 8),
]


@settings(max_examples=12, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 2**32 - 1),
    spread=st.sampled_from([0.01, 0.1, 1.0]),
    case=st.sampled_from(OVERLAP_CASES),
)
def test_equals_the_plain_loop_under_heavy_overlap(
    seed: int, spread: float, case: tuple[NmsSettings, tuple[int, ...], int]
) -> None:
    """Clusters of boxes around three places: long chains of suppression, many suppressed for each survivor."""
    rng = np.random.default_rng(seed)
    centers = rng.choice(rng.uniform(0.2, 0.8, [3, 2]), [2, 300]) + rng.normal(0, spread, [2, 300, 2])
    sizes = rng.uniform(0.1, 0.4, [2, 300, 2])
    boxes = np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=-1).astype(np.float32)
    nms_settings, *attempt = case
    check(boxes, rng.uniform(0, 1, [2, 300, 5]).astype(np.float32), nms_settings, None, *attempt)


def test_logits_and_their_saturated_scores() -> None:
    """Different logits whose sigmoid is 1.0 tie, as in a loop over the scores."""
    boxes = np.array([[LEFT, RIGHT, LEFT_MOVED]], np.float32)
    logits = np.array([[[20.0, 18.0], [40.0, 30.0], [90.0, 17.5]]], np.float32)
    rows = as_rows(class_nms(gather_from(tf.constant(boxes)), tf.constant(logits), USUAL))
    assert rows == plain_nms(boxes, tf.sigmoid(logits).numpy(), USUAL)
    assert [row[:2] for row in rows[0]] == [(0, 0), (1, 0), (0, 1), (1, 1)]


def test_one_class_and_all_scores_equal_at_the_usual_number_of_candidates() -> None:
    """A tie at the last candidate leaves no certainty, so that the loop itself must decide."""
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 0.9, [1, 3000, 2])
    boxes = np.concatenate([corners, corners + 0.05], axis=-1).astype(np.float32)
    check(boxes, np.full([1, 3000, 2], 0.5, np.float32), NmsSettings(1e-8, 0.5, 100, 100))


def test_equals_the_plain_loop_at_full_size() -> None:
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 0.9, [1, 20000, 2])
    boxes = np.concatenate([corners, corners + rng.uniform(0.02, 0.3, [1, 20000, 2])], axis=-1).astype(np.float32)
    scores = tf.sigmoid(rng.normal(-6, 2, [1, 20000, 20]).astype(np.float32)).numpy()
    assert len(check(boxes, scores, NmsSettings(1e-8, 0.5, 100, 100), candidates=(2048, 8192))[0]) == 100


def test_needs_nothing_but_tensorflow_kernels() -> None:
    graph = traced(USUAL, (2, 7), 3, True).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert not {"PyFunc", "PyFuncStateless", "EagerPyFunc"} & {node.op for node in nodes}
