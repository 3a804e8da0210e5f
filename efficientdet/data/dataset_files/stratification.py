# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Deals pictures out to splits so that each class's boxes come close to the shares. NumPy only.

Iterative stratification (Sechidis, Tsoumakas and Vlahavas, "On the stratification of multi-label data", 2011), with the
rarest class first; who gets the next picture is decided as seats are by Webster's method, which keeps to the shares
at every step and not only at the end: a small split then is no collection of what was left over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Units(NamedTuple):
    """What is dealt out: a picture, or pictures that must stay together. U units, C classes.

    Attributes:
      pictures: int64 [U], number of pictures of each.
      bounds: int64 [U + 1]; unit u has the pairs from bounds[u] to bounds[u + 1].
      classes: int64 [K], the class of each pair of a unit and a class in it.
      boxes: int64 [K], the number of its boxes, at least 1.
      num_classes: C.
    """

    pictures: np.ndarray
    bounds: np.ndarray
    classes: np.ndarray
    boxes: np.ndarray
    num_classes: int


def gather_units(group_of: np.ndarray, row_of_box: np.ndarray, class_of_box: np.ndarray, num_classes: int) -> Units:
    """Counts what is in each group of pictures.

    Args:
      group_of: int64 [P], the number of each picture's group, from 0 without gaps.
      row_of_box: int64 [N], the picture of each box.
      class_of_box: int64 [N].
      num_classes: a class of its own, behind these, is made of pictures without boxes.
    """
    num_units = int(group_of.max()) + 1 if len(group_of) else 0
    empty = np.flatnonzero(np.bincount(row_of_box, minlength=len(group_of)) == 0)
    units = np.concatenate([group_of[row_of_box], group_of[empty]])
    classes = np.concatenate([class_of_box, np.full(len(empty), num_classes)])
    keys, boxes = np.unique(units * (num_classes + 1) + classes, return_counts=True)
    units, classes = np.divmod(keys, num_classes + 1)
    bounds = np.searchsorted(units, np.arange(num_units + 1))
    return Units(np.bincount(group_of, minlength=num_units), bounds, classes, boxes, num_classes + 1)


def deal_out(units: Units, shares: np.ndarray, seed: int) -> np.ndarray:
    """Deals units out.

    Args:
      units: see Units.
      shares: float64 [S], positive, with sum 1; on a tie the first split gets the unit.
      seed: of the order among units with about the same number of boxes.

    Returns:
      int64 [U], the split of each unit. No split is empty where there are as many units as splits.
    """
    num_units = len(units.pictures)
    split_of = [-1] * num_units
    shuffled = np.random.default_rng(seed).permutation(num_units)
    # Plain lists from here on: there are a million units, and only two or three splits to compare.
    held = [[0.0] * len(shares) for _ in range(units.num_classes)]
    pictures = [0.0] * len(shares)
    left = np.bincount(units.classes, minlength=units.num_classes).tolist()  # units that are not dealt out yet
    bounds, classes, boxes = units.bounds.tolist(), units.classes.tolist(), units.boxes.tolist()
    sizes, quotas = units.pictures.tolist(), shares.tolist()
    by_class = _pairs_by_class(units)
    while any(left):
        rarest = min((number, class_) for class_, number in enumerate(left) if number)[1]
        for unit, count in _large_first(by_class[rarest], units, shuffled):
            if split_of[unit] >= 0:
                continue
            split = split_of[unit] = _next_split(quotas, held[rarest], count, pictures)
            pictures[split] += sizes[unit]
            for pair in range(bounds[unit], bounds[unit + 1]):
                held[classes[pair]][split] += boxes[pair]
                left[classes[pair]] -= 1
    dealt = np.array(split_of, np.int64)
    _fill_empty(dealt, units, len(shares))
    return dealt


def _next_split(shares: Sequence[float], held: Sequence[float], count: int, pictures: Sequence[float]) -> int:
    """The split with the best claim to a unit: by the class's boxes, on a tie by pictures, then the first."""
    claims = [share / (has + count / 2) for share, has in zip(shares, held, strict=True)]
    best = max(claims) * (1 - 1e-12)
    tied = [split for split, claim in enumerate(claims) if claim >= best]
    return max(tied, key=lambda split: shares[split] / (pictures[split] + 0.5)) if len(tied) > 1 else tied[0]


def _pairs_by_class(units: Units) -> list[np.ndarray]:
    order = np.argsort(units.classes, kind="stable")
    return np.split(order, np.searchsorted(units.classes[order], np.arange(1, units.num_classes)))


def _large_first(pairs: np.ndarray, units: Units, shuffled: np.ndarray) -> list[tuple[int, int]]:
    """(unit, boxes) with the most boxes first, to the next power of two, and shuffled among those."""
    owners = np.searchsorted(units.bounds, pairs, side="right") - 1
    boxes = units.boxes[pairs]
    order = np.lexsort([shuffled[owners], -np.floor(np.log2(boxes))])
    return list(zip(owners[order].tolist(), boxes[order].tolist(), strict=True))


def _fill_empty(split_of: np.ndarray, units: Units, num_splits: int) -> None:
    """Gives each split that went without a unit one of the split with the most: one of few pictures."""
    for split in range(num_splits):
        sizes = np.bincount(split_of, minlength=num_splits)
        if sizes[split] == 0 and sizes.max(initial=0) > 1:
            candidates = np.flatnonzero(split_of == np.argmax(sizes))
            split_of[candidates[np.argmin(units.pictures[candidates])]] = split
