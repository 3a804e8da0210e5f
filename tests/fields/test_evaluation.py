# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What each field of `eval_config` and of the evaluation readers does, on three pictures that can be scored by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from efficientdet import experiment, visualization
from efficientdet.builders.evaluation import build_eval_inputs, build_evaluation_settings
from efficientdet.builders.input import build_preprocessor
from efficientdet.config import PipelineConfig
from efficientdet.errors import ConfigError
from efficientdet.evaluation.evaluator import Evaluation
from tests.fields.scored_pictures import (
    BOX_D,
    CIRCLE_AREA,
    CIRCLE_ELEVEN,
    assign,
    build_config,
    evaluate,
    write_records,
)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_records(tmp_path_factory.mktemp("records"))


def _row(field: str, override: str, *expected: Any) -> Any:
    return pytest.param(override, *expected, marks=pytest.mark.field(*field.split()), id=override.strip() or "default")


_VOC = 'metrics_set: "pascal_voc_detection_metrics" '
_POOL = 'metrics_set: "weighted_pascal_voc_detection_metrics" '
_BOUNDED = 'metrics_set: "precision_at_recall_detection_metrics" '


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        _row("EvalConfig.metrics_set", "", {"DetectionBoxes_Recall/AR@1": (1 + 2 / 3) / 2}),
        _row("EvalConfig.metrics_set", _VOC, {"PascalBoxes_Precision/mAP@0.5IOU": (CIRCLE_AREA + 1) / 2}),
        _row(
            "EvalConfig.metrics_set",
            # In one list: wrong, right, right, right, wrong, ... with four to find: 3/4 of precision at 3/4 of recall.
            _VOC + _POOL,
            {
                "PascalBoxes_Precision/mAP@0.5IOU": (CIRCLE_AREA + 1) / 2,
                "WeightedPascalBoxes_Precision/mAP@0.5IOU": 9 / 16,
            },
        ),
        _row(
            "EvalConfig.pascal_voc_average",
            _VOC + "pascal_voc_average: ELEVEN_POINTS",
            {"PascalBoxes_Precision/mAP@0.5IOU": (CIRCLE_ELEVEN + 1) / 2},
        ),
        _row("EvalConfig.metrics_set", _BOUNDED, {"PrecisionAtRecallBoxes_Precision/mAP@0.5IOU": (4 / 9 + 1) / 2}),
        _row(
            "EvalConfig.recall_upper_bound",
            _BOUNDED + "recall_upper_bound: 0.5",  # of the circles 1/3 with a precision of 1/2, of the squares nothing
            {"PrecisionAtRecallBoxes_Precision/mAP@0.5IOU@[0.0,0.5]Recall": 1 / 3 * 1 / 2 / 2},
        ),
        _row(
            "EvalConfig.recall_lower_bound",
            _BOUNDED + "recall_lower_bound: 0.7",  # squares only
            {"PrecisionAtRecallBoxes_Precision/mAP@0.5IOU@[0.7,1.0]Recall": 1 / 2},
        ),
        _row(
            "EvalConfig.include_metrics_per_category",
            _VOC + "include_metrics_per_category: true",
            {
                "PascalBoxes_PerformanceByCategory/AP@0.5IOU/circle": 4 / 9,
                "PascalBoxes_PerformanceByCategory/AP@0.5IOU/square": 1.0,
            },
        ),
        # Of the first two pictures: circles wrong, right, ... with two to find; squares as before.
        _row(
            "EvalConfig.num_examples",
            _VOC + "num_examples: 2",
            {"PascalBoxes_Precision/mAP@0.5IOU": (1 / 2 * 1 / 2 + 1) / 2},
        ),
    ],
)
@pytest.mark.field("TrainEvalPipelineConfig.eval_config")
def test_metrics(records: Path, tmp_path: Path, override: str, expected: dict[str, float]) -> None:
    metrics = evaluate(build_config(records, f"eval_config {{ {override} }}"), tmp_path).metrics
    assert {name: metrics.get(name) for name in expected} == pytest.approx(expected)
    assert any("DetectionBoxes" in name for name in metrics) == ("metrics_set" not in override)
    assert any("PerformanceByCategory" in name for name in metrics) == ("per_category" in override)


