# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Suppression among candidates: literals, equality with one kernel for each class, and with soft-NMS written out."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from efficientdet.ops.candidate_nms import candidate_nms
from efficientdet.ops.candidates import Selection
from efficientdet.ops.nms import NmsSettings
from tests.ops.pictures import (
    EVERYWHERE,
    LEFT,
    RIGHT,
    Row,
    as_rows,
    crowded_pictures,
    gather_from,
    one_picture,
    visible_in,
)

PIXEL = 0.125
SOFT = NmsSettings(0.05, 0.5, 10, 10, soft_sigma=0.25)
AGNOSTIC = SOFT._replace(class_agnostic=True, candidates="best_class")


def kernel_nms(
    boxes: np.ndarray, scores: np.ndarray, nms: NmsSettings, windows: np.ndarray | None = None
) -> list[list[Row]]:
    """(anchor, class, score) of each picture's detections, from the definition of what takes part."""
    return [
        _of_one_picture(boxes[i], scores[i], nms, None if windows is None else windows[i]) for i in range(len(boxes))
    ]


def _of_one_picture(boxes: np.ndarray, scores: np.ndarray, nms: NmsSettings, window: np.ndarray | None) -> list[Row]:
    pairs = _participants(scores, nms)
    reach = PIXEL * nms.inclusive_pixels * np.array([0, 0, 1, 1], np.float32)
    rows: list[Row] = []
    for row in [None] if nms.class_agnostic else range(scores.shape[1]):
        of_class = [pair for pair in pairs if row is None or pair[1] == row]
        if not of_class:
            continue
        anchors, classes = np.transpose(of_class)
        taken, decayed = tf.image.non_max_suppression_with_scores(
            boxes[anchors] + reach,
            scores[anchors, classes],
            nms.max_total_detections if nms.class_agnostic else nms.max_detections_per_class,
            nms.iou_threshold,
            nms.score_threshold,
            nms.soft_sigma,
        )
        rows += zip(anchors[taken].tolist(), classes[taken].tolist(), decayed.numpy().tolist(), strict=True)
    visible = visible_in(window, boxes)
    rows = sorted((row for row in rows if visible[row[0]]), key=lambda row: -row[2])
    return rows[: nms.max_total_detections]


def _participants(scores: np.ndarray, nms: NmsSettings) -> list[tuple[int, int]]:
    """The pairs in the order that breaks ties."""
    num_anchors, num_classes = scores.shape
    if nms.candidates == "best_class":
        pairs = [(anchor, int(scores[anchor].argmax())) for anchor in range(num_anchors)]
    else:
        pairs = [(anchor, row) for row in range(num_classes) for anchor in range(num_anchors)]
    if not nms.max_candidates:
        return pairs
    best = set(sorted(pairs, key=lambda pair: -scores[pair])[: nms.max_candidates])
    return [pair for pair in pairs if pair in best]


@functools.cache
def traced(nms: NmsSettings, first: int, in_windows: bool) -> Any:
    """`candidate_nms` of scores, as a graph for any shape."""

    def select(boxes: tf.Tensor, scores: tf.Tensor, windows: tf.Tensor) -> Selection:
        return candidate_nms(
            gather_from(boxes),
            scores,
            nms,
            to_scores=tf.identity,
            windows=windows if in_windows else None,
            pixel=(PIXEL, PIXEL),
            first=first,
        )

    specs = [tf.TensorSpec([None, None, 4]), tf.TensorSpec([None, None, None]), tf.TensorSpec([None, 4])]
    return tf.function(select, autograph=False, input_signature=specs).get_concrete_function()


def check(
    boxes: np.ndarray, scores: np.ndarray, nms: NmsSettings, windows: np.ndarray | None = None, first: int = 2048
) -> list[list[Row]]:
    """Asserts that selection equals the kernel's, and returns it."""
    given_windows = np.tile(EVERYWHERE, [len(boxes), 1]) if windows is None else windows
    rows = as_rows(traced(nms, first, windows is not None)(*map(tf.constant, (boxes, scores, given_windows))))
    assert rows == kernel_nms(boxes, scores, nms, windows)
    return rows


def scores_of(rows: list[Row]) -> list[float]:
    return [score for _, _, score in rows]


def test_a_soft_score_decays_for_every_better_box() -> None:
    thirds = [[0.0, left, 1.0, left + 0.5] for left in (0.0, 0.25, 0.5)]  # IoU 1/3 with the neighbour, 0 beyond
    boxes, scores = one_picture(thirds, [[0.9], [0.7], [0.8]])
    (rows,) = check(boxes, scores, SOFT)
    assert [row[0] for row in rows] == [0, 2, 1]
    np.testing.assert_allclose(scores_of(rows), [0.9, 0.8, 0.7 * math.exp(-2 / 9) ** 2], rtol=1e-6)


