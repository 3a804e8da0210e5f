# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How long, how fast, and what remembers how much of it.

The figures hang on one recipe that was measured, `pipelines/efficientdet_lite0_bccd.config`: 1,500 steps of 8 over 205
pictures, at a rate of .05 from an ImageNet backbone. From there they lead towards google/automl's for COCO.
"""

from __future__ import annotations

import math
from typing import NamedTuple

BATCH_SIZE = 8
_KNOWN_PICTURES = 205
_KNOWN_STEPS = 1500
_KNOWN_RATE = 0.05
_FEWEST_STEPS = 1_000
_MOST_STEPS = 200_000
_FEWEST_EPOCHS = 12
_LONG_RUN_RATE = 0.08 * BATCH_SIZE / 64  # google/automl's: .08 for each 64 pictures of a batch
_DETECTOR_RATE = 0.02  # from a whole detector; not measured here
_SHORTEST_WARMUP, _LONGEST_WARMUP = 100, 2_000
_LONG_RUN_DECAY = 0.9998  # of the moving average, google/automl's
_FORGETFUL_BELOW = 5_000  # steps, of which COCO's batch norm would remember too many

_KNOWN_EPOCHS = _KNOWN_STEPS * BATCH_SIZE / _KNOWN_PICTURES

WHY_STEPS = (
    f"{int(_KNOWN_EPOCHS)} epochs for {_KNOWN_PICTURES} pictures (BCCD), fewer with the square root of their number, "
    f"down to {_FEWEST_EPOCHS}; never below {_FEWEST_STEPS:,} steps nor above {_MOST_STEPS:,}."
)
WHY_RATE = (
    f"The BCCD recipe takes {_KNOWN_RATE:g} for {_KNOWN_STEPS:,} steps from a backbone; google/automl's 0.08 for each "
    f"64 pictures, {_LONG_RUN_RATE:g} here, is for long runs."
)


class Schedule(NamedTuple):
    """Lengths are in steps; the names are those of the config's fields."""

    num_steps: int
    epochs: float
    rate: float
    warmup_steps: int
    warmup_rate: float
    batch_norm_decay: float
    average_decay: float
    interval: int  # of evaluations and checkpoints

    @property
    def averaged_steps(self) -> int:
        """Steps that the moving average of the weights remembers."""
        return round(1 / (1 - self.average_decay))


def plan_schedule(num_pictures: int, *, from_detector: bool) -> Schedule:
    """Plans a training.

    Args:
      num_pictures: to train on, at least 1.
      from_detector: starts from a whole detector, and not from a backbone with everything else still to be learnt.
    """
    steps_of_epoch = num_pictures / BATCH_SIZE
    # The more pictures, the fewer times each; the number of steps grows with the square root.
    epochs = _KNOWN_EPOCHS * math.sqrt(_KNOWN_PICTURES / num_pictures)
    wanted = max(epochs, _FEWEST_EPOCHS) * steps_of_epoch
    steps = int(_rounded(min(max(wanted, _FEWEST_STEPS), _MOST_STEPS), 2))
    rate = max(_KNOWN_RATE * min(math.sqrt(_KNOWN_STEPS / steps), 1), _LONG_RUN_RATE)
    if from_detector:
        rate = min(rate, _DETECTOR_RATE)
    rate = _rounded(rate, 2)
    return Schedule(
        num_steps=steps,
        epochs=steps / steps_of_epoch,
        rate=rate,
        warmup_steps=int(_rounded(min(max(steps / 15, _SHORTEST_WARMUP), _LONGEST_WARMUP), 2)),
        warmup_rate=rate / 10,
        batch_norm_decay=0.97 if steps < _FORGETFUL_BELOW else 0.99,
        average_decay=min(1 - _rounded(3 / steps, 1), _LONG_RUN_DECAY),
        interval=steps // 5,
    )


def _rounded(value: float, digits: int) -> float:
    """To so many significant digits."""
    return float(f"{value:.{digits}g}")
