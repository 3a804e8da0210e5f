# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import numpy as np

from efficientdet.doctor.overfit.choice import Candidate, choose


def test_pictures_that_cover_the_classes_come_first() -> None:
    candidates = [
        Candidate(0, (0, 0)),
        Candidate(1, (0, 1)),
        Candidate(2, (0,)),
        Candidate(3, (2, 2, 2)),
        Candidate(4, (2,)),
    ]
    assert choose(candidates, 2, max_boxes=10) == [1, 4]


def test_the_others_come_from_all_over_the_data() -> None:
    candidates = [Candidate(number, (0,)) for number in range(100)]
    # The first covers the class; three of 1 to 99, a quarter apart: 1 + round(24.5), 1 + 49, 1 + round(73.5).
    assert choose(candidates, 4, max_boxes=10) == [0, 25, 50, 75]


def test_pictures_without_boxes_or_with_too_many_are_left_out() -> None:
    candidates = [Candidate(0, ()), Candidate(1, (0,) * 11), Candidate(2, (0,) * 10)]
    assert choose(candidates, 8, max_boxes=10) == [2]
    assert choose(candidates[:2], 8, max_boxes=10) == []
    assert choose([], 8, max_boxes=10) == []


def test_any_choice_holds_as_many_as_asked_for_each_once() -> None:
    draws = np.random.default_rng(0)
    for _ in range(100):
        candidates = [
            Candidate(int(number), tuple(draws.integers(5, size=draws.integers(1, 4)).tolist()))
            for number in np.flatnonzero(draws.random(30) < 0.5)
        ]
        wanted = int(draws.integers(1, 12))
        chosen = choose(candidates, wanted, max_boxes=10)
        assert len(chosen) == len(set(chosen)) == min(wanted, len(candidates))
        assert chosen == sorted(chosen)
        assert set(chosen) <= {each.record for each in candidates}
        if wanted >= 5:  # one picture a class is enough
            shown = {row for each in candidates if each.record in chosen for row in each.classes}
            assert shown == {row for each in candidates for row in each.classes}
