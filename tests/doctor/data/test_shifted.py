# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Boxes that fit the neighbour."""

from __future__ import annotations

import numpy as np
import pytest

from efficientdet.data import faults
from efficientdet.doctor.data.shifted import check_shift
from tests.doctor.data.surveys import seen, subject_of
from tests.surveys import Shot, survey_of


def _frames(number: int, *, late: int = 0, names: str = "frame{:03d}.jpg", seed: int = 0) -> list[Shot]:
    """Pictures with one bright object each, and the boxes of the picture `late` frames before."""
    rng = np.random.default_rng(seed)
    places = [(int(rng.integers(2, 38)), int(rng.integers(2, 68))) for _ in range(number)]
    shots = []
    for index, (top, left) in enumerate(places):
        pixels = rng.integers(60, 120, (64, 96, 3), np.uint8)
        pixels[top : top + 20, left : left + 22] += 120
        y, x = places[(index - late) % number]
        shots.append(Shot([("cat", y, x, y + 20, x + 22)], pixels=pixels, name=names.format(index)))
    return shots


@pytest.mark.parametrize(("late", "neighbour"), [(1, "before"), (-1, "after")])
@pytest.mark.parametrize("number", [9, 30])
def test_a_sequence_that_is_off_by_one(late, neighbour, number):
    found = seen(check_shift, subject_of(survey_of(_frames(number, late=late))))[faults.ANNOTATIONS_SHIFTED]
    assert found.number >= number - 2  # at the end there is no neighbour
    assert f"fit the image {neighbour} it" in found.faults[0].detail


@pytest.mark.parametrize(
    "shots",
    [_frames(20), _frames(20, late=7), _frames(4, late=1), _frames(20, late=1, names="x{:d}00.jpg"),
     [Shot([("cat", 5, 5, 20, 20)], pixels=np.zeros((64, 96, 3), np.uint8))] * 9, [Shot()] * 9, []],
    ids=["right", "wrong in another way", "too few", "no sequence", "blank", "unreadable", "nothing"],
)  # fmt: skip
def test_no_alarm(shots):
    assert seen(check_shift, subject_of(survey_of(shots))) == {}


@pytest.mark.parametrize("seed", range(5))
def test_no_alarm_on_noise(seed):
    rng = np.random.default_rng(seed)
    shots = []
    for _ in range(12):
        box = ("cat", *rng.integers(0, 20, 2), *rng.integers(30, 64, 2))
        shots.append(Shot([box], pixels=rng.integers(0, 256, (64, 96, 3), np.uint8)))
    assert seen(check_shift, subject_of(survey_of(shots))) == {}


def test_a_film_in_which_little_moves():
    shots = _frames(1) * 20
    shots = [shot._replace(name=f"frame{number:03d}.jpg") for number, shot in enumerate(shots)]
    assert seen(check_shift, subject_of(survey_of(shots))) == {}
