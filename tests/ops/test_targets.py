# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Target assignment by hand, against TFOD's recording, and inside tf.data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.ops.anchors import generate_anchors
from efficientdet.ops.box_coder import BoxScales, MeanStddevCoder
from efficientdet.ops.boxes import iou
from efficientdet.ops.iou_matching import IouMatcher
from efficientdet.ops.matching import DenseMatcher, bipartite_match
from efficientdet.ops.targets import TargetAssigner
from efficientdet.types import Targets

THRESHOLDS: dict[str, Any] = {
    "matched_threshold": 0.5,
    "unmatched_threshold": 0.5,
    "force_match": True,
    "negatives_lower_than_unmatched": True,
}
CODER = BoxScales(10.0, 10.0, 5.0, 5.0)
FOUR_ANCHORS = np.array([[0, 0, 0.5, 0.5], [0, 0.5, 0.5, 1], [0.5, 0, 1, 0.5], [0.5, 0.5, 1, 1]], np.float32)


def by_iou(anchors: np.ndarray, **changes: Any) -> IouMatcher:
    return IouMatcher(anchors, **{**THRESHOLDS, **changes})


def one_to_one(anchors: np.ndarray) -> DenseMatcher:
    return DenseMatcher(anchors, similarity=iou, rule=bipartite_match)


def assign(boxes: Any, classes: Any, weights: Any, **changes: Any) -> Targets:
    assigner = TargetAssigner(FOUR_ANCHORS, **{"coder": CODER, "match": by_iou(FOUR_ANCHORS), **changes})
    boxes = np.reshape(np.asarray(boxes, np.float32), [-1, 4])
    return assigner(tf.constant(boxes), tf.constant(classes, tf.int32), tf.constant(weights, tf.float32))


def test_by_hand() -> None:
    # The first box is the anchor's lower three quarters (IoU .75); the second overlaps none enough and is forced.
    targets = assign([[0.125, 0, 0.5, 0.5], [0.6, 0.6, 0.7, 0.7]], [7, 2], [1.0, 0.5])
    np.testing.assert_array_equal(targets.classes, [7, -1, -1, 2])
    np.testing.assert_array_equal(targets.class_weights, [1, 1, 1, 0.5])
    np.testing.assert_array_equal(targets.box_weights, [1, 0, 0, 0.5])
    y = (0.3125 - 0.25) / 0.5 * 10
    np.testing.assert_allclose(targets.box_codes[0], [y, 0, 5 * np.log(0.75), 0], atol=1e-6)
    np.testing.assert_allclose(targets.box_codes[3], [-2, -2, 5 * np.log(0.2), 5 * np.log(0.2)], atol=1e-5)
    np.testing.assert_array_equal(targets.box_codes[1:3], np.zeros([2, 4]))


def test_a_box_of_weight_zero_silences_its_anchors() -> None:
    targets = assign([[0, 0, 0.5, 0.5]], [3], [0.0])
    np.testing.assert_array_equal(targets.classes, [3, -1, -1, -1])
    np.testing.assert_array_equal(targets.class_weights, [0, 1, 1, 1])
    np.testing.assert_array_equal(targets.box_weights, np.zeros(4))


def test_ignored_anchors_have_no_weight() -> None:
    changes = {"matched_threshold": 0.6, "unmatched_threshold": 0.4, "force_match": False}
    targets = assign([[0, 0, 0.5, 0.25]], [3], [1.0], match=by_iou(FOUR_ANCHORS, **changes))
    np.testing.assert_array_equal(targets.classes, [-1, -1, -1, -1])
    np.testing.assert_array_equal(targets.class_weights, [0, 1, 1, 1])


def test_without_boxes_all_is_background() -> None:
    targets = assign([], [], [], negative_class_weight=0.25)
    np.testing.assert_array_equal(targets.classes, [-1] * 4)
    np.testing.assert_array_equal(targets.class_weights, [0.25] * 4)
    np.testing.assert_array_equal(targets.box_weights, np.zeros(4))
    np.testing.assert_array_equal(targets.box_codes, np.zeros([4, 4]))


def test_boxes_are_cut_off_at_a_limit() -> None:
    whole = [[0.5, 0.5, 1.0, 1.0], [0.95, 0.2, 1.0, 0.3]]
    targets = assign(whole, [7, 2], [1.0, 1.0], clip_to=(0.9, 0.95))
    # The second lies beyond the limit; it would have been forced onto the third anchor.
    np.testing.assert_array_equal(targets.classes, [-1, -1, -1, 7])
    np.testing.assert_array_equal(targets.box_weights, [0, 0, 0, 1])
    expected = [(0.7 - 0.75) / 0.5 * 10, (0.725 - 0.75) / 0.5 * 10, 5 * np.log(0.8), 5 * np.log(0.9)]
    np.testing.assert_allclose(targets.box_codes[3], expected, atol=1e-5)
    np.testing.assert_array_equal(assign(whole, [7, 2], [1.0, 1.0]).classes, [-1, -1, 2, 7])
    assert np.isfinite(targets.box_codes).all()


def test_classes_weigh_their_anchors_in_the_classification_only() -> None:
    boxes = [[0, 0, 0.5, 0.5], [0.5, 0.5, 1, 1], [0, 0.5, 0.5, 1]]
    targets = assign(boxes, [2, 0, 1], [1.0, 0.5, 1.0], class_weights=[4.0, 0.0, 0.25], negative_class_weight=0.125)
    np.testing.assert_array_equal(targets.classes, [2, 1, -1, 0])
    np.testing.assert_array_equal(targets.class_weights, [0.25, 0.0, 0.125, 2.0])
    np.testing.assert_array_equal(targets.box_weights, [1, 1, 0, 0.5])
    np.testing.assert_array_equal(assign([], [], [], class_weights=[4.0]).class_weights, [1] * 4)


