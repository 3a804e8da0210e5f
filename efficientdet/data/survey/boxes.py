# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Judges the boxes of some pictures as annotated, proposes what a person would do, and fits them into their pictures.

All boxes of a chunk of pictures are judged at once, in arrays; only those at fault are looked at one by one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from efficientdet.data.faults import (
    BOX_AXES_SWAPPED,
    BOX_CLIPPED,
    BOX_IN_PIXELS,
    BOX_INVERTED,
    BOX_NORMALISED,
    BOX_NOT_FINITE,
    BOX_OUTSIDE,
    BOX_ZERO_AREA,
)
from efficientdet.data.survey.box_frames import BoxColumns, axes_swapped, axes_votes, in_pixels, normalised

# What formats leave when they write few decimals is no fault: in pixels, and in fractions of a side.
_ROUNDING = 0.02
_ROUNDING_OF_FRACTIONS = 0.001

_EXCHANGED_SHARE = 0.1  # of the pictures asked, for x and y to be exchanged in the whole data set

CODES = (
    "", BOX_NOT_FINITE, BOX_NORMALISED, BOX_IN_PIXELS, BOX_AXES_SWAPPED, BOX_INVERTED, BOX_ZERO_AREA, BOX_OUTSIDE,
    BOX_CLIPPED,
)  # fmt: skip
"""What a box can be; the first that holds is named. 0: nothing is wrong with it."""


class Judgement(NamedTuple):
    """What is to be said of n boxes.

    Attributes:
      codes: int [n], index into CODES.
      ordered: float64 [n, 4], in pixels, as annotated but min before max; zeros where not finite.
      fitted: float64 [n, 4], in pixels, clipped: what a record would hold of the box as annotated.
      is_kept: bool [n], whether a record would hold it.
      mended: float64 [n, 4], in pixels, clipped: what the proposed fix leaves.
      remains: bool [n], whether the proposed fix leaves a box.
    """

    codes: np.ndarray
    ordered: np.ndarray
    fitted: np.ndarray
    is_kept: np.ndarray
    mended: np.ndarray
    remains: np.ndarray


class Tally(NamedTuple):
    """What no picture tells by itself, counted over many: are x and y exchanged."""

    asked: int = 0  # pictures that might tell about x and y, see `box_frames.AxesVotes`
    exchanged: int = 0
    in_order: int = 0

    def __add__(self, other: object) -> Tally:
        if not isinstance(other, Tally):
            return NotImplemented
        return Tally(*map(sum, zip(self, other, strict=True)))

    @property
    def axes_exchanged(self) -> bool:
        """Pictures say that x and y are exchanged, and none or very few say the contrary."""
        enough = self.exchanged >= 3 and self.exchanged >= _EXCHANGED_SHARE * self.asked
        return enough and self.exchanged >= 10 * self.in_order


def judge(boxes: BoxColumns, axes_exchanged: bool = False) -> Judgement:
    """Judges the boxes of some pictures; `axes_exchanged` is what the whole data set says (`Tally`)."""
    is_finite = np.isfinite(boxes.corners).all(axis=1)
    units = boxes.units
    with np.errstate(over="ignore"):  # what becomes infinite in pixels is far outside
        annotated = np.where(is_finite[:, None], boxes.corners, 0.0) * units
    low, high = np.minimum(annotated[:, :2], annotated[:, 2:]), np.maximum(annotated[:, :2], annotated[:, 2:])
    ordered = np.concatenate([low, high], axis=1)
    is_normalised, is_in_pixels = normalised(boxes, ordered), in_pixels(boxes, ordered)
    sides = np.tile(boxes.borders, 2)
    mended = np.where(is_normalised[:, None], ordered * sides, ordered)
    mended = np.where(is_in_pixels[:, None], mended / units, mended)
    is_swapped = axes_swapped(boxes, mended, axes_exchanged)
    mended = np.where(is_swapped[:, None], mended[:, [1, 0, 3, 2]], mended)
    clipped = np.clip(mended, 0.0, sides)
    rounding = np.where(boxes.is_normalized[boxes.pictures, None], _ROUNDING_OF_FRACTIONS * sides, 0.0)
    kinds = (
        ~is_finite,
        is_normalised,
        is_in_pixels,
        is_swapped,
        (annotated[:, 2:] < annotated[:, :2]).any(axis=1),
        (mended[:, 2:] <= mended[:, :2]).any(axis=1),
        (clipped[:, 2:] <= clipped[:, :2]).any(axis=1),
        (abs(clipped - mended) > np.maximum(rounding, _ROUNDING)).any(axis=1),
    )
    codes = np.select(kinds, range(1, len(CODES)), 0)
    fitted = np.clip(annotated, 0.0, sides)
    is_kept = is_finite & (fitted[:, 2:] > fitted[:, :2]).all(axis=1)
    return Judgement(
        codes, ordered, fitted, is_kept, clipped, is_finite & (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    )


def tally(boxes: BoxColumns, judgement: Judgement) -> Tally:
    """Counts what the boxes of some pictures tell about all of a data set."""
    votes = axes_votes(boxes, judgement.ordered)
    return Tally(
        asked=int(votes.candidates.sum()),
        exchanged=int(votes.exchanged.sum()),
        in_order=int(votes.in_order.sum()),
    )
