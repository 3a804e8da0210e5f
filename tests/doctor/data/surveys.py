# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What checks take, of surveys made by hand."""

from __future__ import annotations

from collections.abc import Sequence

from efficientdet.data.label_map import Label, LabelMap
from efficientdet.data.survey import Survey
from efficientdet.doctor.data.observation import Observation, Totals
from efficientdet.doctor.data.subject import Subject


def subject_of(survey: Survey, *, label_map: Sequence[str] | None = None, limits=None, in_place=False) -> Subject:
    """What checks take."""
    known = None
    if label_map is not None:
        known = LabelMap(tuple(Label(i + 1, name) for i, name in enumerate(label_map)), "labels.pbtxt")
    return Subject(survey, survey.splits, survey.split_of, known, limits, in_place)


def totals_of(survey: Survey) -> Totals:
    """What counts are shares of."""
    return Totals(len(survey), len(survey.boxes), len(survey.class_names), 1)


def seen(check, subject: Subject) -> dict[str, Observation]:
    """What a check sees, by code."""
    return {found.code: found for found in check(subject, totals_of(subject.survey))}
