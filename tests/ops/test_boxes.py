# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Geometry of boxes against literals worked out by hand."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from efficientdet.ops import boxes as box_ops


def test_area() -> None:
    boxes = tf.constant([[0.0, 0.0, 2.0, 3.0], [1.0, 1.0, 1.0, 5.0]])
    np.testing.assert_array_equal(box_ops.area(boxes), [6.0, 0.0])


def test_iou_literals() -> None:
    boxes = tf.constant([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 0.0, 0.0]])
    others = tf.constant([[0.0, 0.0, 2.0, 2.0], [1.0, 1.0, 3.0, 3.0], [0.0, 2.0, 2.0, 4.0], [0.0, 0.0, 1.0, 2.0]])
    # The same box; 1 of 4 + 4 - 1; touching at a side; half of it. An empty box overlaps nothing.
    np.testing.assert_allclose(box_ops.iou(boxes, others), [[1.0, 1 / 7, 0.0, 0.5], [0.0] * 4], rtol=1e-6)


def test_iou_of_two_empty_boxes_is_zero() -> None:
    empty = tf.zeros([1, 4])
    np.testing.assert_array_equal(box_ops.iou(empty, empty), [[0.0]])


def test_iou_shapes() -> None:
    assert box_ops.iou(tf.zeros([0, 4]), tf.zeros([3, 4])).shape == (0, 3)
    assert box_ops.iou(tf.zeros([2, 5, 4]), tf.zeros([2, 3, 4])).shape == (2, 5, 3)


def test_clip_to_window_per_picture() -> None:
    boxes = tf.constant([[[-1.0, 0.5, 0.75, 2.0], [0.8, 0.0, 0.9, 1.0]]] * 2)
    windows = tf.constant([[0.0, 0.0, 0.5, 1.0], [0.0, 0.0, 1.0, 1.0]])
    expected = [[[0, 0.5, 0.5, 1], [0.5, 0, 0.5, 1]], [[0, 0.5, 0.75, 1], [0.8, 0, 0.9, 1]]]
    np.testing.assert_allclose(box_ops.clip_to_window(boxes, windows), expected)


def test_change_coordinate_frame() -> None:
    boxes = tf.constant([[0.25, 0.5, 0.5, 1.0], [0.0, 0.0, 0.25, 0.5]])
    window = tf.constant([0.0, 0.5, 0.5, 1.0])
    np.testing.assert_allclose(box_ops.change_coordinate_frame(boxes, window), [[0.5, 0, 1, 1], [0, -1, 0.5, 0]])


def test_corners_in_order() -> None:
    boxes = tf.constant([[0.0, 1.0, 2.0, 3.0], [2.0, 1.0, 0.0, 3.0], [2.0, 3.0, 0.0, 1.0]])
    np.testing.assert_array_equal(box_ops.ordered_corners(boxes), [[0.0, 1.0, 2.0, 3.0]] * 3)
