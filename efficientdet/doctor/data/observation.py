# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a check has seen, on its way to becoming a finding."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from efficientdet.data import faults
from efficientdet.data.faults import Fault
from efficientdet.doctor.cost import DATA, USELESS, price
from efficientdet.doctor.data.texts import TEXTS
from efficientdet.doctor.data.texts.text import Text
from efficientdet.doctor.findings import Case, Finding, Severity

MAX_CASES = 200
"""Cases that a finding lists; `Finding.count` is exact whatever they are."""

DROPPED_BOXES = (faults.BOX_NOT_FINITE, faults.BOX_INVERTED, faults.BOX_ZERO_AREA, faults.BOX_OUTSIDE)
"""Boxes with one of these are not among those that a survey keeps."""


class Observation(NamedTuple):
    """Everything of one code.

    Attributes:
      code: of `data.faults`.
      faults: worst first. All that have a fix; of the others there may be fewer.
      number: of cases.
      of: what `number` is a share of, above 0.
      severity: where counts decide that the rule of its text does not know; None: as its text says.
      figures: closes the title: "up to 310 boxes".
    """

    code: str
    faults: Sequence[Fault]
    number: int
    of: int
    severity: Severity | None = None
    figures: str = ""


class Totals(NamedTuple):
    """What counts are shares of."""

    pictures: int
    boxes: int
    classes: int
    files: int

    def of(self, unit: str) -> int:
        """How many there are of a text's unit."""
        return {"box": self.boxes, "class": self.classes, "file": self.files}.get(unit, self.pictures)


def observe(code: str, found: Sequence[Fault], totals: Totals) -> Observation:
    """An observation that is nothing but its faults."""
    return Observation(code, found, len(found), max(totals.of(TEXTS[code].unit), len(found)))


def observe_faults(found: Iterable[Fault], totals: Totals) -> list[Observation]:
    """Groups faults by code, in the order in which codes are met; codes without a text cannot occur."""
    by_code: dict[str, list[Fault]] = defaultdict(list)
    for fault in found:
        by_code[fault.code].append(fault)
    dropped = sum(len(by_code[code]) for code in DROPPED_BOXES if code in by_code)
    left_out = len(by_code.get(faults.PICTURE_LEFT_OUT, ()))
    totals = totals._replace(boxes=totals.boxes + dropped, pictures=totals.pictures + left_out)
    return [observe(code, faults_of_code, totals) for code, faults_of_code in by_code.items()]


def finding_of(observation: Observation, in_place: bool, files: Sequence[str] = ()) -> Finding:
    """Says what an observation means.

    Args:
      observation: with at least one case.
      in_place: a run reads the files as they are; no import mends them.
      files: of the survey's pictures: a case in a file of many pictures names its own.
    """
    code, found, number, of, severity, figures = observation
    text = TEXTS[code]
    share = min(number / of, 1.0)
    rule = text.in_place if in_place and text.in_place is not None else text.severity
    return Finding(
        area="data",
        code=code,
        severity=rule(share) if severity is None else severity,
        title=_title(text, number, of, figures),
        why=text.why,
        remedy=text.remedy,
        count=number,
        cases=tuple(_case(fault, files) for fault in found[:MAX_CASES]),
        cost=min(text.weight * price(DATA, 1 - share), USELESS),
    )


def _case(fault: Fault, files: Sequence[str]) -> Case:
    picture = files[fault.row].rpartition("/")[2] if 0 <= fault.row < len(files) else ""
    stem = picture.rpartition(".")[0] or picture
    is_named = stem in fault.where or stem in fault.detail
    return Case(fault.where, fault.detail if is_named else f"{picture}: {fault.detail}")


def _title(text: Text, number: int, of: int, figures: str) -> str:
    units = {"box": "boxes", "class": "classes"}.get(text.unit, f"{text.unit}s")
    verb, _, rest = text.what.partition(" ")
    if number == 1:
        verb = {"have": "has", "are": "is"}.get(verb, f"{verb}s")
    return f"{number:,} of {of:,} {units} {verb} {rest}" + (f", {figures}" if figures else "")
