# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The summary for a terminal."""

from __future__ import annotations

import io

import pytest

from efficientdet.doctor.findings import Case, Finding, Part, Severity, Table
from efficientdet.doctor.report.terminal import Style, style_of, summary
from tests.doctor.report.reports import data_part, many_findings, recipe_part

WIDE = Style(100)


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_worst_comes_first_with_all_it_has() -> None:
    lines = list(summary([data_part(), recipe_part()], WIDE, listing="out/report.json"))
    assert lines == [
        "ERROR    recipe   1 of 100 shards is read (my.config:174)",
        "                  The network sees 1 % of the pictures.",
        "                    - input_path (a-00000-of-00100)",
        "                  Fix: Name all of them:",
        "                    train_input_reader {",
        '                      input_path: "a-?????-of-00100"',
        "                    }",
        "",
        "WARNING  data     20 boxes have no area",
        "                  They cannot be learnt.",
        "                    - a/0.xml: object 0: xmin 0 equals xmax",
        "                    - a/1.xml: object 1: xmin 1 equals xmax",
        "                    - a/2.xml: object 2: xmin 2 equals xmax",
        "                    and 17 more (out/report.json lists all)",
        "                  Fix: Apply fixes.diff.",
        "",
        "NOTE     data     class <script>alert('x')</script> is turned",
        "",
        "data     1 box in 4,886 has no area.",
        "recipe   3 % of the pictures are seen.",
        "",
        "1 error, 1 warning, 1 note",
    ]


def test_a_note_names_its_first_case() -> None:
    cases = (Case("a/my.config:7", "/DATASETS/a"), Case("a/my.config:9", "/DATASETS/b"))
    note = Finding("recipe", "x", Severity.NOTE, "2 paths lead nowhere", "", "", 2, cases)
    (line, *_) = summary([Part("recipe", "Fine.", (note,))], WIDE)
    assert line == "NOTE     recipe   2 paths lead nowhere (my.config:7: /DATASETS/a, ...)"


def test_of_many_findings_the_least_are_counted() -> None:
    lines = list(summary([many_findings(200)], WIDE, listing="report.json"))
    assert len(lines) < 80
    assert "and 166 more: 166 notes (report.json lists all)" in lines
    assert lines[-1] == "5 errors, 5 warnings, 190 notes"


def test_no_finding_is_said_as_well() -> None:
    assert list(summary([Part("recipe", "As published.")], WIDE)) == ["recipe   As published.", "", "nothing found"]


def test_cases_that_no_file_lists_are_counted_alone() -> None:
    lines = list(summary([data_part()], WIDE))
    assert "                    and 17 more" in lines


@pytest.mark.parametrize("width", [48, 60, 80, 110])
def test_lines_keep_to_the_width(width: int) -> None:
    why = "A sentence that goes on and on, so that it has to be broken into several lines. " * 3
    finding = Finding("machine", "x", Severity.ERROR, why.strip(), why, why)
    lines = list(summary([Part("machine", why, (finding,))], Style(width)))
    assert max(map(len, lines)) <= width


def test_colours_change_nothing_else() -> None:
    parts = [data_part(), recipe_part()]
    plain, painted = (list(summary(parts, Style(width=90, in_colour=colour))) for colour in (False, True))
    for colour in ("1;31", "1;33", "36", "2", "1", "32", "0"):
        painted = [line.replace(f"\x1b[{colour}m", "") for line in painted]
    assert painted == plain


def test_a_strangers_text_does_not_command_the_terminal() -> None:
    evil = "\x1b]0;owned\x07\r\n\x9b31m"
    finding = Finding("data", "x", Severity.ERROR, evil, evil, evil)
    table = Table(evil, (evil,), ((evil,),), evil)
    text = "\n".join(summary([Part("data", evil, (finding,), (table,))], WIDE, with_tables=True))
    assert not set(text) & {"\x1b", "\x07", "\r", "\x9b"}


def test_tables_have_columns() -> None:
    table = Table("Figures", ("what", "value"), (("images per second", 14.25), ("batch", 6)), "Measured.")
    lines = list(summary([Part("machine", "Fine.", tables=(table,))], WIDE, with_tables=True))
    assert lines[:5] == [
        "Figures",
        "  what               value",
        "  images per second  14.25",
        "  batch                  6",
        "  Measured.",
    ]


def test_long_tables_are_cut() -> None:
    table = Table("Classes", ("id",), tuple((number,) for number in range(50)))
    lines = list(summary([Part("data", "", tables=(table,))], WIDE, listing="r.json", with_tables=True))
    assert "  and 20 more rows (r.json lists all)" in lines
    assert list(summary([Part("data", "", tables=(Table("None", ("id",), ()),))], WIDE, with_tables=True))


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "90")
    assert style_of(_Terminal()) == Style(90, True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert style_of(_Terminal()) == Style(90, False)
    assert style_of(io.StringIO()) == Style()
