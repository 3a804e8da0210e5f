# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Strangers' texts."""

from __future__ import annotations

import pytest

from efficientdet.doctor.quantities import Factor
from efficientdet.doctor.report.plain_text import amount, counted, shortened, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("car", "car"),
        ("Größe 自転車", "Größe 自転車"),
        ("car\n", r"car\n"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("car\u200b", r"car\u200b"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udcff.jpg", r"\udcff.jpg"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_long_texts_lose_their_middle() -> None:
    assert shortened("abcdefghij", 10) == "abcdefghij"
    assert shortened("abcdefghijk", 10) == "abc…fghijk"


def test_counts_have_their_nouns() -> None:
    assert counted(1, "error") == "1 error"
    assert counted(12345, "note") == "12,345 notes"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (1234567, "1,234,567"),
        (0, "0"),
        (3.0, "3"),
        (0.25, "0.25"),
        (14.2134, "14.21"),
        (12345.6, "12,346"),
        (1.5e-7, "1.5e-07"),
        (float("nan"), "nan"),
        (float("inf"), "inf"),
        (True, "yes"),
        (Factor(1 / 64), "1/64"),
        (Factor(2), "2x"),
        ("text", "text"),
    ],
)
def test_amounts_are_written_for_people(value: str | float, shown: str) -> None:
    assert amount(value) == shown
