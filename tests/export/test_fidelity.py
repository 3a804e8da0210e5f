# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The check of a frozen network: what passes, and what the refusal names."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.errors import ExportError
from efficientdet.export.fidelity import require_same_predictions
from efficientdet.types import Predictions
from tests.toy_detector import SIDE, toy_detector

_SPEC = tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32)


def test_the_same_network_passes_with_no_difference() -> None:
    detector = toy_detector()
    differences = require_same_predictions(detector, detector.predict, _SPEC)
    assert differences == {"class_logits": 0.0, "box_codes": 0.0, "scores": 0.0, "boxes": 0.0}


def test_rounding_passes_and_is_told() -> None:
    detector = toy_detector()

    def frozen(inputs: tf.Tensor) -> Predictions:
        predictions = detector.predict(inputs)
        return predictions._replace(box_codes=predictions.box_codes + 0.001)

    differences = require_same_predictions(detector, frozen, _SPEC)
    assert 0 < differences["box_codes"] <= 0.001 + 1e-5


@pytest.mark.parametrize(("error", "kind"), [(0.5, "class_logits"), (float("nan"), "class_logits")])
def test_another_prediction_is_refused_with_its_place(error: float, kind: str) -> None:
    detector = toy_detector()

    def frozen(inputs: tf.Tensor) -> Predictions:
        logits, codes = detector.predict(inputs)
        wrong = np.zeros(logits.shape, np.float32)
        wrong[0, 17, 2] = error * max(1.0, abs(float(logits[0, 17, 2])))
        return Predictions(logits + wrong, codes)

    message = rf"{kind} differ .* by up to {error:.2g} \(at \[0, 17, 2\]: .* instead of .*--fold_batch_norms=false"
    with pytest.raises(ExportError, match=message):
        require_same_predictions(detector, frozen, _SPEC)


def test_a_network_that_predicts_no_numbers_is_not_the_foldings_fault() -> None:
    detector = toy_detector()
    detector.model.variables[0].assign(tf.fill(detector.model.variables[0].shape, float("nan")))
    with pytest.raises(ExportError, match=r"the network predicts .* that are not finite"):
        require_same_predictions(detector, detector.predict, _SPEC)