def test_a_soft_score_at_the_threshold_is_dropped() -> None:
    boxes, scores = one_picture([LEFT, LEFT], [[0.9], [0.36]])  # 0.36 exp(-2) = 0.0487
    assert scores_of(check(boxes, scores, SOFT)[0]) == pytest.approx([0.9])
    assert scores_of(check(boxes, scores, SOFT._replace(score_threshold=0.04))[0]) == pytest.approx(
        [0.9, 0.04872], 1e-3
    )


def test_classes_are_apart_unless_agnostic() -> None:
    boxes, scores = one_picture([LEFT, LEFT], [[0.75, 0.0], [0.0, 0.5]])
    assert check(boxes, scores, SOFT) == [[(0, 0, 0.75), (1, 1, 0.5)]]
    (rows,) = check(boxes, scores, AGNOSTIC)
    assert [row[:2] for row in rows] == [(0, 0), (1, 1)]
    assert scores_of(rows) == pytest.approx([0.75, 0.5 * math.exp(-2)])
    hard = AGNOSTIC._replace(soft_sigma=0.0)
    assert check(boxes, scores, hard) == [[(0, 0, 0.75)]]


def test_an_anchor_has_its_best_class_only() -> None:
    boxes, scores = one_picture([LEFT, RIGHT], [[0.5, 0.75], [0.25, 0.25]])
    assert check(boxes, scores, SOFT._replace(candidates="best_class")) == [[(0, 1, 0.75), (1, 0, 0.25)]]


def test_the_best_candidates_take_part() -> None:
    boxes, scores = one_picture([LEFT, RIGHT], [[0.5, 0.75], [0.125, 0.25]])
    assert check(boxes, scores, SOFT._replace(max_candidates=2)) == [[(0, 1, 0.75), (0, 0, 0.5)]]
    best_class = SOFT._replace(max_candidates=1, candidates="best_class")
    assert check(boxes, scores, best_class) == [[(0, 1, 0.75)]]


def test_limits() -> None:
    boxes, scores = one_picture([LEFT, RIGHT], [[0.75, 0.25], [0.5, 0.125]])
    one_of_each = SOFT._replace(max_detections_per_class=1)
    assert check(boxes, scores, one_of_each) == [[(0, 0, 0.75), (0, 1, 0.25)]]
    assert check(boxes, scores, SOFT._replace(max_total_detections=1)) == [[(0, 0, 0.75)]]
    agnostic = AGNOSTIC._replace(max_detections_per_class=1)
    assert check(boxes, scores, agnostic) == [[(0, 0, 0.75), (1, 0, 0.5)]]


def test_inclusive_pixels_let_neighbours_overlap() -> None:
    # Pixels of an eighth: columns 0-2 and 3-5; as inclusive columns 0-3 and 3-6 they share one of seven.
    boxes, scores = one_picture([[0, 0, 1, 0.375], [0, 0.375, 1, 0.75]], [[0.9], [0.8]])
    inclusive = SOFT._replace(inclusive_pixels=True)
    assert scores_of(check(boxes, scores, SOFT)[0]) == pytest.approx([0.9, 0.8])
    assert scores_of(check(boxes, scores, inclusive)[0]) == pytest.approx([0.9, 0.8 * math.exp(-2 / 49)])
    # A box without area has that of a pixel.
    boxes, scores = one_picture([[0.5, 0.5, 0.5, 0.5]] * 2, [[0.9], [0.8]])
    assert len(check(boxes, scores, inclusive._replace(soft_sigma=0.0))[0]) == 1
    assert len(check(boxes, scores, SOFT._replace(soft_sigma=0.0))[0]) == 2


@pytest.mark.parametrize("nms", [SOFT, AGNOSTIC, SOFT._replace(max_candidates=3)])
@pytest.mark.parametrize("shape", [(0, 4, 3), (2, 1, 1)])
def test_degenerate_shapes(shape: tuple[int, int, int], nms: NmsSettings) -> None:
    boxes = np.broadcast_to(np.array(LEFT, np.float32), [*shape[:2], 4])
    assert [len(rows) for rows in check(boxes, np.full(shape, 0.5, np.float32), nms)] == [1] * shape[0]


