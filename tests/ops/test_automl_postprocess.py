# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Post-processing against google/automl's recordings, mode by mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.ops.box_coder import BoxScales
from efficientdet.ops.nms import NmsSettings
from efficientdet.ops.postprocess import PostprocessSettings, decode_detections
from efficientdet.types import Detections, Predictions

SIZE, CLASSES = 128, 5
GAUSS = NmsSettings(0.001, 1.0, 50, 50, soft_sigma=0.25, candidates="best_class")
HARD = NmsSettings(0.01, 0.5, 50, 50, candidates="best_class")
PAIRS = GAUSS._replace(candidates="all_pairs")

# Of the in-graph modes, `per_class` alone does not clip.
MODES: dict[str, tuple[NmsSettings, str]] = {
    "global_gauss": (GAUSS._replace(class_agnostic=True), "input"),
    "global_hard": (HARD._replace(class_agnostic=True), "input"),
    "global_gauss_top500": (PAIRS._replace(class_agnostic=True, max_candidates=500), "input"),
    "perclass_gauss": (GAUSS, "unclipped"),
    "perclass_hard": (HARD, "unclipped"),
    "perclass_gauss_top500": (PAIRS._replace(max_candidates=500), "unclipped"),
    "combined": (HARD._replace(candidates="all_pairs"), "input"),
}
EVALUATION = {
    "evalpath_tfnms": PAIRS._replace(max_candidates=5000),
    "evalpath_pyfunc": PAIRS._replace(max_candidates=5000, inclusive_pixels=True),
}


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "fixtures" / "automl_postprocess_small.npz") as archive:
        return dict(archive)


def detect(recorded: dict[str, np.ndarray], nms: NmsSettings, clip_window: Any) -> Detections:
    """What the settings make of the recorded outputs; boxes in pixels of the pictures as they were, as recorded."""
    logits, codes = (
        np.concatenate([recorded[f"{name}_{level}"].reshape([2, -1, width]) for level in range(3, 8)], axis=1)
        for name, width in (("cls", CLASSES), ("box", 4))
    )
    settings = PostprocessSettings((SIZE, SIZE), BoxScales(1.0, 1.0, 1.0, 1.0), "sigmoid", 1.0, nms, clip_window)
    predictions = Predictions(tf.constant(logits), tf.constant(codes))
    detections = decode_detections(predictions, recorded["anchors"] / SIZE, tf.fill([2, 2], SIZE), settings)
    return detections._replace(boxes=detections.boxes * SIZE * recorded["scales"][:, np.newaxis, np.newaxis])


@pytest.mark.parametrize("mode", MODES)
def test_parity_of_the_modes(recorded: dict[str, np.ndarray], mode: str) -> None:
    detections = detect(recorded, *MODES[mode])
    np.testing.assert_array_equal(detections.count, recorded[f"{mode}_valid"])
    np.testing.assert_array_equal(detections.classes + 1, recorded[f"{mode}_classes"])
    np.testing.assert_allclose(detections.scores, recorded[f"{mode}_scores"], atol=1e-6)
    np.testing.assert_allclose(detections.boxes, recorded[f"{mode}_boxes"], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("path", EVALUATION)
def test_parity_of_the_evaluation(recorded: dict[str, np.ndarray], path: str) -> None:
    """Rows of (image id, xmin, ymin, xmax, ymax, score, class id)."""
    detections = detect(recorded, EVALUATION[path], "unclipped")
    assert detections.count.numpy().tolist() == [50, 50]
    rows = recorded[path]
    np.testing.assert_array_equal(detections.classes + 1, rows[:, :, 6])
    np.testing.assert_allclose(detections.scores, rows[:, :, 5], atol=1e-6)
    np.testing.assert_allclose(
        tf.gather(detections.boxes, [1, 0, 3, 2], axis=-1), rows[:, :, 1:5], rtol=1e-5, atol=1e-4
    )


def test_inclusive_pixels_show(recorded: dict[str, np.ndarray]) -> None:
    exclusive, inclusive = (detect(recorded, EVALUATION[path], "unclipped").scores for path in EVALUATION)
    assert 1e-3 < np.abs(exclusive - inclusive).max() < 1e-2
