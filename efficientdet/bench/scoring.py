# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""COCO's metrics of many images, from detections in memory to the twelve numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from efficientdet.bench.child import MeasurementError
from efficientdet.bench.figures import Sample
from efficientdet.bench.settings import Work
from efficientdet.bench.timing import runs
from efficientdet.evaluation.coco import METRIC_NAMES, Backend, CocoEvaluation
from efficientdet.evaluation.metrics import Category
from efficientdet.types import Detections, GroundTruth

Progress = Callable[[str], None]

_SIZE = (480, 640)
_BOXES = 100  # detections of an image
_CLASSES = 80
_FOUND_SHARE = 0.7  # of the objects, each by one detection that is not far off
_MEAN_OBJECTS = 7.0  # of an image, as in COCO
_LARGEST_DIFFERENCE = 1e-6  # of two backends, in a metric


class Scene(NamedTuple):
    """An image's detections and truth, NumPy arrays."""

    detections: Detections
    truth: GroundTruth


def scenes(count: int, seed: int = 0) -> list[Scene]:
    """Draws images with 100 detections each, of which some are right, near to right, or of the wrong class."""
    draws = np.random.default_rng(seed)
    return list(_scenes(draws, count))


def _scenes(draws: np.random.Generator, count: int) -> Iterator[Scene]:
    for _ in range(count):
        objects = min(int(draws.poisson(_MEAN_OBJECTS)), _BOXES)
        truth, classes = _boxes(draws, objects), draws.integers(_CLASSES, size=objects)
        boxes, found_classes = _boxes(draws, _BOXES), draws.integers(_CLASSES, size=_BOXES)
        scores = draws.uniform(0.01, 0.6, _BOXES)
        found = np.flatnonzero(draws.uniform(size=objects) < _FOUND_SHARE)
        boxes[found] = np.clip(truth[found] + draws.normal(0, 0.01, (len(found), 4)), 0, 1)
        boxes[:, 2:] = np.maximum(boxes[:, :2] + 1e-3, boxes[:, 2:])
        found_classes[found] = classes[found]
        scores[found] = draws.uniform(0.2, 1.0, len(found))
        order = np.argsort(-scores, kind="stable")
        yield Scene(_detections(boxes[order], scores[order], found_classes[order]), _truth(truth, classes))


def _boxes(draws: np.random.Generator, count: int) -> np.ndarray:
    sides = np.exp(draws.uniform(np.log(0.02), np.log(0.8), (count, 2)))
    low = draws.uniform(0, 1, (count, 2)) * (1 - sides)
    return np.concatenate([low, low + sides], axis=1).astype(np.float32)


def _detections(boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> Detections:
    anchors = np.arange(_BOXES, dtype=np.int32)
    return Detections(boxes, scores.astype(np.float32), classes.astype(np.int32), anchors, np.int32(_BOXES))


def _truth(boxes: np.ndarray, classes: np.ndarray) -> GroundTruth:
    count = len(boxes)
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) * np.prod(_SIZE)
    nothing = np.zeros(count, bool)
    return GroundTruth(
        boxes, classes.astype(np.int32), np.ones(count, np.float32), nothing, nothing, areas.astype(np.float32),
        np.int32(count),
    )  # fmt: skip


def scored(given: list[Scene], backend: Backend) -> dict[str, float]:
    """The twelve numbers."""
    evaluation = CocoEvaluation([Category(number, str(number)) for number in range(1, _CLASSES + 1)], backend=backend)
    for number, scene in enumerate(given, start=1):
        evaluation.add(str(number), _SIZE, scene.detections, scene.truth)
    metrics = evaluation.compute()
    return {name: metrics[name] for name in METRIC_NAMES}


def measure_scoring(work: Work, progress: Progress) -> Sample:
    """An evaluation."""
    from efficientdet.bench.yardsticks import python_pace

    given = scenes(work.case.images)
    repeats = work.case.repeats
    done = runs(
        lambda: scored(given, "faster_coco_eval"),
        repeats,
        warm_up=1,
        on_run=lambda number: progress(f"evaluation {number} of {repeats}"),
    )
    return Sample(tuple(run.seconds for run in done), yardstick=python_pace())


def measure_checked_scoring(work: Work, progress: Progress) -> Sample:
    """An evaluation; once with pycocotools too, which its numbers are held against.

    Raises:
      MeasurementError: they differ.
    """
    sample = measure_scoring(work, progress)
    progress("the same with pycocotools")
    given = scenes(work.case.images)
    ours = scored(given, "faster_coco_eval")
    started = time.perf_counter()
    theirs = scored(given, "pycocotools")
    plain = time.perf_counter() - started
    name = max(METRIC_NAMES, key=lambda each: abs(ours[each] - theirs[each]))
    difference = abs(ours[name] - theirs[name])
    if not difference <= _LARGEST_DIFFERENCE:
        raise MeasurementError(f"{name} is {ours[name]}, that of pycocotools {theirs[name]}")
    return replace(sample, more={"pycocotools, s": plain, "largest difference to pycocotools": difference})
