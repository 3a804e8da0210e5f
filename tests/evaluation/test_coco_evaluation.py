# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""COCO metrics: by hand, against pycocotools, and from the written files."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from efficientdet.evaluation.coco import (
    CATEGORY_METRIC_PREFIX,
    METRIC_NAMES,
    Backend,
    CocoEvaluation,
    ImageIds,
    coco_results,
)
from efficientdet.evaluation.metrics import Category
from efficientdet.types import Detections, GroundTruth

_CATEGORIES = [Category(1, "cat"), Category(3, "dog")]
_AP, _AP50, _AP75, _AP_SMALL, _AP_MEDIUM, _AP_LARGE, _AR1, _AR10, _AR100 = METRIC_NAMES[:9]


def _detections(boxes: list[list[float]], scores: list[float], classes: list[int], padding: int = 2) -> Detections:
    rows = len(scores) + padding
    found = Detections(
        boxes=np.zeros([rows, 4], np.float32),
        scores=np.zeros(rows, np.float32),
        classes=np.zeros(rows, np.int32),
        anchors=np.zeros(rows, np.int32),
        count=np.int32(len(scores)),
    )
    for row, (box, score, class_row) in enumerate(zip(boxes, scores, classes, strict=True)):
        found.boxes[row], found.scores[row], found.classes[row] = box, score, class_row
    return found


def _truth(
    boxes: list[list[float]], classes: list[int], crowd: tuple[int, ...] = (), areas: float = 0.0
) -> GroundTruth:
    rows = len(classes) + 2  # padding, as in a batch
    truth = GroundTruth(
        boxes=np.zeros([rows, 4], np.float32),
        classes=np.zeros(rows, np.int32),
        weights=np.zeros(rows, np.float32),
        is_crowd=np.zeros(rows, bool),
        is_difficult=np.zeros(rows, bool),
        areas=np.full(rows, areas, np.float32),
        count=np.int32(len(classes)),
    )
    for row, (box, class_row) in enumerate(zip(boxes, classes, strict=True)):
        truth.boxes[row], truth.classes[row], truth.is_crowd[row] = box, class_row, row in crowd
    return truth


def _random_evaluation(seed: int, images: int, backend: Backend = "faster_coco_eval") -> CocoEvaluation:
    """Truth with crowds and negatives; detections near it, beside it and of the wrong class, with many equal scores."""
    rng = np.random.default_rng(seed)
    evaluation = CocoEvaluation([*_CATEGORIES, Category(4, "bird")], backend=backend)
    for index in range(images):
        objects = int(rng.integers(0, 6))
        low = rng.uniform(0, 0.7, [objects, 2])
        boxes = np.concatenate([low, np.minimum(low + rng.uniform(0.02, 0.5, [objects, 2]), 1)], axis=1)
        classes = rng.choice([0, 2, 3], objects)
        near = np.clip(np.repeat(boxes, 3, axis=0) + rng.normal(0, 0.03, [3 * objects, 4]), 0, 1)
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2])
        guesses = np.where(
            rng.uniform(size=3 * objects) < 0.8, np.repeat(classes, 3), rng.choice([0, 1, 2], 3 * objects)
        )
        scores = np.sort(np.round(rng.uniform(0, 1, 3 * objects), 1))[::-1]
        crowd = tuple(map(int, np.flatnonzero(rng.uniform(size=objects) < 0.1)))
        evaluation.add(
            str(7 * index + 1),
            (int(rng.integers(100, 700)), int(rng.integers(100, 700))),
            _detections(near.tolist(), scores.tolist(), guesses.tolist()),
            _truth(boxes.tolist(), classes.tolist(), crowd),
        )
    return evaluation


def test_perfect_detections_score_one_and_empty_sizes_stay_undefined() -> None:
    evaluation = CocoEvaluation(_CATEGORIES)
    box = [0.1, 0.2, 0.5, 0.6]  # 40 x 40 of 100 x 100: medium
    evaluation.add("5", (100, 100), _detections([box], [0.9], [2]), _truth([box], [2]))
    metrics = evaluation.compute(per_category=True)
    assert list(metrics)[:12] == list(METRIC_NAMES)
    for name in (_AP, _AP50, _AP75, _AP_MEDIUM, _AR1, _AR10, _AR100):
        assert metrics[name] == pytest.approx(1.0)
    assert metrics[_AP_SMALL] == metrics[_AP_LARGE] == -1.0
    assert metrics[CATEGORY_METRIC_PREFIX + "dog"] == pytest.approx(1.0)
    assert metrics[CATEGORY_METRIC_PREFIX + "cat"] == -1.0


