# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Post-processing by hand and against TFOD's recordings."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from efficientdet.ops.box_coder import BoxScales, MeanStddevCoder
from efficientdet.ops.nms import NmsSettings
from efficientdet.ops.postprocess import PostprocessSettings, decode_detections, slot_scores
from efficientdet.types import Detections, Predictions
from tests.ops.test_nms import plain_nms

TFOD = PostprocessSettings(
    input_size=(512, 512),
    box_coder=BoxScales(10.0, 10.0, 5.0, 5.0),
    score_converter="sigmoid",
    logit_scale=1.0,
    nms=NmsSettings(1e-8, 0.5, 100, 100),
)
IDENTITY = TFOD._replace(score_converter="identity")


def test_clips_to_the_picture_and_leaves_the_padding_out() -> None:
    # The picture fills the upper half, left three quarters. Anchors: across its border, in the padding, inside it.
    anchors = np.array([[0.25, 0.5, 0.75, 1.0], [0.5, 0.0, 0.75, 0.5], [0.0, 0.0, 0.25, 0.375]], np.float32)
    logits = tf.constant([[[3.0, -200.0], [5.0, -200.0], [-200.0, 1.0]]])
    detections = decode_detections(Predictions(logits, tf.zeros([1, 3, 4])), anchors, tf.constant([[256, 384]]), TFOD)
    assert detections.count.numpy().tolist() == [2]
    assert detections.anchors[0, :3].numpy().tolist() == [0, 2, 0]
    assert detections.classes[0, :3].numpy().tolist() == [0, 1, 0]
    np.testing.assert_allclose(detections.scores[0, :3], [0.952574, 0.731059, 0], atol=1e-6)
    np.testing.assert_allclose(detections.boxes[0, 0], [0.5, 2 / 3, 1, 1], atol=1e-6)
    np.testing.assert_allclose(detections.boxes[0, 1], [0, 0, 0.5, 0.5], atol=1e-6)
    np.testing.assert_array_equal(detections.boxes[0, 2:], np.zeros([98, 4]))
    assert [field.dtype for field in detections] == [tf.float32, tf.float32, tf.int32, tf.int32, tf.int32]


# Of two anchors over the lower border of a picture that fills the upper half, the second lies in the padding.
_CLIPPED = {
    "picture": ([[0.5, 0.0, 1.0, 1.0]], [0]),
    "input": ([[0.5, 0.0, 1.5, 1.0], [1.0, 0.0, 2.0, 0.5]], [0, 1]),
    "unclipped": ([[0.5, -0.5, 1.5, 1.5], [1.0, 0.0, 2.25, 0.5]], [0, 1]),
}


@pytest.mark.parametrize("nms", [TFOD.nms, TFOD.nms._replace(soft_sigma=0.25)], ids=["hard", "soft"])
@pytest.mark.parametrize("clip_window", _CLIPPED)
def test_where_boxes_are_clipped(clip_window: Any, nms: NmsSettings) -> None:
    anchors = np.array([[0.25, -0.5, 0.75, 1.5], [0.5, 0.0, 1.125, 0.5]], np.float32)
    settings = TFOD._replace(clip_window=clip_window, nms=nms, score_converter="identity")
    predictions = Predictions(tf.constant([[[0.75], [0.5]]]), tf.zeros([1, 2, 4]))
    detections = decode_detections(predictions, anchors, tf.constant([[256, 512]]), settings)
    boxes, rows = _CLIPPED[clip_window]
    assert detections.anchors[0, : detections.count[0]].numpy().tolist() == rows
    np.testing.assert_allclose(detections.boxes[0, : detections.count[0]], boxes, atol=1e-6)
    np.testing.assert_array_equal(detections.boxes[0, len(rows) :], 0)


def test_an_unknown_window_is_named() -> None:
    predictions = Predictions(tf.zeros([1, 1, 1]), tf.zeros([1, 1, 4]))
    settings = TFOD._replace(clip_window="padding")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="clip_window is 'padding', must be 'picture', 'input' or 'unclipped'"):
        decode_detections(predictions, np.zeros([1, 4], np.float32), tf.constant([[512, 512]]), settings)


def test_inclusive_pixels_are_those_of_the_input() -> None:
    # One input pixel of 512 apart: as inclusive they are 2 x 2 and 2 x 2 pixels that share a column, IoU 2 / 6.
    pixel = 1 / 512
    anchors = np.array([[0, 0, pixel, pixel], [0, pixel, pixel, 2 * pixel]], np.float32)
    settings = IDENTITY._replace(nms=TFOD.nms._replace(soft_sigma=0.25, inclusive_pixels=True))
    predictions = Predictions(tf.constant([[[0.75], [0.5]]]), tf.zeros([1, 2, 4]))
    detections = decode_detections(predictions, anchors, tf.constant([[256, 512]]), settings)
    np.testing.assert_allclose(detections.scores[0, :2], [0.75, 0.5 * np.exp(-2 / 9)], rtol=1e-6)


