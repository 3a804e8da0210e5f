# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the fields of `post_processing` do to the detections of three boxes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.postprocessing import build_postprocess_settings
from efficientdet.config import PipelineConfig
from efficientdet.errors import ConfigError
from efficientdet.ops.postprocess import decode_detections, slot_scores
from efficientdet.types import Detections, Predictions
from tests.fields.rows import D0, config, field, parameters, ssd

_SIDE = 128
_USUAL = """
num_classes: 2
post_processing { score_converter: IDENTITY batch_non_max_suppression { score_threshold: 0.05 } }
"""
# The second moves the first by a quarter of its width: an IoU of 0.3 / 0.5. The third touches neither.
_ANCHORS = np.float32([[0, 0, 1, 0.4], [0, 0.1, 1, 0.5], [0, 0.6, 1, 1]])
_SCORES = [[0.75, 0.0], [0.5, 0.5], [0.25, 0.0]]


def _config(*texts: str) -> PipelineConfig:
    return config(D0, *ssd(_USUAL, *texts))


def _nms(text: str) -> str:
    return f"post_processing {{ batch_non_max_suppression {{ {text} }} }}"


def _detect(*texts: str, logits: Any = _SCORES, anchors: np.ndarray = _ANCHORS, true_size: int = _SIDE) -> Detections:
    """Detections of one picture of which the network saw `true_size` rows of pixels, and padding below."""
    settings = build_postprocess_settings(_config(*texts), (_SIDE, _SIDE))
    predictions = Predictions(tf.constant([logits], tf.float32), tf.zeros([1, len(anchors), 4]))
    return decode_detections(predictions, anchors, tf.constant([[true_size, _SIDE]]), settings)


def _rows(detections: Detections) -> list[tuple[int, int, float]]:
    """(anchor, class, score) of each detection."""
    columns = (column[0, : int(detections.count[0])].numpy() for column in detections[1:4])
    return [(anchor, class_row, round(float(score), 5)) for score, class_row, anchor in zip(*columns, strict=True)]


_A0, _B1, _C0 = (0, 0, 0.75), (1, 1, 0.5), (2, 0, 0.25)
_B0 = (1, 0, 0.5)  # suppressed by the first box
_ALL_KEPT = [_A0, _B0, _B1, _C0]
# An overlap of 0.36 / (2 x 0.25) as exponent leaves 0.5 e^-0.72.
_B0_SOFT = (1, 0, 0.24338)
# Field, what is set in either case, what is changed, detections before and after.
_ROWS: list[tuple[Any, ...]] = [
    (field("BatchNonMaxSuppression.score_threshold"), "", "score_threshold: 0.3", [_A0, _B1, _C0], [_A0, _B1]),
    (field("BatchNonMaxSuppression.iou_threshold"), "", "iou_threshold: 0.7", [_A0, _B1, _C0], _ALL_KEPT),
    (field("BatchNonMaxSuppression.max_detections_per_class"), "", "max_detections_per_class: 1",
     [_A0, _B1, _C0], [_A0, _B1]),
    (field("BatchNonMaxSuppression.max_total_detections"), "", "max_total_detections: 2", [_A0, _B1, _C0], [_A0, _B1]),
    (field("BatchNonMaxSuppression.use_class_agnostic_nms"), "", "use_class_agnostic_nms: true",
     [_A0, _B1, _C0], [_A0, _C0]),
    (field("BatchNonMaxSuppression.soft_nms_sigma"),
     "", "soft_nms_sigma: 0.25", [_A0, _B1, _C0], [_A0, _B1, _C0, _B0_SOFT]),
    # Of equal classes the first is the best.
    (field("BatchNonMaxSuppression.candidates"), "", "candidates: BEST_CLASS", [_A0, _B1, _C0], [_A0, _C0]),
    (field("BatchNonMaxSuppression.max_candidates"), "", "max_candidates: 3", [_A0, _B1, _C0], [_A0, _B1]),
    (field("BatchNonMaxSuppression.max_candidates"), "", "max_candidates: 2", [_A0, _B1, _C0], [_A0]),
    # Widths of 51.2 pixels, 12.8 apart: with one pixel more they share 39.4 of 65, which is 0.606.
    (field("BatchNonMaxSuppression.inclusive_pixels"), "iou_threshold: 0.603", "inclusive_pixels: true",
     _ALL_KEPT, [_A0, _B1, _C0]),
    (field("BatchNonMaxSuppression.max_classes_per_detection"), "iou_threshold: 0.7", "max_classes_per_detection: 1",
     _ALL_KEPT, _ALL_KEPT),
]  # fmt: skip


