# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The scale of all findings."""

from __future__ import annotations

from efficientdet.doctor.cost import DATA, LIGHT, MIDDLING, USELESS, price, severity
from efficientdet.doctor.findings import Severity


def test_a_factor_costs_its_doublings() -> None:
    assert price(DATA, 2) == price(DATA, 1 / 2) == 3.0
    assert price(DATA, 4) == MIDDLING
    assert price(DATA, 1) == 0.0 < LIGHT
    assert price(DATA, 0) == price(DATA, 1e9) == USELESS  # nothing costs more


def test_below_a_tenth_of_the_data_the_precision_is_out_of_reach() -> None:
    assert [severity(share) for share in (0.099, 0.1, 0.5)] == [Severity.ERROR, Severity.WARNING, Severity.WARNING]