def test_one_to_one_in_standard_deviations_of_the_sides() -> None:
    # Of two boxes on the first anchor the first takes it; the other has no overlap to choose by, and takes the next.
    box = [0.0, 0.0, 0.5, 0.375]
    coded = MeanStddevCoder(0.125)
    targets = assign([box, box], [5, 6], [1.0, 1.0], coder=coded, match=one_to_one(FOUR_ANCHORS))
    np.testing.assert_array_equal(targets.classes, [5, 6, -1, -1])
    np.testing.assert_array_equal(targets.box_codes[:2], [[0, 0, 0, -1], [0, -4, 0, -5]])


@pytest.mark.parametrize("matcher", [by_iou, one_to_one])
def test_inside_tf_data_as_alone(matcher: Any) -> None:
    anchors = generate_anchors(
        (128, 128), min_level=3, max_level=7, anchor_scale=4.0, aspect_ratios=[1.0, 2.0, 0.5], scales_per_octave=3,
        order="aspect_major", strides="power_of_two",
    )  # fmt: skip
    assigner = TargetAssigner(anchors, coder=CODER, match=matcher(anchors))
    rng = np.random.default_rng(0)

    def pictures() -> Any:
        for count in (3, 0, 7):
            corners = rng.uniform(0, 0.7, [count, 2])
            boxes = np.concatenate([corners, corners + rng.uniform(0.05, 0.3, [count, 2])], axis=1)
            yield boxes.astype(np.float32), np.arange(count, dtype=np.int32), np.ones(count, np.float32)

    drawn = list(pictures())
    signature = (tf.TensorSpec([None, 4]), tf.TensorSpec([None], tf.int32), tf.TensorSpec([None]))
    dataset = tf.data.Dataset.from_generator(lambda: iter(drawn), output_signature=signature).map(assigner)
    assert dataset.element_spec.box_codes.shape == (len(anchors), 4)  # static, so that the pictures can be batched
    for mapped, picture in zip(dataset.batch(3).unbatch(), drawn, strict=True):
        for in_graph, alone in zip(mapped, assigner(*picture), strict=True):
            np.testing.assert_allclose(in_graph, alone, atol=1e-6)


@pytest.mark.parametrize("variant", ["unpadded", "padded"])
@pytest.mark.parametrize("picture", [0, 1])
def test_parity_with_tfod(shared: Path, variant: str, picture: int) -> None:
    anchors = generate_anchors(
        (512, 512), min_level=3, max_level=7, anchor_scale=4.0, aspect_ratios=[1.0, 2.0, 0.5], scales_per_octave=3,
        order="aspect_major", strides="power_of_two",
    )  # fmt: skip
    with np.load(shared / "fixtures" / "tfod_d0_loss.npz") as archive:
        keys = [key for key in archive.files if key.startswith(f"targets_{variant}/")]
        recorded = {key.partition("/")[2]: archive[key] for key in keys}
    targets = TargetAssigner(anchors, coder=CODER, match=by_iou(anchors))(
        tf.constant(recorded[f"gt_boxes_{picture}"]),
        tf.argmax(recorded[f"gt_classes_onehot_{picture}"], axis=1, output_type=tf.int32),
        tf.constant(recorded[f"gt_weights_{picture}"]),
    )
    np.testing.assert_array_equal(targets.classes, recorded["cls_targets_argmax"][picture])
    np.testing.assert_array_equal(targets.class_weights, recorded["cls_weights"][picture])
    np.testing.assert_array_equal(targets.box_weights, recorded["reg_weights"][picture])
    np.testing.assert_allclose(targets.box_codes[::16], recorded["reg_targets__every16"][picture], atol=1e-6)


@pytest.mark.parametrize("picture", [0, 1])
def test_parity_with_automl(shared: Path, picture: int) -> None:
    anchors = generate_anchors(
        (512, 512), min_level=3, max_level=7, anchor_scale=4.0, aspect_ratios=[1.0, 2.0, 0.5], scales_per_octave=3,
        order="scale_major", strides="exact",
    )  # fmt: skip
    with np.load(shared / "fixtures" / "automl_d0.npz") as recorded:
        boxes, ids = recorded[f"gt_boxes_{picture}"], recorded[f"gt_classes_{picture}"][:, 0]
        classes = np.concatenate([recorded[f"cls_targets_{level}"][picture].reshape(-1) for level in range(3, 8)])
        codes = np.concatenate([recorded[f"box_targets_{level}"][picture].reshape(-1, 4) for level in range(3, 8)])
        matched = int(recorded[f"num_positives_{picture}"])
    targets = TargetAssigner(anchors, coder=BoxScales(1.0, 1.0, 1.0, 1.0), match=by_iou(anchors))(
        tf.constant(boxes / 512), tf.constant(ids - 1, tf.int32), tf.ones([len(boxes)])
    )
    np.testing.assert_array_equal(targets.classes, classes)
    np.testing.assert_array_equal(targets.box_weights, classes >= 0)
    np.testing.assert_array_equal(targets.class_weights, np.ones(len(classes)))
    np.testing.assert_allclose(targets.box_codes, codes, atol=1e-5)
    assert np.count_nonzero(targets.box_weights) == matched == (117, 63)[picture]
