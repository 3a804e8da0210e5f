# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""D0 against a recorded run of the TensorFlow Object Detection API with the same weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.modeling.efficientdet import EfficientDet
from efficientdet.types import Predictions

from .tfod_variables import our_name, recorded_d0, variables


class Recorded(NamedTuple):
    model: EfficientDet
    parity: dict[str, np.ndarray]
    loss: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def recorded(shared: Path) -> Recorded:
    parity, loss = (dict(np.load(shared / f"fixtures/tfod_d0_{name}.npz")) for name in ("parity", "loss"))
    return Recorded(recorded_d0(shared), parity, loss)


def normalise(images: np.ndarray) -> tf.Tensor:
    mean, stddev = np.float32([123.675, 116.28, 103.53]), np.float32([58.395, 57.12, 57.375])
    return tf.constant((images.astype(np.float32) - mean) / stddev)


def assert_close(actual: tf.Tensor, expected: np.ndarray, tolerance: float = 1e-4) -> None:
    """Compares to a part of the largest expected magnitude."""
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance * np.abs(expected).max())


def test_every_stage_in_inference(recorded: Recorded) -> None:
    model, parity, _ = recorded
    features = model.backbone(normalise(parity["image"]))
    for level, feature in zip((3, 4, 5), features, strict=True):
        assert_close(feature, parity[f"backbone_C{level}"])
    pyramid = model.fpn(features)
    for level, feature in zip((3, 4, 5, 6, 7), pyramid, strict=True):
        assert_close(feature, parity[f"bifpn_P{level}"])
    predictions = model.heads(pyramid)
    assert_close(predictions.box_codes, parity["box_encodings"])
    assert_close(predictions.class_logits[:, ::16], parity["class_predictions_with_background__every16"])


def test_l2_reaches_the_variables_it_reaches_in_tfod(recorded: Recorded, shared: Path) -> None:
    terms = json.loads((shared / "facts/tfod_d0_l2_per_variable.json").read_text())
    expected = {our_name(term["var"]): term["l2"] for term in terms if our_name(term["var"])}
    ours = variables(recorded.model)
    coefficients: dict[str, float | None] = dict.fromkeys(
        name for name, variable in ours.items() if variable.trainable
    )
    owners = {id(v): m for m in recorded.model.submodules if hasattr(m, "_trainable_weights") for v in m._trainable_weights}
    for name in coefficients:
        kind = name.rsplit("/", 1)[1]
        regularizer = getattr(owners[id(ours[name])], f"{kind}_regularizer", None)
        coefficients[name] = None if regularizer is None else pytest.approx(float(regularizer.l2))
    assert expected == coefficients
