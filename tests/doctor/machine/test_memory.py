# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest

from efficientdet.doctor.machine.figures import MemoryFigures
from efficientdet.doctor.machine.memory import (
    LinearMemory,
    Memory,
    address_peak,
    fit_line,
    fits,
    free_memory_of_host,
    largest_batch,
    line_of,
    resident_peak,
    second_batch,
    visible_devices,
)


def test_a_line_through_two_measurements() -> None:
    line = fit_line((8, 5_000), (4, 3_000))
    assert line == LinearMemory(fixed=1_000, per_picture=500)
    assert line.at(16) == 9_000


@pytest.mark.parametrize("large", [(8, 3_000), (8, 2_000), (4, 9_000)])
def test_no_line_where_memory_does_not_grow_with_the_batch(large: tuple[int, int]) -> None:
    assert fit_line((4, 3_000), large) is None


@pytest.mark.parametrize(
    ("available", "multiple_of", "batch_size"),
    [(6_000, 1, 10), (5_999, 1, 9), (6_000, 4, 8), (1_499, 1, 0), (500, 1, 0), (0, 1, 0)],
)
def test_the_largest_batch_within_some_bytes(available: int, multiple_of: int, batch_size: int) -> None:
    assert LinearMemory(1_000, 500).largest(available, multiple_of) == batch_size


def test_the_memory_of_the_gpu_decides_where_there_is_one() -> None:
    on_gpu = [MemoryFigures(8, 100, 5_000), MemoryFigures(4, 90, 3_000), MemoryFigures(16, 110, 9_000)]
    assert line_of(on_gpu) == LinearMemory(1_000, 500)
    assert line_of([MemoryFigures(8, 5_000, 0), MemoryFigures(4, 3_000, 0)]) == LinearMemory(1_000, 500)
    assert line_of(on_gpu[:1]) is None
    assert line_of([]) is None


@pytest.mark.parametrize(("batch", "replicas", "other"), [(8, 1, 4), (7, 1, 3), (1, 1, 2), (12, 4, 4), (4, 4, 8)])
def test_the_second_batch_is_divisible_by_the_replicas(batch: int, replicas: int, other: int) -> None:
    assert second_batch(batch, replicas) == other


def test_the_scarcest_memory_decides() -> None:
    # Each image takes 100 bytes of the host beside 100, 50 of the GPU beside 0, and 1,000 of addresses beside 10,000.
    figures = [MemoryFigures(2, 300, 100, 12_000), MemoryFigures(4, 500, 200, 14_000)]
    assert largest_batch(figures, Memory(2_000)) == 17  # of 1,800
    assert largest_batch(figures, Memory(2_000, 500)) == 9  # of 450
    assert largest_batch(figures, Memory(2_000, 500, 20_000)) == 8  # of 18,000
    assert largest_batch(figures, Memory(2_000, 500), 4) == 8
    assert largest_batch(figures[:1], Memory(2_000)) == 0
    assert largest_batch(figures, Memory(0)) == 0


def test_a_tenth_of_each_memory_stays_free() -> None:
    held = MemoryFigures(4, 900, 450, 90)
    assert fits(held, Memory(1_000, 500, 100))
    assert fits(held, Memory(1_000))  # no GPU, no limit of addresses
    assert not fits(held, Memory(999, 500, 100))
    assert not fits(held, Memory(1_000, 499, 100))
    assert not fits(held, Memory(1_000, 500, 99))


@pytest.mark.parametrize(
    ("visible", "mebibytes"),
    [(None, [30, 20]), ("0", [30]), ("0,1", [30, 20]), ("", []), ("-1", []), ("GPU-3f2a", [30, 20])],
)
def test_the_visible_gpus(visible: str | None, mebibytes: list[int]) -> None:
    assert visible_devices("0, 30\n1, 20\n", visible) == [each << 20 for each in mebibytes]


def test_no_gpu_in_what_is_no_listing() -> None:
    assert visible_devices("No devices were found\n", None) == []


def test_this_process_holds_memory_and_some_is_free() -> None:
    assert resident_peak() > 1 << 20
    assert address_peak() > resident_peak()
    assert free_memory_of_host() > 1 << 20