def _losses(config: PipelineConfig, folder: Path) -> Any:
    losses = evaluate(config, folder).losses
    return losses and float(losses.total)


def _metric_count(config: PipelineConfig, folder: Path) -> int:
    return len(evaluate(config, folder).metrics)


def _images(config: PipelineConfig, folder: Path) -> int:
    return evaluate(config, folder).images


def _first_batch(config: PipelineConfig, folder: Path) -> int:
    (data,) = build_eval_inputs(config, build_preprocessor(config), assign)
    return int(next(iter(data.eval_dataset())).inputs.shape[0])


def _exported(config: PipelineConfig, folder: Path) -> list[str]:
    evaluate(config, folder)
    return sorted(path.name for path in (folder / "pictures").glob("*"))


def _shown(config: PipelineConfig, folder: Path) -> int:
    evaluate(config, folder, write_summaries=True)
    events = EventAccumulator(str(folder / "eval"), size_guidance={"tensors": 0})
    events.Reload()
    return sum(tag.startswith("eval_side_by_side_") for tag in events.Tags()["tensors"])


def _written(config: PipelineConfig, folder: Path) -> list[tuple[int, int, float]]:
    evaluate(config, folder)
    entries = json.loads(Path(config.proto.eval_config.export_path or folder / "none").read_text())
    return [(entry["image_id"], entry["category_id"], entry["score"]) for entry in entries][:2]


def _corner_of_d(config: PipelineConfig, folder: Path) -> tuple[int, ...]:
    """The colour of the predicted picture at the top left corner of box D, which nothing found hides."""
    evaluate(config, folder)
    with Image.open(folder / "pictures" / "export-image-0.png") as picture:
        title = picture.size[1] - 640  # 64 pixels, enlarged to 640
        red, green, blue = picture.getpixel((10 * BOX_D[1], 10 * BOX_D[0] + title))
    return red, green, blue


_PICTURES = 'visualization_export_dir: "FOLDER/pictures" '


@pytest.mark.parametrize(
    ("override", "measure", "default", "expected"),
    [
        _row("EvalConfig.ignore_groundtruth", "ignore_groundtruth: true", _losses, 7.0, None),
        _row("EvalConfig.ignore_groundtruth", "ignore_groundtruth: true ", _metric_count, 12, 0),
        _row("EvalConfig.batch_size", "batch_size: 2", _first_batch, 3, 2),
        _row("EvalConfig.num_examples", "num_examples: 1", _images, 3, 1),
        _row("EvalConfig.num_visualizations", "num_visualizations: 2", _shown, 3, 2),
        _row(
            "EvalConfig.visualization_export_dir",
            _PICTURES,
            _exported,
            [],
            ["export-image-0.png", "export-image-1.png", "export-image-2.png"],
        ),
        _row(
            "EvalConfig.keep_image_id_for_visualization_export",
            _PICTURES + "keep_image_id_for_visualization_export: true",
            _exported,
            [],
            ["export-image-0-a_0.jpg.png", "export-image-1-7.png", "export-image-2-_..png"],
        ),
    ],
)
def test_counts_and_files(
    records: Path, tmp_path: Path, override: str, measure: Callable[..., Any], default: Any, expected: Any
) -> None:
    assert measure(build_config(records), tmp_path / "default") == default
    text = override.replace("FOLDER", str(tmp_path / "changed"))
    assert measure(build_config(records, f"eval_config {{ {text} }}"), tmp_path / "changed") == expected