def test_suppression_sees_unclipped_boxes() -> None:
    # Clipped to the picture the two would coincide; as decoded their IoU is below one half.
    anchors = np.array([[0.0, 0.0, 0.5, 0.25], [0.0, 0.0, 0.5, 1.0]], np.float32)
    logits = tf.constant([[[2.0], [1.0]]])
    detections = decode_detections(Predictions(logits, tf.zeros([1, 2, 4])), anchors, tf.constant([[512, 128]]), TFOD)
    assert detections.count.numpy().tolist() == [2]
    np.testing.assert_allclose(detections.boxes[0, :2], [[0, 0, 0.5, 1], [0, 0, 0.5, 1]], atol=1e-6)


def test_scores() -> None:
    logits = tf.constant([-2.0, 0.0, 2.0])
    np.testing.assert_allclose(slot_scores(logits, TFOD._replace(logit_scale=2.0)), tf.sigmoid(logits / 2))
    np.testing.assert_allclose(slot_scores(logits, IDENTITY), logits)
    with pytest.raises(ValueError, match="score_converter is 'tanh'"):
        slot_scores(logits, TFOD._replace(score_converter="tanh"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"logit_scale is 0.0, must be positive"):
        slot_scores(logits, TFOD._replace(logit_scale=0.0))


def test_the_background_has_a_slot_and_is_not_detected() -> None:
    # e^(2 ln 3 / 2) = 3: of a background of 1 and classes of 3 and 1, a softmax gives the classes 3 / 5 and 1 / 5.
    logits = tf.constant([[[0.0, 2 * np.log(3), 0.0]]], tf.float32)
    softmax = TFOD._replace(score_converter="softmax", logit_scale=2.0, background=True)
    np.testing.assert_allclose(slot_scores(logits, softmax), [[[0.2, 0.6, 0.2]]], rtol=1e-6)
    sigmoid = TFOD._replace(logit_scale=2.0, background=True)
    np.testing.assert_allclose(slot_scores(logits, sigmoid), [[[0.5, 0.75, 0.5]]], rtol=1e-6)
    np.testing.assert_array_equal(slot_scores(logits, IDENTITY._replace(background=True)), logits)
    without = softmax._replace(background=False)
    np.testing.assert_allclose(slot_scores(logits, without), [[[0.2, 0.6, 0.2]]], rtol=1e-6)
    for converted in (softmax, sigmoid):
        predictions = Predictions(logits, tf.zeros([1, 1, 4]))
        found = decode_detections(predictions, np.float32([[0, 0, 1, 1]]), tf.constant([[512, 512]]), converted)
        assert found.classes[0, : int(found.count[0])].numpy().tolist() == [0, 1]
        np.testing.assert_allclose(found.scores[0, :2], slot_scores(logits, converted)[0, 0, 1:], rtol=1e-6)


@functools.cache
def traced(settings: PostprocessSettings) -> Any:
    """`decode_detections` of (logits, anchors) whose box codes are zeros, as a graph for any shape."""

    def decode(logits: tf.Tensor, anchors: tf.Tensor) -> Detections:
        pictures, count, _ = tf.unstack(tf.shape(logits))
        predictions = Predictions(logits, tf.zeros([pictures, count, 4]))
        return decode_detections(predictions, anchors, tf.fill([pictures, 2], 512), settings)

    specs = [tf.TensorSpec([None, None, None]), tf.TensorSpec([None, 4])]
    return tf.function(decode, autograph=False, input_signature=specs).get_concrete_function()


@pytest.mark.parametrize("changes", [{}, {"soft_sigma": 0.25}, {"class_agnostic": True, "candidates": "best_class"}])
@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1))
def test_suppression_with_a_softmax_is_exact(changes: dict[str, Any], seed: int) -> None:
    """The slot of the background takes part in the softmax, and what suppression sees is ordered as the scores are."""
    rng = np.random.default_rng(seed)
    pictures, count = 2, int(rng.integers(1, 40))
    corners = rng.choice([0.0, 0.125, 0.25, 0.5], [count, 2])
    anchors = np.concatenate([corners, corners + rng.choice([0.25, 0.5], [count, 2])], axis=1).astype(np.float32)
    # No ties: the last bit of an exponential depends on where in a tensor it is taken.
    logits = rng.normal(0, 2, [pictures, count, 4]).astype(np.float32)
    nms = NmsSettings(0.05, 0.5, 6, 10)._replace(**changes)
    softmax = TFOD._replace(score_converter="softmax", background=True, nms=nms)
    found = traced(softmax)(tf.constant(logits), tf.constant(anchors))
    scores = tf.exp(tf.nn.log_softmax(tf.constant(logits)))[..., 1:]
    expected = traced(IDENTITY._replace(nms=nms))(scores, tf.constant(anchors))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)
    if not changes:
        plain = plain_nms(np.tile(anchors, [pictures, 1, 1]), scores.numpy(), nms)
        rows = [[(anchor, class_row) for anchor, class_row, _ in picture] for picture in plain]
        kept = zip(found.anchors.numpy(), found.classes.numpy(), found.count.numpy(), strict=True)
        assert rows == [list(zip(a[:n], c[:n], strict=True)) for a, c, n in kept]


