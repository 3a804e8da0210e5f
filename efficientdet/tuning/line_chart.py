# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Curves as SVG that stands alone or in a page, light or dark: its letters take the colour of the text around it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from efficientdet.doctor.report.markup import Markup, element, joined
from efficientdet.doctor.report.plain_text import amount

_WIDTH, _HEIGHT = 860, 420  # units of the drawing; a page scales it
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 20, 16, 52  # around the axes
_LETTERS = 13
_LEGEND_ROW = 20  # below the axis, for each curve
# Readable on white and on black, and told apart by the colour-blind (Okabe and Ito 2008), but for the last.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a6761d", "#56b4e9", "#e69f00", "#7f7f7f")
_TICKS = 6
_PIXELS_OF_LETTER = 7.2


class Curve(NamedTuple):
    """Points that belong together; those that are not finite are left out, and the line is broken there."""

    name: str  # "" has no place in the legend
    points: tuple[tuple[float, float], ...]
    colour: int = 0
    is_line: bool = True
    is_dashed: bool = False
    dot_radius: float = 0.0
    opacity: float = 1.0


class Mark(NamedTuple):
    """A value of x that is pointed out."""

    x: float
    name: str
    colour: int = 7


@dataclass(frozen=True)
class LineChart:
    """A chart.

    Attributes:
      title: for those who cannot see it.
      x_name: of the axis.
      y_name: of the other.
      curves: what is drawn, the first undermost.
      marks: values of x.
      log_x: whether equal factors are equally far apart.
      y_range: (least, greatest) that is shown; None shows all.
    """

    title: str
    x_name: str
    y_name: str
    curves: tuple[Curve, ...]
    marks: tuple[Mark, ...] = ()
    log_x: bool = False
    y_range: tuple[float, float] | None = None


class _Axis(NamedTuple):
    """From values to places."""

    low: float
    high: float
    start: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """The place of a value within the range."""
        low, high, value = (math.log10(each) if self.is_log else each for each in (self.low, self.high, value))
        return self.start + (self.end - self.start) * (value - low) / (high - low)


def line_chart(chart: LineChart) -> Markup:
    """The drawing.

    Args:
      chart: what to draw.

    Returns:
      An `svg` element.
    """
    points = [point for curve in chart.curves for point in curve.points if _is_shown(point, chart.log_x)]
    xs = [point[0] for point in points] + [mark.x for mark in chart.marks if not chart.log_x or mark.x > 0]
    x_axis = _Axis(*_range(xs, chart.log_x), _LEFT, _WIDTH - _RIGHT, chart.log_x)
    low, high = chart.y_range or _range([point[1] for point in points], False)
    y_axis = _Axis(low, high, _HEIGHT - _BOTTOM, _TOP)
    named = [curve for curve in chart.curves if curve.name]
    named = named if len(named) > 1 else []
    drawn = [
        *_grid(chart, x_axis, y_axis),
        *(joined(_curve(curve, x_axis, y_axis, chart.log_x)) for curve in chart.curves),
        *_marks(chart, x_axis),
        _legend(named),
    ]
    return element(
        "svg",
        element("title", chart.title),
        *drawn,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT + _LEGEND_ROW * len(named)}",
        width="100%",
        role="img",
        font_family="system-ui, sans-serif",
        color="#777",
    )


def _is_shown(point: tuple[float, float], log_x: bool) -> bool:
    return all(map(math.isfinite, point)) and (point[0] > 0 or not log_x)


def _range(values: Sequence[float], is_log: bool) -> tuple[float, float]:
    """The least and the greatest, with a little room around them."""
    low, high = min(values, default=1.0), max(values, default=1.0)
    if is_log:
        room = (high / low) ** 0.03 if high > low else 2.0
        return low / room, high * room
    room = 0.06 * (high - low) or 0.5 * abs(high) or 1.0
    return low - room, high + room


