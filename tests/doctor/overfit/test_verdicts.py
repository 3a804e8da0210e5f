# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import math
from collections import Counter

import pytest

from efficientdet.doctor.findings import Case, Severity
from efficientdet.doctor.overfit import has_settled, verdicts
from efficientdet.doctor.overfit.outcomes import FOUND, MISPLACED, MISSED, WRONG_CLASS
from efficientdet.doctor.overfit.verdicts import (
    Course,
    case_of,
    ceiling_finding,
    failure_finding,
    outcome_of,
    transfer_finding,
    verdict_of,
)

_BOXES = Counter({FOUND: 10, WRONG_CLASS: 0, MISPLACED: 0, MISSED: 0})


def _course(first: float = 2.0, last: float = 0.2, score: float = 0.5, *, max_steps: int = 300) -> Course:
    return Course(1e-3, (first,) * 100 + (last,) * 100, ((100, 0.4), (150, score), (200, score)), 60.0, max_steps)


@pytest.mark.parametrize(
    ("course", "boxes", "outcome"),
    [
        (_course(score=0.9), {MISSED: 1}, "learnt"),
        (_course(score=0.9, last=math.inf), {}, "learnt"),
        (_course(last=math.inf), {}, "diverged"),
        (_course(last=1.5), {}, "stuck"),
        (_course(last=1.3), {MISSED: 3}, "boxes"),
        (_course(), {WRONG_CLASS: 6, MISPLACED: 3, MISSED: 2}, "labels"),
        (_course(), {WRONG_CLASS: 4, MISPLACED: 3, MISSED: 2}, "boxes"),
    ],
)
def test_data_faults_are_told_from_faults_of_optimisation(course: Course, boxes: dict[str, int], outcome: str) -> None:
    assert outcome_of(course, 0.9, _BOXES | Counter(boxes)) == outcome


def test_who_still_learns_when_the_steps_are_over_needs_more_of_them() -> None:
    losses = tuple(2.0 * 0.99**step for step in range(200))
    course = Course(1e-3, losses, ((100, 0.3), (140, 0.5), (200, 0.7)), 60.0, 200)
    assert outcome_of(course, 0.9, _BOXES) == "slow"
    assert outcome_of(course._replace(max_steps=300), 0.9, _BOXES) == "boxes"  # it was given up before
    assert outcome_of(course._replace(scores=((140, 0.7), (200, 0.7))), 0.9, _BOXES) == "boxes"


def test_what_was_learnt_is_no_finding() -> None:
    assert failure_finding("learnt", _course(), 0.9, _BOXES, ()) is None
    text = verdict_of("learnt", _course(score=0.95), 8, 205)
    assert text == "8 of 205 training images were learnt by heart: AP50 0.95 on the same images after 200 steps, 1 min."


@pytest.mark.parametrize(
    ("outcome", "code", "severity", "words"),
    [
        ("diverged", verdicts.DIVERGED, Severity.ERROR, "not finite"),
        ("stuck", verdicts.LOSS_STUCK, Severity.ERROR, "the loss does not fall: 2 to 0.2"),
        ("slow", verdicts.SLOW, Severity.WARNING, "still rising"),
        ("labels", verdicts.LABELS, Severity.ERROR, "labels contradict each other: 6 of 10 boxes get another class"),
        ("boxes", verdicts.BOXES, Severity.ERROR, "1 of 10 are found in another place, 1 not at all, and 0 where"),
    ],
)
def test_every_failure_has_its_words(outcome: str, code: str, severity: Severity, words: str) -> None:
    boxes = Counter({FOUND: 2, WRONG_CLASS: 6, MISPLACED: 1, MISSED: 1})
    cases = (Case("image 'a'", "3 wrong"), Case("image 'b'", "1 wrong"))
    finding = failure_finding(outcome, _course(), 0.9, boxes, cases)  # type: ignore[arg-type]
    assert finding is not None
    assert (finding.code, finding.severity, finding.count, finding.cases) == (code, severity, 2, cases)
    assert words in finding.title
    assert verdict_of(outcome, _course(), 8, 205)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ceiling", "severity"), [(0.95, None), (0.9, None), (0.8, Severity.WARNING), (0.4, Severity.ERROR)]
)
def test_what_no_network_could_reach(ceiling: float, severity: Severity | None) -> None:
    finding = ceiling_finding(ceiling, 0.9)
    assert (finding and finding.severity) == severity


@pytest.mark.parametrize(("others", "is_noted"), [(-1.0, False), (0.0, True), (0.04, True), (0.1, False), (0.6, False)])
def test_what_helps_in_no_other_picture_is_worth_a_note(others: float, is_noted: bool) -> None:
    finding = transfer_finding(others, 8)
    assert (finding is not None) == is_noted
    assert finding is None or finding.severity is Severity.NOTE


def test_a_case_counts_the_boxes_of_a_picture() -> None:
    case = case_of("17", [FOUND, MISSED, MISSED, "", WRONG_CLASS])
    assert case == Case("image '17'", "4 boxes: 1 wrong class, 2 missed, 1 found")
    assert case_of("17", [""]) == Case("image '17'", "0 boxes: none counts")


def test_learning_has_settled_where_neither_score_nor_loss_gets_better() -> None:
    scores = [(step, 0.5) for step in range(20, 401, 20)]
    flat = [1.0] * 400
    assert has_settled(flat, scores)
    assert not has_settled(flat[:149], scores)
    assert not has_settled(flat, [*scores[:-1], (400, 0.6)])
    assert not has_settled([1.0] * 340 + [0.5] * 60, scores)
    assert has_settled([1.0] * 300 + [0.5] * 100, scores)
