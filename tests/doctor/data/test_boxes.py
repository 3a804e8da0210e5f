# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How many boxes, how large, where they are counted from."""

from __future__ import annotations

import numpy as np
import pytest

from efficientdet.data import faults
from efficientdet.data.faults import Fault, Fix
from efficientdet.data.survey import CROWD
from efficientdet.doctor.data.box_counts import check_box_counts
from efficientdet.doctor.data.box_origin import check_box_origin, without_explained
from efficientdet.doctor.data.box_sizes import anchor_table, check_box_sizes, size_histogram
from efficientdet.doctor.data.limits import InputLimits
from efficientdet.doctor.findings import Severity
from tests.doctor.data.surveys import seen, subject_of
from tests.surveys import Shot, survey_of

# Two anchors side by side, the halves of an input of 128 x 128.
_ANCHORS = np.array([[0, 0, 1, 0.5], [0, 0.5, 1, 1]], np.float32)


def _limits(**options) -> InputLimits:
    settings = {"size": (128, 128), "min_dimension": 128, "max_boxes": 100, "anchors": _ANCHORS}
    return InputLimits(**{**settings, "matched_threshold": 0.5, **options})


def _boxes(count: int, name: str = "cat"):
    return [(name, 0, 0, 9, 9)] * count


def test_scales():
    sizes = np.array([[64, 96], [256, 128], [0, 0]])
    fitted = _limits().scales(sizes)  # the longer side becomes 128, unless the shorter one is to be less
    np.testing.assert_allclose(fitted, [[4 / 3, 4 / 3], [0.5, 0.5], [1, 1]])
    np.testing.assert_allclose(_limits(min_dimension=32).scales(sizes)[0], [0.5, 0.5])
    np.testing.assert_allclose(_limits(min_dimension=None).scales(sizes), [[2, 4 / 3], [0.5, 1], [1, 1]])


def test_more_boxes_than_training_takes():
    survey = survey_of([Shot(_boxes(3)), Shot(_boxes(5)), Shot(_boxes(4))])
    found = seen(check_box_counts, subject_of(survey, limits=_limits(max_boxes=3)))[faults.BOXES_TOO_MANY]
    assert [fault.detail for fault in found.faults] == [
        "5 boxes, max_number_of_boxes is 3", "4 boxes, max_number_of_boxes is 3",
    ]  # fmt: skip
    assert (found.number, found.figures) == (2, "up to 5 boxes")
    assert seen(check_box_counts, subject_of(survey, limits=_limits(max_boxes=5))) == {}
    assert seen(check_box_counts, subject_of(survey)) == {}


def test_pictures_without_boxes():
    survey = survey_of([Shot(_boxes(1)), Shot(), Shot()])
    found = seen(check_box_counts, subject_of(survey))[faults.PICTURES_WITHOUT_BOXES]
    assert [fault.row for fault in found.faults] == [1, 2]
    survey.usable[2] = False  # nobody expects boxes there
    assert seen(check_box_counts, subject_of(survey))[faults.PICTURES_WITHOUT_BOXES].number == 1


