# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest

from efficientdet.doctor.quantities import duration, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (12.34, "12.3 s"),
        (59.96, "1 min"),
        (81, "1 min 21 s"),
        (599.7, "10 min"),
        (1212, "20 min"),
        (3599, "1 h"),
        (11520, "3 h 12 min"),
        (86399, "1 d"),
        (3600 * 99, "4 d 3 h"),
        (3600 * 96, "4 d"),
    ],
)
def test_durations_have_two_units_at_most(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("num_bytes", "text"),
    [
        (0, "0 kB"),
        (12_345, "12 kB"),
        (83_400_000, "83 MB"),
        (2_654_000_000, "2.65 GB"),
        (999_700_000, "1.00 GB"),
        (4e12, "4.00 TB"),
    ],
)
def test_sizes_are_decimal(num_bytes: float, text: str) -> None:
    assert size(num_bytes) == text
