# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""D0 against a recorded run of google/automl with the same weights, from each kind of file that automl writes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientdet import build_published
from efficientdet.ops.box_coder import BoxScales
from efficientdet.types import Predictions
from efficientdet.weights.files import open_contents
from efficientdet.weights.layout import PARTS, Conventions
from efficientdet.weights.recognition import open_weights
from efficientdet.weights.restore import RestoreRequest, plan_restore

from ..weights.stored import write_keras_h5

_AVERAGE = "/ExponentialMovingAverage"
_CONVENTIONS = Conventions("last_block", "scale_major", BoxScales(1.0, 1.0, 1.0, 1.0))
_LEVELS = (3, 4, 5, 6, 7)


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, np.ndarray]:
    return dict(np.load(shared / "fixtures/automl_d0.npz"))


@pytest.fixture(scope="module")
def inputs(recorded: dict[str, np.ndarray]) -> tf.Tensor:
    mean, stddev = np.array([123.675, 116.28, 103.53], np.float32), np.array([58.395, 57.12, 57.375], np.float32)
    return tf.constant(((recorded["image"].astype(np.float32) - mean) / stddev)[None])


@pytest.fixture(params=["tf1", "tf2", "h5"])
def weights(request: pytest.FixtureRequest, shared: Path, tmp_path: Path) -> Path:
    folder = shared / "fixtures/automl_d0_ckpt"
    if request.param != "h5":
        return folder / request.param
    contents = open_contents(folder / "tf1")
    layers: dict[str, dict[str, np.ndarray]] = {}
    for name in contents.shapes:
        if name.endswith(_AVERAGE):
            layers.setdefault(name.split("/")[0], {})[name.removesuffix(_AVERAGE)] = contents.read(name)
    write_keras_h5(tmp_path / "d0.h5", layers)
    return tmp_path / "d0.h5"


def assert_close(actual: tf.Tensor, expected: np.ndarray) -> None:
    """Compares to a part of the largest expected magnitude."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_the_input_is_the_recorded_one(recorded: dict[str, np.ndarray], inputs: tf.Tensor) -> None:
    np.testing.assert_allclose(inputs[0, :8, :8], recorded["net_input_norm_first8"], rtol=0, atol=1e-5)


def test_network_outputs(recorded: dict[str, np.ndarray], inputs: tf.Tensor, weights: Path) -> None:
    model = build_published("d0", endpoints="last_block", seed=5)
    report = plan_restore(model, open_weights(weights), RestoreRequest(PARTS, _CONVENTIONS, _CONVENTIONS)).apply()
    assert report.num_restored == report.num_parameters == 3_927_203
    features = model.backbone(inputs)
    for level, feature in zip((3, 4, 5), features, strict=True):
        assert_close(tf.reduce_mean(feature, [0, 1, 2]), recorded[f"backbone_reduction_{level}_mean"])
    assert_close(features[0], recorded["backbone_P3"])
    assert_close(features[2], recorded["backbone_P5"])
    predictions = model.heads(model.fpn(features))
    for kind, maps in by_level(model, predictions).items():
        for level, actual in zip(_LEVELS, maps, strict=True):
            if level < 5:  # recorded thinly
                assert_close(actual[:, ::4, ::4], recorded[f"{kind}_{level}__rowcol_every4"])
            else:
                assert_close(actual, recorded[f"{kind}_{level}"])


def by_level(model: DetectionModel, predictions: Predictions) -> dict[str, list[tf.Tensor]]:
    """Ours are [B, A, C] over all levels; automl's one [B, H, W, 9 * C] per level."""
    sizes = [512 // 2**level for level in model.fpn.levels]
    return {
        kind: [
            tf.reshape(part, [1, size, size, -1])
            for part, size in zip(tf.split(values, [9 * size * size for size in sizes], axis=1), sizes, strict=True)
        ]
        for kind, values in (("cls", predictions.class_logits), ("box", predictions.box_codes))
    }
