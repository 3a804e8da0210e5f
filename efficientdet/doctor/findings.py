# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the doctor finds, in the form that its reports show. No TensorFlow."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from efficientdet.data.faults import Fault

Area = Literal["data", "recipe", "machine", "overfit"]


class Severity(enum.IntEnum):
    """How bad it is; the greatest one of a report is its exit code."""

    NOTE = 0  # worth knowing; costs nothing, or is mended on the way
    WARNING = 1  # costs precision, time or both
    ERROR = 2  # the run will fail, or its figure will mean nothing


@dataclass(frozen=True)
class Case:
    """One place where something was found."""

    where: str  # "Annotations/x.xml: object 12", "my.config:41"
    detail: str  # the value and the rule


@dataclass(frozen=True)
class Finding:
    """One kind of thing, with all its cases.

    Attributes:
      area: which check found it.
      code: of `data.faults`, or of the check's own; stable, for scripts.
      severity: see Severity.
      title: one line, with the figures: "1 of 100 shards is read".
      why: why it matters, a sentence or two.
      remedy: what to do: a sentence, or the config lines to change.
      count: cases in all; `cases` may list fewer.
      cases: those listed, worst first.
      cost: orders findings of one severity, dearest first: in doublings of the training data, times 3, as `doctor.cost`
        says.
    """

    area: Area
    code: str
    severity: Severity
    title: str
    why: str
    remedy: str
    count: int = 1
    cases: tuple[Case, ...] = ()
    cost: float = 0.0


@dataclass(frozen=True)
class Table:
    """A table of the report; numbers stay numbers, so that it can be sorted."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class Histogram:
    """Bars: a group for each label, in it a bar for each series; of more than three series, one bar of all."""

    title: str
    labels: tuple[str, ...]
    series: dict[str, tuple[float, ...]]
    unit: str = ""  # of the height of bars
    note: str = ""


@dataclass(frozen=True)
class Sheet:
    """A drawn picture, such as a contact sheet."""

    title: str
    image: np.ndarray  # uint8 [h, w, 3], RGB
    note: str = ""


@dataclass(frozen=True)
class Part:
    """What one check has to say.

    Attributes:
      area: which check.
      verdict: in words, a sentence or a few.
      findings: worst first (see `worst_first`).
      faults: of a data set, case by case; what mends them is written as fixes.diff.
    """

    area: Area
    verdict: str
    findings: tuple[Finding, ...] = ()
    tables: tuple[Table, ...] = ()
    histograms: tuple[Histogram, ...] = ()
    sheets: tuple[Sheet, ...] = field(default=(), compare=False)
    faults: tuple[Fault, ...] = field(default=(), compare=False, repr=False)


def worst_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Orders findings: errors, warnings, notes; within each the dearest first; otherwise as given."""
    return tuple(sorted(findings, key=lambda finding: (-finding.severity, -finding.cost)))


def exit_code(parts: Iterable[Part]) -> int:
    """0: fine, 1: warnings, 2: the run will fail."""
    return max((int(finding.severity) for part in parts for finding in part.findings), default=0)
