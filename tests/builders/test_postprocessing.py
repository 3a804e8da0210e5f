# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Post-processing built from configs, and exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.postprocessing import build_postprocess_settings
from efficientdet.config import load_config
from efficientdet.detector import Detector
from efficientdet.export.saved_model import export_saved_model
from efficientdet.ops.nms import NmsSettings
from efficientdet.ops.postprocess import PostprocessSettings, decode_detections
from efficientdet.types import Detections, Predictions
from tests.end_to_end.tiny import CONFIG
from tests.toy_detector import ANCHORS, CLASSES, SIDE, ToyModel, ToyPreprocess, toy_decode, toy_image

_AUTOML = CONFIG.with_name("automl_d0_coco.config")


def _built(path: Path, suppression: str = "") -> PostprocessSettings:
    text = f"model {{ ssd {{ post_processing {{ batch_non_max_suppression {{ {suppression} }} }} }} }}"
    return build_postprocess_settings(load_config(path, [text]), (512, 512))


def test_tfod_suppresses_hard_and_per_class(shared: Path) -> None:
    settings = _built(shared / "configs" / "tfod_export_d0_pipeline.config")
    assert settings.nms == NmsSettings(pytest.approx(1e-8), 0.5, 100, 100)
    assert settings.nms.is_plain
    assert settings.clip_window == "picture"


def test_automl_suppresses_as_its_evaluation() -> None:
    settings = _built(_AUTOML)
    assert settings.nms == NmsSettings(pytest.approx(0.001), 1.0, 100, 100, soft_sigma=0.25, max_candidates=5000)
    assert not settings.nms.is_plain
    assert settings.clip_window == "input"


def test_every_field_arrives() -> None:
    settings = _built(
        _AUTOML,
        "score_threshold: 0.25 iou_threshold: 0.75 max_detections_per_class: 7 max_total_detections: 9"
        " soft_nms_sigma: 0.5 use_class_agnostic_nms: true candidates: BEST_CLASS max_candidates: 0"
        " inclusive_pixels: true clip_window: UNCLIPPED",
    )
    assert settings.nms == NmsSettings(0.25, 0.75, 7, 9, 0.5, True, "best_class", 0, True)
    assert settings.clip_window == "unclipped"


@pytest.mark.parametrize(
    "suppression",
    ["", "use_class_agnostic_nms: true candidates: BEST_CLASS max_candidates: 0", "inclusive_pixels: true"],
    ids=["per class", "class-agnostic", "inclusive"],
)
def test_an_export_suppresses_softly(tmp_path: Path, suppression: str) -> None:
    settings = _built(_AUTOML, f"max_total_detections: 20 {suppression}")._replace(input_size=(SIDE, SIDE))

    def postprocess(predictions: Predictions, true_sizes: tf.Tensor) -> Detections:
        return decode_detections(predictions, ANCHORS, true_sizes, settings)

    detector = Detector(ToyModel(), ToyPreprocess(), postprocess, toy_decode)
    loaded = tf.saved_model.load(str(export_saved_model(detector, tmp_path))).signatures["detect"]
    outputs = loaded.structured_outputs
    assert outputs["detection_boxes"].shape.as_list() == [None, 20, 4]
    assert outputs["detection_scores"].shape.as_list() == [None, 20]
    for batch in (1, 3):
        images = tf.constant(np.stack([toy_image(40, 56, seed) for seed in range(batch)]))
        expected, found = detector(images), loaded(images=images)
        assert expected.count.numpy().tolist() == [20] * batch
        assert len(set(expected.classes.numpy().ravel())) == CLASSES
        np.testing.assert_allclose(found["detection_boxes"], expected.boxes, atol=1e-6)
        np.testing.assert_allclose(found["detection_scores"], expected.scores, atol=1e-6)
        np.testing.assert_array_equal(found["detection_classes"], expected.classes + 1)
