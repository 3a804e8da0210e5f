# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest

from efficientdet.doctor.quantities import duration, percent, percentage, size, times


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


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0 %"), (0.00041, "0.04 %"), (0.004, "0.4 %"), (0.03125, "3 %"), (0.5, "50 %"), (1.0, "100 %")],
)
def test_percent(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(("factor", "text"), [(8, "8x"), (1.5, "1.5x"), (40, "40x"), (1 / 20, "1/20"), (0, "0")])
def test_times(factor: float, text: str) -> None:
    assert times(factor) == text


@pytest.mark.parametrize(("share", "number"), [(0.84912, 84.9), (0.0372, 3.7), (0.00041, 0.041), (0, 0), (1, 100)])
def test_percentages_of_tables(share: float, number: float) -> None:
    assert percentage(share) == number
