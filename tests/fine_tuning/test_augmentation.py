# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Zooms, and mirrored pictures."""

from __future__ import annotations

import numpy as np
import pytest

from efficientdet.fine_tuning.augmentation import choose_zoom, tells_sides_apart


@pytest.mark.parametrize(
    ("pixels", "pictures", "least", "most"),
    [
        (21, 205, 0.6, 1.6),  # BCCD's platelets: 12 / 21 = .57
        (100, 205, 0.5, 2.0),
        (5, 205, 0.8, 1.5),
        (100, 5_000, 0.3, 2.0),
        (5, 5_000, 0.6, 1.6),
        (100, 50_000, 0.3, 2.0),
    ],
)
def test_small_objects_stay_visible(pixels: float, pictures: int, least: float, most: float) -> None:
    shares = np.array([[0.0, 0.0, pixels / 320, pixels / 320]])
    zoom = choose_zoom(shares, 320, pictures)
    assert zoom == (least, most, pytest.approx(pixels))


def test_a_small_object_is_larger_than_one_in_twenty() -> None:
    sizes = np.arange(1, 102) / 320  # 5 % of 1 ... 101 is 6
    shares = np.stack([sizes * 0, sizes * 0, sizes, sizes], axis=1)
    assert choose_zoom(shares, 320, 205).small == pytest.approx(6)
    assert choose_zoom(np.empty((0, 4)), 320, 205) == (0.8, 1.5, 0)


@pytest.mark.parametrize("name", ["left", "turn_left", "turnLeft", "TURN-RIGHT", "right arrow", "arrow2Right"])
def test_names_of_sides(name: str) -> None:
    assert tells_sides_apart(["car", name]) == name


@pytest.mark.parametrize("name", ["car", "bright", "leftover", "copyrighted", ""])
def test_names_of_other_things(name: str) -> None:
    assert tells_sides_apart([name]) == ""
