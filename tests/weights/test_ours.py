# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What this library writes itself: checkpoints of a training, and both halves of an export."""

from __future__ import annotations

import collections
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.detector import Detector
from efficientdet.export.saved_model import export_saved_model
from efficientdet.modeling.bifpn import BiFPN
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientnet import EfficientNet
from efficientdet.modeling.hyperparams import ConvHyperparams
from efficientdet.modeling.weight_shared_heads import WeightSharedHeads, WeightSharedHeadSettings
from efficientdet.training import optimizers, schedules
from efficientdet.training.checkpoint_writing import Retention
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training.moving_average import MovingAverage
from efficientdet.types import Detections, Predictions
from efficientdet.weights import ours
from efficientdet.weights.files import open_contents
from efficientdet.weights.layout import PARTS, Contents
from efficientdet.weights.roles import Role
from efficientdet.weights.variables import variables_by_path
from tests.toy_detector import ToyPreprocess


def small_model(num_classes: int = 2) -> DetectionModel:
    """Few channels and layers behind the smallest backbone."""
    backbone = EfficientNet("lite0")
    fpn = BiFPN(backbone.channels, num_filters=8, num_iterations=1, hyperparams=ConvHyperparams())
    heads = WeightSharedHeads(
        8, num_levels=5, num_slots=num_classes, num_anchors=1, settings=WeightSharedHeadSettings(depth=8, num_layers=1)
    )
    return DetectionModel(backbone, fpn, heads)


@pytest.fixture(scope="module")
def model() -> DetectionModel:
    """Every variable has another value."""
    model = small_model()
    for number, variable in enumerate(model.variables):
        variable.assign(tf.fill(variable.shape, float(number)))
    return model


def _assert_holds(contents: Contents, model: DetectionModel) -> None:
    layout = ours.detect_layout(contents)
    assert layout is not None
    origins = layout.origins(contents, small_model())
    variables = variables_by_path(model)
    assert origins.keys() == variables.keys()
    for path, origin in origins.items():
        (key,) = origin.keys
        np.testing.assert_array_equal(origin.convert([contents.read(key)]), variables[path].numpy(), err_msg=path)


def _train(model: DetectionModel, folder: Path, make_optimizer: Callable[[], optimizers.Optimizer]) -> Contents:
    """Saves a training that keeps averages, whose values are those of the variables plus a half."""
    optimizer = make_optimizer()
    optimizers.create_slots(optimizer, model.trainable_variables)
    MovingAverage(optimizer, model.trainable_variables, decay=0.9)
    for variable in model.trainable_variables:
        optimizer.get_slot(variable, "average").assign(variable + 0.5)
    TrainingCheckpoints(folder, model=model, optimizer=optimizer, retention=Retention(1)).save()
    return open_contents(folder)


@pytest.mark.parametrize(
    ("make_optimizer", "slots"),
    [
        (lambda: optimizers.momentum(schedules.Constant(0.1), momentum=0.9), 1),
        (lambda: optimizers.adam(schedules.Constant(0.1), epsilon=1e-8), 2),
    ],
    ids=["momentum", "adam"],
)
def test_a_training_holds_weights_averages_and_slots(
    model: DetectionModel, tmp_path: Path, make_optimizer: Callable[[], optimizers.Optimizer], slots: int
) -> None:
    contents = _train(model, tmp_path, make_optimizer)
    _assert_holds(contents, model)
    layout = ours.detect_layout(contents)
    assert layout is not None
    assert (layout.name, layout.parts, layout.conventions) == ("efficientdet checkpoint", PARTS, None)
    origins = layout.origins(contents, model)
    variables = variables_by_path(model)
    for path, origin in origins.items():
        assert len(origin.average_keys) == (1 if variables[path].trainable else 0), path
        for key in origin.average_keys:
            np.testing.assert_array_equal(contents.read(key), variables[path].numpy() + 0.5)
    used = {key for origin in origins.values() for key in (*origin.keys, *origin.average_keys)}
    roles = collections.Counter(layout.role(key) for key in contents.shapes.keys() - used)
    assert roles.pop(Role.COUNTER) > 0
    assert roles == {Role.SLOT: slots * len(model.trainable_variables)}
    assert {layout.role(key) for origin in origins.values() for key in origin.average_keys} == {Role.AVERAGE}