def _grid(chart: LineChart, x_axis: _Axis, y_axis: _Axis) -> list[Markup]:
    drawn = []
    x_ticks = _log_ticks(x_axis.low, x_axis.high) if chart.log_x else ticks(x_axis.low, x_axis.high)
    for value in ticks(y_axis.low, y_axis.high):
        y = y_axis.at(value)
        drawn += [_rule(_LEFT, y, _WIDTH - _RIGHT, y), _text(amount(value), _LEFT - 8, y, anchor="end")]
    for value in x_ticks:
        x = x_axis.at(value)
        drawn += [_rule(x, _TOP, x, _HEIGHT - _BOTTOM), _text(amount(value), x, _HEIGHT - _BOTTOM + 16)]
    drawn.append(_text(chart.x_name, (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 12))
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    drawn.append(_text(chart.y_name, 14, middle, transform=f"rotate(-90 14 {middle:g})"))
    return drawn


def ticks(low: float, high: float) -> list[float]:
    """Round values within a range, about six."""
    step = 10 ** math.floor(math.log10((high - low) / _TICKS))
    step *= next(factor for factor in (1, 2, 5, 10) if (high - low) / (step * factor) <= _TICKS)
    first = math.ceil(low / step)
    return [round(number * step, 12) for number in range(first, math.floor(high / step) + 1)]


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten, and where there are few of them, twice and five times as much too."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    factors = (1,) if math.log10(high / low) > 3 else (1, 2, 5)
    values = [factor * 10.0**power for power in powers for factor in factors]
    return [float(f"{value:.6g}") for value in values if low <= value <= high]


def _curve(curve: Curve, x_axis: _Axis, y_axis: _Axis, log_x: bool) -> list[Markup]:
    """The pieces of a curve, and its dots; what is above or below the range runs along its edge."""
    colour = _COLOURS[curve.colour % len(_COLOURS)]
    pieces: list[list[str]] = [[]]
    dots = []
    for point in curve.points:
        if not _is_shown(point, log_x):
            pieces.append([])
            continue
        x, y = x_axis.at(point[0]), y_axis.at(min(max(point[1], y_axis.low), y_axis.high))
        pieces[-1].append(f"{x:.1f},{y:.1f}")
        if curve.dot_radius:
            told = f"{curve.name}: {amount(point[0])}, {amount(point[1])}".strip(": ")
            place = {"cx": f"{x:.1f}", "cy": f"{y:.1f}"}
            radius, opacity = curve.dot_radius, curve.opacity
            dots.append(element("circle", element("title", told), r=radius, fill=colour, opacity=opacity, **place))
    if not curve.is_line:
        return dots
    dash = "6 5" if curve.is_dashed else None
    lines = [
        element("polyline", points=" ".join(piece), fill="none", stroke=colour, stroke_width=2.2,
                stroke_dasharray=dash, stroke_linejoin="round", opacity=curve.opacity)
        for piece in pieces
        if len(piece) > 1
    ]  # fmt: skip
    return [*lines, *dots]


def _marks(chart: LineChart, x_axis: _Axis) -> list[Markup]:
    """Lines from bottom to top, each with its name: beside it, a row lower than the one before."""
    drawn = []
    for row, mark in enumerate(sorted(chart.marks)):
        x, colour = x_axis.at(mark.x), _COLOURS[mark.colour % len(_COLOURS)]
        line = element("line", x1=f"{x:.1f}", y1=_TOP, x2=f"{x:.1f}", y2=_HEIGHT - _BOTTOM, stroke=colour,
                       stroke_width=1.6, stroke_dasharray="3 4")  # fmt: skip
        is_right = x + 8 + len(mark.name) * _PIXELS_OF_LETTER < _WIDTH - _RIGHT
        place = x + 6 if is_right else x - 6
        anchor = "start" if is_right else "end"
        drawn += [line, _text(mark.name, place, _TOP + 12 + 18 * row, anchor=anchor, fill=colour)]
    return drawn


def _legend(named: Sequence[Curve]) -> Markup:
    """Names of curves below the axis, one below the other, the uppermost curve first."""
    rows = []
    for row, curve in enumerate(reversed(named)):
        y, colour = _HEIGHT + _LEGEND_ROW * row + 4, _COLOURS[curve.colour % len(_COLOURS)]
        if curve.is_line:
            dash = "6 5" if curve.is_dashed else None
            ends = {"x1": _LEFT, "y1": y, "x2": _LEFT + 24, "y2": y}
            sample = element("line", stroke=colour, stroke_width=2.4, stroke_dasharray=dash, **ends)
        else:
            sample = element("circle", cx=_LEFT + 12, cy=y, r=3, fill=colour, opacity=curve.opacity)
        rows += [sample, _text(curve.name, _LEFT + 32, y, anchor="start")]
    return joined(rows)


def _rule(x1: float, y1: float, x2: float, y2: float) -> Markup:
    places = {"x1": f"{x1:.1f}", "y1": f"{y1:.1f}", "x2": f"{x2:.1f}", "y2": f"{y2:.1f}"}
    return element("line", stroke="currentColor", stroke_opacity=0.25, **places)


def _text(
    content: str,
    x: float,
    y: float,
    *,
    anchor: str = "middle",
    fill: str = "currentColor",
    transform: str | None = None,
) -> Markup:
    return element(
        "text", content, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, font_size=_LETTERS, fill=fill,
        dominant_baseline="central", transform=transform,
    )  # fmt: skip
