# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds boxes that are in another frame than their format says: fractions for pixels, pixels for fractions, y for x.

One odd box says little, so that a picture is judged by all of its boxes; a box by itself only counts where it makes no
sense otherwise.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Fractions go from 0 to 1, and a little further where a box was drawn over the border.
_FRACTIONS = (-0.01, 1.01)
_FRACTIONS_LOOSELY = (-1.0, 2.0)
_MIN_SIDE = 4  # in smaller pictures pixels and fractions are too much alike
_SLACK = 1.5  # pixels that a box may reach over the border and still be inside
_FAR_OUTSIDE = 0.25  # of a box's height or width


class BoxColumns(NamedTuple):
    """The boxes of some pictures, as annotated. n boxes, p pictures.

    Attributes:
      corners: float64 [n, 4], ymin xmin ymax xmax in the annotation's unit.
      pictures: int64 [n], ascending.
      sizes: float64 [p, 2], height and width in pixels of the picture that the boxes were drawn on.
      is_normalized: bool [p], the annotation's unit is the fraction.
    """

    corners: np.ndarray
    pictures: np.ndarray
    sizes: np.ndarray
    is_normalized: np.ndarray

    @property
    def units(self) -> np.ndarray:
        """float64 [n, 4], pixels per unit of each coordinate."""
        scales = np.where(self.is_normalized[:, None], self.sizes, 1.0)[self.pictures]
        return np.tile(scales, 2)

    @property
    def borders(self) -> np.ndarray:
        """float64 [n, 2], height and width of the picture of each box."""
        return self.sizes[self.pictures]


def normalised(boxes: BoxColumns, pixels: np.ndarray) -> np.ndarray:
    """Bool [n]: boxes of fractions where the annotation should be in pixels.

    Args:
      boxes: n of them.
      pixels: float64 [n, 4], the same in pixels, if they are what the annotation says; ordered, min before max; a row
        that is not finite is zeros.
    """
    candidates = _have_area(pixels) & ~boxes.is_normalized[boxes.pictures] & (boxes.borders.min(axis=1) >= _MIN_SIDE)
    fractions = candidates & _within(pixels, *_FRACTIONS)
    if not fractions.any():
        return fractions
    most = _most(fractions, candidates, boxes)
    loosely = candidates & _within(pixels, *_FRACTIONS_LOOSELY) & most
    return (fractions & (pixels != np.round(pixels)).any(axis=1)) | loosely


def in_pixels(boxes: BoxColumns, pixels: np.ndarray) -> np.ndarray:
    """Bool [n]: boxes of pixels where the annotation should be in fractions; arguments as of `normalised`."""
    candidates = _have_area(pixels) & boxes.is_normalized[boxes.pictures]
    if not candidates.any():
        return candidates
    values = pixels / boxes.units
    large = (values[:, 2:] - values[:, :2] >= 1).all(axis=1) & (values[:, 2:].max(axis=1, initial=0) > 2)
    return candidates & large & _inside(values, boxes.borders)


class AxesVotes(NamedTuple):
    """Which pictures tell whether x and y of their boxes are exchanged; bool [p] each."""

    candidates: np.ndarray  # have boxes of pixels, and are not square
    exchanged: np.ndarray  # a box is far outside, and all fit with x and y exchanged
    in_order: np.ndarray  # all fit, and with x and y exchanged one would be far outside
    surely_exchanged: np.ndarray  # of those exchanged, where that is told by more than one box of many


def axes_votes(boxes: BoxColumns, pixels: np.ndarray) -> AxesVotes:
    """Asks each picture by itself; arguments as of `normalised`."""
    count = len(boxes.sizes)
    considered = _have_area(pixels) & ~boxes.is_normalized[boxes.pictures]
    exchanged_pixels = pixels[:, [1, 0, 3, 2]]

    def number(chosen: np.ndarray) -> np.ndarray:
        return np.bincount(boxes.pictures[considered & chosen], minlength=count)

    numbers = number(considered)
    far = number(_far_outside(pixels, boxes.borders))
    exchanged = (far > 0) & (number(~_inside(exchanged_pixels, boxes.borders)) == 0)
    in_order = number(~_inside(pixels, boxes.borders)) == 0
    in_order &= number(_far_outside(exchanged_pixels, boxes.borders)) > 0
    # One of many may stick out for another reason; two that do, and all fit when exchanged, hardly.
    many = (2 * far >= numbers) | ((far >= 2) & (5 * far >= numbers))
    return AxesVotes((numbers > 0) & (boxes.sizes[:, 0] != boxes.sizes[:, 1]), exchanged, in_order, exchanged & many)


def axes_swapped(boxes: BoxColumns, pixels: np.ndarray, everywhere: bool) -> np.ndarray:
    """Bool [n]: boxes of pictures in which they fit only with x and y exchanged; arguments as of `normalised`.

    A square picture cannot tell, nor can fractions. `everywhere` says that all pictures together do: every box of
    pixels is.
    """
    considered = _have_area(pixels) & ~boxes.is_normalized[boxes.pictures]
    return considered if everywhere else considered & axes_votes(boxes, pixels).surely_exchanged[boxes.pictures]


def _have_area(pixels: np.ndarray) -> np.ndarray:
    return np.all(pixels[:, 2:] > pixels[:, :2], axis=1)


def _within(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.all((values[:, :2] >= low) & (values[:, 2:] <= high), axis=1)


def _inside(pixels: np.ndarray, borders: np.ndarray) -> np.ndarray:
    return np.all((pixels[:, :2] >= -_SLACK) & (pixels[:, 2:] <= borders + _SLACK), axis=1)


def _far_outside(pixels: np.ndarray, borders: np.ndarray) -> np.ndarray:
    over = pixels[:, 2:] - borders
    return np.any((over > _SLACK) & (over > _FAR_OUTSIDE * (pixels[:, 2:] - pixels[:, :2])), axis=1)


def _most(chosen: np.ndarray, candidates: np.ndarray, boxes: BoxColumns) -> np.ndarray:
    """Bool [n]: whether more than half of the candidates in the picture of each box are chosen."""
    count = len(boxes.sizes)
    numbers = np.bincount(boxes.pictures[candidates], minlength=count)
    return (2 * np.bincount(boxes.pictures[chosen], minlength=count) > numbers)[boxes.pictures]