@pytest.mark.parametrize("nms", [SOFT, AGNOSTIC, SOFT._replace(max_candidates=3)])
def test_without_any_score_above_the_threshold(nms: NmsSettings) -> None:
    boxes, scores = one_picture([LEFT, RIGHT], [[0.0], [0.05]])
    assert check(boxes, scores, nms) == [[]]


SETTINGS = [
    SOFT,
    AGNOSTIC,
    SOFT._replace(score_threshold=0.001, iou_threshold=1.0, max_detections_per_class=3, max_total_detections=4),
    SOFT._replace(candidates="best_class", max_total_detections=3, inclusive_pixels=True),
    SOFT._replace(max_candidates=12, max_total_detections=2, soft_sigma=0.0),
    AGNOSTIC._replace(soft_sigma=0.0, max_candidates=7, max_total_detections=3),
    AGNOSTIC._replace(candidates="all_pairs", max_total_detections=3, soft_sigma=0.5),
    NmsSettings(0.0, 0.3, 2, 6, candidates="best_class"),
    NmsSettings(0.0, 0.5, 20, 30, inclusive_pixels=True),
]


# With few candidates before all and with many, in windows and without. Each is traced, which takes most of the time.
ALL_CASES = list(itertools.product(SETTINGS, (1, 8), (True, False)))
CASES = [(nms, (1, 8)[i % 2], i // 2 % 2 == 0) for i, nms in enumerate(SETTINGS)]


@pytest.mark.parametrize(
    "cases", [pytest.param(CASES, id="some"), pytest.param(ALL_CASES, id="all", marks=pytest.mark.slow)]
)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(picture=crowded_pictures(min_anchors=1), data=st.data())
def test_equals_the_kernel_class_by_class(cases: list, picture: tuple, data: st.DataObject) -> None:
    boxes, scores, windows = picture
    nms, first, in_windows = data.draw(st.sampled_from(cases))
    if in_windows and windows is None:
        windows = np.tile(EVERYWHERE, [len(boxes), 1])
    check(boxes, scores, nms, windows if in_windows else None, first)


def written_out(boxes: np.ndarray, scores: np.ndarray, nms: NmsSettings) -> list[Row]:
    """Soft-NMS over all classes of a picture at once, by the book: take the best, let the rest of its class decay."""
    left = {(anchor, row): float(score) for (anchor, row), score in np.ndenumerate(scores)}
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    rows: list[Row] = []
    while left and len(rows) < nms.max_total_detections:
        anchor, row = max(left, key=left.__getitem__)
        score = left.pop((anchor, row))
        if score <= nms.score_threshold:
            break
        rows.append((anchor, row, score))
        sides = np.minimum(boxes[anchor, 2:], boxes[:, 2:]) - np.maximum(boxes[anchor, :2], boxes[:, :2])
        shared = np.prod(np.maximum(sides, 0), axis=1)
        decay = np.exp(-0.5 / nms.soft_sigma * np.square(shared / (areas + areas[anchor] - shared)))
        left = {pair: value * (decay[pair[0]] if pair[1] == row else 1.0) for pair, value in left.items()}
    return rows


@pytest.mark.parametrize("first", [60, 500, 2048])
@pytest.mark.parametrize("seed", range(4))
def test_equals_soft_nms_written_out(seed: int, first: int) -> None:
    """Clusters of boxes around three places, where scores decay many times over."""
    rng = np.random.default_rng(seed)
    centers = rng.choice(rng.uniform(0.2, 0.8, [3, 2]), 300) + rng.normal(0, 0.05, [300, 2])
    sizes = rng.uniform(0.1, 0.4, [300, 2])
    boxes = np.concatenate([centers - sizes / 2, centers + sizes / 2], axis=-1).astype(np.float32)
    scores = rng.uniform(0, 1, [300, 3]).astype(np.float32)
    nms = SOFT._replace(score_threshold=0.001, max_detections_per_class=50, max_total_detections=50)
    (rows,) = as_rows(
        traced(nms, first, False)(*map(tf.constant, (boxes[np.newaxis], scores[np.newaxis], [EVERYWHERE])))
    )
    expected = written_out(boxes.astype(np.float64), scores, nms)
    assert [row[:2] for row in rows] == [row[:2] for row in expected]
    np.testing.assert_allclose(scores_of(rows), scores_of(expected), rtol=1e-5)


def test_needs_nothing_but_tensorflow_kernels() -> None:
    graph = traced(SOFT._replace(max_candidates=5000), 2048, False).graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    assert not {"PyFunc", "PyFuncStateless", "EagerPyFunc"} & {node.op for node in nodes}
