# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""When a loss has become too large to go on: at once, or within some steps."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

_FEWEST = 10  # losses, to say what is usual
_ABOVE_GREATEST = 10.0  # times the greatest of them is a jump, where the limit is not less
_LATEST = 10  # steps within which a loss explodes, each of them less than that above the one before
_SMALLEST = 1e-12  # loss, whose logarithm can still be taken


def jump(recent: Sequence[float], total: float, limit: float) -> str:
    """Says in what way a loss is too large.

    Losses of small batches differ: those of pictures full of objects may be hundreds of times those of empty ones. So
    a single one has to be far above all before it, and ten are compared by their geometric mean, which neither kind
    alone decides.

    Args:
      recent: the losses before, oldest first.
      total: the loss of this step.
      limit: how many times the usual loss is allowed; 0 allows any.

    Returns:
      A clause that follows "the loss of step 7"; empty where it is as it may be.
    """
    if not limit or len(recent) < _FEWEST:
        return ""
    usual, greatest = statistics.median(recent), max(recent)
    if usual <= 0:  # nothing is a multiple of it
        return ""
    if total > max(limit * usual, min(limit, _ABOVE_GREATEST) * greatest):
        return (
            f"jumps to {total:.4g}, {total / usual:.0f} times the {usual:.4g} that is the median of the {len(recent)} "
            f"steps before (at most {greatest:.4g})"
        )
    before, latest = recent[: 1 - _LATEST], [*recent[1 - _LATEST :], total]
    if len(before) < _FEWEST:
        return ""
    then, now = _geometric_mean(before), _geometric_mean(latest)
    if now > limit * then:
        return (
            f"is {total:.4g}: in the last {_LATEST} steps losses were {now / then:.0f} times what they were in the "
            f"{len(before)} before ({now:.4g}, {then:.4g}; geometric means)"
        )
    return ""


def _geometric_mean(losses: Sequence[float]) -> float:
    return math.exp(statistics.fmean(math.log(max(loss, _SMALLEST)) for loss in losses))
