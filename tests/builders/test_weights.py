# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Start weights and weights to infer with, as configs name them."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.model import build_model
from efficientdet.builders.weights import (
    load_start_weights,
    restore_for_inference,
    single_source,
)
from efficientdet.config import PipelineConfig, load_config, write_config
from efficientdet.data.label_map import Label, write_label_map
from efficientdet.errors import CheckpointError, ConfigError
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.training import optimizers, schedules
from efficientdet.training.checkpoint_writing import Retention
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.weights.variables import variables_by_path
from tests.end_to_end.tiny import CONFIG, SIZE

_NAMES = ("circle", "triangle", "square", "star", "ring")
_NUM_CLASSES = "model { ssd { num_classes: 2 } }"


def _config(*overrides: str) -> PipelineConfig:
    return load_config(CONFIG, [SIZE, *overrides])


def _start(source: Path | str, kind: str, more: str = "") -> str:
    return f'train_config {{ fine_tune_checkpoint: "{source}" fine_tune_checkpoint_type: "{kind}" {more} }}'


def _label_map(path: Path, *names: str) -> str:
    """Writes a label map; returns the override that points both readers at it."""
    write_label_map([Label(number, name) for number, name in enumerate(names, 1)], path)
    return f'train_input_reader {{ label_map_path: "{path}" }} eval_input_reader {{ label_map_path: "{path}" }}'


def _values(model: DetectionModel) -> dict[str, np.ndarray]:
    return {path: variable.numpy() for path, variable in variables_by_path(model).items()}


def _assert_same(model: DetectionModel, expected: dict[str, np.ndarray], prefix: str = "") -> None:
    for path, value in _values(model).items():
        if path.startswith(prefix):
            np.testing.assert_array_equal(value, expected[path], err_msg=path)


@pytest.fixture(scope="module")
def trained() -> DetectionModel:
    return build_model(_config(), seed=1)


