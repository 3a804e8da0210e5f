# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the fields of box coder, matcher and similarity do to the targets of four anchors, the quarters of a picture."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.targets import build_target_assigner
from efficientdet.config import PipelineConfig
from efficientdet.errors import ConfigError
from efficientdet.types import Targets
from tests.fields.rows import D0, config, field, parameters, ssd

# Thresholds of 0.5, nothing is forced, codes have no scales.
_USUAL = """
num_classes: 9
image_resizer { keep_aspect_ratio_resizer { min_dimension: 128 max_dimension: 128 } }
matcher { argmax_matcher { force_match_for_each_row: false } }
box_coder { faster_rcnn_box_coder { y_scale: 1 x_scale: 1 height_scale: 1 width_scale: 1 } }
"""
_QUARTERS = np.float32([[0, 0, 0.5, 0.5], [0, 0.5, 0.5, 1], [0.5, 0, 1, 0.5], [0.5, 0.5, 1, 1]])
# IoUs with the first quarter of 0.75 and 0.25, and with no other: the upper three rows of four, and one.
_THREE_ROWS, _ONE_ROW = [0, 0, 0.375, 0.5], [0, 0, 0.125, 0.5]
# An IoU of 0.25 with every quarter: what they have in common is all of the quarter.
_ALL = [0.0, 0.0, 1.0, 1.0]


def _config(text: str) -> PipelineConfig:
    return config(D0, *ssd(_USUAL, text))


def _assign(text: str, boxes: list[list[float]], anchors: np.ndarray = _QUARTERS) -> Targets:
    """Targets of boxes of the classes 5, 6, ..."""
    assign = build_target_assigner(_config(text), anchors)
    classes = tf.range(5, 5 + len(boxes))
    return assign(tf.constant(boxes, tf.float32, [len(boxes), 4]), classes, tf.ones([len(boxes)]))


def _argmax(text: str) -> str:
    return f"matcher {{ argmax_matcher {{ {text} }} }}"


def _codes(text: str) -> str:
    return f"box_coder {{ faster_rcnn_box_coder {{ {text} }} }}"


_NEAREST = _argmax("ignore_thresholds: true")
_LOW = _argmax("unmatched_threshold: 0.2")
_ONE_TO_ONE = "matcher { bipartite_matcher {} }"
_THRESHOLDED = "similarity_calculator {{ thresholded_iou_similarity {{ {} }} }}"
# Twice as high and wide as the first quarter, and shifted by half of it: codes of 1.5, 1, log 2 and log 2.
_SHIFTED, _SHIFTED_CODES = [0.5, 0.25, 1.5, 1.25], [1.5, 1.0, np.log(2), np.log(2)]
_FORCED = _argmax("force_match_for_each_row: true")
_FIRST_QUARTER = _QUARTERS[:1]
_CODED = functools.partial(_assign, boxes=[_SHIFTED], anchors=_FIRST_QUARTER)

# Field, boxes, what is set in either case, what is changed, which target, its values before and after.
_ROWS: list[tuple[Any, ...]] = [
    (field("ArgMaxMatcher.matched_threshold"), [_THREE_ROWS], "", _argmax("matched_threshold: 0.8"), "classes",
     [5, -1, -1, -1], [-1, -1, -1, -1]),
    (field("ArgMaxMatcher.unmatched_threshold"), [_ONE_ROW], "", _LOW, "class_weights", [1, 1, 1, 1], [0, 1, 1, 1]),
    (field("ArgMaxMatcher.ignore_thresholds"), [_ONE_ROW], "", _NEAREST, "classes", [-1, -1, -1, -1], [5, 5, 5, 5]),
    (field("ArgMaxMatcher.negatives_lower_than_unmatched"), [_ONE_ROW], _LOW,
     _argmax("unmatched_threshold: 0.2 negatives_lower_than_unmatched: false"), "class_weights",
     [0, 1, 1, 1], [1, 0, 0, 0]),
    (field("ArgMaxMatcher.force_match_for_each_row"), [_ONE_ROW], "", _FORCED, "classes",
     [-1, -1, -1, -1], [5, -1, -1, -1]),
    # Of identical boxes the first takes the quarter that they overlap, the second the next, which they do not.
    (field("Matcher.bipartite_matcher"),
     [_THREE_ROWS] * 2, "", _ONE_TO_ONE, "classes", [5, -1, -1, -1], [5, 6, -1, -1]),
    (field("Matcher.bipartite_matcher"), [_ONE_ROW, _THREE_ROWS], "", _ONE_TO_ONE, "classes",
     [6, -1, -1, -1], [6, 5, -1, -1]),
    (field("Matcher.bipartite_matcher"), [], "", _ONE_TO_ONE, "classes", [-1] * 4, [-1] * 4),
    (field("RegionSimilarityCalculator.ioa_similarity"), [_ALL], "", "similarity_calculator { ioa_similarity {} }",
     "classes", [-1, -1, -1, -1], [5, 5, 5, 5]),
    (field("RegionSimilarityCalculator.iou_similarity"), [_ALL], "similarity_calculator { ioa_similarity {} }",
     "similarity_calculator { iou_similarity {} }", "classes", [5, 5, 5, 5], [-1, -1, -1, -1]),
    # The second box overlaps the third quarter alone, and is nearer to the fourth too: 0.5 against 4 x 0.25.
    (field("RegionSimilarityCalculator.neg_sq_dist_similarity"),
     [_QUARTERS[0].tolist(), [0.8, 0.1, 1.0, 0.5]], _NEAREST,
     f"{_NEAREST} similarity_calculator {{ neg_sq_dist_similarity {{}} }}", "classes", [5, 5, 6, 5], [5, 5, 6, 6]),
    # Both boxes overlap the first quarter by more than one half: the first is taken. Only the second does by 0.7.
    (field("ThresholdedIouSimilarity.iou_threshold"), [[0, 0, 0.3125, 0.5], _THREE_ROWS], _THRESHOLDED.format(""),
     _THRESHOLDED.format("iou_threshold: 0.7"), "classes", [5, -1, -1, -1], [6, -1, -1, -1]),
    (field("Ssd.negative_class_weight"), [_THREE_ROWS], "", "negative_class_weight: 0.25", "class_weights",
     [1, 1, 1, 1], [1, 0.25, 0.25, 0.25]),
    (field("Ssd.negative_class_weight"), [], "", "negative_class_weight: 0.25", "class_weights", [1] * 4, [0.25] * 4),
    (field("Loss.class_weights"), [_THREE_ROWS, _QUARTERS[3].tolist()], "",
     "loss { class_weights: [1, 1, 1, 1, 1, 4, 0, 1, 1] }", "class_weights", [1, 1, 1, 1], [4, 1, 1, 0]),
    (field("Loss.class_weights"), [_THREE_ROWS, _QUARTERS[3].tolist()], "",
     "loss { class_weights: [1, 1, 1, 1, 1, 4, 0, 1, 1] }", "box_weights", [1, 0, 0, 1], [1, 0, 0, 1]),
]  # fmt: skip


