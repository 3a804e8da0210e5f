# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Small reports to show."""

from __future__ import annotations

import numpy as np

from efficientdet.data.faults import Fault, Fix
from efficientdet.doctor.findings import Case, Finding, Histogram, Part, Severity, Sheet, Table

EVIL = "<script>alert('x')</script>"

SHARDS = Finding(
    "recipe",
    "shards-missing",
    Severity.ERROR,
    "1 of 100 shards is read",
    "The network sees 1 % of the pictures.",
    'Name all of them:\n  train_input_reader {\n    input_path: "a-?????-of-00100"\n  }',
    cases=(Case("my.config:174", "input_path (a-00000-of-00100)"),),
    cost=9.0,
)
NO_AREA = Finding(
    "data",
    "box-zero-area",
    Severity.WARNING,
    "20 boxes have no area",
    "They cannot be learnt.",
    "Apply fixes.diff.",
    20,
    tuple(Case(f"a/{number}.xml: object {number}", f"xmin {number} equals xmax") for number in range(20)),
    cost=3.0,
)
ROTATED = Finding("data", "picture-rotated", Severity.NOTE, f"class {EVIL} is turned", "", "", 3)


def data_part() -> Part:
    """A part that has one of each."""
    return Part(
        "data",
        "1 box in 4,886 has no area.",
        (NO_AREA, ROTATED),
        (
            Table(
                "Classes", ("class", "boxes", "share"), ((EVIL, 1200, 0.25), ("car\n", 7, float("nan"))), "As mapped."
            ),
        ),
        (
            Histogram(
                "Boxes of each class", (EVIL, "car"), {"train": (12.0, 3.0), "val": (1.0, 0.0)}, "boxes", "Sorted."
            ),
        ),
        (Sheet("Worst", np.full((20, 30, 3), 128, np.uint8), "Outlined."),),
        (
            Fault(
                "box-zero-area", "a/1.xml", "object 1", "no area", fix=Fix("a/1.xml", "object 1", "box car 1 1 1 2", "")
            ),
        ),
    )


def recipe_part() -> Part:
    """A part with an error."""
    return Part("recipe", "3 % of the pictures are seen.", (SHARDS,))


def many_findings(count: int) -> Part:
    """A part that nobody reads to its end."""
    findings = tuple(
        Finding("data", f"code-{number}", Severity(2 - min(number // 5, 2)), f"thing {number}", "Because.", "Mend it.")
        for number in range(count)
    )
    return Part("data", "Much.", findings)
