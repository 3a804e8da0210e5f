# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Figures in a document, between two markers, with the growth curves as drawings beside it. No TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from efficientdet.atomic_write import replace_atomically
from efficientdet.bench.cases import GROUPS
from efficientdet.bench.curves import GrowthCurve, growth_chart, growth_curves
from efficientdet.bench.figures import Results
from efficientdet.bench.tables import details, row_of
from efficientdet.errors import UsageError

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
_COLUMNS = ("measurement", "", "median", "minimum", "runs", "times the limit", "of the plain twin", "peak memory")
_GROWTH = "growth"


def write_document(results: Results, path: str | Path) -> list[Path]:
    """Replaces what is between the markers of a document, and draws the curves into its folder.

    Args:
      results: what is shown.
      path: a Markdown file with both markers.

    Returns:
      The files written.

    Raises:
      UsageError: the document lacks a marker.
      OSError: it cannot be read, or a file cannot be written.
    """
    path = Path(path)
    head, tail = around_figures(path)
    curves = growth_curves(results.figures)
    names = {curve.growth.name: f"{path.stem}-{curve.growth.name}.svg" for curve in curves}
    written = []
    for curve in curves:
        drawing = path.with_name(names[curve.growth.name])
        replace_atomically(drawing, f'<?xml version="1.0" encoding="UTF-8"?>\n{growth_chart(curve)}\n')
        written.append(drawing)
    inside = "\n".join(["", *_machine(results), *_table(results), *_details(results), *_curves(curves, names), ""])
    replace_atomically(path, f"{head}{BEGIN}\n{inside}\n{END}{tail}")
    return [*written, path]


def around_figures(path: Path) -> tuple[str, str]:
    """What is before the first marker of a document, and behind the second.

    Raises:
      UsageError: it lacks a marker.
      OSError: it cannot be read.
    """
    head, begin, rest = path.read_text(encoding="utf-8").partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise UsageError(f"{path} must have the lines {BEGIN} and {END}, between which the figures go")
    return head, tail


def _machine(results: Results) -> list[str]:
    told = ", ".join(f"{name} {value}" for name, value in {**results.machine, **results.settings}.items() if value)
    return [f"Measured on: {told}.", ""]


def _table(results: Results) -> list[str]:
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"]
    for group, cases in GROUPS.items():
        if group != _GROWTH:
            lines += [
                f"| `{case.name}` | {case.title} | {' | '.join(row_of(results.figures[case.name]))} |"
                for case in cases
                if case.name in results.figures
            ]
    return [*lines, ""]


def _details(results: Results) -> list[str]:
    """What else is known, figure by figure."""
    known = {
        case.name: details(results.figures[case.name])
        for group, cases in GROUPS.items()
        for case in cases
        if group != _GROWTH and case.name in results.figures
    }
    return [*(f"- `{name}`: {text}" for name, text in known.items() if text), ""]


def _curves(curves: Sequence[GrowthCurve], names: dict[str, str]) -> list[str]:
    lines = []
    for curve in curves:
        text = curve.in_words()
        lines += [f"{text[0].upper()}{text[1:]}.", "", f"![{curve.growth.quantity}]({names[curve.growth.name]})", ""]
    return lines
