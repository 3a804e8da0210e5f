# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a deviation costs: the order of the findings of one severity, not a number of points of AP.

A deviation by a factor costs `weight * log2(factor)`: a factor of 4 is twice as bad as a factor of 2. The weights say
what a doubling is worth beside another: the data, its amount and the rate decide most, the statistics of batch
normalisation after them, single settings of model and augmentation then, and last whatever changes the measurement and
not the model. What has no factor has a cost in the same unit: 6 is a factor of 4 in the data.
"""

from __future__ import annotations

import math

from efficientdet.doctor.findings import Severity

DATA = 3.0  # images seen: shards, samples, budget
RATE = 3.0
NORMALISATION = 2.0
SETTING = 1.5  # of the model, its targets, its losses, augmentation
MEASUREMENT = 1.0  # the figure changes, the model does not

USELESS = 30.0  # nothing can be learnt, or nothing that is learnt is measured
HEAVY = 12.0
MIDDLING = 6.0
LIGHT = 2.0

_HOPELESS = 0.1


def price(weight: float, factor: float) -> float:
    """The cost of a deviation.

    Args:
      weight: one of the above.
      factor: positive; below 1 costs as much as its inverse.
    """
    return weight * abs(math.log2(factor)) if factor > 0 else USELESS


def severity(share: float) -> Severity:
    """How bad it is to do with a share of the published data: below a tenth, the published figure is out of reach."""
    return Severity.ERROR if share < _HOPELESS else Severity.WARNING


def times(factor: float) -> str:
    """A factor for people: "8x", "1/20"."""
    if factor >= 0.95:
        return f"{factor:.3g}x" if factor < 9.5 else f"{factor:,.0f}x"
    return f"1/{1 / factor:,.0f}" if factor > 0 else "0"


def percent(share: float) -> str:
    """A share for people: "3 %", "0.4 %"."""
    return f"{100 * share:.0f} %" if share >= 0.0095 else f"{100 * share:.1g} %"