@pytest.fixture(scope="module")
def run(trained: DetectionModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as training leaves it: a checkpoint with averages that are the weights plus one, and the config."""
    folder = tmp_path_factory.mktemp("run")
    optimizer = optimizers.momentum(schedules.Constant(0.1), momentum=0.9)
    for variable in trained.trainable_variables:
        optimizer.add_slot(variable, "average").assign(variable + 1.0)
    TrainingCheckpoints(folder, model=trained, optimizer=optimizer, retention=Retention(1)).save()
    write_config(_config(_label_map(folder / "labels.pbtxt", *_NAMES)), folder / "pipeline.config")
    return folder


@pytest.mark.field("TrainConfig.fine_tune_checkpoint")
def test_a_training_starts_from_the_averages_of_another(
    run: Path, trained: DetectionModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = _config(_start(run, "full"))
    model = build_model(config, seed=2)
    with caplog.at_level(logging.INFO):
        load_start_weights(config, model, report_path=tmp_path / "new" / "restore_report.txt")
    trainable = {id(variable) for variable in model.trainable_variables}
    ours, theirs = variables_by_path(model), _values(trained)
    for path, variable in ours.items():
        np.testing.assert_array_equal(variable, theirs[path] + (id(variable) in trainable), err_msg=path)
    report = (tmp_path / "new" / "restore_report.txt").read_text()
    assert "weights: the moving averages that the file holds" in report
    assert f"{len(ours)} variables restored" in report
    assert all(path in report for path in ours)
    lines = [record.getMessage() for record in caplog.records if record.name.startswith("efficientdet.builders")]
    assert lines[0].startswith("restored ")
    assert all("\n" not in line for line in lines)
    assert lines[-1].endswith("new/restore_report.txt")


@pytest.mark.field("TrainConfig.fine_tune_checkpoint_weights")
def test_the_trained_copy_can_be_asked_for(run: Path, trained: DetectionModel) -> None:
    config = _config(_start(run, "full", "fine_tune_checkpoint_weights: TRAINED"))
    model = build_model(config, seed=2)
    load_start_weights(config, model)
    _assert_same(model, _values(trained))


@pytest.mark.field("TrainConfig.fine_tune_checkpoint_type")
@pytest.mark.parametrize(("kind", "parts"), [("classification", 1), ("detection", 2), ("fine_tune", 2), ("full", 3)])
def test_types_restore_their_parts(
    run: Path, trained: DetectionModel, kind: str, parts: int, caplog: pytest.LogCaptureFixture
) -> None:
    config = _config(_start(run, kind, "fine_tune_checkpoint_weights: TRAINED"))
    model = build_model(config, seed=2)
    before, theirs = _values(model), _values(trained)
    with caplog.at_level(logging.INFO):
        load_start_weights(config, model)
    for number, part in enumerate(("backbone", "fpn", "heads")):
        _assert_same(model, theirs if number < parts else before, f"{part}/")
    assert ("CenterNet" in caplog.text) is (kind == "fine_tune")


def test_labels_of_our_checkpoint_come_from_the_config_beside_it(run: Path, trained: DetectionModel) -> None:
    config = _config(_start(run / "ckpt-0", "full", "fine_tune_checkpoint_weights: TRAINED"))
    model = build_model(config, seed=2)
    load_start_weights(config, model, labels=dict(enumerate(reversed(_NAMES))))
    biases = [network.heads.classes.final.bias.numpy().reshape(9, 5) for network in (model, trained)]
    np.testing.assert_array_equal(biases[0], biases[1][:, ::-1])


@pytest.mark.field("TrainConfig.fine_tune_checkpoint_label_map_path")
def test_a_named_label_map_comes_first(run: Path, trained: DetectionModel, tmp_path: Path) -> None:
    _label_map(tmp_path / "other.pbtxt", "a", "b", "c", "d", "e")
    named = f'fine_tune_checkpoint_weights: TRAINED fine_tune_checkpoint_label_map_path: "{tmp_path}/other.pbtxt"'
    config = _config(_start(run, "full", named), _NUM_CLASSES)
    model = build_model(config, seed=2)
    load_start_weights(config, model, labels={0: "d", 1: "b"})
    biases = [network.heads.classes.final.bias.numpy().reshape(9, -1) for network in (model, trained)]
    np.testing.assert_array_equal(biases[0], biases[1][:, [3, 1]])
    config = _config(_start(run, "full", f'fine_tune_checkpoint_label_map_path: "{tmp_path}/none.pbtxt"'))
    with pytest.raises(ConfigError, match=r"--override\[1\]:1: fine_tune_checkpoint_label_map_path: .*No such file"):
        load_start_weights(config, model)


def test_the_config_beside_a_checkpoint_tells_its_conventions(
    run: Path, trained: DetectionModel, tmp_path: Path
) -> None:
    automl = (
        "model { ssd { box_coder { faster_rcnn_box_coder { y_scale: 2 x_scale: 2 height_scale: 2 width_scale: 2 } } "
        "anchor_generator { multiscale_anchor_generator { anchor_order: SCALE_MAJOR } } } }"
    )
    checkpoint = tmp_path / "checkpoint" / "ckpt-0"
    tf.train.Checkpoint(model=trained).write(str(checkpoint))
    write_config(_config(automl), tmp_path / "pipeline.config")  # one folder up, as in an export
    config = _config(_start(checkpoint, "full"))
    model = build_model(config, seed=2)
    load_start_weights(config, model)
    theirs, ours = (network.heads.boxes.final.bias.numpy().reshape(3, 3, 4) for network in (trained, model))
    np.testing.assert_allclose(ours, theirs.transpose(1, 0, 2) * [5, 5, 2.5, 2.5], rtol=1e-6)
    (tmp_path / "pipeline.config").write_text("model { typo: 1 }")  # what cannot be read tells nothing
    load_start_weights(config, model)
    np.testing.assert_array_equal(model.heads.boxes.final.bias, trained.heads.boxes.final.bias)


@pytest.mark.field("TrainConfig.fine_tune_min_backbone_share")
def test_a_lowered_share_reaches_the_restore(shared: Path) -> None:
    checkpoint = shared / "fixtures" / "tfod_d0_ckpt"
    config = _config(_start(checkpoint, "classification"))
    model = build_model(config)
    with pytest.raises(CheckpointError, match=r"--override\[1\]:1: .*fine_tune_min_backbone_share asks for 1\)"):
        load_start_weights(config, model)
    config = _config(_start(checkpoint, "classification", "fine_tune_min_backbone_share: 0.01"))
    load_start_weights(config, model)


@pytest.mark.field("EvalConfig.use_moving_averages")
def test_a_checkpoint_is_inferred_with_its_averages_where_the_config_says_so(
    run: Path, trained: DetectionModel, caplog: pytest.LogCaptureFixture
) -> None:
    theirs = _values(trained)
    path = "heads/boxes/final/bias"
    for averages, added in (("true", 1), ("false", 0)):
        config = _config(f"eval_config {{ use_moving_averages: {averages} }}")
        model = build_model(config, seed=2)
        with caplog.at_level(logging.INFO):
            restore_for_inference(config, model, run)
        np.testing.assert_array_equal(_values(model)[path], theirs[path] + added)
    ours = [record for record in caplog.records if record.getMessage().startswith("restored")]
    assert len(ours) == 2
    assert "; weights: the moving averages that the file holds; " in ours[0].getMessage()


def test_averages_that_our_training_lacks_cannot_be_inferred_with(trained: DetectionModel, tmp_path: Path) -> None:
    config = _config("eval_config { use_moving_averages: true }")
    tf.train.Checkpoint(model=trained, step=tf.Variable(3)).write(str(tmp_path / "ckpt-3"))
    with pytest.raises(CheckpointError, match=r"holds no moving averages.*eval_config.use_moving_averages false"):
        restore_for_inference(config, build_model(config), tmp_path / "ckpt-3")
    # An export has one copy of its weights: that which was evaluated.
    tf.train.Checkpoint(model=trained).write(str(tmp_path / "ckpt-0"))
    model = build_model(config, seed=2)
    restore_for_inference(config, model, tmp_path / "ckpt-0")
    _assert_same(model, _values(trained))


@pytest.mark.parametrize("name", ["tfod_d0_ckpt", "automl_d0_ckpt/tf1", "automl_d0_ckpt/tf2/model"])
def test_detectors_of_others_are_inferred_with_directly(
    shared: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    config = load_config(shared / "configs" / "tfod_export_d0_pipeline.config")
    model = build_model(config)
    with caplog.at_level(logging.INFO):
        restore_for_inference(config, model, shared / "fixtures" / name)
    assert "restored 3,927,203 of 3,927,203 parameters" in caplog.text
    assert "pyramid iteration 3" in caplog.text
    assert "unknown" not in caplog.text
    assert ("reordered from scale_major" in caplog.text) is name.startswith("automl")


def test_what_stands_for_itself_is_told_from_a_folder_that_training_fills(
    run: Path, shared: Path, trained: DetectionModel, tmp_path: Path
) -> None:
    assert single_source(run) is None
    assert single_source(tmp_path / "not yet") is None
    assert single_source(tmp_path) is None
    (tmp_path / ".incomplete").mkdir()
    (tmp_path / ".incomplete" / "ckpt-1.index").touch()  # training is writing its first one
    assert single_source(tmp_path) is None
    assert single_source(shared / "fixtures" / "tfod_d0_ckpt") == str(shared / "fixtures" / "tfod_d0_ckpt" / "ckpt-0")
    tf.train.Checkpoint(model=trained).write(str(tmp_path / "checkpoint" / "ckpt-0"))
    assert single_source(tmp_path) == str(tmp_path / "checkpoint" / "ckpt-0")


def test_a_label_map_that_cannot_be_read_is_named(run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    nowhere = f'label_map_path: "{tmp_path}/typo.pbtxt"'
    config = _config(f"train_input_reader {{ {nowhere} }} eval_input_reader {{ {nowhere} }}")
    with caplog.at_level(logging.INFO):
        restore_for_inference(config, build_model(config, seed=2), run)
    reason = f"label_map_path '{tmp_path}/typo.pbtxt': No such file or directory"
    assert f"class rows: all 5 carried over by position ({reason})" in caplog.text
    config = _config(f"train_input_reader {{ {nowhere} }} eval_input_reader {{ {nowhere} }}", _NUM_CLASSES)
    with pytest.raises(CheckpointError) as caught:
        restore_for_inference(config, build_model(config, seed=2), run)
    assert str(caught.value) == (
        f"{run / 'ckpt-0'} predicts 5 classes, this model 2 ({reason}): name the label map of this model in "
        "train_input_reader.label_map_path"
    )


def test_another_family_is_named(run: Path) -> None:
    other = "model { ssd { feature_extractor { type: 'ssd_efficientnet-lite1_bifpn_keras' } } }"
    match = r"holds backbone lite0, this model has lite1 \([\d,]+ of [\d,]+ parameters fit"
    model = build_model(_config(other, _NUM_CLASSES))  # before any other difference
    with pytest.raises(CheckpointError, match=rf"{match}\)$"):
        restore_for_inference(_config(other), model, run)
    with pytest.raises(CheckpointError, match=rf"{match}, a share of .* where .*min_backbone_share asks for 1\)$"):
        load_start_weights(_config(other, _start(run, "full")), model)


@pytest.mark.parametrize(
    ("backbone", "source", "error", "rule"),
    [
        ("lite1", "efficientnet-lite0", ConfigError, "must be 'efficientnet-lite1', the backbone of this model"),
        (
            "lite3",
            "efficientnet-lite0",
            ConfigError,
            "is not the backbone of this model, lite3, which comes in no pack",
        ),
        ("lite3", "efficientnet-lite3", CheckpointError, r"efficientnet-lite3 is no path, and only .*: name the path"),
    ],
)
def test_names_of_packages(backbone: str, source: str, error: type[Exception], rule: str) -> None:
    network = f"model {{ ssd {{ feature_extractor {{ type: 'ssd_efficientnet-{backbone}_bifpn_keras' }} }} }}"
    config = _config(network, _start(source, "classification"))
    with pytest.raises(error, match=rf"--override\[2\]:1: .*{rule}"):
        load_start_weights(config, build_model(_config(network)))


def test_classes_that_a_file_does_not_know_cannot_be_inferred(run: Path, tmp_path: Path) -> None:
    labels = _label_map(tmp_path / "labels.pbtxt", "circle", "triangle", "square", "pentagon", "ring")
    with pytest.raises(CheckpointError, match=r"does not know 1 of this model's classes: pentagon\. It can start"):
        restore_for_inference(_config(labels), build_model(_config(), seed=2), run)


def test_what_cannot_be_read_is_not_waited_for(tmp_path: Path) -> None:
    assert single_source(tmp_path / "none") is None
    assert single_source(tmp_path) is None
    (tmp_path / "x.tar.gz").write_bytes(b"")
    with pytest.raises(CheckpointError, match="is an archive: unpack it first"):
        single_source(tmp_path / "x.tar.gz")
    for name in ("one", "two"):
        (tmp_path / f"{name}.index").write_bytes(b"")
    with pytest.raises(CheckpointError, match="holds 2 checkpoints, one, two: name one"):
        single_source(tmp_path)
