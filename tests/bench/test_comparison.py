# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from typing import Any

import pytest

from efficientdet.bench.comparison import Change, check_comparable, compare
from efficientdet.bench.figures import Results
from efficientdet.errors import UsageError
from tests.bench.examples import GEMM, figure, results

_ALL = ("step", "start", "reading", "memory")


def test_seconds_on_another_machine_are_no_change() -> None:
    slow_machine = figure(2.0, yardstick=GEMM._replace(seconds=1.0))
    comparison = compare(results(step=figure(0.5)), results(step=slow_machine), _ALL)
    assert comparison.changes == (Change("step", "yardstick", "times fp32 GEMM", 2.0, 2.0),)
    assert comparison.regressions() == []


def test_ratios_that_grow_are_regressions_worst_first() -> None:
    before = results(step=figure(0.5, to_plain=0.7, peak_memory=1000), reading=figure(1.0))
    now = results(step=figure(0.6, to_plain=0.7, peak_memory=1300), reading=figure(1.1))
    comparison = compare(before, now, _ALL)
    worse = comparison.regressions()
    assert [(each.name, each.quantity) for each in worse] == [("step", "bytes at most"), ("step", "times fp32 GEMM")]
    assert worse[0].in_words() == "step: 1000 -> 1300 bytes at most (+30%)"
    assert len(comparison.changes) == 4


@pytest.mark.parametrize(
    ("usual", "allowed", "worse"),
    [
        ({"minimum": 1.0}, {"minimum": 1.14}, {"minimum": 1.16}),
        ({"to_plain": 1.0}, {"to_plain": 1.06}, {"to_plain": 1.08}),
        ({"peak_memory": 100}, {"peak_memory": 109}, {"peak_memory": 111}),
        ({"unit": "B", "median": 1e6}, {"unit": "B", "median": 1.005e6}, {"unit": "B", "median": 1.02e6}),
    ],
)
def test_each_quantity_has_its_tolerance(usual: dict[str, Any], allowed: dict[str, Any], worse: dict[str, Any]) -> None:
    before = results(step=figure(**usual))
    assert compare(before, results(step=figure(**allowed)), ["step"]).regressions() == []
    assert len(compare(before, results(step=figure(**worse)), ["step"]).regressions()) == 1


def test_medians_are_compared_where_one_side_had_fewer_runs() -> None:
    quick = figure(0.8, median=1.0, runs=3)
    (change,) = compare(results(step=figure(0.5, median=1.0)), results(step=quick), _ALL).changes
    assert (change.before, change.now) == (4.0, 4.0)


def test_only_what_was_asked_for_is_missed_and_what_is_new_is_not_compared() -> None:
    before = results(step=figure(), start=figure(), memory=figure())
    comparison = compare(before, results(step=figure(), reading=figure()), ["step", "start", "reading"])
    assert [change.name for change in comparison.changes] == ["step"]
    assert comparison.missing == ("start",)


def test_bytes_are_compared_as_they_are() -> None:
    before, now = (results(memory=figure(size, unit="B", median=size, yardstick=None)) for size in (4e9, 6e9))
    assert compare(before, now, _ALL).changes == (Change("memory", "activations", "bytes", 4e9, 6e9),)


def test_nothing_in_common() -> None:
    check_comparable(results(step=figure(), start=figure()), {}, ["step"])
    with pytest.raises(UsageError, match="nothing to compare with: there are figures of start"):
        check_comparable(results(start=figure()), {}, ["step"])
    with pytest.raises(UsageError, match="nothing could be compared"):
        compare(results(), results(step=figure()), ["step"])


def test_other_settings_cannot_be_compared() -> None:
    other = Results({}, {"config": "my.config"}, {"step": figure()})
    with pytest.raises(UsageError, match=r"with \{'config': 'my.config'\}, the other with the usual settings"):
        check_comparable(other, {}, ["step"])
