# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest

from efficientdet.doctor.overfit.outcomes import (
    FOUND,
    MISPLACED,
    MISSED,
    UNANNOTATED,
    WRONG_CLASS,
    Picture,
    count_outcomes,
    outcomes_of,
    overlaps_of,
)


def _picture() -> Picture:
    return Picture(
        boxes=np.array([[0, 0, 0.2, 0.2], [0, 0.4, 0.2, 0.6], [0.5, 0, 0.7, 0.2], [0.8, 0.8, 1, 1], [0, 0.8, 0.2, 1]]),
        classes=np.array([0, 1, 2, 0, 0]),
        counts=np.array([True, True, True, True, False]),
        found_boxes=np.array(
            [[0, 0.4, 0.2, 0.6], [0, 0, 0.2, 0.19], [0.5, 0.1, 0.7, 0.3], [0, 0.4, 0.2, 0.6], [0.8, 0.8, 1, 1]]
        ),
        found_classes=np.array([0, 0, 2, 1, 0]),
        scores=np.array([0.9, 0.8, 0.7, 0.6, 0.1]),
    )


def test_what_became_of_each_box() -> None:
    # The second has its own class beneath a better wrong one; the third overlaps by a third; the fourth scores .1.
    assert outcomes_of(_picture()) == [FOUND, WRONG_CLASS, MISPLACED, MISSED, ""]


def test_outcomes_are_counted_over_pictures() -> None:
    counted = count_outcomes([_picture(), _picture()])
    # Of the detections, the third alone is sure of itself and on no box.
    assert dict(counted) == {FOUND: 2, WRONG_CLASS: 2, MISPLACED: 2, MISSED: 2, UNANNOTATED: 2}
    assert sum(count_outcomes([]).values()) == 0


def test_nothing_found_and_nothing_there() -> None:
    picture = _picture()
    nothing = picture._replace(found_boxes=np.zeros((0, 4)), found_classes=np.zeros(0, int), scores=np.zeros(0))
    assert outcomes_of(nothing) == [MISSED, MISSED, MISSED, MISSED, ""]
    empty = picture._replace(boxes=np.zeros((0, 4)), classes=np.zeros(0, int), counts=np.zeros(0, bool))
    assert outcomes_of(empty) == []


def test_overlaps() -> None:
    overlaps = overlaps_of(np.array([[0, 0, 2, 2], [1, 1, 1, 1]]), np.array([[0, 1, 2, 3], [5, 5, 6, 6], [1, 1, 1, 1]]))
    assert overlaps == pytest.approx(np.array([[1 / 3, 0, 0], [0, 0, 0]]))
