# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the doctor found, for people at a terminal: the worst first, and no more than they can read."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple, TextIO

from efficientdet.doctor.findings import Case, Finding, Part, Severity, Table, worst_first
from efficientdet.doctor.report.plain_text import amount, counted, shortened, visible

_WORDS = {Severity.ERROR: "ERROR", Severity.WARNING: "WARNING", Severity.NOTE: "NOTE"}
_COLOURS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.NOTE: "36"}  # ANSI: bold red, bold yellow, cyan
_BOLD, _DIM, _GREEN = "1", "2", "32"
_NARROWEST, _WIDEST = 48, 110
_UNWRAPPED = 110  # columns of a log file, which has none of its own
_INDENT = 18  # severity and area stand before it
_NARROW_INDENT = 4
_EXPLAINED = 10  # findings that are told with all they have; what follows gets a line each
_LISTED = 24  # findings that get such a line
_CASES = 3
_CASE = 120  # characters of the one that stands beside a title
_TABLE_ROWS = 30
_CELL = 44  # characters
_TIED = "\N{NO-BREAK SPACE}%"


class Style(NamedTuple):
    """What a stream can show."""

    width: int = _UNWRAPPED
    in_colour: bool = False

    def paint(self, text: str, colour: str) -> str:
        """The text in a colour, where there are colours; "" is that of the terminal."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self.in_colour and colour and text else text


def style_of(stream: TextIO) -> Style:
    """The width of a terminal, and whether it shows colours: not a file, nor where NO_COLOR says so (no-color.org)."""
    if not stream.isatty():
        return Style()
    width = min(max(shutil.get_terminal_size().columns, _NARROWEST), _WIDEST)
    return Style(width, not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb")


def summary(parts: Sequence[Part], style: Style, *, listing: str = "", with_tables: bool = False) -> Iterator[str]:
    """Tells findings, verdicts and counts.

    Args:
      parts: of the checks that were made.
      style: see `style_of`.
      listing: the file that lists everything, for what is left out here; "" where none was written.
      with_tables: also prints the tables, as far as they fit.

    Yields:
      Lines.
    """
    findings = worst_first(finding for part in parts for finding in part.findings)
    # A note is told in its line: it costs nothing.
    told = [finding for finding in findings if finding.severity > Severity.NOTE][:_EXPLAINED]
    rest = findings[len(told) :]
    for finding in told:
        yield from _explained(finding, style, listing)
        yield ""
    for finding in rest[:_LISTED]:
        yield from _headline(finding, style, with_case=True)
    if len(rest) > _LISTED:
        tail = f" ({listing} lists all)" if listing else ""
        yield style.paint(f"and {len(rest) - _LISTED:,} more: {count_text(rest[_LISTED:])}{tail}", _DIM)
    if rest:
        yield ""
    for table in (table for part in parts if with_tables for table in part.tables):
        yield from table_lines(table, style, listing)
        yield ""
    for part in parts:
        yield from _verdict(part, style)
    yield ""
    yield style.paint(count_text(findings) if findings else "nothing found", _BOLD)


def count_text(findings: Sequence[Finding]) -> str:
    """How many of each severity: "1 error, 3 notes"."""
    counts = [(sum(finding.severity == severity for finding in findings), word) for severity, word in _WORDS.items()]
    return ", ".join(counted(count, word.lower()) for count, word in counts if count)


def _headline(finding: Finding, style: Style, *, with_case: bool = False) -> Iterator[str]:
    """Severity, area, title, and the place if it is one; else the first case, where none will be listed."""
    where = _only_place(finding)
    if with_case and finding.count > 1 and finding.cases:
        first = finding.cases[0]
        where = shortened(_told(replace(first, where=first.where.rpartition("/")[2])), _CASE) + ", ..."
    title = visible(finding.title)
    if where and where not in finding.title:
        title = f"{title} ({visible(where)})"
    word, area = _WORDS[finding.severity], finding.area
    lines = _wrapped(title, style.width, " " * _indent(style), f"{word:<9}{area:<9}")
    painted = f"{style.paint(word, _COLOURS[finding.severity])}{' ' * (9 - len(word))}{style.paint(f'{area:<9}', _DIM)}"
    is_weighty = finding.severity > Severity.NOTE
    yield painted + style.paint(lines[0][_INDENT:], _BOLD if is_weighty else "")
    for line in lines[1:]:
        yield style.paint(line, _BOLD if is_weighty else "")


def _explained(finding: Finding, style: Style, listing: str) -> Iterator[str]:
    yield from _headline(finding, style)
    indent = " " * _indent(style)
    for line in finding.why.split("\n"):
        yield from _wrapped(visible(line), style.width, indent) if line else ()
    yield from _cases(finding, style, indent, listing)
    if finding.remedy:
        yield from _remedy(finding.remedy, style, indent)


def _remedy(remedy: str, style: Style, indent: str) -> Iterator[str]:
    """Sentences are wrapped; indented lines are text of a config, to be copied, and stay as they are."""
    label = "Fix: "
    for number, line in enumerate(remedy.split("\n")):
        text = visible(line.replace("\t", "    "))
        if number == 0:
            first, *others = _wrapped(text, style.width, indent, f"{indent}{label}")
            yield indent + style.paint(label.rstrip(), _GREEN) + first[len(indent) + len(label) - 1 :]
            yield from others
        elif text.startswith(" "):
            yield indent + style.paint(text, _GREEN)
        elif text:
            yield from _wrapped(text, style.width, indent)


def _cases(finding: Finding, style: Style, indent: str, listing: str) -> Iterator[str]:
    shown, place = finding.cases[:_CASES], _only_place(finding)
    for case in shown:
        text = case.detail if case.where == place else _told(case)
        for line in _wrapped(visible(text), style.width, f"{indent}    ", f"{indent}  - ") if text else ():
            yield style.paint(line, _DIM)
    more = finding.count - len(shown)
    if more > 0 and shown:
        listed = len(finding.cases) - len(shown)
        told = "all" if listed == more else f"{listed:,} of them"
        tail = f" ({listing} lists {told})" if listing and listed > 0 else ""
        yield style.paint(f"{indent}  and {more:,} more{tail}", _DIM)


def _told(case: Case) -> str:
    return f"{case.where}: {case.detail}".strip(": ")


def _only_place(finding: Finding) -> str:
    """The place of all cases that are listed, which the headline then names; "" if they are in several."""
    places = {case.where for case in finding.cases}
    return places.pop() if len(places) == 1 else ""


def _verdict(part: Part, style: Style) -> Iterator[str]:
    severity = max((finding.severity for finding in part.findings), default=None)
    text = visible(part.verdict.replace("\n", " ")) or "nothing found"
    first, *others = _wrapped(text, style.width, " " * 9, f"{part.area:<9}")
    yield style.paint(first[:9], _BOLD if severity is None else _COLOURS[severity]) + first[9:]
    yield from others


def table_lines(table: Table, style: Style, listing: str = "") -> Iterator[str]:
    """A table in columns as wide as their cells; those of numbers stand right.

    Args:
      table: what to show.
      style: see `style_of`.
      listing: the file that lists everything, for what is left out here; "" where none was written.

    Yields:
      Lines.
    """
    shown = table.rows[:_TABLE_ROWS]
    cells = [[shortened(visible(amount(value)), _CELL) for value in row] for row in (table.columns, *shown)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    is_number = [
        all(isinstance(value, (int, float)) or not value for value in column) for column in zip(*shown, strict=True)
    ] or [False] * len(widths)
    yield style.paint(visible(table.title), _BOLD)
    for number, row in enumerate(cells):
        columns = zip(row, widths, is_number, strict=True)
        line = "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in columns)
        yield style.paint("  " + line.rstrip(), "" if number else _DIM)
    if len(table.rows) > len(shown):
        tail = f" ({listing} lists all)" if listing else ""
        yield style.paint(f"  and {counted(len(table.rows) - len(shown), 'more row')}{tail}", _DIM)
    for line in _wrapped(visible(table.note), style.width, "  ") if table.note else ():
        yield style.paint(line, _DIM)


def _indent(style: Style) -> int:
    return _INDENT if style.width >= 72 else _NARROW_INDENT


def _wrapped(text: str, width: int, indent: str, first: str | None = None) -> list[str]:
    """At least one line; paths are not torn apart at their hyphens, nor "5 %" at its space."""
    lines = textwrap.wrap(
        text.replace(" %", _TIED),
        width,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_on_hyphens=False,
        break_long_words=False,
    )
    return [line.replace(_TIED, " %") for line in lines] or [indent if first is None else first]
