# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Restoring from files whose numbers mean something else: the predictions stay the same."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.ops.anchors import generate_anchors
from efficientdet.ops.box_coder import BoxScales
from efficientdet.weights.layout import Conventions

from .toy_detector_files import (
    ALL,
    BACKBONE,
    CONVENTIONS,
    SIDE,
    apply,
    assert_unchanged,
    build,
    file_of,
    picture,
    refused,
    texts,
    values,
)


def test_classes_follow_their_names(source: DetectionModel, target: DetectionModel) -> None:
    theirs, ours = {0: "cat", 1: "dog", 2: "Hot_dog"}, {0: "hot dog", 1: "cat", 2: "dog"}
    request = ALL._replace(conventions=CONVENTIONS._replace(labels=ours), source=CONVENTIONS._replace(labels=theirs))
    report = apply(target, file_of(source), request)
    expected, found = source(picture()), target(picture())
    np.testing.assert_array_equal(found.class_logits, tf.gather(expected.class_logits, [2, 0, 1], axis=-1))
    np.testing.assert_array_equal(found.box_codes, expected.box_codes)
    assert "class rows: 3 carried over by name (3 from another place)" in texts(report)


def test_classes_that_the_file_lacks_stay_initialised(source: DetectionModel) -> None:
    model = build(2, classes=4)
    before = values(model)
    request = ALL._replace(
        conventions=CONVENTIONS._replace(labels={0: "dog", 1: "zebu", 3: "cat"}),
        source=CONVENTIONS._replace(labels={0: "cat", 1: "dog"}),
    )
    report = apply(model, file_of(source), request)
    expected = source(picture()).class_logits
    np.testing.assert_array_equal(tf.gather(model(picture()).class_logits, [0, 3], axis=-1), expected[..., 1::-1])
    after = values(model)["heads/classes/final/bias"].reshape(9, 4)
    np.testing.assert_array_equal(after[:, 1], before["heads/classes/final/bias"].reshape(9, 4)[:, 1])
    # Row 2 has a name on neither side, and its place in the file.
    np.testing.assert_array_equal(after[:, 2], values(source)["heads/classes/final/bias"].reshape(9, 3)[:, 2])
    found = texts(report)
    assert (
        "class rows: 2 carried over by name (2 from another place), 1 without a name from rows that no name claims"
        in found
    )
    assert "class rows that stay initialised, the checkpoint knows no class of the name: zebu" in found
    (record,) = (record for record in report.variables if record.path == "heads/classes/final/bias")
    assert (record.num_restored, record.num_parameters) == (27, 36)


_UNLABELLED = CONVENTIONS._replace(why_unlabelled="no label map is set")
_LABELLED = CONVENTIONS._replace(labels={0: "cat"})
_THEIR_MAP = "the label map of the checkpoint in train_config.fine_tune_checkpoint_label_map_path"
_OUR_MAP = "the label map of this model in train_input_reader.label_map_path"
_OTHER_TYPE = 'use fine_tune_checkpoint_type "detection", which leaves the heads out, or '


@pytest.mark.parametrize(
    ("purpose", "file", "model", "text"),
    [
        ("training", CONVENTIONS, _LABELLED, f"(the file does not name its classes): {_OTHER_TYPE}name {_THEIR_MAP}"),
        ("training", _LABELLED, _UNLABELLED, f"(no label map is set): {_OTHER_TYPE}name {_OUR_MAP}"),
        ("conversion", CONVENTIONS, _LABELLED, f"(the file does not name its classes): name {_THEIR_MAP}"),
        ("conversion", CONVENTIONS, _UNLABELLED, f"its classes): name {_OUR_MAP} and {_THEIR_MAP}"),
        ("inference", _LABELLED, _UNLABELLED, f"(no label map is set): name {_OUR_MAP}"),
        ("inference", CONVENTIONS, _LABELLED, "(the file does not name its classes): set num_classes: 3"),
    ],
)
def test_other_classes_without_names_are_refused(
    source: DetectionModel, purpose: Any, file: Conventions, model: Conventions, text: str
) -> None:
    request = ALL._replace(conventions=model, source=file, purpose=purpose)
    match = rf"^toy\.ckpt predicts 3 classes, this model 5 .*{re.escape(text)}$"
    refused(build(2, classes=5), file_of(source), match, request)


def test_why_classes_are_matched_by_position_is_said(source: DetectionModel, target: DetectionModel) -> None:
    report = apply(target, file_of(source), ALL._replace(conventions=_UNLABELLED, source=_LABELLED))
    assert "class rows: all 3 carried over by position (no label map is set)" in texts(report)


@pytest.mark.parametrize(
    ("purpose", "more"),
    [("training", r": use fine_tune_checkpoint_type \"detection\".*"), ("inference", ""), ("conversion", "")],
)
def test_another_number_of_anchors_is_refused(source: DetectionModel, purpose: Any, more: str) -> None:
    match = (
        r"^toy\.ckpt predicts 9 anchors per cell, this model 6 \(aspect_ratios x scales_per_octave of the anchor_gene"
    )
    refused(build(2, anchors=6), file_of(source), rf"{match}rator\){more}$", ALL._replace(purpose=purpose))


