# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Every code has its text, and what becomes of observations."""

from __future__ import annotations

import pytest

from efficientdet.data import faults
from efficientdet.data.faults import Fault
from efficientdet.doctor.cost import DATA, USELESS, price
from efficientdet.doctor.data.observation import (
    MAX_CASES,
    Observation,
    Totals,
    finding_of,
    observe_faults,
)
from efficientdet.doctor.data.texts import TEXTS
from efficientdet.doctor.findings import Severity

_CODES = sorted(value for name, value in vars(faults).items() if name.isupper())


def test_no_code_lacks_a_text():
    assert sorted(TEXTS) == _CODES


@pytest.mark.parametrize("code", _CODES)
def test_texts_are_sentences(code):
    text = TEXTS[code]
    assert text.what[0].islower()
    assert 1 <= text.weight <= 3
    assert "picture" not in text.what + text.why + text.remedy  # a report calls them images
    assert text.unit in ("image", "evaluation image", "box", "class", "file", "record")
    for sentence in (text.why, text.remedy):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
    for rule in (text.severity, text.in_place or text.severity):
        severities = [rule(share) for share in (0.0, 0.001, 0.01, 0.1, 0.5, 1.0)]
        assert severities == sorted(severities)  # more of it is never better


def test_title_count_and_cases():
    cases = [Fault(faults.BOX_INVERTED, f"{i}.xml", "object 3", "xmin 5 is above xmax 4") for i in range(300)]
    finding = finding_of(Observation(faults.BOX_INVERTED, cases, 1000, 8000), in_place=False)
    assert finding.title == "1,000 of 8,000 boxes have exchanged corners"
    assert (finding.count, len(finding.cases)) == (1000, MAX_CASES)
    assert finding.cases[0].where == "0.xml: object 3"
    assert finding.severity == Severity.WARNING
    assert finding_of(Observation(faults.BOX_INVERTED, cases, 1000, 8000), in_place=True).severity == Severity.ERROR


def test_boxes_that_were_dropped_count_as_boxes():
    found = [Fault(faults.BOX_ZERO_AREA, "a.xml", "object 0", "")] * 2
    (observation,) = observe_faults(found, Totals(pictures=9, boxes=4886, classes=3, files=9))
    assert (observation.number, observation.of) == (2, 4888)


def test_a_check_may_know_better_than_the_share():
    mild = Observation(faults.CLASS_EMPTY_IN_SPLIT, [], 1, 90)
    assert finding_of(mild, False).severity == Severity.NOTE
    assert finding_of(mild._replace(severity=Severity.WARNING), False).severity == Severity.WARNING
    costly = Observation(faults.PICTURE_MISSING, [], 9, 10)
    assert finding_of(costly, False).severity == Severity.ERROR
    assert finding_of(costly._replace(severity=Severity.NOTE), False).severity == Severity.NOTE


@pytest.mark.parametrize(
    ("code", "title"),
    [
        (faults.PICTURE_FEW_BOXES, "1 of 9 images has suspiciously few boxes, up to 3"),
        (faults.CLASS_UNUSED, "1 of 9 classes has no box, up to 3"),
        (faults.PICTURE_TRUNCATED, "1 of 9 images ends too early, up to 3"),
        (faults.LEAK_IDENTICAL, "1 of 9 evaluation images is in training too, up to 3"),
    ],
)
def test_one_is_singular(code, title):
    assert finding_of(Observation(code, [], 1, 9, figures="up to 3"), False).title == title


def test_what_is_spoilt_costs_as_what_is_not_read():
    def cost(code, number):
        return finding_of(Observation(code, [], number, 100), False).cost

    assert cost(faults.PICTURE_MISSING, 50) == pytest.approx(3)  # half of the data
    assert cost(faults.PICTURE_MISSING, 99) == pytest.approx(price(DATA, 1 / 100))  # as one shard of a hundred
    assert cost(faults.PICTURE_UNREADABLE, 50) == pytest.approx(6)  # weighs twice
    assert cost(faults.PICTURE_MISSING, 100) == cost(faults.LEAK_IDENTICAL, 100) == USELESS
