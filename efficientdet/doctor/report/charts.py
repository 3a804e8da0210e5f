# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Bars as inline SVG. Lengths are percentages, so that letters keep their size on a page of any width."""

from __future__ import annotations

import math
from collections.abc import Sequence

from efficientdet.doctor.findings import Histogram
from efficientdet.doctor.report.markup import Markup, element, joined
from efficientdet.doctor.report.plain_text import amount, counted, shortened, visible

_LABEL_END = 33.0  # percent of the width
_BARS_START, _BARS_END = 35.0, 84.0
_LABEL_LETTERS = 16  # as many as a phone has room for
_BAR, _BETWEEN = 12, 10  # pixels
_BESIDE = 3  # series; more are put one after the other, in one bar
_COLOURS = 8  # of series, in the style sheet
_MOST_BARS = 300  # groups; a page of thousands would be nobody's
_TALLEST = 600  # pixels; what is higher scrolls


def bar_chart(histogram: Histogram, listing: str) -> Markup:
    """A figure: title, legend where there are several series, and the bars of each label.

    Args:
      histogram: what to draw.
      listing: the file that has what the chart leaves out.
    """
    labels = histogram.labels[:_MOST_BARS]
    values = [[_value(histogram, name, number) for name in histogram.series] for number in range(len(labels))]
    is_stacked = len(histogram.series) > _BESIDE
    highest = max((sum(row) if is_stacked else max(row, default=0.0) for row in values), default=0.0)
    group = _BETWEEN + _BAR * (1 if is_stacked else max(len(histogram.series), 1))
    draw = _stacked if is_stacked else _beside
    rows = [
        _label(label, number * group + group // 2)
        + draw(histogram, label, row, number * group + _BETWEEN // 2, highest)
        for number, (label, row) in enumerate(zip(labels, values, strict=True))
    ]
    height = max(len(labels), 1) * group
    picture = element("svg", *map(Markup, rows), width="100%", height=height, role="img", aria_label=histogram.title)
    left_out = len(histogram.labels) - len(labels)
    notes = [histogram.note, f"{counted(left_out, 'more row')}: {listing} lists all." if left_out else ""]
    is_tall = height > _TALLEST
    return element(
        "figure",
        element("figcaption", element("h4", histogram.title), element("span", histogram.unit, class_="unit")),
        _legend(list(histogram.series)),
        element("div", picture, class_="tall" if is_tall else None, tabindex=0 if is_tall else None),
        *(element("p", note, class_="note") for note in notes if note),
        class_="chart card",
    )


def _value(histogram: Histogram, name: str, number: int) -> float:
    """The height of a bar; what is no number, or below 0, has none."""
    values = histogram.series[name]
    value = float(values[number]) if number < len(values) else 0.0
    return max(value, 0.0) if math.isfinite(value) else 0.0


def _legend(names: Sequence[str]) -> Markup:
    if len(names) < 2:
        return Markup()
    entries = (
        element("li", element("i", class_=f"swatch s{number % _COLOURS}"), name) for number, name in enumerate(names)
    )
    return element("ul", *entries, class_="legend")


def _label(label: str, middle: int) -> Markup:
    shown = shortened(visible(label), _LABEL_LETTERS)
    return element("text", element("title", label), shown, x=f"{_LABEL_END}%", y=middle, class_="label")


def _beside(histogram: Histogram, label: str, values: Sequence[float], top: int, highest: float) -> Markup:
    """A bar for each series, one below the other."""
    drawn = []
    for place, (name, value) in enumerate(zip(histogram.series, values, strict=True)):
        length, y = _length(value, highest), top + place * _BAR
        told = f"{visible(label)}, {name}: {amount(value)} {histogram.unit}".rstrip()
        drawn += [_bar(_BARS_START, length, y, place, told), _figure(_BARS_START + length, y, value)]
    return joined(drawn)


def _stacked(histogram: Histogram, label: str, values: Sequence[float], top: int, highest: float) -> Markup:
    """One bar, of a piece for each series, and the sum."""
    drawn, start = [], _BARS_START
    for place, (name, value) in enumerate(zip(histogram.series, values, strict=True)):
        if value > 0:
            told = f"{visible(label)}, {name}: {amount(value)} {histogram.unit}".rstrip()
            drawn.append(_bar(start, _length(value, highest), top, place, told))
            start += _length(value, highest)
    return joined([*drawn, _figure(start, top, sum(values))])


def _length(value: float, highest: float) -> float:
    """Percent of the width. What is there at all can be seen, however long the longest bar is."""
    return max((_BARS_END - _BARS_START) * value / highest, 0.3) if value > 0 else 0.0


def _bar(start: float, length: float, top: int, place: int, told: str) -> Markup:
    return element(
        "rect",
        element("title", told),
        x=f"{start:.2f}%",
        y=top,
        width=f"{length:.2f}%",
        height=_BAR - 2,
        class_=f"s{place % _COLOURS}",
    )


def _figure(start: float, top: int, value: float) -> Markup:
    return element("text", amount(value), x=f"{start:.2f}%", dx=5, y=top + _BAR // 2 - 1, class_="value")
