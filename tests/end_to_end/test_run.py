# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The whole job through the commands a user calls, on a tiny network: train, resume, evaluate, export, infer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from efficientdet.cli import export, infer, train
from efficientdet.config import load_config
from tests.end_to_end.tiny import CONFIG, SIZE, data_override, draw_records, train_flags


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_records(tmp_path_factory.mktemp("records"))


@pytest.fixture(scope="module")
def run(records: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 6 steps, checkpointed every 3 and evaluated every 2."""
    model_dir = tmp_path_factory.mktemp("run") / "model"
    flags = train_flags(records, model_dir, "--num_train_steps=6", "--checkpoint_every_n=3", "--save_detections")
    assert train.main([*flags, "--eval_every_n=2"]) == 0
    return model_dir


@pytest.fixture(scope="module")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export")
    code = export.main(
        [
            f"--pipeline_config_path={run / 'pipeline.config'}",
            f"--trained_checkpoint_dir={run}",
            f"--output_directory={folder}",
        ]
    )
    assert code == 0
    return folder


def _weights(model_dir: Path, step: int) -> dict[str, np.ndarray]:
    reader = tf.train.load_checkpoint(str(model_dir / f"ckpt-{step}"))
    return {
        name: reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if name != "_CHECKPOINTABLE_OBJECT_GRAPH" and not name.startswith("run_state")  # evaluated at other steps
    }


def _metrics(model_dir: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (model_dir / "eval" / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.field("EvalConfig.interval_steps")
def test_a_run_leaves_checkpoints_metrics_summaries_and_its_config(run: Path) -> None:
    assert {path.stem for path in run.glob("*.index")} == {
        "ckpt-2", "ckpt-3", "ckpt-4", "ckpt-6",  # at 2 and 4 it was the best so far
    }  # fmt: skip
    assert [record["step"] for record in _metrics(run)] == [2, 4, 6]
    assert _metrics(run)[0]["images"] == 3
    assert list((run / "train").glob("events*"))
    assert list((run / "eval").glob("events*"))
    assert load_config(run / "pipeline.config").proto.train_config.num_steps == 6


def test_the_twelve_numbers_are_those_of_pycocotools_on_the_written_files(run: Path) -> None:
    folder = run / "eval" / "step-6"
    truth = COCO(str(folder / "ground_truth.json"))
    evaluation = COCOeval(truth, truth.loadRes(str(folder / "detections.json")), "bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    reported = [
        value
        for name, value in _metrics(run)[-1].items()
        if name.startswith(("DetectionBoxes_Precision", "DetectionBoxes_Recall"))
    ]
    np.testing.assert_allclose(reported, evaluation.stats, atol=1e-6)


def test_a_run_that_was_cut_in_two_ends_with_the_same_weights(run: Path, records: Path, tmp_path: Path) -> None:
    model_dir = tmp_path / "model"
    flags = train_flags(records, model_dir, "--checkpoint_every_n=3", "--eval_every_n=3")
    assert train.main([*flags, "--num_train_steps=3"]) == 0
    assert train.main([*flags, "--num_train_steps=6"]) == 0
    whole, resumed = _weights(run, 6), _weights(model_dir, 6)
    assert whole.keys() == resumed.keys()
    for name, value in whole.items():
        np.testing.assert_array_equal(value, resumed[name], err_msg=name)


def test_another_model_in_the_same_folder_is_refused(
    run: Path, records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wider = "--override=model { ssd { feature_extractor { bifpn { num_filters: 24 } } } }"
    assert train.main(train_flags(records, run, wider)) == 2
    error = capsys.readouterr().err
    assert "holds a run of another model: model.ssd.feature_extractor.bifpn.num_filters: 16 -> 24" in error


def test_evaluation_alone_gives_the_numbers_of_the_run(run: Path, records: Path, tmp_path: Path) -> None:
    flags = train_flags(records, tmp_path / "evaluation", f"--checkpoint_dir={run}", "--num_train_steps=6")
    assert train.main(flags) == 0
    alone, within = _metrics(tmp_path / "evaluation")[-1], _metrics(run)[-1]
    for name in within.keys() - {"seconds"}:
        assert alone[name] == pytest.approx(within[name], abs=1e-6), name


def test_a_fresh_process_with_tensorflow_alone_gives_the_checkpoints_detections(
    run: Path, exported: Path, records: Path, tmp_path: Path
) -> None:
    picture = next((records / "images" / "val").glob("*.jpg"))
    program = (
        "import sys, json, tensorflow as tf\n"
        "image = tf.io.decode_jpeg(tf.io.read_file(sys.argv[2]))[tf.newaxis]\n"
        "model = tf.saved_model.load(sys.argv[1])\n"
        "out = model.signatures['serving_default'](input_tensor=image)\n"
        "assert 'efficientdet' not in sys.modules\n"
        "print(json.dumps({name: out[name][0].numpy().tolist() for name in ('detection_boxes', 'detection_scores')}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(exported / "saved_model"), str(picture)],
        capture_output=True, text=True, cwd=tmp_path, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout.splitlines()[-1])

    from efficientdet.experiment import Experiment

    config = load_config(CONFIG, [SIZE, data_override(records)])
    detections = Experiment(config).restored_detector(run)(tf.io.decode_jpeg(tf.io.read_file(str(picture)))[tf.newaxis])
    np.testing.assert_allclose(found["detection_scores"], detections.scores[0], atol=1e-5)
    np.testing.assert_allclose(found["detection_boxes"], detections.boxes[0], atol=1e-4)


def test_an_export_says_what_it_is(exported: Path) -> None:
    names = {"saved_model", "checkpoint", "pipeline.config", "pipeline.label_map.pbtxt", "restore_report.txt"}
    assert {path.name for path in exported.iterdir()} == names
    assert "variables restored" in (exported / "restore_report.txt").read_text()


def test_infer_draws_pictures_and_writes_detections(exported: Path, records: Path, tmp_path: Path) -> None:
    code = infer.main(
        [
            f"--saved_model_dir={exported / 'saved_model'}",
            f"--images={records / 'images' / 'val'}",
            f"--label_map_path={records / 'label_map.pbtxt'}",
            "--min_score=0",
            f"--output_dir={tmp_path}",
        ]
    )
    assert code == 0
    assert len(list(tmp_path.glob("*.jpg")) + list(tmp_path.glob("*.png"))) == 3
    detections = json.loads((tmp_path / "detections.json").read_text())
    assert {entry["category_id"] for entry in detections} <= set(range(1, 6))
    assert {"image_id", "bbox", "score"} <= detections[0].keys()