def test_a_class_that_the_file_lacks_cannot_be_inferred(source: DetectionModel, target: DetectionModel) -> None:
    ours, theirs = (CONVENTIONS._replace(labels=labels) for labels in ({0: "cat", 1: "emu"}, {0: "cat"}))
    request = ALL._replace(conventions=ours, source=theirs, purpose="inference")
    refused(target, file_of(source), "does not know 1 of this model's classes: emu", request)


def _anchors(order: Any) -> np.ndarray:
    return generate_anchors(
        (SIDE, SIDE), min_level=3, max_level=7, anchor_scale=4.0, aspect_ratios=[1.0, 2.0, 0.5], scales_per_octave=3,
        order=order, strides="power_of_two",
    )  # fmt: skip


@pytest.mark.parametrize("file_order", ["aspect_major", "scale_major"])
def test_an_anchor_keeps_its_prediction_in_another_order(
    source: DetectionModel, target: DetectionModel, file_order: Any
) -> None:
    model_order = "scale_major" if file_order == "aspect_major" else "aspect_major"
    ours, theirs = (CONVENTIONS._replace(anchor_order=order) for order in (model_order, file_order))
    report = apply(target, file_of(source), ALL._replace(conventions=ours, source=theirs))
    assert f"anchors: reordered from {file_order} to {model_order}" in texts(report)

    def by_anchor(model: DetectionModel, order: Any) -> np.ndarray:
        """Anchor, logits and codes of each anchor, sorted by the anchors: they come in any order within a cell."""
        predictions = model(picture())
        rows = np.concatenate([predictions.class_logits[0], predictions.box_codes[0]], axis=-1)
        anchors = _anchors(order)
        return np.concatenate([anchors, rows], axis=-1)[np.lexsort(np.round(anchors, 5).T)]

    np.testing.assert_allclose(by_anchor(target, model_order), by_anchor(source, file_order), rtol=0, atol=2e-6)
    assert not np.array_equal(target(picture()).box_codes, source(picture()).box_codes)


def test_boxes_stay_the_same_under_another_box_coder(source: DetectionModel, target: DetectionModel) -> None:
    unscaled = CONVENTIONS._replace(box_scales=BoxScales(1.0, 1.0, 1.0, 1.0))
    report = apply(target, file_of(source), ALL._replace(source=unscaled))
    assert "box codes: rescaled from 1, 1, 1, 1 to 10, 10, 5, 5" in texts(report)
    anchors = _anchors("aspect_major")
    expected, found = (
        scales.decode(model(picture()).box_codes, anchors)
        for model, scales in ((source, unscaled.box_scales), (target, CONVENTIONS.box_scales))
    )
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    ratio = values(target)["heads/boxes/final/bias"] / values(source)["heads/boxes/final/bias"]
    np.testing.assert_allclose(ratio.reshape(9, 4), np.tile([10, 10, 5, 5], [9, 1]), rtol=1e-6)


@pytest.mark.parametrize(("purpose", "more"), [("training", r": use fine_tune_checkpoint_type.*"), ("inference", "")])
def test_codes_of_another_kind_are_refused(
    source: DetectionModel, target: DetectionModel, purpose: Any, more: str
) -> None:
    corners = CONVENTIONS._replace(box_codes="corners")
    match = r"^toy\.ckpt predicts boxes as offsets of their centers and sizes, this model as offsets of their corners"
    refused(
        target, file_of(source), rf"{match} \(box_coder\){more}$", ALL._replace(conventions=corners, purpose=purpose)
    )
    both = ALL._replace(conventions=corners, source=corners._replace(box_scales=BoxScales(20.0, 20.0, 10.0, 10.0)))
    assert "box codes: rescaled from 20, 20, 10, 10 to 10, 10, 5, 5" in texts(apply(target, file_of(source), both))


def test_other_endpoints_are_told_where_they_are_other_blocks(source: DetectionModel, target: DetectionModel) -> None:
    theirs = CONVENTIONS._replace(endpoints="last_block")
    assert "features" not in texts(
        apply(target, file_of(source), ALL._replace(source=theirs))
    )  # in lite0 they are the same
    larger = build(1, variant="lite1")
    report = apply(larger, file_of(larger), ALL._replace(source=theirs))
    assert "set model.ssd.feature_extractor.endpoints: LAST_BLOCK" in texts(report)
    assert any(statement.is_warning for statement in report.statements)
    assert "features" not in texts(apply(larger, file_of(larger), BACKBONE._replace(source=theirs)))
    with pytest.raises(CheckpointError, match=r"trained on other features of the backbone \(last_block\)"):
        apply(larger, file_of(larger), ALL._replace(source=theirs, purpose="inference"))


def test_what_is_only_assumed_is_said(source: DetectionModel, target: DetectionModel) -> None:
    report = apply(target, file_of(source), ALL._replace(source=CONVENTIONS._replace(is_assumed=True)))
    assert_unchanged(target, values(source))
    assert "are taken to be this model's" in texts(report)
    assert "are taken to be" not in texts(apply(target, file_of(source)))
