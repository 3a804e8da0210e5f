# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Heads of their own for each map, and a slot for the background, in our own files."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.modeling.bifpn import BiFPN
from efficientdet.modeling.convolutional_heads import ConvolutionalHeads, ConvolutionalHeadSettings
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientnet import EfficientNet
from efficientdet.modeling.hyperparams import ConvHyperparams
from efficientdet.modeling.layers import initialization_seed
from efficientdet.ops.box_coder import BoxScales
from efficientdet.weights.class_rows import Purpose
from efficientdet.weights.layout import Conventions, WeightFile
from efficientdet.weights.report import RestoreReport
from efficientdet.weights.restore import RestoreRequest, plan_restore
from efficientdet.weights.variables import variables_by_path

from .stored import imagined
from .toy_detector_files import PARTS, ToyLayout, assert_unchanged, file_of, texts, values

_ANCHORS = (1, 2, 2, 1, 1)
_SSD = Conventions("last_block", None, BoxScales(10.0, 10.0, 5.0, 5.0), background=True)
_NAMES = {0: "cat", 1: "dog", 2: "hen"}


class OurToy(ToyLayout):
    """As if this library had written it."""

    is_ours = True


def _build(seed: int, *, slots: int = 4, anchors: tuple[int, ...] = _ANCHORS) -> DetectionModel:
    with initialization_seed(seed):
        backbone = EfficientNet("lite0", endpoints="last_block")
        fpn = BiFPN(backbone.channels, num_filters=8, num_iterations=1, hyperparams=ConvHyperparams(tf.nn.relu6))
        settings = ConvolutionalHeadSettings(1, 0, 8, kernel_size=1)
        heads = ConvolutionalHeads([8] * 5, num_slots=slots, num_anchors=anchors, settings=settings)
        return DetectionModel(backbone, fpn, heads)


@functools.cache
def _built(slots: int, anchors: tuple[int, ...]) -> tuple[DetectionModel, dict[str, np.ndarray]]:
    model = _build(2, slots=slots, anchors=anchors)
    return model, values(model)


def _target(*, slots: int = 4, anchors: tuple[int, ...] = _ANCHORS) -> DetectionModel:
    """A model as it was initialised; the same one each time."""
    model, initial = _built(slots, anchors)
    for path, variable in variables_by_path(model).items():
        variable.assign(initial[path])
    return model


@pytest.fixture(scope="module")
def source() -> DetectionModel:
    model = _build(1)
    for number, head in enumerate(model.heads.classes):
        size = int(head.final.bias.shape[0])
        head.final.bias.assign(100 * number + np.arange(size))
    return model


def _restore(
    model: DetectionModel,
    source: DetectionModel,
    ours: Conventions,
    theirs: Conventions,
    purpose: Purpose = "inference",
) -> RestoreReport:
    request = RestoreRequest(PARTS, ours, theirs, purpose=purpose)
    return plan_restore(model, WeightFile(imagined(file_of(source)), OurToy()), request).apply()


def test_the_same_label_map_restores_everything_exactly(source: DetectionModel) -> None:
    model = _target()
    labelled = _SSD._replace(labels=_NAMES)
    report = _restore(model, source, labelled, labelled)
    assert report.num_restored == report.num_parameters
    assert_unchanged(model, values(source))
    assert "box head" in "\n".join(report.table())
    assert "layers before the heads" in "\n".join(report.table())


def test_classes_follow_their_names_and_the_background_stays_the_first(source: DetectionModel) -> None:
    model = _target()
    ours = _SSD._replace(labels={0: "hen", 1: "cat", 2: "dog"})
    report = _restore(model, source, ours, _SSD._replace(labels=_NAMES))
    assert "class rows: 3 carried over by name (3 from another place)" in texts(report)
    # Slots: background, hen, cat, dog; in the file: background 0, cat 1, dog 2, hen 3; anchors count on.
    np.testing.assert_array_equal(model.heads.classes[0].final.bias, [0, 3, 1, 2])
    np.testing.assert_array_equal(model.heads.classes[1].final.bias, [100, 103, 101, 102, 104, 107, 105, 106])
    picture = tf.random.stateless_normal([1, 64, 64, 3], [1, 2])
    expected, found = source(picture), model(picture)
    np.testing.assert_array_equal(found.class_logits, tf.gather(expected.class_logits, [0, 3, 1, 2], axis=-1))
    np.testing.assert_array_equal(found.box_codes, expected.box_codes)


def test_a_new_class_stays_initialised_beside_the_background(source: DetectionModel) -> None:
    model = _target(slots=3)
    report = _restore(
        model, source, _SSD._replace(labels={0: "yak", 1: "dog"}), _SSD._replace(labels=_NAMES), "training"
    )
    np.testing.assert_array_equal(model.heads.classes[0].final.bias, [0, 0, 2])
    (record,) = (record for record in report.variables if record.path == "heads/classes/0/final/bias")
    assert (record.num_restored, record.num_parameters) == (2, 3)


def test_a_background_on_one_side_only(source: DetectionModel) -> None:
    without = _SSD._replace(background=False, labels=_NAMES)
    labelled = _SSD._replace(labels=_NAMES)
    model = _target(slots=3)
    report = _restore(model, source, without, labelled, "training")
    np.testing.assert_array_equal(model.heads.classes[3].final.bias, [301, 302, 303])
    assert "the background's slot is left out: the file has a slot, this model has none" in texts(report)
    for purpose in ("inference", "conversion"):
        with pytest.raises(CheckpointError, match=r"has a slot for the background .*add_background_class: true"):
            _restore(_target(slots=3), source, without, labelled, purpose)
    other, file = _target(), _build(4, slots=3)
    for head in file.heads.classes:
        head.final.bias.assign(np.arange(1, int(head.final.bias.shape[0]) + 1))
    report = _restore(other, file, labelled, without, "training")
    np.testing.assert_array_equal(other.heads.classes[0].final.bias, [0, 1, 2, 3])
    assert "the background's slot stays initialised: the file has none, this model has a slot" in texts(report)


def test_rows_by_position_know_of_the_background(source: DetectionModel) -> None:
    with pytest.raises(CheckpointError, match="predicts 3 classes, this model 4"):
        _restore(_target(slots=5), source, _SSD, _SSD)
    model = _target()
    _restore(model, source, _SSD, _SSD)
    assert_unchanged(model, values(source))


def test_anchors_must_agree_map_by_map(source: DetectionModel) -> None:
    with pytest.raises(CheckpointError, match=r"predicts 2 anchors per cell of feature map 3, this model 1"):
        _restore(_target(anchors=(1, 2, 1, 1, 1)), source, _SSD, _SSD)
    with pytest.raises(
        CheckpointError, match="the boxes of ssd_anchor_generator, this model those of multiscale_anchor_"
    ):
        _restore(_target(), source, _SSD._replace(anchor_order="scale_major"), _SSD)


def test_files_of_others_have_shared_heads(source: DetectionModel) -> None:
    file = WeightFile(imagined(file_of(source)), ToyLayout())
    with pytest.raises(CheckpointError, match="holds heads that all levels share, and this model has a convolutional"):
        plan_restore(_target(), file, RestoreRequest(PARTS, _SSD, _SSD))
    request = RestoreRequest(("backbone", "fpn"), _SSD, _SSD)
    assert plan_restore(_target(), file, request).apply().num_restored > 0
