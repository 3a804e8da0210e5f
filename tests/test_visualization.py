# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Drawings, looked at pixel by pixel where a pixel can be known."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from efficientdet.types import Batch, Detections, GroundTruth, Targets
from efficientdet.visualization import (
    class_colour,
    draw_batch,
    draw_boxes,
    draw_detections,
    draw_outlines,
    enlarged,
    side_by_side,
)

_GREY = np.full([100, 200, 3], 90, np.uint8)


def _has_colour(image: np.ndarray, row: int) -> bool:
    return bool((image == class_colour(row)).all(axis=-1).any())


def test_a_box_is_outlined_and_its_inside_left_free() -> None:
    drawn = draw_boxes(_GREY, np.array([[0.4, 0.25, 0.9, 0.75]]), np.array([0]))
    frame = (drawn == class_colour(0)).all(axis=-1)
    assert frame[40:90, 50].all()
    assert frame[40:90, 149].all()
    assert frame[40, 50:150].all()
    assert frame[89, 50:150].all()
    assert (drawn[42:88, 52:148] == 90).all()
    assert (drawn[:, 160:] == 90).all()
    assert (_GREY == 90).all(), "the picture given must stay as it is"


def test_the_label_stands_above_its_box_in_its_colour() -> None:
    drawn = draw_boxes(_GREY, np.array([[0.5, 0.25, 0.9, 0.75]]), np.array([1]), np.array([0.8]), names=["cat", "dog"])
    label = drawn[36:50, 50:100]
    assert (label == class_colour(1)).all(axis=-1).mean() > 0.3
    assert (label.sum(axis=-1) > 700).any() or (label.sum(axis=-1) < 40).any(), "no letters"


def test_names_change_the_label_and_may_be_a_mapping() -> None:
    box, row = np.array([[0.5, 0.25, 0.9, 0.75]]), np.array([1])
    as_list = draw_boxes(_GREY, box, row, names=["cat", "dog"])
    as_mapping = draw_boxes(_GREY, box, row, names={1: "dog"})
    unnamed = draw_boxes(_GREY, box, row, names={7: "dog"})
    np.testing.assert_array_equal(as_list, as_mapping)
    np.testing.assert_array_equal(unnamed, draw_boxes(_GREY, box, row))
    assert (as_list != unnamed).any()


def test_scores_decide_what_is_drawn() -> None:
    boxes = np.array([[0.3, 0.1, 0.9, 0.3], [0.3, 0.4, 0.9, 0.6], [0.3, 0.7, 0.9, 0.9]])
    scores = np.array([0.3, 0.9, 0.6])
    drawn = draw_boxes(_GREY, boxes, np.arange(3), scores, min_score=0.5)
    assert [_has_colour(drawn, row) for row in range(3)] == [False, True, True]
    drawn = draw_boxes(_GREY, boxes, np.arange(3), scores, max_boxes=1)
    assert [_has_colour(drawn, row) for row in range(3)] == [False, True, False]
    drawn = draw_boxes(_GREY, boxes, np.arange(3), max_boxes=1)
    assert [_has_colour(drawn, row) for row in range(3)] == [True, False, False]


def test_the_better_box_lies_on_top() -> None:
    boxes = np.array([[0.4, 0.2, 0.9, 0.8], [0.4, 0.2, 0.9, 0.8]])
    drawn = draw_boxes(_GREY, boxes, np.array([0, 1]), np.array([0.4, 0.8]))
    assert tuple(drawn[89, 100]) == class_colour(1)


def test_labels_make_room_for_each_other() -> None:
    # Two equal boxes, each with room for its label above or below: both labels are seen whole.
    boxes = np.array([[0.4, 0.25, 0.7, 0.75]] * 2)
    alone = draw_boxes(_GREY, boxes[:1], np.array([0]), names=["cat"])
    both = draw_boxes(_GREY, boxes, np.array([0, 0]), names=["cat"])
    first_label = (slice(20, 40), slice(50, 80))
    np.testing.assert_array_equal(both[first_label], alone[first_label])
    changed = (both != alone).any(axis=-1)
    assert changed.any()
    assert not changed[first_label].any()


