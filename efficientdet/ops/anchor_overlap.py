# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How well a set of anchors can cover boxes, for whole data sets. Numpy only.

Anchors are a few grids, and boxes many. For an anchor of given size, the overlap with a box shrinks as their centres
part, on either axis by itself: of a grid of equal anchors, the one nearest to the box's centre on both axes overlaps it
most. So one anchor of each grid and size is looked at instead of all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

_ROUNDING = 2e-6  # of the greatest coordinate: what a multiple of one number may differ from it when written down
_CHUNK = 1 << 15  # boxes at a time, which bounds the memory and keeps it in the cache
_PAIRS = 1 << 20  # pairs of box and anchor at a time, where there is no grid
_SMALLEST_GRID = 4  # cells; of less every anchor is looked at


class _Grid(NamedTuple):
    """Anchors of a few sizes around the same centres; all float64."""

    ys: np.ndarray  # [rows], of the centres, rising
    xs: np.ndarray  # [columns]
    sizes: np.ndarray  # [S, 2], heights and widths


class _Boxes(NamedTuple):
    """Boxes by centre and size; all float64 [n]."""

    ys: np.ndarray
    xs: np.ndarray
    heights: np.ndarray
    widths: np.ndarray


def best_overlaps(boxes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """Finds the greatest IoU that each box has with any of the anchors.

    Exact, up to the rounding of the anchors. Boxes without area overlap nothing, and neither does what is not finite.

    Args:
      boxes: [N, 4], ymin xmin ymax xmax.
      anchors: [A, 4], the same, in the same unit.

    Returns:
      float32 [N], in 0..1; 0 where there are no anchors.

    Raises:
      ValueError: a shape is not [*, 4].
    """
    boxes, anchors = _checked(boxes, "boxes"), _checked(anchors, "anchors")
    anchors = anchors[_has_area(anchors)]
    best = np.zeros(len(boxes), np.float64)
    usable = np.flatnonzero(_has_area(boxes))
    grids, loose = _grids(anchors)
    for start in range(0, len(usable), _CHUNK):
        rows = usable[start : start + _CHUNK]
        chunk = _by_centre(boxes[rows])
        found = np.zeros(len(rows), np.float64)
        for grid in grids:
            np.maximum(found, _best_of_grid(chunk, grid), out=found)
        best[rows] = np.maximum(found, _best_of_all(chunk, loose))
    return best.astype(np.float32)


def _checked(values: np.ndarray, name: str) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 2 or values.shape[1] != 4:
        raise ValueError(f"{name} have shape {list(values.shape)}, must be [*, 4]")
    return values


def _has_area(boxes: np.ndarray) -> np.ndarray:
    """Bool [N]; false for what is not finite."""
    return np.isfinite(boxes).all(axis=1) & (boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])


def _by_centre(boxes: np.ndarray) -> _Boxes:
    ymin, xmin, ymax, xmax = boxes.T
    return _Boxes((ymin + ymax) / 2, (xmin + xmax) / 2, ymax - ymin, xmax - xmin)


def _grids(anchors: np.ndarray) -> tuple[list[_Grid], _Boxes]:
    """Splits anchors into grids, and those that are in none: any set comes apart, since a row by itself is a grid."""
    tolerance = _ROUNDING * np.abs(anchors).max(initial=0)
    labels, means = zip(*(_labelled(values, tolerance) for values in _by_centre(anchors)), strict=True)
    ys, xs, heights, widths = means
    grids: list[_Grid] = []
    loose = [np.empty((0, 4), np.float64)]
    for rows, columns, sizes in _products(np.stack(labels, axis=1)):
        grid = _Grid(ys[rows], xs[columns], np.stack([heights[sizes[:, 0]], widths[sizes[:, 1]]], axis=1))
        if len(rows) * len(columns) >= _SMALLEST_GRID:
            grids.append(grid)
        else:
            loose.append(_members(grid))
    return grids, _Boxes(*np.concatenate(loose).T)


