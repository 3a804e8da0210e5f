# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The evaluator: losses, frames, files and tags, with a network that says what its input spells out."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from efficientdet.errors import DataError
from efficientdet.evaluation.coco import METRIC_NAMES
from efficientdet.evaluation.pictures import PictureSettings
from efficientdet.types import Predictions
from tests.evaluation.telegraph import AP, MEAN_COLOUR, Telegraph, build, pictures


def test_metrics_and_losses(tmp_path: Path) -> None:
    evaluation = build(tmp_path).evaluate(step=40)
    # Cat: found, AP 1. Dog: one of two found, 51 of 101 recall levels.
    assert evaluation.metrics[AP] == pytest.approx((1 + 51 / 101) / 2)
    assert (evaluation.step, evaluation.images) == (40, 3)
    # Nothing is matched: the normaliser is 1. Batches of two and one: classification (.9 + .6) and 0.
    assert evaluation.losses.localization == 0.0
    assert evaluation.losses.classification == pytest.approx(0.75)
    assert evaluation.losses.regularization == pytest.approx(1.5)
    assert evaluation.losses.total == pytest.approx(2.25)


def test_regularization_counts_only_where_training_counts_it(tmp_path: Path) -> None:
    losses = build(tmp_path, regularize=False).evaluate(step=40).losses
    assert losses.regularization == 0.0
    assert losses.total == pytest.approx(0.75)


def test_losses_are_divided_by_the_matches_of_the_batch(tmp_path: Path) -> None:
    evaluation = build(tmp_path, dataset_fn=lambda: pictures(3, box_weight=2.0)).evaluate(0)
    assert evaluation.losses.localization == pytest.approx(1.0)
    assert evaluation.losses.classification == pytest.approx(1.5 / 6)


def test_boxes_are_in_pixels_of_the_original_picture(tmp_path: Path) -> None:
    build(tmp_path, write_detections=True).evaluate(step=3)
    truth = json.loads((tmp_path / "step-3" / "ground_truth.json").read_text())
    assert [entry["bbox"] for entry in truth["annotations"]] == [[6, 10, 30, 32], [0, 0, 60, 64], [9, 8, 32, 32]]
    assert [(image["id"], image["file_name"]) for image in truth["images"]] == [(17, "17"), (1, "b.jpg"), (4, "4")]
    found = json.loads((tmp_path / "step-3" / "detections.json").read_text())
    assert [(entry["image_id"], entry["category_id"], entry["bbox"]) for entry in found] == [
        (17, 1, [6, 10, 30, 32]),
        (1, 2, [0, 0, 60, 64]),
    ]


def test_each_evaluation_adds_a_line_and_sees_the_present_weights(tmp_path: Path) -> None:
    model = Telegraph()
    evaluator = build(tmp_path, model=model)
    evaluator.evaluate(10)
    traces = model.traces
    model.weight.assign(4.0)
    evaluator.evaluate(20)
    assert model.traces == traces == 1  # the shorter last batch is no reason to trace again, nor is the second pass
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20]
    assert [line["Loss/regularization_loss"] for line in lines] == [1.5, 3.0]
    losses = [f"Loss/{name}_loss" for name in ("localization", "classification", "regularization", "total")]
    assert list(lines[0]) == ["step", *METRIC_NAMES, *losses, "images", "seconds"]


def test_metrics_per_category(tmp_path: Path) -> None:
    evaluation = build(tmp_path, per_category=True).evaluate(0)
    assert evaluation.metrics["DetectionBoxes_PerformanceByCategory/mAP/cat"] == pytest.approx(1.0)
    assert evaluation.metrics["DetectionBoxes_PerformanceByCategory/mAP/dog"] == pytest.approx(51 / 101)


def test_an_empty_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no image"):
        build(tmp_path, dataset_fn=lambda: pictures().take(0)).evaluate(0)
    assert not (tmp_path / "metrics.jsonl").exists()


def test_a_loss_that_is_not_finite_becomes_null(tmp_path: Path) -> None:
    model = Telegraph()
    model.weight.assign(np.nan)
    build(tmp_path, model=model).evaluate(0)
    (line,) = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert "NaN" not in line
    assert json.loads(line)["Loss/total_loss"] is None


def test_tensorboard_has_the_tags_of_tfod(tmp_path: Path) -> None:
    build(tmp_path, pictures=PictureSettings(num_pictures=2)).evaluate(7)
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    losses = {f"Loss/{name}_loss" for name in ("localization", "classification", "regularization", "total")}
    assert set(events.Tags()["tensors"]) == {*METRIC_NAMES, *losses, "eval_side_by_side_0_0", "eval_side_by_side_1_0"}
    (event,) = events.Tensors(AP)
    assert event.step == 7
    assert tf.make_ndarray(event.tensor_proto) == pytest.approx((1 + 51 / 101) / 2)


def test_without_summaries_only_the_line_is_written(tmp_path: Path) -> None:
    build(tmp_path, write_summaries=False).evaluate(7)
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_pictures_show_prediction_beside_truth_without_the_padding(tmp_path: Path) -> None:
    build(tmp_path, pictures=PictureSettings(num_pictures=1)).evaluate(7)
    events = EventAccumulator(str(tmp_path), size_guidance={"tensors": 0})
    events.Reload()
    width, height, content = tf.make_ndarray(events.Tensors("eval_side_by_side_0_0")[0].tensor_proto)[:3]
    picture = np.asarray(Image.open(io.BytesIO(content)))
    assert picture.shape == (int(height), int(width), 3)
    assert 2 * 600 < int(width) < 2 * 600 + 20  # 32 x 30, enlarged to 640 x 600, twice; and a gap
    assert np.any(np.all(picture == MEAN_COLOUR, axis=-1))  # an input of 0


def test_a_step_that_is_evaluated_again_replaces_its_line(tmp_path: Path) -> None:
    model = Telegraph()
    evaluator = build(tmp_path, model=model)
    for step in (10, 20):
        evaluator.evaluate(step)
    model.weight.assign(4.0)
    evaluator.evaluate(10)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [(line["step"], line["Loss/regularization_loss"]) for line in lines] == [(20, 1.5), (10, 3.0)]


def test_half_a_line_does_not_spoil_the_next(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 5}\n{"step": 10, "Det')
    evaluator = build(tmp_path)
    evaluator.evaluate(10)
    evaluator.evaluate(10)
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert lines[:2] == ['{"step": 5}', '{"step": 10, "Det']
    assert [json.loads(line)["step"] for line in lines[2:]] == [10]


def test_only_fetching_a_batch_is_blamed_on_the_data(tmp_path: Path) -> None:
    def broken() -> tf.data.Dataset:
        return pictures().map(lambda batch: (tf.debugging.assert_equal(1, tf.shape(batch.inputs)[0]), batch)[1])

    def fail(inputs: tf.Tensor, training: bool) -> Predictions:
        raise tf.errors.InvalidArgumentError(None, None, "in the network")

    for options, expected, message in (
        ({"dataset_fn": broken}, DataError, "record 3"),
        ({"model": fail}, tf.errors.InvalidArgumentError, "in the network"),
    ):
        evaluator = build(tmp_path, **options)
        evaluator._on_input_error = lambda error, number: DataError("record 3")
        with pytest.raises(expected, match=message):
            evaluator.evaluate(0)