def test_labels_without_a_free_place_are_left_out() -> None:
    box, label_free = [[0.4, 0.45, 0.5, 0.55]], (slice(41, 49), slice(91, 109))
    twenty, forty = (draw_boxes(_GREY, np.array(box * n), np.zeros(n, int), names=["platelet"]) for n in (20, 40))
    np.testing.assert_array_equal(twenty, forty)
    assert (draw_boxes(_GREY, np.array(box), np.array([0]))[label_free] == 90).all()


@pytest.mark.parametrize(
    "box",
    [
        [np.nan, 0.1, 0.5, 0.5],
        [0.1, 0.1, np.inf, 0.5],
        [0.5, 0.5, 0.5, 0.9],
        [0.6, 0.2, 0.4, 0.8],
        [1.2, 0.1, 1.5, 0.3],
    ],
)
def test_boxes_that_cannot_be_seen_are_left_out(box: list[float]) -> None:
    np.testing.assert_array_equal(draw_boxes(_GREY, np.array([box]), np.array([0]), np.array([0.9])), _GREY)


def test_no_boxes_leave_the_picture() -> None:
    np.testing.assert_array_equal(draw_boxes(_GREY, np.zeros([0, 4]), np.zeros([0], int)), _GREY)


def test_a_small_box_is_not_hidden_by_its_frame() -> None:
    image = np.zeros([2000, 2000, 3], np.uint8)
    drawn = draw_boxes(image, np.array([[0.5, 0.5, 0.504, 0.504]]), np.array([0]))
    assert (drawn[1002:1006, 1002:1006] == 0).all()


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 60), st.integers(1, 60), st.just(3))),
    hnp.arrays(np.float32, st.tuples(st.integers(0, 6), st.just(4)), elements=st.floats(-2, 3, width=32)),
)
def test_any_picture_and_boxes_can_be_drawn(image: np.ndarray, boxes: np.ndarray) -> None:
    drawn = draw_boxes(image, boxes, np.arange(len(boxes)), np.linspace(1, 0, len(boxes)), names=["some name"])
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8


def test_colours_of_the_first_classes_differ_clearly() -> None:
    colours = np.array([class_colour(row) for row in range(12)], np.int32)
    distances = np.abs(colours[:, None] - colours[None]).sum(axis=-1) + 1000 * np.eye(12, dtype=np.int32)
    assert distances.min() > 60


def test_detections_are_drawn_up_to_their_count() -> None:
    detections = Detections(
        boxes=tf.constant([[0.3, 0.1, 0.9, 0.3], [0.3, 0.4, 0.9, 0.6]]),
        scores=tf.constant([0.9, 0.8]),
        classes=tf.constant([0, 1]),
        anchors=tf.constant([5, 6]),
        count=tf.constant(1),
    )
    drawn = draw_detections(_GREY, detections, names=["cat", "dog"])
    assert [_has_colour(drawn, row) for row in range(2)] == [True, False]


def test_a_batch_is_drawn_as_it_was_before_normalisation() -> None:
    pixels = np.full([2, 50, 50, 3], (10, 120, 250), np.float32)
    truth = GroundTruth(
        boxes=np.array([[[0.4, 0.2, 0.9, 0.9]], [[0.4, 0.2, 0.9, 0.9]]], np.float32),
        classes=np.array([[2], [2]], np.int32),
        weights=np.ones([2, 1], np.float32),
        is_crowd=np.zeros([2, 1], bool),
        is_difficult=np.zeros([2, 1], bool),
        areas=np.ones([2, 1], np.float32),
        count=np.array([1, 0], np.int32),
    )
    none = np.zeros([2, 0], np.float32)
    sizes = np.full([2, 2], 50, np.int32)
    batch = Batch(pixels / 128 - 1, sizes, sizes, np.array([b"a", b"b"]), truth, Targets(none, none, none, none))

    def to_pixels(inputs: np.ndarray) -> np.ndarray:
        return np.rint((inputs + 1) * 128).astype(np.uint8)

    drawn = draw_batch(batch, to_pixels=to_pixels, names=["cat"])
    assert drawn.shape == (2, 640, 640, 3)
    assert _has_colour(drawn[0], 2)
    assert (drawn[1] == (10, 120, 250)).all()
    assert draw_batch(batch, to_pixels=to_pixels, max_images=1).shape == (1, 640, 640, 3)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((240, 320), (480, 640)), ((512, 300), (640, 375)), ((1, 400), (2, 640)), ((1, 1), (640, 640)), ((1, 641), None)],
)
def test_small_pictures_are_enlarged_and_others_left_alone(
    size: tuple[int, int], expected: tuple[int, int] | None
) -> None:
    image = np.full([*size, 3], (10, 120, 250), np.uint8)
    larger = enlarged(image)
    assert larger.shape[:2] == (expected or size)
    assert larger.dtype == np.uint8
    assert (larger == (10, 120, 250)).all()
    assert (larger is image) == (expected is None)


