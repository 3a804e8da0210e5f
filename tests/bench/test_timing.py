# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import time

from efficientdet.bench.timing import paired, runs, seconds_since_start


def test_runs_and_warm_up_are_counted() -> None:
    calls: list[int] = []
    told: list[int] = []
    done = runs(lambda: calls.append(0), 4, warm_up=2, on_run=told.append)
    assert (len(calls), len(done), told) == (6, 4, [1, 2, 3, 4])
    assert all(run.seconds >= 0 and run.processor >= 0 for run in done)


def test_a_pair_takes_turns_in_being_first() -> None:
    calls: list[str] = []
    one, other = paired(lambda: calls.append("a"), lambda: calls.append("b"), 3, warm_up=1)
    assert "".join(calls) == "ababbaab"
    assert (len(one), len(other)) == (3, 3)


def test_seconds_of_the_right_function() -> None:
    one, other = paired(lambda: None, lambda: time.sleep(0.01), 3, warm_up=0)
    assert max(run.seconds for run in one) < min(run.seconds for run in other)


def test_this_process_has_started_before() -> None:
    assert 0 < seconds_since_start() < 1e6
