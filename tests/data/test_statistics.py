# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Sums over pixels, against numpy and against numbers by hand."""

from __future__ import annotations

import numpy as np
import pytest

from efficientdet.data.statistics import ChannelSums


def test_by_hand() -> None:
    sums = ChannelSums()
    sums.add(np.array([[[0, 1, 2], [4, 1, 2]]], np.uint8))
    sums.add(np.array([[[8, 5, 2]], [[8, 5, 2]]], np.float32))
    found = sums.statistics()
    assert found.mean == (5, 3, 2)
    assert found.stddev == (11**0.5, 2, 0)  # (25 + 1 + 9 + 9) / 4, (4 + 4 + 4 + 4) / 4
    assert found.num_images == 2


def test_many_pictures_are_one_large_one() -> None:
    pictures = np.random.default_rng(0).uniform(0, 255, (20, 30, 40, 3)).astype(np.float32)
    sums = ChannelSums()
    for picture in pictures:
        sums.add(picture)
    pixels = pictures.reshape(-1, 3).astype(np.float64)
    np.testing.assert_allclose(sums.statistics().mean, pixels.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(sums.statistics().stddev, pixels.std(axis=0), rtol=1e-10)


def test_one_colour_has_no_deviation() -> None:
    sums = ChannelSums()
    for _ in range(7):
        sums.add(np.full([11, 13, 3], 100.3, np.float32))
    np.testing.assert_allclose(sums.statistics().mean, [100.3] * 3, rtol=1e-6)
    assert max(sums.statistics().stddev) < 1e-4


def test_no_picture() -> None:
    with pytest.raises(ValueError, match="no pixels"):
        ChannelSums().statistics()
