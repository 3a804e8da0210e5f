# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A config that TFOD's exporter wrote, with TFOD's weights: what is built from it against a recorded TFOD run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.losses import build_loss
from efficientdet.config import load_config
from efficientdet.experiment import Experiment
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.types import Targets
from tests.modeling.tfod_variables import recorded_d0


@pytest.fixture(scope="module")
def experiment(shared: Path) -> Experiment:
    return Experiment(load_config(shared / "configs" / "tfod_export_d0_pipeline.config"))


@pytest.fixture(scope="module")
def model(shared: Path) -> DetectionModel:
    return recorded_d0(shared)


@pytest.fixture(scope="module")
def parity(shared: Path) -> dict[str, np.ndarray]:
    return dict(np.load(shared / "fixtures" / "tfod_d0_parity.npz"))


@pytest.fixture(scope="module")
def loss_record(shared: Path) -> dict[str, np.ndarray]:
    return dict(np.load(shared / "fixtures" / "tfod_d0_loss.npz"))


def _targets(experiment: Experiment, record: dict[str, np.ndarray], kind: str) -> Targets:
    pictures = [
        experiment.assigner(
            tf.constant(record[f"targets_{kind}/gt_boxes_{i}"]),
            tf.argmax(record[f"targets_{kind}/gt_classes_onehot_{i}"], 1, tf.int32),
            tf.constant(record[f"targets_{kind}/gt_weights_{i}"]),
        )
        for i in range(2)
    ]
    return Targets(*(tf.stack(parts) for parts in zip(*pictures, strict=True)))


def test_preprocessing_and_anchors(experiment: Experiment, parity: dict[str, np.ndarray]) -> None:
    inputs, true_sizes = experiment.preprocessor.preprocess_batch(tf.constant(parity["image"]))
    np.testing.assert_allclose(inputs[:, ::4, ::4], parity["preprocessed__rowcol_every4"], atol=1e-5)
    np.testing.assert_array_equal(true_sizes, parity["true_image_shapes"][:, :2])
    np.testing.assert_allclose(experiment.anchors, parity["anchors"], atol=1e-6)


def test_detections_of_the_recorded_picture(
    experiment: Experiment, model: DetectionModel, parity: dict[str, np.ndarray]
) -> None:
    detections = experiment.detector(model)(tf.constant(parity["image"]))
    np.testing.assert_array_equal(detections.anchors, parity["post/detection_anchor_indices"])
    np.testing.assert_allclose(detections.boxes, parity["post/detection_boxes"], atol=1e-5)
    np.testing.assert_allclose(detections.scores, parity["post/detection_scores"], atol=2e-5)


@pytest.mark.parametrize("kind", ["unpadded", "padded"])
def test_targets(experiment: Experiment, loss_record: dict[str, np.ndarray], kind: str) -> None:
    targets = _targets(experiment, loss_record, kind)
    np.testing.assert_array_equal(targets.classes, loss_record[f"targets_{kind}/cls_targets_argmax"])
    np.testing.assert_array_equal(targets.class_weights, loss_record[f"targets_{kind}/cls_weights"])
    np.testing.assert_array_equal(targets.box_weights, loss_record[f"targets_{kind}/reg_weights"])
    recorded = loss_record[f"targets_{kind}/reg_targets__every16"]
    np.testing.assert_allclose(targets.box_codes[:, ::16], recorded, atol=1e-6)


@pytest.mark.parametrize("kind", ["unpadded", "padded"])
def test_losses_of_our_own_predictions(
    experiment: Experiment, model: DetectionModel, loss_record: dict[str, np.ndarray], kind: str
) -> None:
    inputs, _ = experiment.preprocessor.preprocess_batch(tf.constant(loss_record["images"]))
    targets = _targets(experiment, loss_record, kind)
    loss = build_loss(experiment.config, experiment.anchors, experiment.preprocessor.input_size)
    localization, classification = loss(
        model(inputs, training=False), targets, tf.maximum(loss.num_matched(targets), 1.0)
    )
    assert float(localization) == pytest.approx(float(loss_record[f"eval_{kind}/localization_loss"]), rel=1e-5)
    # From the recorded predictions it is exact to 1e-5 (tests/test_losses.py); here the logits' last bits add to it.
    assert float(classification) == pytest.approx(float(loss_record[f"eval_{kind}/classification_loss"]), rel=2e-5)
