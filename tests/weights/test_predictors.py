# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The outputs of the final convolutions, in the order and the scale of another library."""

from __future__ import annotations

import numpy as np
import pytest

from efficientdet.errors import CheckpointError
from efficientdet.ops.box_coder import BoxScales
from efficientdet.weights.class_rows import match_rows, rows_by_position
from efficientdet.weights.layout import Conventions
from efficientdet.weights.predictors import anchor_permutation, code_factors, output_of


def test_anchors_of_a_cell_change_places() -> None:
    # Two aspect ratios a, b and three scales 0, 1, 2: a0 a1 a2 b0 b1 b2 against a0 b0 a1 b1 a2 b2.
    to_scale_major = anchor_permutation("aspect_major", "scale_major", (2, 3))
    to_aspect_major = anchor_permutation("scale_major", "aspect_major", (2, 3))
    assert to_scale_major is not None
    assert to_scale_major.tolist() == [0, 3, 1, 4, 2, 5]
    assert to_aspect_major is not None
    assert to_aspect_major.tolist() == [0, 2, 4, 1, 3, 5]
    assert anchor_permutation("scale_major", "scale_major", (2, 3)) is None


def test_codes_are_multiplied_with_the_ratio_of_the_scales() -> None:
    factors = code_factors(BoxScales(1.0, 1.0, 2.0, 2.0), BoxScales(10.0, 10.0, 5.0, 5.0))
    assert factors is not None
    assert factors.tolist() == [10.0, 10.0, 2.5, 2.5]
    assert code_factors(BoxScales(1.0, 1.0, 1.0, 1.0), BoxScales(1.0, 1.0, 1.0, 1.0)) is None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("heads/classes/final/bias", ("classes", "")),
        ("heads/classes/final/pointwise_kernel", ("classes", "")),
        ("heads/boxes/final/kernel", ("boxes", "")),
        ("heads/classes/3/final/kernel", ("classes", "3/")),
        ("heads/boxes/11/final/bias", ("boxes", "11/")),
        ("heads/classes/final/depthwise_kernel", None),
        ("heads/classes/3/depthwise/depthwise_kernel", None),
        ("heads/classes/convs/0/bias", None),
        ("heads/shared/0/1/conv/bias", None),
    ],
)
def test_output_variables_are_those_with_output_channels(path: str, expected: tuple[str, str] | None) -> None:
    assert output_of(path) == expected


def test_rows_match_by_name() -> None:
    file = {0: "person", 1: "Hot dog", 3: "tv"}
    rows, (statement,) = match_rows(4, 3, file, {0: "hot_dog", 1: "TV", 2: "person"})
    assert rows == (1, 3, 0)
    assert statement.text == "class rows: 3 carried over by name (3 from another place)"


def test_the_exact_name_wins() -> None:
    rows, _ = match_rows(2, 2, {0: "a-b", 1: "a b"}, {0: "a b", 1: "a-b"})
    assert rows == (1, 0)


def test_rows_without_a_name_keep_their_place() -> None:
    rows, (statement, warning) = match_rows(3, 4, {0: "a"}, {0: "a"})
    assert rows == (0, 1, 2, None)  # the file has no row 3
    assert statement.text == "class rows: 1 carried over by name, 2 without a name from rows that no name claims"
    assert warning.text.endswith("the checkpoint knows no class of the name: id 4")
    assert match_rows(2, 2, {0: "a", 1: "b"}, {0: "a"})[0] == (0, 1)  # as it was trained, though nobody asks for b
    assert match_rows(3, 3, {0: "a", 1: "b", 2: "c"}, {0: "b"})[0] == (1, 0, 2)  # row 1 is b's: a row that is left
    assert match_rows(1, 2, {0: "a", 7: "b"}, {0: "b", 1: "a"})[0] == (None, 0)  # the file has no row 7


def test_rows_match_by_position_where_names_are_not_known() -> None:
    unknown = Conventions("last_block", "scale_major", BoxScales(1.0, 1.0, 1.0, 1.0), why_unlabelled="who knows")
    known = unknown._replace(labels={0: "a"})
    for file, model, reasons in (
        (unknown, known, "who knows"),
        (known, unknown, "who knows"),
        (unknown, unknown._replace(why_unlabelled="no map"), "no map; who knows"),
    ):
        rows, (statement,) = rows_by_position(2, 2, file, model, "conversion")
        assert rows == (0, 1)
        assert statement.text == f"class rows: all 2 carried over by position ({reasons})"
        with pytest.raises(
            CheckpointError, match=rf"predicts 3 classes, this model 2 \({reasons}\): name the label map"
        ):
            rows_by_position(3, 2, file, model, "conversion")


def test_many_classes_that_stay_initialised_are_counted() -> None:
    rows, (_, warning) = match_rows(1, 8, {0: "x"}, {row: f"c{row}" for row in range(8)})
    assert rows == (None,) * 8
    assert warning.is_warning
    assert warning.text.endswith("c0, c1, c2, c3, c4, c5 and 2 more")


def test_no_class_at_all_is_no_trouble() -> None:
    assert match_rows(0, 0, {}, {})[0] == ()
    assert np.array_equal(match_rows(0, 2, {}, {})[0], [None, None])
