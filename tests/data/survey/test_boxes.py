# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is wrong with a box is named, with the edit that mends it; pictures are 64 pixels wide and 48 high."""

from __future__ import annotations

import math

import pytest

from efficientdet.data.survey import take_survey

_INSIDE = ("a", 40, 20, 60, 45)


def _brief(faults) -> list[tuple]:
    return [(fault.code, fault.place, fault.fix.after if fault.fix else None) for fault in faults]


@pytest.mark.parametrize(
    ("box", "code", "after"),
    [
        ((math.nan, 3, 12, 33), "box-not-finite", ""),
        ((2, 3, math.inf, 33), "box-not-finite", ""),
        ((12, 3, 2, 33), "box-inverted", "box a 2 3 12 33"),
        ((12, 33, 2, 3), "box-inverted", "box a 2 3 12 33"),
        ((12, 3, 12, 33), "box-zero-area", ""),
        ((5, 5, 5, 5), "box-zero-area", ""),
        ((65, 3, 75, 33), "box-outside", ""),
        ((-9, -9, 0, 10), "box-outside", ""),
        ((-3, 3, 12, 50), "box-clipped", "box a 0 3 12 48"),
        ((50, 3, 65, 33), "box-clipped", "box a 50 3 64 33"),
        ((64, 3, 50, 60), "box-inverted", "box a 50 3 64 48"),
    ],
)
def test_a_box_alone(faults_of_boxes, box, code, after):
    (fault,) = faults_of_boxes(_INSIDE, ("a", *box))
    assert (fault.code, fault.file, fault.place, fault.row) == (code, "x.jpg.xml", "object 1", 0)
    assert fault.fix is not None
    assert (fault.fix.file, fault.fix.place, fault.fix.after) == ("x.jpg.xml", "object 1", after)


def test_the_border_itself_and_rounding_are_no_faults(faults_of_boxes):
    assert not faults_of_boxes(("a", 0, 0, 64, 48), ("b", 10, -0.01, 64.02, 30))


def test_fractions_of_a_few_decimals_are_no_faults(faults_of_boxes):
    assert not faults_of_boxes(("a", -0.0005, 0, 1.0005, 0.5), is_normalized=True)


def test_detail_and_box_to_draw(faults_of_boxes):
    (fault,) = faults_of_boxes(("a", 50, 3, 65, 33))
    assert fault.detail == "'a': xmax 65 is 1 beyond the width 64"
    assert fault.fix.before == "box a 50 3 65 33"
    assert fault.box == (3, 50, 33, 64)


def test_fractions_where_pixels_are_expected(faults_of_boxes):
    found = faults_of_boxes(("a", 0.25, 0.25, 0.5, 0.75), ("b", 0, 0, 1, 1), ("c", 0.5, 0.5, 1.25, 0.75))
    assert _brief(found) == [
        ("box-normalised", "object 0", "box a 16 12 32 36"),
        ("box-normalised", "object 1", "box b 0 0 64 48"),
        ("box-normalised", "object 2", "box c 32 24 64 36"),
    ]


def test_one_box_of_fractions_does_not_make_a_picture_of_them(faults_of_boxes):
    found = faults_of_boxes(_INSIDE, ("a", 20, 3, 32, 33), ("b", 0, 0, 1, 1), ("c", 0.25, 0.25, 0.5, 0.75))
    assert _brief(found) == [("box-normalised", "object 3", "box c 16 12 32 36")]


def test_pixels_where_fractions_are_expected(faults_of_boxes):
    found = faults_of_boxes(("a", 16, 12, 32, 36), ("b", 0.25, 0.25, 0.5, 0.5), is_normalized=True)
    assert _brief(found) == [("box-in-pixels", "object 0", "box a 0.25 0.25 0.5 0.75")]


def test_fractions_beyond_the_border_are_no_pixels(faults_of_boxes):
    found = faults_of_boxes(("a", 0.5, 0.25, 1.25, 0.75), ("b", 1.5, 0.25, 1.75, 0.5), is_normalized=True)
    assert _brief(found) == [
        ("box-clipped", "object 0", "box a 0.5 0.25 1 0.75"),
        ("box-outside", "object 1", ""),
    ]


def test_exchanged_axes_are_told_by_all_boxes(faults_of_boxes):
    found = faults_of_boxes(("a", 10, 50, 20, 60), ("b", 5, 30, 25, 62), ("c", 3, 4, 13, 34))
    assert _brief(found) == [
        ("box-axes-swapped", "object 0", "box a 50 10 60 20"),
        ("box-axes-swapped", "object 1", "box b 30 5 62 25"),
        ("box-axes-swapped", "object 2", "box c 4 3 34 13"),
    ]


def test_one_of_many_boxes_does_not_exchange_axes(faults_of_boxes):
    found = faults_of_boxes(("a", 10, 50, 20, 60), ("b", 5, 30, 25, 40), ("c", 3, 4, 13, 34))
    assert _brief(found) == [("box-outside", "object 0", "")]
    found = faults_of_boxes(("a", 10, 50, 20, 60), ("b", 5, 30, 25, 60), ("c", 52, 4, 63, 34))
    assert [code for code, _, _ in _brief(found)] == ["box-outside", "box-clipped"]


def test_a_square_picture_cannot_tell(faults_of_boxes):
    found = faults_of_boxes(("a", 10, 50, 20, 60), height=48, width=48)
    assert _brief(found) == [("box-outside", "object 0", "")]


def test_duplicates(faults_of_boxes):
    box = (10, 10, 30, 40)
    found = faults_of_boxes(("a", *box), ("b", *box), ("a", *box), ("a", 10, 10, 30, 36), ("a", 10, 10, 30, 33))
    # 26 / 30 = .867 of the first; the last, 23 / 30, is near only to the one that goes anyway
    assert _brief(found) == [
        ("box-two-classes", "object 1", None),
        ("box-duplicate", "object 2", ""),
        ("box-near-duplicate", "object 3", ""),
    ]
    assert found[0].detail == "'b': overlaps object 0 ('a') with an IoU of 1.000"
    assert found[2].detail == "'a': overlaps object 0 ('a') with an IoU of 0.867"


def test_a_crowd_is_no_duplicate(source, faults_of_boxes):
    faults_of_boxes(("a", 10, 10, 30, 40), ("a", 10, 10, 30, 40))
    image = source.images["x.jpg"]
    source.images["x.jpg"] = image._replace(boxes=(image.boxes[0], image.boxes[1]._replace(is_crowd=True)))
    survey = take_survey(source, processes=1)
    assert not survey.faults
    assert survey.box_flags.tolist() == [0, 1]


def test_records_would_hold_what_is_annotated_not_what_is_proposed(source, faults_of_boxes):
    faults_of_boxes(("b", 12, 3, 2, 33), ("b", 50, -3, 65, 33), ("a", 5, 5, 5, 5), ("a", 0.25, 0.25, 0.5, 0.75))
    survey = take_survey(source, processes=1)
    assert survey.boxes.tolist() == [[0, 50, 33, 64], [0.25, 0.25, 0.75, 0.5]]
    assert survey.class_names == ("a", "b")
    assert survey.box_classes.tolist() == [1, 0]
    assert survey.box_numbers.tolist() == [1, 3]
