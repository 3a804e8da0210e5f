# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from xml.etree import ElementTree

import pytest

from efficientdet.bench.cases import GROWTHS
from efficientdet.bench.curves import Bend, GrowthCurve, Point, growth_chart, growth_curves, seconds_in_words
from tests.bench.examples import GEMM, figure

_BATCH, _SIZE, _BOXES, _, _ = GROWTHS


def _curve(growth: object, *points: tuple[int, float]) -> GrowthCurve:
    return GrowthCurve(growth, tuple(Point(*point) for point in points))  # type: ignore[arg-type]


def test_a_straight_line_does_not_bend() -> None:
    curve = _curve(_BATCH, (1, 0.3), (2, 0.5), (4, 0.9), (8, 1.7))
    assert curve.bends == []
    assert curve.in_words() == (
        "images in a batch, 1 to 8: 300 ms to 1.70 s, 5.67 times the time for 8 times as many; it does not bend"
    )


def test_a_bend_is_where_the_slope_changes() -> None:
    curve = _curve(_BOXES, (1, 1.0), (10, 1.009), (100, 1.1), (500, 3.1))
    assert curve.bends == [Bend(100, pytest.approx(0.091 / 90), pytest.approx(0.005))]
    assert curve.in_words().endswith("it bends at 100 (from 1 ms to 5 ms for each more)")


@pytest.mark.parametrize(
    ("slope", "text"),
    [(0.2149, "210 ms"), (0.0013, "1.3 ms"), (2e-4, "0.2 ms"), (9e-5, "90 us"), (1.74e-6, "1.7 us"), (4e-8, "0.04 us")],
)
def test_slopes_are_told_in_plain_digits(slope: float, text: str) -> None:
    curve = _curve(_BATCH, (1, 1.0), (2, 2.0), (4, 2.0 + 2 * slope))
    assert curve.in_words().endswith(f"it bends at 2 (from 1000 ms to {text} for each more)")


def test_noise_of_a_flat_line_is_no_bend() -> None:
    assert _curve(_BOXES, (1, 1.0), (10, 1.02), (100, 0.99), (500, 1.03)).bends == []


def test_work_in_proportion_to_the_area_is_straight() -> None:
    curve = _curve(_SIZE, *((side, 0.1 + 2e-6 * side**2) for side in _SIZE.values))
    assert curve.bends == []
    assert "7.84 times the area" in curve.in_words()


def test_a_curve_may_bend_downwards() -> None:
    (bend,) = _curve(_BATCH, (1, 1.0), (2, 2.0), (4, 2.2)).bends
    assert bend == Bend(2, pytest.approx(1.0), pytest.approx(0.1))


def test_curves_of_what_was_measured() -> None:
    figures = {
        "growth-batch-1": figure(0.4),
        "growth-batch-8": figure(1.6),
        "growth-boxes-1": figure(),
        "step": figure(),
    }
    (curve,) = growth_curves(figures)  # a single point is no curve
    assert curve == _curve(_BATCH, (1, 0.4), (8, 1.6))
    assert curve.in_words().endswith("4 times the time for 8 times as many")  # two points cannot tell of a bend


def test_points_are_set_to_the_pace_of_the_middle_one() -> None:
    paces = {1: 100.0, 2: 200.0, 4: 50.0}  # each took 0.4 s at its own pace, or 0.4, 0.8 and 0.2 s at 100
    figures = {
        f"growth-batch-{value}": figure(0.4, yardstick=GEMM._replace(pace=pace)) for value, pace in paces.items()
    }
    (curve,) = growth_curves(figures)
    assert curve == _curve(_BATCH, (1, 0.4), (2, 0.8), (4, 0.2))
    (curve,) = growth_curves(figures | {"growth-batch-2": figure(0.4, yardstick=None)})
    assert [point.seconds for point in curve.points] == [0.4, 0.4, 0.4]


def test_the_drawing_shows_every_point_and_bend() -> None:
    drawing = growth_chart(_curve(_BOXES, (1, 1.0), (10, 1.0), (100, 1.0), (500, 3.0)))
    root = ElementTree.fromstring(drawing)
    tags = [element.tag.rpartition("}")[2] for element in root.iter()]
    assert tags.count("circle") == 4
    assert "bends at 100" in drawing


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(120.4, "120 s"), (1.8, "1.80 s"), (0.9996, "1.00 s"), (0.465, "465 ms"), (0.0643, "64.3 ms"), (0.0, "0 ms")],
)
def test_seconds_in_words(seconds: float, text: str) -> None:
    assert seconds_in_words(seconds) == text