def test_half_of_the_objects_found() -> None:
    evaluation = CocoEvaluation(_CATEGORIES)
    first, second = [0.0, 0.0, 0.4, 0.4], [0.5, 0.5, 0.9, 0.9]
    evaluation.add("1", (100, 100), _detections([first], [0.9], [0]), _truth([first, second], [0, 0]))
    metrics = evaluation.compute()
    # Precision is 1 at the recall levels 0, .01, ... .50, and 0 beyond: 51 of 101.
    assert metrics[_AP] == pytest.approx(51 / 101)
    assert metrics[_AR100] == pytest.approx(0.5)


def test_overlap_decides_which_thresholds_count() -> None:
    evaluation = CocoEvaluation(_CATEGORIES)
    truth, found = [0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.62]  # IoU .62: found at .50, .55, .60
    evaluation.add("1", (100, 100), _detections([found], [0.9], [0]), _truth([truth], [0]))
    metrics = evaluation.compute()
    assert metrics[_AP] == pytest.approx(0.3)
    assert (metrics[_AP50], metrics[_AP75]) == (pytest.approx(1.0), 0.0)


def test_a_wrong_class_counts_as_nothing_found() -> None:
    evaluation = CocoEvaluation(_CATEGORIES)
    box = [0.0, 0.0, 0.4, 0.4]
    evaluation.add("1", (100, 100), _detections([box], [0.9], [2]), _truth([box], [0]))
    assert evaluation.compute()[_AP] == 0.0


def test_a_detection_on_a_crowd_is_neither_right_nor_wrong() -> None:
    box, crowd = [0.0, 0.0, 0.4, 0.4], [0.5, 0.5, 1.0, 1.0]
    with_flag, without = CocoEvaluation(_CATEGORIES), CocoEvaluation(_CATEGORIES)
    found = _detections([[0.5, 0.5, 0.7, 0.7], box], [0.9, 0.8], [0, 0])
    with_flag.add("1", (100, 100), found, _truth([box, crowd], [0, 0], crowd=(1,)))
    without.add("1", (100, 100), found, _truth([box, crowd], [0, 0]))
    assert with_flag.compute()[_AP] == pytest.approx(1.0)
    assert without.compute()[_AP] < 0.5


def test_the_annotated_area_decides_the_size_range() -> None:
    box = [0.0, 0.0, 0.5, 0.5]  # 50 x 50 = 2500 is medium; its mask covers 900 pixels, small
    for area, name in ((0.0, _AP_MEDIUM), (900.0, _AP_SMALL)):
        evaluation = CocoEvaluation(_CATEGORIES)
        evaluation.add("1", (100, 100), _detections([box], [0.9], [0]), _truth([box], [0], areas=area))
        assert evaluation.compute()[name] == pytest.approx(1.0)


def test_classes_outside_the_label_map_are_left_out(tmp_path: Path) -> None:
    evaluation = CocoEvaluation(_CATEGORIES)
    box = [0.0, 0.0, 0.4, 0.4]
    found = _detections([box, box], [0.9, 0.8], [1, 0])
    evaluation.add("1", (100, 100), found, _truth([box, box], [0, 1]))
    assert evaluation.compute()[_AP] == pytest.approx(1.0)
    evaluation.write(tmp_path)
    assert [entry["category_id"] for entry in json.loads((tmp_path / "detections.json").read_text())] == [1]


@pytest.mark.parametrize("backend", ["faster_coco_eval", "pycocotools"])
def test_without_detections_the_score_is_zero_and_without_truth_undefined(backend: Backend) -> None:
    nothing = _detections([], [], [])
    evaluation = CocoEvaluation(_CATEGORIES, backend=backend)
    assert set(evaluation.compute(per_category=True).values()) == {-1.0}  # no picture at all
    evaluation.add("1", (10, 10), nothing, _truth([], []))
    assert set(evaluation.compute(per_category=True).values()) == {-1.0}
    evaluation.add("2", (10, 10), nothing, _truth([[0.0, 0.0, 0.5, 0.5]], [0]))
    metrics = evaluation.compute()
    assert (metrics[_AP], metrics[_AR100], metrics[_AP_LARGE]) == (0.0, 0.0, -1.0)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**31), images=st.integers(1, 12))
def test_both_backends_agree(seed: int, images: int) -> None:
    fast = _random_evaluation(seed, images).compute(per_category=True)
    reference = _random_evaluation(seed, images, "pycocotools").compute(per_category=True)
    assert fast == pytest.approx(reference, abs=1e-9)


