# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The choice between moving averages and trained weights."""

from __future__ import annotations

import numpy as np
import pytest

from efficientdet.errors import CheckpointError
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.weights.layout import WeightFile
from efficientdet.weights.restore import plan_restore

from .stored import imagined
from .toy_detector_files import ALL, BACKBONE, ToyLayout, apply, assert_unchanged, file_of, refused, values


def _with_averages(model: DetectionModel, *, without: str = "") -> dict[str, np.ndarray]:
    """A file whose averages are the trained weights plus 1."""
    trained = {path for path, value in values(model).items() if "moving" not in path and path != without}
    tensors = file_of(model)
    return tensors | {f"average/{path}": tensors[f"theirs/{path}"] + 1 for path in trained}


def test_averages_are_taken_where_the_file_has_them(source: DetectionModel, target: DetectionModel) -> None:
    for weights, added in ((None, 1), ("averaged", 1), ("trained", 0)):
        report = apply(target, _with_averages(source), ALL._replace(weights=weights))
        now, theirs = values(target), values(source)
        for path, value in theirs.items():
            expected = value + added if "moving" not in path else value
            np.testing.assert_array_equal(now[path], expected, err_msg=path)
        roles = {tensor.role for tensor in report.left}
        assert roles == ({"trained copy, not taken"} if added else {"moving average"})
        assert report.statements[0].text == (
            "weights: the moving averages that the file holds"
            if added
            else "weights: as trained, which is what was asked for; the file holds moving averages too"
        )


def test_averages_of_some_variables_are_refused(source: DetectionModel, target: DetectionModel) -> None:
    tensors = _with_averages(source, without="fpn/nodes/0/conv/bias")
    trained = len(source.trainable_variables)
    match = (
        rf"holds moving averages of {trained - 1} of the {trained} trained variables; fpn/nodes/0/conv/bias is one "
        r"without\..*fine_tune_checkpoint_weights: TRAINED"
    )
    refused(target, tensors, match)
    refused(target, tensors, match, ALL._replace(weights="averaged"))
    apply(target, tensors, ALL._replace(weights="trained"))
    assert_unchanged(target, values(source))
    apply(target, tensors, BACKBONE)  # of the backbone they are complete


def test_averages_that_are_asked_for_must_be_there(source: DetectionModel, target: DetectionModel) -> None:
    match = "holds no moving averages: .*eval_config.use_moving_averages false"
    refused(target, file_of(source), match, ALL._replace(weights="averaged"))


def test_a_name_based_checkpoint_without_averages_is_refused(source: DetectionModel, target: DetectionModel) -> None:
    file = WeightFile(imagined(file_of(source), "name-based checkpoint"), ToyLayout())
    with pytest.raises(CheckpointError, match=r"plain copy is not what was evaluated.*TRAINED"):
        plan_restore(target, file, ALL)
    plan_restore(target, file, ALL._replace(weights="trained")).apply()
    assert_unchanged(target, values(source))
