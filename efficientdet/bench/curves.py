# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How time grows with a quantity: the curves, where they bend, in words and as charts. No TensorFlow."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from efficientdet.bench.cases import GROWTHS, Growth
from efficientdet.bench.figures import Figure
from efficientdet.doctor.report.markup import Markup
from efficientdet.tuning.line_chart import Curve, LineChart, Mark, line_chart

_BEND = 1.5  # factor between the slopes before and after it
_LEAST_SHARE = 0.05  # of the next point's time by which it leaves the line between its neighbours: less is noise
_LEAST_POINTS = 3  # to tell whether a line bends
_LOG_RANGE = 20  # a greater factor between the first and the last value is drawn in powers of ten


class Point(NamedTuple):
    """One measurement."""

    value: int  # of the quantity
    seconds: float  # of the quickest run, at the pace of the machine that all points share


class Bend(NamedTuple):
    """A value at which the slope changes; slopes are seconds for each one more (of the value to its power)."""

    value: int
    before: float
    after: float


class GrowthCurve(NamedTuple):
    """The measurements of one quantity, smallest first."""

    growth: Growth
    points: tuple[Point, ...]

    @property
    def bends(self) -> list[Bend]:
        """Where it bends."""
        points = [(float(point.value**self.growth.power), point.seconds) for point in self.points]
        found = []
        for place in range(1, len(points) - 1):
            (low, first), (work, seconds), (high, last) = points[place - 1 : place + 2]
            before, after = (seconds - first) / (work - low), (last - seconds) / (high - work)
            straight = first + (last - first) * (work - low) / (high - low)
            least, most = sorted((max(before, 0.0), max(after, 0.0)))
            if most > _BEND * least and abs(seconds - straight) > _LEAST_SHARE * last:
                found.append(Bend(self.points[place].value, before, after))
        return found

    def in_words(self) -> str:
        """From where to where, and where it bends."""
        first, last = self.points[0], self.points[-1]
        works, one = ("the area", " pixel") if self.growth.power == 2 else ("as many", "")
        factor, work = last.seconds / first.seconds, (last.value / first.value) ** self.growth.power
        text = (
            f"{self.growth.quantity}, {first.value:,} to {last.value:,}: {seconds_in_words(first.seconds)} to "
            f"{seconds_in_words(last.seconds)}, {factor:.3g} times the time for {work:.3g} times {works}"
        )
        if len(self.points) < _LEAST_POINTS:
            return text
        bends = [
            f"at {bend.value:,} (from {_slope(bend.before)} to {_slope(bend.after)} for each{one} more)"
            for bend in self.bends
        ]
        return text + (f"; it bends {' and '.join(bends)}" if bends else "; it does not bend")


def growth_curves(figures: Mapping[str, Figure]) -> list[GrowthCurve]:
    """The curves of which at least two points were measured."""
    curves = []
    for growth in GROWTHS:
        names = {value: growth.case_name(value) for value in growth.values}
        measured = {value: figures[name] for value, name in names.items() if name in figures}
        if len(measured) > 1:
            seconds = _at_one_pace(list(measured.values()))
            curves.append(GrowthCurve(growth, tuple(map(Point, measured, seconds))))
    return curves


def _at_one_pace(figures: Sequence[Figure]) -> list[float]:
    """The quickest runs, as long as they had taken at the median of the paces: the machine drifts between them."""
    paces = [figure.yardstick.pace for figure in figures if figure.yardstick is not None]
    usual = statistics.median(paces) if len(paces) == len(figures) else 0.0
    if not usual:
        return [figure.minimum for figure in figures]
    return [figure.minimum * pace / usual for figure, pace in zip(figures, paces, strict=True)]


def growth_chart(curve: GrowthCurve) -> Markup:
    """A curve as a drawing."""
    points = tuple((float(point.value), point.seconds) for point in curve.points)
    most = max(point.seconds for point in curve.points)
    chart = LineChart(
        title=curve.in_words(),
        x_name=curve.growth.quantity,
        y_name="seconds, quickest run at one pace",
        curves=(Curve("", points, dot_radius=4.0),),
        marks=tuple(Mark(float(bend.value), f"bends at {bend.value:,}") for bend in curve.bends),
        log_x=curve.points[-1].value >= _LOG_RANGE * curve.points[0].value,
        y_range=(0.0, 1.08 * most),
    )
    return line_chart(chart)


def seconds_in_words(seconds: float) -> str:
    """Three digits: "1.80 s", "465 ms", "4.31 ms"."""
    if seconds >= 0.9995:
        return f"{seconds:.2f} s" if seconds < 99.95 else f"{seconds:.0f} s"
    thousandths = 1e3 * seconds
    return f"{thousandths:.0f} ms" if thousandths >= 99.5 else f"{thousandths:.3g} ms"


def _slope(seconds: float) -> str:
    """Two digits: "210 ms", "1.7 us"."""
    if seconds <= 0:
        return "nothing"
    unit, parts = ("ms", 1e3) if seconds >= 1e-4 else ("us", 1e6)
    return f"{float(f'{parts * seconds:.2g}'):g} {unit}"