@pytest.mark.field("EvalConfig.export_path")
def test_detections_are_exported(records: Path, tmp_path: Path) -> None:
    config = build_config(records, f'eval_config {{ export_path: "{tmp_path}/sub/found.json" }}')
    # Pictures whose ids are no numbers get the lowest one that is free.
    assert _written(config, tmp_path) == [(1, 1, 0.9), (1, 3, 0.6)]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        _row("EvalConfig.visualize_groundtruth_boxes", "", (127, 127, 127)),
        _row("EvalConfig.visualize_groundtruth_boxes", "visualize_groundtruth_boxes: true", (0, 0, 0)),
        _row(
            "EvalConfig.groundtruth_box_visualization_color",
            'visualize_groundtruth_boxes: true groundtruth_box_visualization_color: "Chartreuse"',
            (127, 255, 0),
        ),
        _row(
            "EvalConfig.groundtruth_box_visualization_color",
            'visualize_groundtruth_boxes: true groundtruth_box_visualization_color: "#0a0b0c"',
            (10, 11, 12),
        ),
    ],
)
def test_truth_below_the_detections(
    records: Path, tmp_path: Path, override: str, expected: tuple[int, int, int]
) -> None:
    config = build_config(records, f'eval_config {{ visualization_export_dir: "{tmp_path}/pictures" {override} }}')
    assert _corner_of_d(config, tmp_path) == expected


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        _row("EvalConfig.min_score_threshold", "", ["circle 0.90", "square 0.60"]),
        _row(
            "EvalConfig.min_score_threshold", "min_score_threshold: 0.2", ["circle 0.90", "square 0.60", "circle 0.30"]
        ),
        _row("EvalConfig.min_score_threshold", "min_score_threshold: 0.95", []),
        _row("EvalConfig.max_num_boxes_to_visualize", "max_num_boxes_to_visualize: 1", ["circle 0.90"]),
        _row("EvalConfig.max_num_boxes_to_visualize", "max_num_boxes_to_visualize: 0", ["circle 0.90", "square 0.60"]),
        _row("EvalConfig.skip_scores", "skip_scores: true", ["circle", "square"]),
        _row("EvalConfig.skip_labels", "skip_labels: true", ["0.90", "0.60"]),
        _row("EvalConfig.skip_labels", "skip_labels: true skip_scores: true", ["", ""]),
    ],
)
def test_labels_of_the_first_picture(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, override: str, expected: list[str]
) -> None:
    drawn: list[list[str]] = []
    monkeypatch.setattr(visualization, "draw_labels", lambda draw, texts, *_: drawn.append(list(texts)))
    config = build_config(records, f'eval_config {{ visualization_export_dir: "{tmp_path}" {override} }}')
    evaluate(config, tmp_path)
    predicted, truth = drawn[:2]
    assert predicted == expected
    assert truth == (["", ""] if "skip_labels" in override else ["square", "circle"])


def test_a_colour_that_is_none(records: Path) -> None:
    with pytest.raises(ConfigError, match=r'--override\[2\]:1: eval_config.groundtruth_box_.* \("blak"\) must be a co'):
        build_config(records, 'eval_config { groundtruth_box_visualization_color: "blak" }')


def test_recall_bounds_that_exclude_everything(records: Path) -> None:
    with pytest.raises(ConfigError, match=r"recall_lower_bound \(0.8\) must be at most recall_upper_bound \(0.3\)"):
        build_config(records, "eval_config { recall_lower_bound: 0.8 recall_upper_bound: 0.3 }")


@pytest.mark.field("EvalConfig.max_evals")
@pytest.mark.parametrize(("override", "expected"), [("", None), ("eval_config { max_evals: 3 }", 3)])
def test_evaluations_of_a_folder_of_checkpoints(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, override: str, expected: int | None
) -> None:
    limits = []

    def watch(*_: Any, max_evaluations: int | None, **__: Any) -> list[Evaluation]:
        limits.append(max_evaluations)
        return []

    monkeypatch.setattr(experiment, "evaluate_continuously", watch)
    monkeypatch.setattr(experiment, "build_model", lambda config: None)
    monkeypatch.setattr(experiment.Experiment, "detector", lambda self, model: None)
    monkeypatch.setattr(experiment.Experiment, "evaluation", lambda self, detector, save_detections: None)
    experiment.Experiment(build_config(records, override), model_dir=tmp_path).evaluate_continuously(
        tmp_path / "absent"
    )
    assert limits == [expected]


@pytest.mark.field("TrainConfig.add_regularization_loss")
@pytest.mark.parametrize(("flag", "total"), [("true", 7.0), ("false", 3.0)])
def test_losses_are_those_of_training(records: Path, tmp_path: Path, flag: str, total: float) -> None:
    config = build_config(records, f"train_config {{ add_regularization_loss: {flag} }}")
    assert _losses(config, tmp_path) == total


def test_a_folder_is_no_export_path(records: Path, tmp_path: Path) -> None:
    config = build_config(records, f'eval_config {{ export_path: "{tmp_path}" }}')
    with pytest.raises(ConfigError, match=r"eval_config\.export_path \(.*\) must name a file"):
        build_evaluation_settings(config)
