# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""google/automl's config and weights: pictures to detections, against what automl itself recorded.

D0's weights are random, and the scores of neighbours are nearly tied (1e-7 apart): each recorded detection has to be
found, whatever its rank.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.detector import build_detector
from efficientdet.builders.model import build_model
from efficientdet.builders.weights import restore_for_inference
from efficientdet.config import load_config
from efficientdet.detector import Detector
from efficientdet.experiment import Experiment
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.types import Detections

CONFIG = Path(__file__).resolve().parents[2] / "pipelines" / "automl_d0_coco.config"

_GLOBAL = "use_class_agnostic_nms: true"
_BEST_CLASS = "candidates: BEST_CLASS"
_HARD = "soft_nms_sigma: 0 iou_threshold: .5 score_threshold: .01"
_ALL = "candidates: ALL_PAIRS max_candidates: 0"
# Of the modes, only per-class suppression of the best classes or pairs does not clip.
MODES = {
    "global_default": f"{_GLOBAL} {_BEST_CLASS}",
    "global_hard": f"{_GLOBAL} {_BEST_CLASS} {_HARD}",
    "global_topk5000": _GLOBAL,
    "perclass_default": f"{_BEST_CLASS} clip_window: UNCLIPPED",
    "perclass_hard": f"{_BEST_CLASS} {_HARD} clip_window: UNCLIPPED",
    "perclass_topk5000": "clip_window: UNCLIPPED",
    "combined": f"{_ALL} {_HARD}",
}
SCALE = 1.5  # of the recorded boxes of the modes


@pytest.fixture(scope="module")
def recorded(shared: Path) -> dict[str, np.ndarray]:
    with np.load(shared / "fixtures" / "automl_d0.npz") as archive:
        return {name: archive[name] for name in archive.files if name.startswith(("image", "e2e_", *MODES))}


@pytest.fixture(scope="module")
def model(shared: Path) -> DetectionModel:
    config = load_config(CONFIG)
    model = build_model(config)
    restore_for_inference(config, model, shared / "fixtures" / "automl_d0_ckpt" / "tf1" / "model.ckpt-0")
    return model


def detector(model: DetectionModel, suppression: str) -> Detector:
    """The detector of the config, with another suppression."""
    text = f"model {{ ssd {{ post_processing {{ batch_non_max_suppression {{ {suppression} }} }} }} }}"
    experiment = Experiment(load_config(CONFIG, [text]))
    return build_detector(experiment.config, model, preprocessor=experiment.preprocessor, anchors=experiment.anchors)


def check(detections: Detections, boxes: np.ndarray, recorded: dict[str, np.ndarray], mode: str) -> None:
    """Every recorded detection is among ours, and there are as many.

    Args:
      detections: of one picture.
      boxes: theirs, [1, K, 4], in the recording's pixels.
      recorded: the recording.
      mode: what the recorded tensors' names begin with.
    """
    (count,) = recorded[f"{mode}_valid"]
    assert detections.count.numpy().tolist() == [count]
    ours, theirs = (
        np.concatenate([rows[0][:count] for rows in (box, score[..., None], row[..., None])], axis=1)
        for box, score, row in (
            (boxes, detections.scores.numpy(), detections.classes.numpy() + 1.0),
            tuple(recorded[f"{mode}_{name}"] for name in ("boxes", "scores", "classes")),
        )
    )
    distance = np.abs(ours[:, None] - theirs[None]) / ([0.01] * 4 + [1e-5, 0.5])  # pixels, score, class
    assert (distance.max(axis=-1).min(axis=0) < 1).all()
    np.testing.assert_allclose(ours[:, 4], theirs[:, 4], atol=1e-5)


@pytest.mark.parametrize("mode", MODES)
def test_modes(model: DetectionModel, recorded: dict[str, np.ndarray], mode: str) -> None:
    detections = detector(model, MODES[mode])(tf.constant(recorded["image"][np.newaxis]))
    check(detections, detections.boxes.numpy() * 512 * SCALE, recorded, mode)


def test_a_picture_that_is_scaled_and_padded(model: DetectionModel, recorded: dict[str, np.ndarray]) -> None:
    images = tf.constant(recorded["e2e_image"][np.newaxis])
    found = detector(model, MODES["global_default"])
    inputs, true_sizes = found.preprocess.preprocess_batch(images)
    assert true_sizes.numpy().tolist() == [[384, 512]]
    np.testing.assert_allclose(inputs[:, ::4, ::4], recorded["e2e_preprocessed__rowcol_every4"], atol=1e-5)
    detections = found(images)
    check(detections, detections.boxes.numpy() * [375, 500, 375, 500], recorded, "e2e_global")