def test_pictures_stand_side_by_side_under_their_titles() -> None:
    left, right = np.full([64, 80, 3], 50, np.uint8), np.full([40, 60, 3], 150, np.uint8)
    joined = side_by_side(left, right)
    assert joined.shape == (64, 142, 3)
    np.testing.assert_array_equal(joined[:, :80], left)
    np.testing.assert_array_equal(joined[:40, 82:], right)
    assert (joined[40:, 82:] == 255).all()
    titled = side_by_side(left, right, ("prediction", "truth"))
    strip = titled.shape[0] - 64
    np.testing.assert_array_equal(titled[strip:], joined)
    assert (titled[:strip, :80] < 100).any()
    assert (titled[:strip, 82:] < 100).any()


def _detections(boxes: list[list[float]], scores: list[float]) -> Detections:
    count = len(scores)
    rows = np.arange(count, dtype=np.int32)
    return Detections(np.float32(boxes), np.float32(scores), rows, rows, np.int32(count))


def test_outlines_have_one_colour_and_no_label() -> None:
    boxes = np.array([[0.4, 0.25, 0.9, 0.75], [0.1, 0.9, 0.05, 0.95], [np.nan, 0, 1, 1]])  # the latter two cannot be
    drawn = draw_outlines(_GREY, boxes, (1, 2, 3))
    frame = (drawn == (1, 2, 3)).all(axis=-1)
    assert frame[40, 50:150].all()
    assert ((drawn == 90).all(axis=-1) | frame).all()
    assert frame.sum() == 2 * 100 + 2 * 48  # a line of one pixel around 100 x 50


@pytest.mark.parametrize(
    ("names", "show_scores", "same_as"),
    [(["cat"], True, ["cat 0.80"]), (["cat"], False, ["cat"]), (None, True, ["0.80"])],
)
def test_labels_say_what_they_are_asked_to(names: list[str] | None, show_scores: bool, same_as: list[str]) -> None:
    found = _detections([[0.5, 0.25, 0.9, 0.75]], [0.8])
    drawn = draw_detections(_GREY, found, names=names, show_scores=show_scores)
    np.testing.assert_array_equal(drawn, draw_boxes(_GREY, found.boxes, found.classes, names=same_as))


def test_without_names_and_scores_there_is_no_label() -> None:
    found = _detections([[0.5, 0.25, 0.9, 0.75]], [0.8])
    drawn = draw_detections(_GREY, found, names=None, show_scores=False)
    np.testing.assert_array_equal(drawn, draw_outlines(_GREY, found.boxes, class_colour(0)))


def test_no_limit_draws_every_box() -> None:
    columns = np.arange(150) / 200
    found = _detections([[0.1, left, 0.9, left + 0.005] for left in columns], [0.5] * 150)
    drawn = draw_detections(_GREY, found, names=None, max_boxes=None, show_scores=False)
    assert (drawn[50] != 90).any(axis=-1).sum() == 150
    limited = draw_detections(_GREY, found, names=None, show_scores=False)
    assert (limited[50] != 90).any(axis=-1).sum() == 100