def _products(labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yields rows [R], columns [C] and sizes [S, 2] whose products together are all the anchors.

    Args:
      labels: int64 [A, 4], those of y, x, height and width.
    """
    # Each row of one size is a run of the sorted list.
    keys = labels[np.lexsort(labels[:, [1, 0, 3, 2]].T)][:, [2, 3, 0, 1]]
    keys = keys[np.any(np.diff(keys, axis=0, prepend=-1), axis=1)]
    starts = np.flatnonzero(np.any(np.diff(keys[:, :3], axis=0, prepend=-1), axis=1))
    rows_of: dict[tuple[int, int, bytes], list[int]] = defaultdict(list)
    for run in np.split(keys, starts[1:]) if len(keys) else []:
        height, width, row = run[0, :3].tolist()
        rows_of[height, width, run[:, 3].tobytes()].append(row)
    sizes_of: dict[tuple[bytes, bytes], list[tuple[int, int]]] = defaultdict(list)
    for (height, width, columns), rows in rows_of.items():
        sizes_of[np.array(rows, np.int64).tobytes(), columns].append((height, width))
    for (row_bytes, column_bytes), sizes in sizes_of.items():
        yield np.frombuffer(row_bytes, np.int64), np.frombuffer(column_bytes, np.int64), np.array(sizes)


def _labelled(values: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Numbers values that are equal but for rounding alike.

    Args:
      values: float64 [A].
      tolerance: values further apart are different ones.

    Returns:
      int64 [A], rising with the values, and float64 [distinct values]: the means.
    """
    order = np.argsort(values, kind="stable")
    steps = np.diff(values[order], prepend=values[order[:1]]) > tolerance
    labels = np.empty(len(values), np.int64)
    labels[order] = np.cumsum(steps)
    count = labels.max(initial=-1) + 1
    means = np.bincount(labels, values, count) / np.maximum(np.bincount(labels, minlength=count), 1)
    if len(values) and np.abs(means[labels] - values).max() > 2 * tolerance:  # values so dense that they run together
        means, labels = np.unique(values, return_inverse=True)
    return labels, means


def _members(grid: _Grid) -> np.ndarray:
    """Every anchor of a grid, float64 [n, 4] in the order of `_Boxes`."""
    y, x, size = np.meshgrid(grid.ys, grid.xs, np.arange(len(grid.sizes)), indexing="ij")
    return np.stack([y.ravel(), x.ravel(), *grid.sizes[size.ravel()].T], axis=1)


def _best_of_grid(boxes: _Boxes, grid: _Grid) -> np.ndarray:
    """Float64 [n]: the greatest IoU with any anchor of a grid."""
    y_apart, x_apart = _to_nearest(boxes.ys, grid.ys), _to_nearest(boxes.xs, grid.xs)
    areas = boxes.heights * boxes.widths
    best = np.zeros(len(areas), np.float64)
    for height, width in grid.sizes:
        shared = _shared(y_apart, boxes.heights, height) * _shared(x_apart, boxes.widths, width)
        np.maximum(best, shared / (areas + height * width - shared), out=best)
    return best


def _best_of_all(boxes: _Boxes, anchors: _Boxes) -> np.ndarray:
    """Float64 [n]: the greatest IoU with any of the anchors, all of which are looked at."""
    best = np.zeros(len(boxes.ys), np.float64)
    step = max(_PAIRS // max(len(best), 1), 1)
    for start in range(0, len(anchors.ys), step):
        ys, xs, heights, widths = (values[start : start + step, np.newaxis] for values in anchors)
        shared = _shared(np.abs(boxes.ys - ys), boxes.heights, heights)
        shared = shared * _shared(np.abs(boxes.xs - xs), boxes.widths, widths)
        overlaps = shared / (boxes.heights * boxes.widths + heights * widths - shared)
        np.maximum(best, overlaps.max(axis=0), out=best)
    return best


def _to_nearest(values: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """Float64 [n]: how far each value is from the nearest of the centres, which rise."""
    nearest = np.searchsorted((centers[1:] + centers[:-1]) / 2, values)
    return np.abs(values - centers[nearest])


def _shared(apart: np.ndarray, size: np.ndarray, other: np.ndarray | float) -> np.ndarray:
    """The length that two intervals have in common, by the distance of their centres and their lengths."""
    return np.maximum(np.minimum(np.minimum(size, other), (size + other) / 2 - apart), 0.0)
