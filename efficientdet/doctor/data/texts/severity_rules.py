# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How bad a kind of fault is, by how much of the data set it concerns."""

from __future__ import annotations

import math
from collections.abc import Callable

from efficientdet.doctor.findings import Severity

SeverityRule = Callable[[float], Severity]
"""From the share of pictures, boxes ... concerned, 0 to 1, to how bad that is."""


def always(severity: Severity) -> SeverityRule:
    """However few."""
    return lambda share: severity


def from_share(*, warning: float, error: float = math.inf) -> SeverityRule:
    """A note below a share of `warning`, an error from a share of `error` on."""

    def rule(share: float) -> Severity:
        if share >= error:
            return Severity.ERROR
        return Severity.WARNING if share >= warning else Severity.NOTE

    return rule


NOTE = always(Severity.NOTE)
WARNING = always(Severity.WARNING)
ERROR = always(Severity.ERROR)
# One box in a thousand teaches nothing wrong, whatever is the matter with it.
FEW_BOXES_ARE_FINE = from_share(warning=0.001)
# A frame that is mixed up makes every box wrong that it concerns: from a tenth on the figure means nothing.
FRAME = from_share(warning=0.0, error=0.1)
# Of the pictures that are measured on: below that a leak hides in the noise of the measurement.
LEAK = from_share(warning=0.0, error=0.05)
