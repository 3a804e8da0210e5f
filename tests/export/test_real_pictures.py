# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""An export of D0 on 200 photographs, against the unfolded network and suppression class by class over all anchors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from efficientdet.bench.trained_like import trained_like_detector
from efficientdet.builders.postprocessing import build_postprocess_settings
from efficientdet.config import load_config
from efficientdet.experiment import Experiment
from efficientdet.export.saved_model import export_saved_model
from efficientdet.ops.boxes import change_coordinate_frame, clip_to_window
from efficientdet.ops.nms import NmsSettings, class_nms_loop

_CONFIG = Path(__file__).resolve().parents[2] / "pipelines" / "tfod_d0_coco.config"
_PICTURES = 200
_NEAR = 1e-5  # of scores and boxes


def _plain(settings: NmsSettings, boxes: tf.Tensor, scores: tf.Tensor, window: tf.Tensor) -> dict[str, tf.Tensor]:
    """The detections of one picture: decoded boxes [1, A, 4], scores [1, A, C], and what is picture of the input."""
    found = class_nms_loop(lambda rows: tf.gather(boxes, rows, batch_dims=1), scores, settings, windows=window)
    kept = clip_to_window(tf.gather(boxes, found.anchors, batch_dims=1), window)
    return {
        "detection_boxes": change_coordinate_frame(kept, window),
        "detection_scores": found.scores,
        "detection_classes": tf.cast(found.classes + 1, tf.float32),
    }


def _strangers(found: dict[str, tf.Tensor], expected: dict[str, tf.Tensor]) -> int:
    """How many rows of one picture's detections are, in any order, not among those that are expected.

    Those of the last row's score, which it is a matter of rounding to be among, do not count.
    """
    names = ("detection_scores", "detection_classes", "detection_boxes")
    rows, others = (
        np.concatenate(
            [np.reshape(columns[name][0], [-1, size]) for name, size in zip(names, (1, 1, 4), strict=True)], 1
        )
        for columns in (found, expected)
    )
    distances = np.abs(rows[:, np.newaxis] - others[np.newaxis]).max(axis=-1)
    is_clear = rows[:, 0] > rows[-1, 0] + _NEAR
    return int(np.sum(is_clear & (distances.min(axis=1) > _NEAR)))


@pytest.mark.slow  # minutes: the plain suppression alone takes longer than the network
def test_detections_are_those_of_plain_suppression_of_the_unfolded_network(shared: Path, tmp_path: Path) -> None:
    files = sorted((shared / "data" / "bccd" / "JPEGImages").glob("*.jpg"))[:_PICTURES]
    assert len(files) == _PICTURES
    config = load_config(_CONFIG, ['train_config { seed: 1 fine_tune_checkpoint: "" }'])
    experiment = Experiment(config)
    detector = trained_like_detector(experiment)
    size = experiment.preprocessor.input_size
    settings = build_postprocess_settings(config, size).nms
    loaded = tf.saved_model.load(str(export_saved_model(detector, tmp_path))).signatures
    plain = tf.function(_plain, autograph=False, reduce_retracing=True)
    predict = tf.function(detector.predict, autograph=False)
    strangers = 0
    for path in files:
        pixels = tf.constant(np.asarray(Image.open(path).convert("RGB"))[np.newaxis])
        inputs, true_sizes = detector.preprocess.preprocess_batch(pixels)
        corner = tf.cast(true_sizes, tf.float32) / tf.constant(size, tf.float32)
        window = tf.concat([tf.zeros_like(corner), corner], axis=1)
        found, served = loaded["detect"](images=pixels), loaded["serving_default"](input_tensor=pixels)
        own = plain(settings, served["raw_detection_boxes"], served["raw_detection_scores"], window)
        for name, values in own.items():  # the same network: the same rows in the same order
            np.testing.assert_allclose(found[name], values, rtol=0, atol=_NEAR, err_msg=f"{path.name} {name}")
        unfolded = plain(settings, *detector.decode(predict(inputs)), window)
        scores = unfolded["detection_scores"].numpy()
        np.testing.assert_allclose(found["detection_scores"], scores, rtol=0, atol=_NEAR, err_msg=path.name)
        strangers += _strangers(found, unfolded)
    rows = _PICTURES * settings.max_total_detections
    print(f"{strangers} of {rows} detections are none of the unfolded network's")
    assert strangers <= 0.001 * rows  # overlaps that are a matter of rounding as well