def test_a_training_without_averages_has_none(model: DetectionModel, tmp_path: Path) -> None:
    optimizer = optimizers.momentum(schedules.Constant(0.1), momentum=0.9)
    optimizers.create_slots(optimizer, model.trainable_variables)
    TrainingCheckpoints(tmp_path, model=model, optimizer=optimizer, retention=Retention(1)).save()
    contents = open_contents(tmp_path)
    _assert_holds(contents, model)
    layout = ours.detect_layout(contents)
    assert layout is not None
    assert not any(origin.average_keys for origin in layout.origins(contents, model).values())


class _Decisions:
    """A post-processing that keeps the first anchor of each picture."""

    def decode(self, predictions: Predictions) -> tuple[tf.Tensor, tf.Tensor]:
        return predictions.box_codes, predictions.class_logits

    def __call__(self, predictions: Predictions, true_sizes: tf.Tensor) -> Detections:
        row = tf.zeros_like(true_sizes[:, :1])
        return Detections(
            boxes=predictions.box_codes[:, :1], scores=predictions.class_logits[:, :1, 0], classes=row, anchors=row,
            count=row[:, 0],
        )  # fmt: skip


def test_both_halves_of_an_export_hold_the_weights(model: DetectionModel, tmp_path: Path) -> None:
    decisions = _Decisions()
    export_saved_model(Detector(model, ToyPreprocess(), decisions, decisions.decode), tmp_path)

    whole = open_contents(tmp_path)
    assert whole.path == str(tmp_path / "checkpoint" / "ckpt-0")
    _assert_holds(whole, model)

    saved_model = open_contents(tmp_path / "saved_model")
    _assert_holds(saved_model, model)
    layout = ours.detect_layout(saved_model)
    assert layout is not None
    assert (layout.name, layout.parts, layout.conventions) == ("efficientdet SavedModel", PARTS, None)
    used = {key for origin in layout.origins(saved_model, model).values() for key in origin.keys}
    assert saved_model.shapes.keys() == used


def test_the_heads_of_other_classes_are_found_under_their_own_shape(model: DetectionModel, tmp_path: Path) -> None:
    tf.train.Checkpoint(model=model).write(str(tmp_path / "ckpt-0"))
    contents = open_contents(tmp_path)
    layout = ours.detect_layout(contents)
    assert layout is not None
    origins = layout.origins(contents, small_model(num_classes=7))
    assert contents.shapes[origins["heads/classes/final/bias"].keys[0]] == (2,)


def test_what_the_model_lacks_and_what_the_file_lacks(model: DetectionModel, tmp_path: Path) -> None:
    parts = tf.train.Checkpoint(backbone=model.backbone, extra=tf.Variable(1.0))
    tf.train.Checkpoint(model=parts).write(str(tmp_path / "ckpt-0"))
    contents = open_contents(tmp_path)
    layout = ours.detect_layout(contents)
    assert layout is not None
    origins = layout.origins(contents, model)
    assert set(origins) == {path for path in variables_by_path(model) if path.startswith("backbone/")}
    assert layout.role("model/extra/.ATTRIBUTES/VARIABLE_VALUE") == Role.UNKNOWN


def test_files_of_others_are_not_ours(shared: Path) -> None:
    for name in ("tfod_d0_ckpt", "automl_d0_ckpt/tf1", "automl_d0_ckpt/tf2"):
        assert ours.detect_layout(open_contents(shared / "fixtures" / name)) is None
