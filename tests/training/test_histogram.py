# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Histograms, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.training.event_file import EventFile
from efficientdet.training.histogram import write_histogram

from .events import read_events


def _written(folder: Path, values: np.ndarray) -> np.ndarray:
    """Rows of left edge, right edge, count."""
    events = EventFile(folder)
    with events.at(1):
        write_histogram("x", values)
    events.close()
    return read_events(folder)["x"][1]


def test_it_is_what_tensorflow_writes(tmp_path: Path) -> None:
    values = np.random.default_rng(1).normal(size=[20, 50]).astype(np.float32)
    found = _written(tmp_path / "own", values)
    events = EventFile(tmp_path / "reference")
    with events.at(1):
        tf.summary.histogram("x", values)
    events.close()
    reference = read_events(tmp_path / "reference")["x"][1]
    np.testing.assert_allclose(found[:, :2], reference[:, :2], atol=1e-6)
    np.testing.assert_array_equal(found[:, 2], reference[:, 2])


_NEXT = float(np.nextafter(np.float32(3), np.float32(4)))


@pytest.mark.parametrize(
    ("values", "counted"),
    [([], 0), ([np.nan, np.inf], 0), ([3.0, 3.0], 2), ([3.0, np.nan, 3.0], 2), ([3.0, _NEXT], 2), ([0.0, 1e-45], 2)],
)
def test_degenerate_values_are_counted_as_far_as_they_are_numbers(
    values: list[float], counted: int, tmp_path: Path
) -> None:
    rows = _written(tmp_path, np.array(values, np.float32))
    assert rows.shape == (30, 3)
    assert rows[:, 2].sum() == counted
