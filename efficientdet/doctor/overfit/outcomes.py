# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What became of each true box once the pictures have been learnt by heart. No TensorFlow."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

from efficientdet.evaluation.voc import IOU_THRESHOLD

FOUND, WRONG_CLASS, MISPLACED, MISSED = "found", "wrong class", "misplaced", "missed"
UNANNOTATED = "found where no box is"  # what became of a detection, not of a box

_NEAR = 0.1  # IoU from which on a detection was meant for the box
_SURE = 0.3  # the score of a detection that is meant; two that contradict each other share theirs
_LEAST_SCORE = 0.2  # of a detection that says anything; what was learnt by heart scores near 1


class Picture(NamedTuple):
    """The truth of one picture, and what was found in it; boxes yxyx, normalised to the picture."""

    boxes: np.ndarray  # float [N, 4]
    classes: np.ndarray  # int [N]
    counts: np.ndarray  # bool [N], False for crowds and difficult boxes
    found_boxes: np.ndarray  # float [K, 4], best first
    found_classes: np.ndarray  # int [K]
    scores: np.ndarray  # float [K]


def outcomes_of(picture: Picture) -> list[str]:
    """What became of each box, in order; "" where it does not count.

    Args:
      picture: truth and detections.

    Returns:
      FOUND: the best detection on it is of its class. WRONG_CLASS: of another one. MISPLACED: something was found near,
      and overlaps too little. MISSED: nothing was.
    """
    told = picture.scores >= _LEAST_SCORE
    overlaps = overlaps_of(picture.boxes, picture.found_boxes[told])
    classes = picture.found_classes[told]
    outcomes = []
    for row, own in enumerate(picture.classes):
        on_it = np.flatnonzero(overlaps[row] >= IOU_THRESHOLD)
        if not picture.counts[row]:
            outcomes.append("")
        elif len(on_it):
            outcomes.append(FOUND if classes[on_it[0]] == own else WRONG_CLASS)
        else:
            outcomes.append(MISPLACED if overlaps[row].max(initial=0.0) >= _NEAR else MISSED)
    return outcomes


def count_outcomes(pictures: list[Picture]) -> Counter[str]:
    """How many boxes of all pictures came out how, and how many detections are on no box."""
    counted: Counter[str] = Counter(dict.fromkeys((FOUND, WRONG_CLASS, MISPLACED, MISSED, UNANNOTATED), 0))
    for picture in pictures:
        counted.update(outcome for outcome in outcomes_of(picture) if outcome)
        overlaps = overlaps_of(picture.boxes, picture.found_boxes[picture.scores >= _SURE])
        counted[UNANNOTATED] += int(np.sum(overlaps.max(axis=0, initial=0.0) < IOU_THRESHOLD))
    return counted


def overlaps_of(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    """IoU of boxes [N, 4] with others [M, 4], yxyx; float64 [N, M], 0 where both have no area."""
    boxes, others = np.asarray(boxes, np.float64).reshape(-1, 4), np.asarray(others, np.float64).reshape(-1, 4)
    low = np.maximum(boxes[:, np.newaxis, :2], others[:, :2])
    high = np.minimum(boxes[:, np.newaxis, 2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=-1)
    areas, other_areas = (np.prod(np.maximum(b[:, 2:] - b[:, :2], 0.0), axis=1) for b in (boxes, others))
    union = areas[:, np.newaxis] + other_areas - shared
    return np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
