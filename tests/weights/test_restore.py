# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Restoring: what is carried over, what is refused, and that a failure changes nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientdet import build_published
from efficientdet.weights.recognition import open_weights
from efficientdet.weights.restore import plan_restore

from .toy_detector_files import (
    ALL,
    BACKBONE,
    BACKBONE_AND_FPN,
    apply,
    assert_unchanged,
    build,
    file_of,
    refused,
    texts,
    values,
)

_BLOCK = "theirs/backbone/blocks/2/project/kernel"


def test_a_whole_model_is_restored(source: DetectionModel, target: DetectionModel) -> None:
    report = apply(target, file_of(source))
    assert_unchanged(target, values(source))
    assert report.num_restored == report.num_parameters == source.count_params()
    assert report.left == ()
    assert all(record.keys == (f"theirs/{record.path}",) for record in report.variables)
    assert not any(statement.is_warning for statement in report.statements)


def test_parts_that_are_not_asked_for_stay(source: DetectionModel, target: DetectionModel) -> None:
    before, theirs = values(target), values(source)
    report = apply(target, file_of(source), BACKBONE)
    backbone = [path for path in before if path.startswith("backbone/")]
    assert_unchanged(target, theirs, backbone)
    assert_unchanged(target, before, before.keys() - set(backbone))
    assert {tensor.role for tensor in report.left} == {"not asked for"}
    assert len(report.left) == len(before) - len(backbone)


def test_values_are_converted_by_their_layout(source: DetectionModel, target: DetectionModel) -> None:
    tensors = {key: value[np.newaxis].astype(np.float64) for key, value in file_of(source).items()}
    apply(target, tensors, convert=lambda tensors: tensors[0][0])
    assert_unchanged(target, values(source))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 1e300])
def test_a_number_that_is_not_finite_is_refused(source: DetectionModel, target: DetectionModel, bad: float) -> None:
    last = "theirs/heads/classes/final/bias"
    tensors = file_of(source)
    tensors[last] = tensors[last].astype(np.float64)
    tensors[last][4] = bad
    refused(target, tensors, rf"toy\.ckpt: {last} is not finite in 1 of 27 numbers")


def test_damage_that_reading_finds_changes_nothing(source: DetectionModel, target: DetectionModel) -> None:
    tensors = file_of(source)

    class Damaged(dict[str, np.ndarray]):
        def __getitem__(self, key: str) -> np.ndarray:
            if key == "theirs/heads/classes/final/bias":
                raise CheckpointError("toy.ckpt is damaged")
            return super().__getitem__(key)

    refused(target, Damaged(tensors), "is damaged")


def test_a_backbone_that_lacks_a_block_is_refused_with_both_numbers(
    source: DetectionModel, target: DetectionModel
) -> None:
    tensors = file_of(source, **{_BLOCK.replace("/", "__"): None})
    total = sum(variable.shape.num_elements() for variable in target.backbone.variables)
    match = (
        rf"^toy\.ckpt \(toy\) lacks variables of this model's backbone lite0 in stack 2 \({total - 144 * 24:,} of "
        rf"{total:,} parameters fit\)\. Variables 1 only in the model: backbone/blocks/2/project/kernel$"
    )
    refused(target, tensors, match)
    asked = r"parameters fit, a share of 0\.998 where train_config\.fine_tune_min_backbone_share asks for 1\)\. Variab"
    refused(target, tensors, asked, ALL._replace(min_backbone_share=1.0))


def test_below_its_share_a_backbone_may_lack_blocks(source: DetectionModel, target: DetectionModel) -> None:
    tensors = file_of(source, **{_BLOCK.replace("/", "__"): None, "theirs__fpn__nodes__0__conv__bias": np.zeros(9)})
    before = values(target)
    report = apply(target, tensors, ALL._replace(min_backbone_share=0.9))
    lacking = {"backbone/blocks/2/project/kernel", "fpn/nodes/0/conv/bias"}
    assert_unchanged(target, before, lacking)
    assert_unchanged(target, values(source), before.keys() - lacking)
    assert {record.path for record in report.variables if not record.keys} == lacking
    lacks = "2 variables left as initialised, for want of a fitting tensor: backbone/blocks/2/project/kernel, fpn/"
    assert lacks in texts(report)
    assert [(tensor.key, tensor.role) for tensor in report.left] == [("theirs/fpn/nodes/0/conv/bias", "another shape")]


@pytest.mark.parametrize("part", ["fpn/extra/0/conv/bias", "heads/boxes/convs/0/bias", "heads/classes/final/bias"])
def test_pyramid_and_heads_must_be_complete(source: DetectionModel, target: DetectionModel, part: str) -> None:
    tensors = file_of(source)
    del tensors[f"theirs/{part}"]
    refused(target, tensors, f"does not fit this model. Variables 1 only in the model: {part}")


def test_another_width_is_named(source: DetectionModel, target: DetectionModel) -> None:
    tensors = file_of(source, theirs__fpn__nodes__0__conv__bias=np.zeros(16))
    refused(target, tensors, r"1 of another shape: fpn/nodes/0/conv/bias is \(16,\) in the file and \(8,\) here")


def test_a_file_that_holds_more_is_of_another_model(source: DetectionModel, target: DetectionModel) -> None:
    tensors = file_of(source) | {"theirs/fpn/nodes/99/conv/bias": np.zeros(8), "slot/x": np.zeros(3)}
    refused(target, tensors, "holds 1 tensor that the model has no place for: theirs/fpn/nodes/99/conv/bias")
    report = apply(target, tensors, BACKBONE_AND_FPN)  # whatever they are, the pyramid is whole
    assert "the file holds 1 tensor of unknown meaning" in texts(report)
    assert "optimizer slot" in {tensor.role for tensor in report.left}


def test_a_classification_network_is_no_detector(source: DetectionModel, target: DetectionModel) -> None:
    match = 'holds a backbone alone, without pyramid and heads: .*fine_tune_checkpoint_type "classification"'
    for request in (ALL, BACKBONE_AND_FPN):
        refused(target, file_of(source), match, request, parts=("backbone",))


def test_the_backbone_that_a_file_looks_like_is_named(shared: Path) -> None:
    lite, larger = build(2), build_published("d1", num_classes=1)
    checkpoint = shared / "fixtures" / "tfod_d0_ckpt"
    for model, variant in ((lite, "lite0"), (larger, "b1")):
        match = rf"holds backbone b0, this model has {variant} \([\d,]+ of [\d,]+ parameters fit\)$"
        with pytest.raises(CheckpointError, match=match):
            plan_restore(model, open_weights(checkpoint), BACKBONE)


def test_a_tfod_detector_gives_a_model_of_three_classes_its_backbone_and_pyramid(shared: Path) -> None:
    model = build_published("d0", num_classes=3)
    before = values(model)
    checkpoint = shared / "fixtures" / "tfod_d0_ckpt"
    report = plan_restore(model, open_weights(checkpoint), BACKBONE_AND_FPN).apply()
    after = values(model)
    reader = tf.train.load_checkpoint(str(checkpoint))
    for record in report.variables:
        if record.path.startswith("heads/"):
            assert not record.keys
            np.testing.assert_array_equal(after[record.path], before[record.path], err_msg=record.path)
        else:
            (key,) = record.keys
            np.testing.assert_array_equal(after[record.path], reader.get_tensor(key), err_msg=record.path)
    everything = {name for name in reader.get_variable_to_shape_map() if name != "_CHECKPOINTABLE_OBJECT_GRAPH"}
    assert {key for record in report.variables for key in record.keys} | {
        left.key for left in report.left
    } == everything
