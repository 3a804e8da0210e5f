# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Similarities of boxes and anchors against literals worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.ops.similarity import ioa, neg_sq_dist, thresholded_iou

ANCHORS = tf.constant([[0.0, 0.0, 2.0, 2.0], [0.0, 0.0, 4.0, 4.0], [1.0, 1.0, 1.0, 1.0]])
BOXES = tf.constant([[0.0, 0.0, 2.0, 2.0], [1.0, 0.0, 2.0, 4.0]])


def test_share_of_the_anchor() -> None:
    # The second box has 2 x 1 in common with the first anchor and lies with its 4 x 1 in the second.
    np.testing.assert_allclose(ioa(BOXES, ANCHORS), [[1, 4 / 16, 0], [2 / 4, 4 / 16, 0]])


def test_negated_squared_distance() -> None:
    np.testing.assert_array_equal(neg_sq_dist(BOXES, ANCHORS), [[0, -8, -4], [-1 - 4, -1 - 4, -1 - 1 - 9]])


def test_overlaps_above_a_threshold_are_alike() -> None:
    # IoUs: 1 and 4 / 16; 2 / 6 and 4 / 16.
    np.testing.assert_array_equal(thresholded_iou(BOXES, ANCHORS, threshold=0.25), [[1, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(thresholded_iou(BOXES, ANCHORS, threshold=0.125), [[1, 1, 0], [1, 1, 0]])


@pytest.mark.parametrize(
    "compare", [ioa, neg_sq_dist, lambda boxes, anchors: thresholded_iou(boxes, anchors, threshold=0.5)]
)
def test_no_boxes(compare: object) -> None:
    assert compare(tf.zeros([0, 4]), ANCHORS).shape == (0, 3)  # type: ignore[operator]
