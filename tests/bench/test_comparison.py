# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest

from efficientdet.bench.comparison import Change, compare
from efficientdet.bench.figures import Results
from efficientdet.errors import UsageError
from tests.bench.examples import GEMM, figure, results


def test_seconds_on_another_machine_are_no_change() -> None:
    slow_machine = figure(2.0, yardstick=GEMM._replace(seconds=1.0))
    comparison = compare(results(step=figure(0.5)), results(step=slow_machine))
    assert comparison.changes == (Change("step", "times fp32 GEMM", 2.0, 2.0),)
    assert comparison.regressions() == []


def test_ratios_that_grow_are_regressions_worst_first() -> None:
    before = results(step=figure(0.5, to_plain=0.7, peak_memory=1000), input=figure(1.0))
    now = results(step=figure(0.6, to_plain=0.7, peak_memory=1300), input=figure(1.1))
    comparison = compare(before, now)
    worse = comparison.regressions()
    assert [(each.name, each.quantity) for each in worse] == [("step", "bytes at most"), ("step", "times fp32 GEMM")]
    assert worse[0].in_words() == "step: 1000 -> 1300 bytes at most (+30%)"
    assert [each.name for each in comparison.regressions(0.25)] == ["step"]
    assert [each.name for each in comparison.regressions(0.05)] == ["step", "step", "input"]


def test_what_was_not_measured_is_named_and_what_is_new_is_not_compared() -> None:
    comparison = compare(results(step=figure(), start=figure()), results(step=figure(), input=figure()))
    assert [change.name for change in comparison.changes] == ["step"]
    assert comparison.missing == ("start",)


def test_bytes_are_compared_as_they_are() -> None:
    kept = figure(4e9, unit="B", median=4e9, yardstick=None)
    comparison = compare(results(memory=kept), results(memory=figure(6e9, unit="B", median=6e9, yardstick=None)))
    assert comparison.changes == (Change("memory", "bytes", 4e9, 6e9),)


def test_nothing_in_common() -> None:
    comparison = compare(results(), results(step=figure()))
    assert (comparison.changes, comparison.missing) == ((), ())


def test_other_settings_cannot_be_compared() -> None:
    other = Results({}, {"batch_size": "4"}, {"step": figure()})
    with pytest.raises(UsageError, match=r"the usual settings, the other with \{'batch_size': '4'\}"):
        compare(results(step=figure()), other)
