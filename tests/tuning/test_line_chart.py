# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import pytest

from efficientdet.tuning.line_chart import Curve, LineChart, Mark, line_chart, ticks

_SVG = "{http://www.w3.org/2000/svg}"


def _drawn(*curves: Curve, **options: object) -> ElementTree.Element:
    chart = LineChart("a <chart>", "rate", "loss", curves, **options)  # type: ignore[arg-type]
    return ElementTree.fromstring(line_chart(chart))


def test_the_drawing_is_well_formed_and_has_its_names() -> None:
    root = _drawn(Curve("a", ((0.1, 1.0), (10.0, 2.0))), Curve("b & c", ((1.0, 1.0),)), log_x=True)
    texts = [each.text for each in root.iter(f"{_SVG}text")]
    assert {"rate", "loss", "a", "b & c", "0.1", "1", "10"} <= set(texts)
    assert root.find(f"{_SVG}title").text == "a <chart>"  # type: ignore[union-attr]


def test_equal_factors_are_equally_far_apart() -> None:
    root = _drawn(Curve("", ((0.1, 1.0), (1.0, 1.0), (10.0, 1.0))), log_x=True)
    places = [float(pair.split(",")[0]) for pair in root.find(f"{_SVG}polyline").get("points", "").split()]  # type: ignore[union-attr]
    assert places[1] - places[0] == pytest.approx(places[2] - places[1], abs=0.2)


def test_what_is_not_finite_breaks_the_line() -> None:
    points = ((1.0, 1.0), (2.0, 1.0), (3.0, math.nan), (4.0, 1.0), (5.0, math.inf), (6.0, 1.0), (7.0, 2.0))
    assert len(_drawn(Curve("", points)).findall(f"{_SVG}polyline")) == 2


def test_what_is_out_of_range_runs_along_the_edge() -> None:
    root = _drawn(Curve("", ((1.0, 0.0), (2.0, 1e9))), y_range=(0.0, 1.0))
    heights = [float(pair.split(",")[1]) for pair in root.find(f"{_SVG}polyline").get("points", "").split()]  # type: ignore[union-attr]
    assert heights[1] == 16


@pytest.mark.parametrize("points", [(), ((1.0, 1.0),), ((1.0, 0.0), (1.0, 0.0))])
def test_next_to_nothing_can_be_drawn(points: tuple[tuple[float, float], ...]) -> None:
    _drawn(Curve("", points), log_x=True)
    _drawn(Curve("", points), marks=(Mark(2.0, "here"),))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 6, [0, 1, 2, 3, 4, 5, 6]), (0.9, 2.3, [1.0, 1.5, 2.0]), (-1, 1, [-1, -0.5, 0, 0.5, 1])],
)
def test_ticks_are_round(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high) == expected