@pytest.mark.parametrize(("usual", "changed", "before", "after"), parameters(_ROWS))
def test_a_field_of_suppression(usual: str, changed: str, before: Any, after: Any) -> None:
    assert _rows(_detect(_nms(usual))) == before
    assert _rows(_detect(_nms(usual), _nms(changed))) == after


def test_a_detection_has_one_class() -> None:
    with pytest.raises(ConfigError, match=r"max_classes_per_detection \(2\) must be 1"):
        _config(_nms("max_classes_per_detection: 2"))


@field("BatchNonMaxSuppression.clip_window")
@pytest.mark.parametrize(
    ("window", "boxes"),
    [
        ("PICTURE", [[0.5, 0, 1, 1]]),
        ("INPUT", [[0.5, 0, 2, 1], [1.5, 0, 2, 0.5]]),
        ("UNCLIPPED", [[0.5, -0.5, 2.5, 1], [1.5, 0, 2, 0.5]]),
    ],
)
def test_where_boxes_are_clipped(window: str, boxes: list[list[float]]) -> None:
    """The picture is the upper half of the input; the second box lies below it."""
    anchors = np.float32([[0.25, -0.5, 1.25, 1.0], [0.75, 0.0, 1.0, 0.5]])
    found = _detect(_nms(f"clip_window: {window}"), logits=[[0.75, 0], [0.5, 0]], anchors=anchors, true_size=_SIDE // 2)
    np.testing.assert_allclose(found.boxes[0, : int(found.count[0])], boxes, atol=1e-6)


_BACKGROUND = "add_background_class: true"
_CONVERTED: list[tuple[Any, ...]] = [
    (field("PostProcessing.score_converter"),
     "post_processing { score_converter: IDENTITY }", [np.log(3), 0], [np.log(3), 0]),
    (field("PostProcessing.score_converter"),
     "post_processing { score_converter: SIGMOID }", [np.log(3), 0], [0.75, 0.5]),
    (field("PostProcessing.score_converter"), f"{_BACKGROUND} post_processing {{ score_converter: SOFTMAX }}",
     [np.log(3), 0, np.log(4)], [0.125, 0.5]),
    (field("PostProcessing.logit_scale"), "post_processing { score_converter: SIGMOID logit_scale: 2 }",
     [2 * np.log(3), 0], [0.75, 0.5]),
    (field("PostProcessing.logit_scale"), "post_processing { logit_scale: 2 }", [3, 1], [1.5, 0.5]),
    (field("PostProcessing.logit_scale"),
     f"{_BACKGROUND} post_processing {{ score_converter: SOFTMAX logit_scale: 0.5 }}",
     [np.log(3) / 2, 0, np.log(4) / 2], [0.125, 0.5]),
    (field("Ssd.add_background_class"), _BACKGROUND, [7, 3, 1], [3, 1]),
    (field("Ssd.add_background_class"), f"{_BACKGROUND} post_processing {{ score_converter: SIGMOID }}",
     [7, np.log(3), 0], [0.75, 0.5]),
    (field("WeightSharedConvolutionalBoxPredictor.score_converter"),
     "box_predictor { weight_shared_convolutional_box_predictor { score_converter: SIGMOID } }",
     [np.log(3), 0], [0.75, 0.5]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "logits", "scores"), parameters(_CONVERTED))
def test_scores_of_logits(text: str, logits: list[float], scores: list[float]) -> None:
    settings = build_postprocess_settings(_config(text), (_SIDE, _SIDE))
    of_classes = slot_scores(tf.constant(logits, tf.float32), settings)[-len(scores) :]
    np.testing.assert_allclose(of_classes, scores, rtol=1e-6)
    found = _detect(text, logits=[logits], anchors=_ANCHORS[:1])
    expected = sorted(((round(score, 4), row) for row, score in enumerate(scores) if score > 0.05), reverse=True)
    assert [(round(score, 4), row) for _, row, score in _rows(found)] == expected


def test_scores_are_converted_once() -> None:
    predictor = "box_predictor { weight_shared_convolutional_box_predictor { score_converter: SIGMOID } }"
    for also in ("score_converter: SIGMOID", "logit_scale: 2"):
        with pytest.raises(ConfigError, match=r"score_converter \(SIGMOID\) must be IDENTITY where post_processing"):
            _config(predictor, f"post_processing {{ {also} }}")
    with pytest.raises(ConfigError, match=r"add_background_class .*must be true with score_converter SOFTMAX"):
        _config("post_processing { score_converter: SOFTMAX }")


def test_identical_boxes_leave_one() -> None:
    anchors = np.repeat(_ANCHORS[:1], 3, axis=0)
    assert _rows(_detect(anchors=anchors)) == [_A0, _B1]
    assert _rows(_detect(anchors=anchors, logits=[[0, 0]] * 3)) == []
