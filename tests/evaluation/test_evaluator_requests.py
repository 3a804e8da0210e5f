# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What an evaluator is asked for beside COCO's metrics: other sets, files, no truth, several data sets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from efficientdet.evaluation.coco import METRIC_NAMES, CocoEvaluation
from efficientdet.evaluation.evaluator import evaluate_all
from efficientdet.evaluation.pictures import PictureSettings
from efficientdet.evaluation.voc import PascalVocEvaluation
from tests.evaluation.telegraph import build, pictures


def test_several_metric_sets_in_one_pass(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        evaluation = build(tmp_path, metric_sets=(PascalVocEvaluation, CocoEvaluation), name="val").evaluate(3)
    # Cat: found. Dog: of two the first is found, so that the precision is 1 up to a recall of 1/2.
    assert evaluation.metrics["PascalBoxes_Precision/mAP@0.5IOU"] == pytest.approx(0.75)
    assert list(evaluation.metrics) == ["PascalBoxes_Precision/mAP@0.5IOU", *METRIC_NAMES]
    assert "step 3: PascalBoxes AP50 0.7500, AP 0.7525, AP50 0.7525, loss 2.2500 on 3 images of val in" in caplog.text


@pytest.mark.parametrize("metric_sets", [(CocoEvaluation,), (PascalVocEvaluation,)])
def test_the_latest_detections_are_exported_whatever_is_measured(tmp_path: Path, metric_sets: Any) -> None:
    target = tmp_path / "elsewhere" / "found.json"
    evaluator = build(tmp_path / "eval", metric_sets=metric_sets, export_path=target)
    for step in (1, 2):
        evaluator.evaluate(step)
    assert [(entry["image_id"], entry["category_id"]) for entry in json.loads(target.read_text())] == [(17, 1), (1, 2)]
    assert [path.name for path in target.parent.iterdir()] == ["found.json"]
    assert not list((tmp_path / "eval").glob("step-*"))


def test_without_truth_there_are_detections_and_pictures_only(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shown = PictureSettings(num_pictures=1, export_directory=tmp_path / "pictures")
    with caplog.at_level("INFO"):
        evaluation = build(tmp_path / "eval", ignore_truth=True, write_detections=True, pictures=shown).evaluate(5)
    assert (evaluation.metrics, evaluation.losses, evaluation.images) == ({}, None, 3)
    (line,) = (tmp_path / "eval" / "metrics.jsonl").read_text().splitlines()
    assert list(json.loads(line)) == ["step", "images", "seconds"]
    assert [path.name for path in (tmp_path / "eval" / "step-5").iterdir()] == ["detections.json"]
    assert "step 5: nothing measured, since the truth is ignored, on 3 images" in caplog.text
    with Image.open(tmp_path / "pictures" / "export-image-0.png") as picture:
        assert picture.size == (600, 640)  # 32 x 30, enlarged; nothing beside it
    events = EventAccumulator(str(tmp_path / "eval"), size_guidance={"tensors": 0})
    events.Reload()
    assert events.Tags()["tensors"] == ["eval_side_by_side_0_0"]


def test_pictures_become_files(tmp_path: Path) -> None:
    shown = PictureSettings(num_pictures=2, export_directory=tmp_path / "pictures", export_ids=True)
    evaluator = build(tmp_path / "eval", pictures=shown, write_summaries=False)
    for step in (1, 2):
        evaluator.evaluate(step)
    names = ["export-image-0-17.png", "export-image-1-b.jpg.png"]
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == names
    with Image.open(tmp_path / "pictures" / names[0]) as picture:
        assert 2 * 600 < picture.size[0] < 2 * 600 + 20


def test_the_first_of_several_evaluations_counts(tmp_path: Path) -> None:
    evaluators = [
        build(tmp_path / name, dataset_fn=lambda count=count: pictures().unbatch().take(count).batch(2))
        for name, count in (("one", 1), ("two", 2))
    ]
    assert evaluate_all(evaluators, 4).images == 1
    lines = [json.loads((tmp_path / name / "metrics.jsonl").read_text()) for name in ("one", "two")]
    assert [(line["step"], line["images"]) for line in lines] == [(4, 1), (4, 2)]
