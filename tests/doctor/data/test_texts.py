# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Every code has its text, and what becomes of observations."""

from __future__ import annotations

import pytest

from efficientdet.data import faults
from efficientdet.data.faults import Fault
from efficientdet.doctor.data.observation import (
    MAX_CASES,
    Observation,
    Totals,
    finding_of,
    observe_faults,
    percent,
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
    assert text.unit in ("picture", "box", "class", "file", "record")
    for sentence in (text.why, text.remedy):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
    for rule in (text.severity, text.in_place or text.severity):
        severities = [rule(share) for share in (0.0, 0.001, 0.01, 0.1, 0.5, 1.0)]
        assert severities == sorted(severities)  # more of it is never better


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.00041, "0.041 %"), (0.037, "3.7 %"), (0.0996, "10 %"), (0.5, "50 %"), (1.0, "100 %")],
)
def test_percent(share, text):
    assert percent(share) == text


def test_title_count_and_cases():
    cases = [Fault(faults.BOX_INVERTED, f"{i}.xml", "object 3", "xmin 5 is above xmax 4") for i in range(300)]
    finding = finding_of(Observation(faults.BOX_INVERTED, cases, 1000, 8000), in_place=False)
    assert finding.title == "boxes with exchanged corners: 1,000 of 8,000 boxes (12 %)"
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
