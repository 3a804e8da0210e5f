# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""D0 against a recorded run of the TensorFlow Object Detection API with the same weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.types import Predictions

from .tfod_variables import our_name, recorded_d0, variables


class Recorded(NamedTuple):
    model: DetectionModel
    parity: dict[str, np.ndarray]
    loss: dict[str, np.ndarray]


@pytest.fixture(scope="module")
def recorded(shared: Path) -> Recorded:
    parity, loss = (dict(np.load(shared / f"fixtures/tfod_d0_{name}.npz")) for name in ("parity", "loss"))
    return Recorded(recorded_d0(shared), parity, loss)


def normalise(images: np.ndarray) -> tf.Tensor:
    mean, stddev = np.array([123.675, 116.28, 103.53], np.float32), np.array([58.395, 57.12, 57.375], np.float32)
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
    trainable = {name: variable for name, variable in variables(recorded.model).items() if variable.trainable}
    assert trainable.keys() == expected.keys()
    with tf.GradientTape() as tape:
        loss = recorded.model.regularization_loss()
    for (name, variable), gradient in zip(
        trainable.items(), tape.gradient(loss, list(trainable.values())), strict=True
    ):
        if expected[name] is None:
            assert gradient is None, name
        else:
            assert np.any(variable), name
            np.testing.assert_allclose(gradient, 2 * expected[name] * variable, rtol=1e-5, err_msg=name)


# The predictions of inference are compared above, and the gradients in training: both modes are for those who wait.
@pytest.mark.parametrize("mode", [pytest.param("eval", marks=pytest.mark.slow), "train"])
def test_predictions_losses_and_gradients(recorded: Recorded, shared: Path, mode: str) -> None:
    model, loss = recorded.model, recorded.loss
    inputs, targets = normalise(loss["images"]), box_targets(recorded)
    trainable = {name: variable for name, variable in variables(model).items() if variable.trainable}
    moving = {name: variable for name, variable in variables(model).items() if not variable.trainable}
    before = {name: variable.numpy() for name, variable in moving.items()}

    @tf.function(autograph=False)
    def step() -> tuple[Predictions, tf.Tensor, tf.Tensor, tf.Tensor, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            predictions = model(inputs, training=mode == "train")
            localization, classification = tfod_losses(predictions, loss, targets)
            regularization = model.regularization_loss()
            total = localization + classification + regularization
        gradients = tape.gradient(total, list(trainable.values()))
        return predictions, localization, classification, regularization, gradients

    predictions, localization, classification, regularization, gradients = step()
    after = {name: variable.numpy() for name, variable in moving.items()}
    for name, variable in moving.items():  # the model is shared with other tests
        variable.assign(before[name])

    case = f"{mode}_unpadded"
    assert_close(predictions.box_codes[:, ::16], loss[f"{case}/box_encodings__every16"])
    assert_close(predictions.class_logits[:, ::16], loss[f"{case}/class_predictions_with_background__every16"])
    top = classifier_variables(shared)
    assert float(localization) == pytest.approx(loss[f"{case}/localization_loss"], rel=1e-4)
    assert float(classification) == pytest.approx(loss[f"{case}/classification_loss"], rel=1e-4)
    top_loss = 5e-6 * sum(float(np.square(value).sum()) for value in top.values())
    assert float(regularization) + top_loss == pytest.approx(loss[f"{case}/regularization_loss"], rel=1e-5)

    norms = dict(zip(loss[f"{case}/grad_names"], loss[f"{case}/grad_norms"].tolist(), strict=True))
    expected = {our_name(name): norm for name, norm in norms.items() if our_name(name)}
    actual = {name: float(tf.norm(gradient)) for name, gradient in zip(trainable, gradients, strict=True)}
    assert actual.keys() == expected.keys()
    # With batch statistics the fusion weights' gradients are small differences of large sums, and those of biases in
    # front of a batch norm are zero but for rounding.
    relative, absolute = (1e-4, 0.0) if mode == "eval" else (2e-3, 1e-5 * max(expected.values()))
    for name in actual:
        assert actual[name] == pytest.approx(expected[name], rel=relative, abs=absolute), name
    assert float(tf.linalg.global_norm(gradients)) == pytest.approx(loss[f"{case}/grad_global_norm"], rel=1e-4)

    if mode == "eval":
        for name in moving:
            np.testing.assert_array_equal(after[name], before[name])
        return
    sums = dict(zip(loss["train_unpadded/moving_names"], loss["train_unpadded/moving_sum"], strict=True))
    for tfod_name, expected_sum in sums.items():
        if ours := our_name(tfod_name):
            tolerance = 1e-5 * float(np.abs(after[ours]).sum())
            assert after[ours].sum(dtype=np.float64) == pytest.approx(expected_sum, abs=tolerance), ours


def box_targets(recorded: Recorded) -> np.ndarray:
    """The codes of matched boxes (the recording holds every 16th only), float32 [2, A, 4]."""
    loss, anchors = recorded.loss, recorded.parity["anchors"]
    size, centre = anchors[:, 2:] - anchors[:, :2], (anchors[:, 2:] + anchors[:, :2]) / 2
    codes = []
    for image in range(2):
        match = loss["targets_unpadded/match"][image]
        boxes = loss[f"targets_unpadded/gt_boxes_{image}"][np.maximum(match, 0)]
        box_size, box_centre = boxes[:, 2:] - boxes[:, :2], (boxes[:, 2:] + boxes[:, :2]) / 2
        offsets = np.concatenate([10 * (box_centre - centre) / size, 5 * np.log(box_size / size)], axis=1)
        codes.append(np.where(match[:, None] >= 0, offsets, 0.0))
    return np.stack(codes).astype(np.float32)


def tfod_losses(
    predictions: Predictions, loss: dict[str, np.ndarray], codes: np.ndarray
) -> tuple[tf.Tensor, tf.Tensor]:
    """The two losses in their plainest form, from recorded matches and weights."""
    box_weights = loss["targets_unpadded/reg_weights"]
    matches = max(box_weights.sum(), 1.0)
    error = tf.abs(predictions.box_codes - codes)
    huber = tf.where(error < 1.0, 0.5 * error**2, error - 0.5)
    localization = tf.reduce_sum(huber * box_weights[..., None]) / matches / 4

    logits = predictions.class_logits
    truth = tf.one_hot(loss["targets_unpadded/cls_targets_argmax"].astype(np.int32), logits.shape[-1])
    p_truth = tf.where(truth > 0, tf.sigmoid(logits), 1 - tf.sigmoid(logits))
    focal = tf.where(truth > 0, 0.25, 0.75) * (1 - p_truth) ** 1.5
    focal *= tf.nn.sigmoid_cross_entropy_with_logits(truth, logits)
    # Recorded per anchor, or per anchor and class.
    weights = loss["targets_unpadded/cls_weights"].reshape(2, logits.shape[1], -1)
    return localization, tf.reduce_sum(focal * weights) / matches


def classifier_variables(shared: Path) -> dict[str, np.ndarray]:
    """What the recorded regularisation decays beyond our model: the classifier on top of the backbone."""
    reader = tf.train.load_checkpoint(str(shared / "fixtures/tfod_d0_ckpt/ckpt-0"))
    place = "model/_feature_extractor/classification_backbone/layer_with_weights"
    keys = (f"{place}-128/kernel", f"{place}-130/kernel", f"{place}-130/bias")
    return {key: reader.get_tensor(f"{key}/.ATTRIBUTES/VARIABLE_VALUE") for key in keys}
