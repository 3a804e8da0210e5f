# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest

from efficientdet.bench import scoring
from efficientdet.bench.cases import Case
from efficientdet.bench.child import MeasurementError
from efficientdet.bench.scoring import measure_checked_scoring, scenes, scored
from efficientdet.bench.settings import Work
from efficientdet.evaluation.coco import METRIC_NAMES


def test_scenes_can_be_scored_and_both_backends_agree() -> None:
    given = scenes(12)
    ours, theirs = scored(given, "faster_coco_eval"), scored(given, "pycocotools")
    assert ours == pytest.approx(theirs, abs=1e-6)
    assert 0.2 < ours[METRIC_NAMES[1]] < 0.9


def test_scenes_are_as_detections_are() -> None:
    for scene in scenes(5):
        boxes, scores = scene.detections.boxes, scene.detections.scores
        assert boxes.shape == (100, 4)
        assert (boxes[:, 2:] > boxes[:, :2]).all()
        assert (np.diff(scores) <= 0).all()
        assert scene.truth.boxes.shape == (int(scene.truth.count), 4)


def test_the_same_seed_draws_the_same() -> None:
    one, other, another = scenes(2), scenes(2), scenes(2, seed=1)
    assert np.array_equal(one[1].detections.boxes, other[1].detections.boxes)
    assert not np.array_equal(one[1].detections.boxes, another[1].detections.boxes)


def test_a_difference_to_pycocotools_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(given: object, backend: str) -> dict[str, float]:
        return dict.fromkeys(METRIC_NAMES, 0.5) | {METRIC_NAMES[1]: 0.4 if backend == "pycocotools" else 0.40001}

    monkeypatch.setattr(scoring, "scored", other)
    case = Case("evaluation", "checked_scoring", "", images=1, repeats=1)
    with pytest.raises(MeasurementError, match=rf"{METRIC_NAMES[1]} is 0.40001, that of pycocotools 0.4"):
        measure_checked_scoring(Work(case, None, None, None, None), print)  # type: ignore[arg-type]
