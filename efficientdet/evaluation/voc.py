# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pascal VOC's average precision at an IoU of 0.5, in the three sets of TFOD.

How a detection is judged is the challenge's: by descending score, each is compared with the box of its class and
picture that it overlaps most. Below 0.5 it is wrong; on a difficult box it does not count; on a box that has been
found before it is wrong too. Difficult boxes are not among those to be found.

What TFOD's evaluators do beyond that is done here too: a detection without area does not count; a crowd is a box like
any other (the challenge has none); overlaps are those of continuous coordinates, in which a box from 10 to 20 is 10
wide. VOC's own tools count pixels and make it 11 wide, which now and then takes an overlap over 0.5, of small objects
above all.

Reference: Everingham et al. 2010, https://doi.org/10.1007/s11263-009-0275-4 (section 4.2); names as TFOD writes them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from efficientdet.evaluation.metrics import NOT_DEFINED, Category, corners_in_pixels
from efficientdet.types import Detections, GroundTruth

IOU_THRESHOLD = 0.5

Average = Callable[[np.ndarray, np.ndarray], float]
"""(precision float64 [K], recall float64 [K], ascending) after each of K detections -> average precision."""


def area_under_curve(precision: np.ndarray, recall: np.ndarray) -> float:
    """The area under the precision-recall curve, made monotone: VOC 2010 and later.

    Beyond the last recall the precision is 0; before the first it is the best there is.
    """
    best_from_here = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(recall, prepend=0.0) * best_from_here))


def eleven_points(precision: np.ndarray, recall: np.ndarray) -> float:
    """The mean over the recalls 0, .1, ..., 1 of the best precision from there on: VOC 2007."""
    # k / 10 is the double nearest to it, as is a recall that equals it; 0.1 * k may lie above.
    return float(np.mean([precision[recall >= k / 10].max(initial=0.0) for k in range(11)]))


class Judged(NamedTuple):
    """The detections of a class that count."""

    scores: np.ndarray  # float32 [K]
    right: np.ndarray  # bool [K]


def judge(boxes: np.ndarray, scores: np.ndarray, truth: np.ndarray, difficult: np.ndarray) -> Judged:
    """Says which detections of one class in one picture are right.

    Args:
      boxes: float [N, 4], yxyx; those without area are left out.
      scores: float [N].
      truth: float [M, 4], yxyx.
      difficult: bool [M].

    Returns:
      The detections that count, best first.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[(boxes[order, 2:] > boxes[order, :2]).all(axis=1)]
    right = np.zeros(len(order), bool)
    counts = np.ones(len(order), bool)
    if len(truth):
        overlaps = _overlaps(boxes[order], truth)
        nearest = overlaps.argmax(axis=1)
        is_found = np.zeros(len(truth), bool)
        for row in np.flatnonzero(overlaps.max(axis=1) >= IOU_THRESHOLD):
            box = nearest[row]
            counts[row] = not difficult[box]
            right[row] = counts[row] and not is_found[box]
            is_found[box] = True
    return Judged(scores[order][counts], right[counts])


class PascalVocEvaluation:
    """A metric set of Pascal VOC's kind (`metrics.MetricSet`).

    Args:
      categories: the classes of the label map.
      prefix: opens the names of the metrics.
      average: makes a number of a precision-recall curve.
      pooled: the mAP is the average precision of all classes' detections in one list, and not the mean over classes.
      recall_bounds: only the points of a curve with a recall from the first to the second, both included, are averaged:
        as TFOD does it, recalls below the first have the best precision within, and those above the second have none.
    """

    def __init__(
        self,
        categories: Sequence[Category],
        *,
        prefix: str = "PascalBoxes",
        average: Average = area_under_curve,
        pooled: bool = False,
        recall_bounds: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        self._name_of = {category.id - 1: category.name for category in categories}
        self._prefix = prefix
        self._average = average
        self._pooled = pooled
        self._recall_bounds = recall_bounds
        self._judged: dict[int, list[Judged]] = defaultdict(list)
        self._num_objects = dict.fromkeys(self._name_of, 0)

    @property
    def metric_name(self) -> str:
        """The name of the mAP."""
        low, high = self._recall_bounds
        bounds = f"@[{low:.1f},{high:.1f}]Recall" if low > 0 or high < 1 else ""
        return f"{self._prefix}_Precision/mAP@{IOU_THRESHOLD}IOU{bounds}"

    @property
    def category_metric_prefix(self) -> str:
        """What the name of each category's AP opens with."""
        return f"{self._prefix}_PerformanceByCategory/AP@{IOU_THRESHOLD}IOU/"

    @property
    def headline(self) -> dict[str, str]:
        """See `metrics.MetricSet`."""
        return {f"{self._prefix} AP50": self.metric_name}

    def add(
        self, source_id: str, original_size: tuple[int, int], detections: Detections, ground_truth: GroundTruth
    ) -> None:
        """See `metrics.MetricSet`; pictures are not told apart by their names."""
        size = int(original_size[0]), int(original_size[1])
        found, count = int(detections.count), int(ground_truth.count)
        boxes = corners_in_pixels(detections.boxes[:found], size)
        truth = corners_in_pixels(ground_truth.boxes[:count], size)
        rows, true_rows = np.asarray(detections.classes[:found]), np.asarray(ground_truth.classes[:count])
        scores = np.asarray(detections.scores[:found], np.float32)
        difficult = np.asarray(ground_truth.is_difficult[:count], bool)
        for row in self._name_of.keys() & {*rows.tolist(), *true_rows.tolist()}:
            of_class, true = rows == row, true_rows == row
            self._judged[row].append(judge(boxes[of_class], scores[of_class], truth[true], difficult[true]))
            self._num_objects[row] += int(np.sum(~difficult[true]))

    def compute(self, *, per_category: bool = False) -> dict[str, float]:
        """See `metrics.MetricSet`. A class without an object to find is left out of the mAP, and of the pool."""
        present = [row for row, count in self._num_objects.items() if count]
        average_precision = {row: self._average_precision([row]) for row in present}
        if not present:
            mean = NOT_DEFINED
        elif self._pooled:
            mean = self._average_precision(present)
        else:
            mean = float(np.mean(list(average_precision.values())))
        metrics = {self.metric_name: mean}
        if per_category:
            for row, name in self._name_of.items():
                metrics[self.category_metric_prefix + name] = average_precision.get(row, NOT_DEFINED)
        return metrics

    def _average_precision(self, rows: Sequence[int]) -> float:
        """The average precision of some classes taken as one."""
        judged = [part for row in rows for part in self._judged[row]]
        scores, right = (np.concatenate(parts) for parts in zip(*judged, strict=True))
        # Among equal scores the first picture's comes first: an order that does not depend on the sorting algorithm.
        right = right[np.argsort(-scores, kind="stable")].astype(np.float64)
        num_right = np.cumsum(right)
        precision = num_right / np.arange(1, len(right) + 1)
        recall = num_right / sum(self._num_objects[row] for row in rows)
        low, high = self._recall_bounds
        within = (recall >= low) & (recall <= high)
        return self._average(precision[within], recall[within])


def _overlaps(boxes: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """IoU of boxes that have an area with true ones, float64 [N, M]."""
    low = np.maximum(boxes[:, np.newaxis, :2], truth[:, :2])
    high = np.minimum(boxes[:, np.newaxis, 2:], truth[:, 2:])
    shared = np.prod(np.maximum(high - low, 0.0), axis=-1)
    areas, true_areas = (np.prod(corners[:, 2:] - corners[:, :2], axis=1) for corners in (boxes, truth))
    return shared / (areas[:, np.newaxis] + true_areas - shared)
