# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import itertools
import random

from efficientdet.training.loss_jump import jump


def _first(losses: list[float], limit: float = 100.0) -> int | None:
    """The step, from 1, whose loss is too large."""
    steps = (step for step in range(1, len(losses) + 1) if jump(losses[: step - 1][-100:], losses[step - 1], limit))
    return next(steps, None)


def test_a_loss_that_grows_within_steps_is_too_large() -> None:
    # Five times as much each step, never ten times the greatest before. Of the ten up to the 22nd seven have grown, by
    # 5 ** 4 in the mean: all ten by 5 ** 2.8 = 91. Up to the 23rd it is 5 ** 3.6 = 328.
    growing = [2.0] * 15 + [2.0 * 5**power for power in range(1, 20)]
    assert _first(growing) == 23
    assert _first(growing, limit=0) is None
    assert "in the last 10 steps losses were 328 times" in jump(growing[:22], growing[22], 100.0)


def test_a_loss_that_stays_large_is_too_large() -> None:
    assert _first([2.0] * 12 + list(itertools.accumulate([9.0] * 4, lambda a, b: a * b)) + [6561.0] * 30) is not None


def test_pictures_of_two_kinds_are_no_fault() -> None:
    draws = random.Random(0)
    for share in (0.1, 0.3, 0.5):  # of pictures full of objects among empty ones
        losses = [3.0 if draws.random() < share else 0.01 for _ in range(3000)]
        first = next((step for step, loss in enumerate(losses) if loss == 3.0), 0)
        assert _first(losses[first:]) is None, share


def test_a_loss_that_falls_is_no_fault() -> None:
    assert _first([1000.0 * 0.8**step for step in range(100)]) is None
    assert _first([0.0] * 50) is None
