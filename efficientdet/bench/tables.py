# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Figures as rows of a table, for a terminal and for a document. No TensorFlow."""

from __future__ import annotations

from typing import NamedTuple

from efficientdet.bench.cases import Case
from efficientdet.bench.curves import seconds_in_words
from efficientdet.bench.figures import Figure
from efficientdet.doctor.quantities import size

_NAME_WIDTH, _WIDTH = 26, 10
_TITLES = ("median", "minimum", "runs", "x limit", "of plain", "memory")
_LIMITS = ("fp32 GEMM", "JPEG decoding")


class Row(NamedTuple):
    """A figure in words; "" where there is nothing to say."""

    median: str
    minimum: str
    runs: str
    to_limit: str
    to_plain: str
    memory: str


def row_of(figure: Figure) -> Row:
    """A figure as a row."""
    told = size if figure.unit == "B" else seconds_in_words
    is_limit = figure.yardstick is not None and figure.yardstick.name in _LIMITS
    return Row(
        told(figure.median),
        told(figure.minimum),
        str(figure.runs),
        f"{figure.to_yardstick:.2f}" if is_limit and figure.to_yardstick is not None else "",
        "" if figure.to_plain is None else f"{figure.to_plain:.3f}",
        size(figure.peak_memory) if figure.peak_memory else "",
    )


def heading() -> str:
    """The line above the rows on a terminal."""
    return f"{'measurement':<{_NAME_WIDTH}}" + "".join(f"{title:>{_WIDTH}}" for title in _TITLES)


def lines_of(case: Case, figure: Figure) -> list[str]:
    """A figure for a terminal: its row, and what else is known of it."""
    row = f"{case.name:<{_NAME_WIDTH}}" + "".join(f"{value:>{_WIDTH}}" for value in row_of(figure))
    more = details(figure)
    return [row, f"    {more}"] if more else [row]


def details(figure: Figure) -> str:
    """What else is known of a figure, in one line."""
    known = [_told(name, value) for name, value in figure.more.items()]
    if figure.yardstick is not None:
        known.append(f"{figure.yardstick.name} {figure.yardstick.pace:.4g} {figure.yardstick.unit}")
    return "; ".join(known)


def _told(name: str, value: float) -> str:
    """The number of "CPU, s" as "CPU 1.2 s", that of a name without unit behind it."""
    label, _, unit = name.rpartition(", ")
    return f"{label} {value:.4g} {unit}" if label else f"{name} {value:.4g}"
