# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""google/automl's config and weights: targets, losses and gradients, against what automl itself recorded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.losses import build_loss
from efficientdet.builders.model import build_model
from efficientdet.builders.weights import restore_for_inference
from efficientdet.config import load_config
from efficientdet.experiment import Experiment
from efficientdet.types import Targets

CONFIG = Path(__file__).resolve().parents[2] / "pipelines" / "automl_d0_coco.config"
# automl clips the truth where it reads it; what was recorded begins behind that.
UNCLIPPED = "model { ssd { clip_truth_to_last_pixel: false } }"


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return Experiment(load_config(CONFIG, [UNCLIPPED]))


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, np.ndarray]:
    wanted = ("image", "gt_", "cls_targets", "loss_", "gradnorm_")
    with np.load(shared / "fixtures" / "automl_d0.npz") as archive:
        return {name: archive[name] for name in archive.files if name.startswith(wanted)}


@pytest.fixture(scope="module")
def targets(experiment: Experiment, recorded: dict[str, np.ndarray]) -> Targets:
    pictures = [
        experiment.assigner(
            tf.constant(recorded[f"gt_boxes_{picture}"] / 512),
            tf.constant(recorded[f"gt_classes_{picture}"][:, 0] - 1, tf.int32),
            tf.ones([len(recorded[f"gt_boxes_{picture}"])]),
        )
        for picture in (0, 1)
    ]
    return Targets(*(tf.stack(parts) for parts in zip(*pictures, strict=True)))


def test_targets(targets: Targets, recorded: dict[str, np.ndarray]) -> None:
    classes = [recorded[f"cls_targets_{level}"].reshape(2, -1) for level in range(3, 8)]
    np.testing.assert_array_equal(targets.classes, np.concatenate(classes, axis=1))
    assert float(tf.reduce_sum(targets.box_weights)) == 117 + 63


@pytest.mark.parametrize(
    ("mode", "tolerance", "clipped_tolerance"),
    # The statistics of two small pictures, under random weights, magnify rounding; clipping at 10 the more.
    [("eval", 1e-6, 1e-6), ("train", 2e-3, 0.1)],
)
def test_losses_and_gradients(
    experiment: Experiment,
    targets: Targets,
    recorded: dict[str, np.ndarray],
    shared: Path,
    mode: str,
    tolerance: float,
    clipped_tolerance: float,
) -> None:
    model = build_model(experiment.config)
    restore_for_inference(experiment.config, model, shared / "fixtures" / "automl_d0_ckpt" / "tf2" / "model")
    loss = build_loss(experiment.config, experiment.anchors, experiment.preprocessor.input_size)
    inputs, _ = experiment.preprocessor.preprocess_batch(tf.constant(recorded["image"][np.newaxis]))
    inputs = tf.concat([inputs, inputs[:, :, ::-1]], axis=0)
    with tf.GradientTape() as tape:  # without a graph, whose making takes longer than the one step
        predictions = model(inputs, training=mode == "train")
        localization, classification = loss(predictions, targets, loss.normalizer(loss.num_matched(targets)))
        regularization = model.regularization_loss()
        total = localization + classification + regularization
    gradients = tape.gradient(total, model.trainable_variables)

    def check(actual: tf.Tensor, name: str, tolerance: float = tolerance) -> None:
        assert float(actual) == pytest.approx(float(recorded[name]), rel=tolerance), name

    check(localization / loss.localization_weight, f"loss_{mode}_box_loss")
    check(classification, f"loss_{mode}_cls_loss")
    check(localization + classification, f"loss_{mode}_det_loss")
    check(regularization, f"loss_{mode}_reg_l2", 1e-6)
    check(total, f"loss_{mode}_total")
    check(tf.linalg.global_norm(gradients), f"gradnorm_{mode}")
    clipped = tf.linalg.global_norm([tf.clip_by_norm(gradient, 10.0) for gradient in gradients])
    check(clipped, f"gradnorm_{mode}_after_per_tensor_clip10", clipped_tolerance)
