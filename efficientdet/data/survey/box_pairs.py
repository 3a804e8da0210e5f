# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds boxes of one picture that lie upon each other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from efficientdet.data.faults import BOX_DUPLICATE, BOX_NEAR_DUPLICATE, BOX_TWO_CLASSES

DUPLICATE_IOU = 0.98
NEAR_DUPLICATE_IOU = 0.8
TWO_CLASSES_IOU = 0.95

MAX_COMPARED = 1000
"""Boxes of one picture that are compared with each other; of a picture with more, the first ones."""

_BLOCK = 1 << 18  # pairs at a time, or those of one picture


class Pair(NamedTuple):
    """Two boxes of a picture; `second` comes later in its annotation, and is the one too many."""

    code: str
    first: int
    second: int
    iou: float


def find_pairs(corners: np.ndarray, classes: np.ndarray, bounds: np.ndarray) -> list[Pair]:
    """Pairs of boxes that are one object twice, or are at one place with two classes.

    A box that is one too many is named once, with the first box that it repeats, and makes none of the others one too
    many: once those named are removed, no pair is left.

    Args:
      corners: float64 [n, 4], ymin xmin ymax xmax; a box without area is in no pair.
      classes: int [n].
      bounds: int64 [p + 1]; boxes bounds[i] to bounds[i + 1] are those of picture i.

    Returns:
      The pairs, in the order of `second`.
    """
    pairs: list[Pair] = []
    for first, second in _blocks(bounds):
        iou = _iou(corners[first], corners[second])
        is_same = classes[first] == classes[second]
        chosen = np.flatnonzero(iou > np.where(is_same, NEAR_DUPLICATE_IOU, TWO_CLASSES_IOU))
        pairs += _surplus(first[chosen], second[chosen], iou[chosen], is_same[chosen])
    return sorted(pairs, key=lambda pair: (pair.second, pair.first))


def _blocks(bounds: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every pair of boxes within a picture, as two arrays of indices; a bounded number of them, of whole pictures."""
    compared = np.minimum(np.diff(bounds), MAX_COMPARED)
    totals = np.cumsum(compared * (compared - 1) // 2)
    edges = np.searchsorted(totals, np.arange(_BLOCK, totals[-1] if len(totals) else 0, _BLOCK))
    for pictures in np.split(np.arange(len(compared)), edges):
        rows = np.repeat(bounds[pictures], compared[pictures]) + _positions(compared[pictures])
        partners = np.repeat((bounds[:-1] + compared)[pictures], compared[pictures]) - rows - 1
        first = np.repeat(rows, partners)
        if len(first):
            yield first, first + 1 + _positions(partners)


def _positions(counts: np.ndarray) -> np.ndarray:
    """0 to count - 1 for each count, one after the other."""
    return np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)


def _surplus(first: np.ndarray, second: np.ndarray, iou: np.ndarray, is_same: np.ndarray) -> Iterator[Pair]:
    """Which of some overlapping pairs to name; see `find_pairs`."""
    order = np.lexsort((first, iou <= DUPLICATE_IOU, second, ~is_same))
    surplus: set[int] = set()
    columns = (column[order].tolist() for column in (first, second, iou, is_same))
    for one, other, value, same in zip(*columns, strict=True):  # those of one class come first
        if one in surplus or other in surplus:
            continue
        if same:
            surplus.add(other)
            yield Pair(BOX_DUPLICATE if value > DUPLICATE_IOU else BOX_NEAR_DUPLICATE, one, other, value)
        else:
            yield Pair(BOX_TWO_CLASSES, one, other, value)


def _iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """float64 [n], intersection over union; 0 for boxes without area."""
    sides = np.maximum(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0)
    intersection = sides[:, 0] * sides[:, 1]
    union = np.prod(a[:, 2:] - a[:, :2], axis=1) + np.prod(b[:, 2:] - b[:, :2], axis=1) - intersection
    return np.divide(intersection, union, out=np.zeros_like(union), where=(intersection > 0) & (union > 0))
