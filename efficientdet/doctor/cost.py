# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a finding costs: the order of the findings of one severity, not a number of points of AP.

One scale for all checks. A deviation by a factor costs `weight * log2(factor)`: a factor of 4 is twice as bad as a
factor of 2. The weights say what a doubling is worth beside another: the data, its amount and the rate decide most, the
statistics of batch normalisation after them, single settings of model and augmentation then, and last whatever changes
the measurement and not the model. What has no factor has a cost in the same unit: 6 is a factor of 4 in the data.
"""

from __future__ import annotations

import math

from efficientdet.doctor.findings import Severity

DATA = 3.0  # images seen: shards, samples, budget, what of a data set is spoilt
RATE = 3.0
NORMALISATION = 2.0
SETTING = 1.5  # of the model, its targets, its losses, augmentation
MEASUREMENT = 1.0  # the figure changes, the model does not

USELESS = 30.0  # nothing can be learnt, or nothing that is learnt is measured; nothing costs more
HEAVY = 12.0
MIDDLING = 6.0
LIGHT = 2.0

_HOPELESS = 0.1


def price(weight: float, factor: float) -> float:
    """The cost of a deviation, at most USELESS.

    Args:
      weight: one of the above.
      factor: not negative; below 1 costs as much as its inverse.
    """
    return min(weight * abs(math.log2(factor)), USELESS) if factor > 0 else USELESS


def severity(share: float) -> Severity:
    """How bad it is to do with a share of the data: below a tenth, the precision of all of it is out of reach."""
    return Severity.ERROR if share < _HOPELESS else Severity.WARNING