@pytest.mark.parametrize(("boxes", "usual", "changed", "target", "before", "after"), parameters(_ROWS))
def test_a_field(boxes: Any, usual: str, changed: str, target: str, before: Any, after: Any) -> None:
    np.testing.assert_array_equal(getattr(_assign(usual, boxes), target), before)
    np.testing.assert_array_equal(getattr(_assign(changed, boxes), target), after)


_CODE_ROWS = [
    (field("FasterRcnnBoxCoder.y_scale"), _codes("y_scale: 3"), [3, 1, 1, 1]),
    (field("FasterRcnnBoxCoder.x_scale"), _codes("x_scale: 3"), [1, 3, 1, 1]),
    (field("FasterRcnnBoxCoder.height_scale"), _codes("height_scale: 3"), [1, 1, 3, 1]),
    (field("FasterRcnnBoxCoder.width_scale"), _codes("width_scale: 3"), [1, 1, 1, 3]),
]


@pytest.mark.parametrize(
    ("changed", "factors"), [pytest.param(*row, marks=mark, id=mark.args[0]) for mark, *row in _CODE_ROWS]
)
def test_scales_of_box_codes(changed: str, factors: list[int]) -> None:
    for text, scales in ((_FORCED, [1, 1, 1, 1]), (f"{_FORCED} {changed}", factors)):
        codes = _assign(text, [_SHIFTED], _FIRST_QUARTER).box_codes
        np.testing.assert_allclose(codes, [np.multiply(_SHIFTED_CODES, scales)], atol=1e-6)


@field("MeanStddevBoxCoder.stddev")
def test_standard_deviations_of_box_codes() -> None:
    for stddev, codes in (("", [50, 25, 100, 75]), ("stddev: 0.25", [2, 1, 4, 3])):
        coder = f"{_FORCED} box_coder {{ mean_stddev_box_coder {{ {stddev} }} }}"
        np.testing.assert_allclose(_assign(coder, [_SHIFTED], _FIRST_QUARTER).box_codes, [codes], rtol=1e-5)


@field("Ssd.clip_truth_to_last_pixel")
def test_the_last_pixel() -> None:
    """From 64 to 127 of 128 pixels: half a pixel less of the quarter's 64 in each centre, 63 of 64 in size."""
    quarter = _QUARTERS[3:]
    for text, codes in (("false", [0] * 4), ("true", [-0.5 / 64, -0.5 / 64, np.log(63 / 64), np.log(63 / 64)])):
        targets = _assign(f"clip_truth_to_last_pixel: {text}", quarter.tolist(), quarter)
        np.testing.assert_allclose(targets.box_codes, [codes], atol=1e-6)
    beyond = [[127.5 / 128, 0.5, 1.0, 1.0]]
    for text, weight in (("false", 1), ("true", 0)):
        targets = _assign(f"clip_truth_to_last_pixel: {text} {_FORCED}", beyond, quarter)
        np.testing.assert_array_equal(targets.box_weights, [weight])


def test_what_cannot_be_said_of_boxes() -> None:
    with pytest.raises(ConfigError, match=r"records have no confidences"):
        _config("use_confidences_as_targets: true")
    with pytest.raises(ConfigError, match=r"class_weights .* must be one for each class \(9\)"):
        _config("loss { class_weights: [1, 1] }")
    assert any("implicit_example_weight" in note for note in _config("implicit_example_weight: 0.5").notes)