def test_far_fewer_boxes_than_usual():
    counts = [12, 14, 16, 13, 15, 11, 17] * 10 + [3, 1]
    found = seen(check_box_counts, subject_of(survey_of([Shot(_boxes(count)) for count in counts])))
    few = found[faults.PICTURE_FEW_BOXES]
    assert [(fault.row, fault.detail) for fault in few.faults] == [
        (71, "1 box; half of all have 14"), (70, "3 boxes; half of all have 14"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "counts",
    [[1, 2, 3, 4, 5, 6] * 20, [1] * 50 + [60] * 10, list(range(1, 100)), [14] * 10 + [1], [10] * 60 + [9, 8, 5, 4]],
)
def test_few_boxes_where_that_is_nothing_special(counts):
    assert seen(check_box_counts, subject_of(survey_of([Shot(_boxes(count)) for count in counts]))) == {}


@pytest.mark.parametrize("mean", [8, 14, 40])
def test_objects_that_fall_anywhere_are_not_few(mean):
    counts = np.random.default_rng(mean).poisson(mean, (20, 60))
    found = [seen(check_box_counts, subject_of(survey_of([Shot(_boxes(count)) for count in row]))) for row in counts]
    few = [seen_of_set[faults.PICTURE_FEW_BOXES] for seen_of_set in found if faults.PICTURE_FEW_BOXES in seen_of_set]
    # Below three standard deviations lie 1.3 of 1,000 pictures; rather more, as those are estimated from 60.
    assert sum(observation.number for observation in few) <= 6
    assert all(observation.severity is None for observation in few)


def test_a_class_that_nearly_all_pictures_show():
    shots = [Shot(_boxes(2) + _boxes(1, "dog"))] * 57 + [Shot(_boxes(2)), Shot(_boxes(1, "dog"))]
    found = seen(check_box_counts, subject_of(survey_of(shots)))[faults.PICTURE_LACKS_CLASS]
    assert [(fault.row, fault.detail) for fault in found.faults] == [
        (58, "no box of 'cat', which 58 of 59 images show"), (57, "no box of 'dog', which 58 of 59 images show"),
    ]  # fmt: skip
    assert seen(check_box_counts, subject_of(survey_of(shots[20:]))) == {}  # too few to speak of all


def test_tiny_boxes():
    # Enlarged by 4/3: 4 pixels of 3, 3.99 of 2.99.
    boxes = [("cat", 0, 0, 3, 40), ("cat", 0, 0, 40, 2.99), ("dog", 5, 5, 6, 6)]
    survey = survey_of([Shot(boxes)])
    found = seen(check_box_sizes, subject_of(survey, limits=_limits(matched_threshold=None)))
    assert [(fault.place, fault.detail) for fault in found[faults.BOX_TINY].faults] == [
        ("object 2", "'dog': 1.3 pixels in the input"), ("object 1", "'cat': 4.0 pixels in the input"),
    ]  # fmt: skip
    survey.box_flags[2] = CROWD
    found = seen(check_box_sizes, subject_of(survey, limits=_limits(matched_threshold=None)))[faults.BOX_TINY]
    assert (found.number, found.of) == (1, 2)


def test_sizes_mean_nothing_in_the_wrong_frame():
    found = [Fault(faults.BOX_NORMALISED, "p000.xml", "object 0", "", row=0)]
    survey = survey_of([Shot([("cat", 0, 0, 0.3, 0.4)]), Shot([("cat", 0, 0, 60, 45)])], faults=found)
    assert seen(check_box_sizes, subject_of(survey, limits=_limits())) == {}


def test_boxes_that_no_anchor_reaches():
    # In an input of 96 x 96 the anchors are 96 high and 48 wide: IoUs of 1, 2/3 and 1/3.
    boxes = [("cat", 0, 0, 96, 48), ("cat", 0, 0, 64, 48), ("dog", 0, 48, 32, 96)]
    survey = survey_of([Shot(boxes, size=(96, 96))] * 20)
    subject = subject_of(survey, limits=_limits(size=(96, 96), min_dimension=96))
    found = seen(check_box_sizes, subject)[faults.BOX_UNMATCHABLE]
    assert (found.number, found.of, found.figures) == (20, 60, "100 % of 'dog'")
    assert found.faults[0].detail == "'dog': best overlap with an anchor 0.33, below 0.5"
    assert found.severity == Severity.WARNING
    assert anchor_table(subject).rows == (("cat", 40, 0.0, 0.0, 0.833), ("dog", 20, 100.0, 0.0, 0.333))


def test_size_histogram():
    survey = survey_of([Shot([("cat", 0, 0, 4, 4), ("cat", 0, 0, 8, 8), ("dog", 0, 0, 60, 60)])])
    histogram = size_histogram(subject_of(survey))
    assert histogram.labels[:2] == ("< 8", "8-16")
    assert histogram.series == {"cat": (1, 1, 0, 0, 0, 0, 0, 0), "dog": (0, 0, 0, 1, 0, 0, 0, 0)}
    assert size_histogram(subject_of(survey_of([Shot()]))) is None


def _from_one(number: int, *, beyond: bool = True) -> tuple[Shot, list[Fault]]:
    """A picture of 64 x 96 with a box from one corner, and one that ends in the other."""
    raw = [("cat", 1, 1, 21, 31), ("cat", 31, 41, 65 if beyond else 64, 97 if beyond else 96)]
    clipped = [raw[0], ("cat", 31, 41, 64, 96)]
    fault = Fault(faults.BOX_CLIPPED, f"p{number:03d}.xml", "object 1", "beyond", row=number)
    return Shot(clipped, raw=raw), [fault] if beyond else []


def test_pixels_counted_from_1():
    made = [_from_one(number) for number in range(3)]
    survey = survey_of([shot for shot, _ in made], faults=[fault for _, found in made for fault in found])
    (found,) = check_box_origin(subject_of(survey))
    assert found.number == 6
    assert found.faults[1].fix == Fix("p000.xml", "object 1", "box cat 41 31 97 65", "box cat 40 30 96 64")
    assert without_explained(survey.faults, [found]) == []


@pytest.mark.parametrize(
    ("number", "beyond", "first"),
    [(9, False, 1), (2, True, 1), (9, True, 0)],
    ids=["boxes that end on the border are right", "a slip of the hand", "one begins in the first pixel"],
)
def test_pixels_counted_from_0(number, beyond, first):
    made = [_from_one(index, beyond=beyond) for index in range(number)]
    survey = survey_of([shot for shot, _ in made], faults=[fault for _, found in made for fault in found])
    survey.boxes[0, :2] = first
    assert list(check_box_origin(subject_of(survey))) == []


def test_boxes_far_beyond_the_border_are_no_matter_of_counting():
    made = [_from_one(index) for index in range(9)]
    shots = [shot for shot, _ in made]
    shots[4] = shots[4]._replace(raw=[shots[4].raw[0], ("cat", 31, 41, 70, 97)])
    survey = survey_of(shots, faults=[fault for _, found in made for fault in found])
    assert list(check_box_origin(subject_of(survey))) == []