def test_a_box_whose_sides_change_places_is_the_one_between_them() -> None:
    # Codes of -4 and 4 standard deviations of 1 / 16 move the lower sides above the upper ones.
    anchors = np.float32([[0.375, 0.375, 0.625, 0.625], [0.375, 0.375, 0.625, 0.625]])
    codes = tf.constant([[[6.0, 6.0, -6.0, -6.0], [-2.0, -2.0, 2.0, 2.0]]])  # both 0.25 ... 0.75
    settings = TFOD._replace(box_coder=MeanStddevCoder(1 / 16))
    found = decode_detections(
        Predictions(tf.constant([[[1.0], [2.0]]]), codes), anchors, tf.constant([[512, 512]]), settings
    )
    assert (int(found.count[0]), int(found.anchors[0, 0])) == (1, 1)  # the better suppresses the other
    only = decode_detections(
        Predictions(tf.constant([[[1.0]]]), codes[:, :1]), anchors[:1], tf.constant([[512, 512]]), settings
    )
    np.testing.assert_allclose(only.boxes[0, 0], [0.25, 0.25, 0.75, 0.75])


def test_pictures_of_a_batch_do_not_mix() -> None:
    rng = np.random.default_rng(0)
    corners = rng.uniform(0, 0.8, [200, 2])
    anchors = np.concatenate([corners, corners + 0.2], axis=1).astype(np.float32)
    logits = tf.constant(rng.normal(-3, 2, [3, 200, 4]), tf.float32)
    codes = tf.constant(rng.normal(0, 1, [3, 200, 4]), tf.float32)
    sizes = tf.constant([[512, 512], [512, 300], [200, 512]])
    together = decode_detections(Predictions(logits, codes), anchors, sizes, TFOD)
    for i in range(3):
        picture = slice(i, i + 1)
        alone = decode_detections(Predictions(logits[picture], codes[picture]), anchors, sizes[picture], TFOD)
        for batched, single in zip(together, alone, strict=True):
            np.testing.assert_allclose(batched[i], single[0], atol=1e-6)


def test_parity_with_tfod(shared: Path) -> None:
    """The recording holds the scores of every 16th anchor and of all detections; what is absent was suppressed."""
    with np.load(shared / "fixtures" / "tfod_d0_parity.npz") as archive:
        anchors, codes = archive["anchors"], archive["box_encodings"]
        logits = archive["class_predictions_with_background__every16"]
        recorded = {key.removeprefix("post/"): archive[key] for key in archive.files if key.startswith("post/")}
    scores = np.zeros([1, len(anchors), logits.shape[-1]], np.float32)
    scores[:, ::16] = tf.sigmoid(logits)
    scores[0, recorded["detection_anchor_indices"][0]] = recorded["detection_multiclass_scores"][0]
    detections = decode_detections(
        Predictions(tf.constant(scores), tf.constant(codes)), anchors, tf.constant([[512, 512]]), IDENTITY
    )
    assert detections.count.numpy() == recorded["num_detections"]
    np.testing.assert_array_equal(detections.anchors, recorded["detection_anchor_indices"])
    np.testing.assert_array_equal(detections.classes, recorded["detection_classes"])
    np.testing.assert_array_equal(detections.scores, recorded["detection_scores"])
    np.testing.assert_allclose(detections.boxes, recorded["detection_boxes"], atol=1e-5)
    decoded = TFOD.box_coder.decode(codes[:, ::16], anchors[::16])
    np.testing.assert_allclose(decoded, recorded["raw_detection_boxes__every16"], atol=1e-5)


def test_parity_with_tfod_on_a_padded_picture(shared: Path) -> None:
    """Of the 100 detections, those that one of the recorded 16ths explains are found again, clipped as recorded."""
    with np.load(shared / "fixtures" / "tfod_d0_parity.npz") as archive:
        anchors = archive["anchors"][::16]
        recorded = {key.removeprefix("padded/"): archive[key] for key in archive.files if key.startswith("padded/")}
    codes, (height, width, _) = recorded["box_encodings__every16"], recorded["true_shape"][0]
    assert height < 512
    boxes = TFOD.box_coder.decode(codes, anchors).numpy()[0] / ([height / 512, width / 512] * 2)
    distance = np.abs(recorded["detection_boxes"][0][:, np.newaxis] - np.clip(boxes, 0, 1)).max(axis=-1)
    known = np.flatnonzero((distance < 1e-5).sum(axis=1) == 1)
    assert len(known) >= 3
    scores = np.zeros([1, len(anchors), 90], np.float32)
    classes = recorded["detection_classes"][0].astype(int)
    for row in known:
        scores[0, distance[row].argmin(), classes[row]] = recorded["detection_scores"][0, row]
    detections = decode_detections(
        Predictions(tf.constant(scores), tf.constant(codes)), anchors, tf.constant([[height, width]]), IDENTITY
    )
    assert detections.count.numpy() == len(known)
    np.testing.assert_array_equal(detections.classes[0, : len(known)], classes[known])
    np.testing.assert_allclose(detections.boxes[0, : len(known)], recorded["detection_boxes"][0, known], atol=1e-5)
