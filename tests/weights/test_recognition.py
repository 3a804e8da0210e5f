# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which library wrote a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.modeling.efficientdet import build_published
from efficientdet.weights import recognition
from efficientdet.weights.files import open_contents
from efficientdet.weights.layout import PARTS, Contents
from efficientdet.weights.recognition import recognise

from .stored import imagined


@pytest.mark.parametrize(
    ("file", "origin"),
    [("tfod_d0_ckpt", "TFOD"), ("automl_d0_ckpt/tf1", "automl"), ("automl_d0_ckpt/tf2", "automl")],
)
def test_recorded_files_are_recognised(shared: Path, file: str, origin: str) -> None:
    layout = recognise(open_contents(shared / "fixtures" / file))
    assert origin in layout.name
    assert layout.parts == PARTS


def test_our_own_are_recognised(tmp_path: Path) -> None:
    tf.train.Checkpoint(model=build_published("lite0")).write(str(tmp_path / "ckpt-0"))
    assert recognise(open_contents(tmp_path)).name == "efficientdet checkpoint"


def test_no_two_layouts_claim_a_file(shared: Path, tmp_path: Path) -> None:
    tf.train.Checkpoint(model=build_published("lite0")).write(str(tmp_path / "ckpt-0"))
    files = [tmp_path] + [shared / f"fixtures/{name}" for name in ("tfod_d0_ckpt", "automl_d0_ckpt/tf1")]
    for file in [*files, shared / "fixtures/automl_d0_ckpt/tf2"]:
        contents = open_contents(file)
        assert sum(detect_layout(contents) is not None for detect_layout in recognition._DETECTORS) == 1, file
    vgg16 = imagined({"block1_conv1_W_1": (3, 3, 3, 64), "block5_conv3_W_1": (3, 3, 512, 512)}, "HDF5 file")
    assert sum(detect_layout(vgg16) is not None for detect_layout in recognition._DETECTORS) == 1
    assert len(recognition._DETECTORS) == 5


def test_an_unknown_file_is_refused(tmp_path: Path) -> None:
    tf.train.Checkpoint(resnet=tf.train.Checkpoint(kernel=tf.Variable(1.0))).write(str(tmp_path / "ckpt-0"))
    with pytest.raises(
        CheckpointError,
        match=r"ckpt-0: no known layout fits this object-based checkpoint, which holds 1 tensor "
        r"\(resnet/kernel/\.ATTRIBUTES/VARIABLE_VALUE, \.\.\.\)\. Read are the detectors of this library; Effici",
    ):
        recognise(open_contents(tmp_path))


def test_an_empty_file_is_refused() -> None:
    empty = Contents("weights.h5", "HDF5 file", {}, read=lambda name: tf.zeros([]).numpy())
    with pytest.raises(CheckpointError, match=r"weights\.h5: .* holds 0 tensors \(none\)"):
        recognise(empty)
