# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The detector joins preprocessing, network and decision without adding anything of its own."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from efficientdet.detector import Detector
from efficientdet.types import Detections, Predictions
from tests.toy_detector import KEPT, SIDE, ToyPreprocess, toy_detector, toy_image, toy_postprocess


def test_a_call_is_preprocess_then_detect() -> None:
    detector = toy_detector()
    images = np.stack([toy_image(48, 32, seed) for seed in range(3)])
    inputs, true_sizes = ToyPreprocess().preprocess_batch(tf.constant(images))
    assert true_sizes.numpy().tolist() == [[64, 43]] * 3
    predictions, expected = detector.detect(inputs, true_sizes)
    assert predictions.class_logits.shape == [3, 64, 3]
    for got, want in zip(detector(tf.constant(images)), expected, strict=True):
        np.testing.assert_array_equal(got, want)
    assert expected.boxes.shape == [3, KEPT, 4]


def test_uint8_and_float_pictures_of_equal_values_give_equal_detections() -> None:
    detector = toy_detector()
    images = toy_image(20, 30)[np.newaxis]
    for first, second in zip(detector(tf.constant(images)), detector(tf.constant(images, tf.float32)), strict=True):
        np.testing.assert_array_equal(first, second)


def test_pictures_of_a_batch_do_not_see_each_other() -> None:
    detector = toy_detector()
    images = np.stack([toy_image(40, 40, seed) for seed in range(4)])
    together = detector(tf.constant(images))
    for index in range(4):
        alone = detector(tf.constant(images[index : index + 1]))
        np.testing.assert_allclose(alone.scores[0], together.scores[index], rtol=0, atol=1e-6)
        np.testing.assert_array_equal(alone.classes[0], together.classes[index])


def test_the_network_runs_in_inference_mode() -> None:
    training_seen = []

    def model(inputs: tf.Tensor, training: bool | None = None) -> Predictions:
        training_seen.append(bool(training))
        return Predictions(tf.zeros([1, 64, 3]), tf.zeros([1, 64, 4]))

    detector = Detector(model, ToyPreprocess(), toy_postprocess, lambda predictions: (None, None))
    detections = detector(tf.zeros([1, SIDE, SIDE, 3], tf.uint8))
    assert training_seen == [False]
    assert isinstance(detections, Detections)
    assert detections.count.numpy().tolist() == [0]  # every score is .5, below the threshold


def test_the_weights_belong_to_the_module() -> None:
    detector = toy_detector()
    assert {variable.name for variable in detector.trainable_variables} == {
        variable.name for variable in detector.model.trainable_variables
    }
    assert len(detector.trainable_variables) == 2
