# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The report: a table by hand."""

from __future__ import annotations

import pytest

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.weights.model_blocks import block_of, in_order, part_of
from efficientdet.weights.report import LeftTensor, RestoreReport, Statement, VariableRecord, counted
from efficientdet.weights.variables import variables_by_path

from .toy_detector_files import build

_REPORT = RestoreReport(
    "x/ckpt-0",
    "toy checkpoint",
    (
        VariableRecord("backbone/stem/kernel", "backbone stem", (2, 500), ("a/kernel",), 1000, ""),
        VariableRecord("backbone/stem/bias", "backbone stem", (), (), 0, "is (1,) in the file"),
        VariableRecord("heads/classes/final/bias", "class head", (4,), ("b", "c"), 3, ""),
    ),
    (
        LeftTensor("m/2", "optimizer slot", (3,)),
        LeftTensor("m/1", "optimizer slot", (2, 500)),
        LeftTensor("step", "counter or setting", ()),
    ),
    (Statement("weights: as stored"), Statement("beware", is_warning=True)),
)
_SUMMARY = """\
restored 1,003 of 1,005 parameters from x/ckpt-0 (toy checkpoint)
  part           variables restored  initialised  parameters  from the file
  backbone stem                   1            1       1,001          99.9%
  class head                      1            0           4          75.0%
  all                             2            1       1,005          99.8%
  left in the file    tensors  numbers
  optimizer slot            2    1,003
  counter or setting        1        1
weights: as stored
WARNING: beware"""
_DETAILS = """

2 variables restored:
  backbone/stem/kernel      (2, 500)  a/kernel
  heads/classes/final/bias  (4,)      b + c (3 of 4 numbers, the others as initialised)

1 variable as initialised:
  backbone/stem/bias  ()  is (1,) in the file

3 tensors left in the file:
  counter or setting  step  ()
  optimizer slot      m/1   (2, 500)
  optimizer slot      m/2   (3,)
"""


def test_a_summary_is_a_table_and_sentences() -> None:
    assert _REPORT.summary() == _SUMMARY


def test_details_account_for_every_variable_and_tensor() -> None:
    assert _REPORT.details() == _SUMMARY + _DETAILS


def test_one_is_no_plural() -> None:
    assert [counted(number, "tensor") for number in (0, 1, 1902)] == ["0 tensors", "1 tensor", "1,902 tensors"]


def test_nothing_left_is_said() -> None:
    assert _REPORT.__class__("x", "toy", (), (), ()).table()[-1] == "left in the file: nothing"


@pytest.fixture(scope="module")
def model() -> DetectionModel:
    return build()


def test_every_variable_has_a_block_in_the_order_of_the_network(model: DetectionModel) -> None:
    paths = list(in_order(variables_by_path(model)))
    blocks = list(dict.fromkeys(block_of(path, model) for path in paths))
    stacks = [f"backbone stack {number}" for number in range(1, 8)]
    pyramid = ["pyramid extra levels", "pyramid iteration 1"]
    assert blocks == ["backbone stem", *stacks, *pyramid, "box head", "class head"]
    numbers = [int(path.split("/")[2]) for path in paths if path.startswith("backbone/blocks/")]
    assert numbers == sorted(numbers)
    assert {part_of(path) for path in paths} == {"backbone", "fpn", "heads"}
