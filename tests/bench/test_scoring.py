# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np
import pytest

from efficientdet.bench.scoring import scenes, scored
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