@pytest.mark.parametrize("objects", [1, 3, 17, 33])
def test_crowded_pictures_of_one_class(objects: int) -> None:
    # More detections than count, boxes of whole pixels that overlap alike, few different scores, crowds, equal objects.
    def scored(backend: Backend) -> dict[str, float]:
        rng = np.random.default_rng(objects)
        evaluation = CocoEvaluation(_CATEGORIES[:1], backend=backend)
        for index in range(3):
            low = rng.integers(0, 150, [objects, 2])
            boxes = np.concatenate([low, low + rng.integers(10, 120, [objects, 2])], axis=1) / 300
            boxes[objects // 2 :] = boxes[: objects - objects // 2]
            near = boxes[rng.integers(0, objects, 130)] + rng.integers(-6, 7, [130, 4]) / 300
            near[:, 2:] = np.maximum(near[:, 2:], near[:, :2])
            scores = np.sort(np.round(rng.uniform(0, 1, 130), 1))[::-1]
            crowd = tuple(map(int, np.flatnonzero(rng.uniform(size=objects) < 0.2)))
            truth = _truth(boxes.tolist(), [0] * objects, crowd)
            evaluation.add(str(9 - index), (300, 300), _detections(near.tolist(), scores.tolist(), [0] * 130), truth)
        return evaluation.compute(per_category=True)

    fast = scored("faster_coco_eval")
    assert fast == pytest.approx(scored("pycocotools"), abs=1e-9)
    assert 0 < fast[_AP] < 1


def test_pycocotools_on_the_written_files_gives_the_reported_numbers(tmp_path: Path) -> None:
    evaluation = _random_evaluation(seed=1, images=60)
    metrics = evaluation.compute()
    evaluation.write(tmp_path)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(tmp_path / "ground_truth.json"))
        judge = COCOeval(truth, truth.loadRes(str(tmp_path / "detections.json")), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    np.testing.assert_allclose(judge.stats, list(metrics.values()), rtol=0, atol=1e-6)
    assert 0.1 < metrics[_AP] < 0.9
    assert {path.name for path in tmp_path.iterdir()} == {"ground_truth.json", "detections.json"}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    size=st.tuples(st.integers(1, 6000), st.integers(1, 6000)),
    corners=st.tuples(*[st.floats(0, 1) for _ in range(4)]),
    decimals=st.sampled_from([0, 1, 2]),
)
def test_annotated_coordinates_come_back_from_float32(
    size: tuple[int, int], corners: tuple[float, ...], decimals: int
) -> None:
    height, width = size
    ymin, ymax = sorted(round(value * height, decimals) for value in corners[:2])
    xmin, xmax = sorted(round(value * width, decimals) for value in corners[2:])
    normalised = [ymin / height, xmin / width, ymax / height, xmax / width]
    (entry,) = coco_results(1, size, _detections([normalised], [0.5], [0]))
    expected = [xmin, ymin, round(xmax - xmin, decimals), round(ymax - ymin, decimals)]
    assert entry["bbox"] == pytest.approx(expected, abs=1e-9 if max(size) <= 4000 else 1.1e-3)


def test_results_are_plain_numbers_and_keep_the_order_of_scores() -> None:
    close = [float(np.nextafter(np.float32(0.3), np.float32(1))), 0.3]
    entries = coco_results(9, (50, 100), _detections([[0.1, 0.2, 0.3, 0.4]] * 2, close, [0, 4]))
    assert json.loads(json.dumps(entries)) == entries
    assert entries[0]["score"] > entries[1]["score"] == 0.3
    assert entries[1] == {"image_id": 9, "category_id": 5, "bbox": [20.0, 5.0, 20.0, 10.0], "score": 0.3}


def test_image_ids() -> None:
    ids = ImageIds()
    names = ["000000000139", "2", "img_7", "", "", "2", "1_000", "-3", "9" * 30, "٣"]
    given_ids = [ids.assign(name) for name in names]
    assert given_ids[:2] == [139, 2]
    assert given_ids[2:] == [1, 3, 4, 5, 6, 7, 8, 9]
    assert len(set(given_ids)) == len(names)


def test_a_later_number_that_is_taken_gives_way() -> None:
    ids = ImageIds()
    assert [ids.assign("picture"), ids.assign("1"), ids.assign("2"), ids.assign("3")] == [1, 2, 3, 4]


def test_the_written_truth_is_what_was_annotated(tmp_path: Path) -> None:
    evaluation = CocoEvaluation(_CATEGORIES)
    # x 33, y 17, width 61, height 101 of a picture of 333 x 500
    box = [17 / 333, 33 / 500, 118 / 333, 94 / 500]
    evaluation.add("pic.jpg", (333, 500), _detections([], [], []), _truth([box], [2], crowd=(0,), areas=1234.5))
    evaluation.compute()
    evaluation.write(tmp_path)
    written = json.loads((tmp_path / "ground_truth.json").read_text())
    assert written["images"] == [{"id": 1, "width": 500, "height": 333, "file_name": "pic.jpg"}]
    assert written["categories"] == [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}]
    assert written["annotations"] == [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [33.0, 17.0, 61.0, 101.0], "area": 1234.5, "iscrowd": 1}
    ]
    assert json.loads((tmp_path / "detections.json").read_text()) == []
