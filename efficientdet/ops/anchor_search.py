# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Finds the anchors that overlap boxes enough, without comparing every box with every anchor.

Anchors are grids: those of one size on one level are every pair of a few rows and a few columns. What a box and an
anchor have in common is the product of what their sides have in common, so that rows and columns, some thousand in all,
tell which of the grids' cells are worth a look.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from efficientdet.ops.boxes import area, iou

_SLACK = 1e-5  # of an IoU: bounds and IoUs are float32, and rounded in different places


class Pairs(NamedTuple):
    """Some of the pairs of a box and an anchor; each anchor may be in several, and each box."""

    boxes: tf.Tensor  # int32 [P], rows of the boxes
    anchors: tf.Tensor  # int32 [P], rows of the anchors
    ious: tf.Tensor  # float32 [P], above 0; bit for bit what `boxes.iou` gives


class AnchorSearch:
    """Anchors, taken apart into grids. Any set comes apart: a row of anchors, or a single one, is a grid as well."""

    def __init__(self, anchors: np.ndarray) -> None:
        """Takes anchors apart.

        Args:
          anchors: float32 [A, 4]. Those without an area overlap nothing, and are never found.
        """
        self._anchors = np.asarray(anchors, np.float32)
        rows, columns, grids = _grids(self._anchors)
        self._rows, self._columns = rows, columns
        self._anchor_of = np.concatenate([np.empty(0, np.int32), *(grid.ravel() for grid in grids)]).astype(np.int32)
        sizes = _areas(self._anchors)
        self._least_areas = np.array([sizes[grid].min() for grid in grids], np.float32)
        self._greatest_areas = np.array([sizes[grid].max() for grid in grids], np.float32)
        # The cell of (row, column) is number `cell_before[row] + column` of all grids' cells.
        heights, widths = np.array([grid.shape for grid in grids], np.int64).reshape(-1, 2).T
        first_row, first_column = np.cumsum(heights) - heights, np.cumsum(widths) - widths
        starts = np.cumsum(heights * widths) - heights * widths - first_column
        places = np.arange(len(rows.grids)) - first_row[rows.grids]
        self._cell_before = (starts[rows.grids] + places * widths[rows.grids]).astype(np.int32)

    @property
    def num_anchors(self) -> int:
        """Number of anchors, those that are never found included."""
        return len(self._anchors)

    def pairs(self, boxes: tf.Tensor, least: float, for_best: tf.Tensor | None = None) -> Pairs:
        """Finds all pairs whose IoU reaches a threshold, and others that are nearly as good.

        Args:
          boxes: float32 [N, 4]; N may be 0.
          least: the threshold, above 0.
          for_best: bool [N], of which boxes all pairs of their greatest IoU are to be found as well, whatever it is.
            None for no box.

        Returns:
          Pairs, in no order that means anything.
        """
        ymin, xmin, ymax, xmax = tf.unstack(boxes, axis=1)
        heights, widths = _in_common(self._rows, ymin, ymax), _in_common(self._columns, xmin, xmax)
        tallest = tf.math.segment_max(heights, self._rows.grids)
        widest = tf.math.segment_max(widths, self._columns.grids)
        areas, common = area(boxes), tallest * widest
        threshold = tf.fill(tf.shape(areas), tf.constant(least, tf.float32))
        if for_best is not None:
            of_best_cells = tf.math.divide_no_nan(common, areas + self._greatest_areas[:, np.newaxis] - common)
            reached = tf.reduce_max(of_best_cells, axis=0)
            threshold = tf.where(for_best, tf.minimum(threshold, reached), threshold)
        least_unions = threshold * (1.0 - _SLACK) * (areas + self._least_areas[:, np.newaxis])

        def promising(lengths: tf.Tensor, other_lengths: tf.Tensor, grids: np.ndarray) -> tf.Tensor:
            """Of which rows, or columns, the best cell could reach the threshold; bool [rows, N]."""
            common = lengths * tf.gather(other_lengths, grids)
            return (common > 0.0) & (common * (1.0 + threshold) >= tf.gather(least_unions, grids))

        rows = promising(heights, widest, self._rows.grids)
        columns = promising(widths, tallest, self._columns.grids)
        return self._cells(boxes, rows, columns)

    def _cells(self, boxes: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor) -> Pairs:
        """The pairs of all cells in rows and columns of one grid; bool [rows, N] and [columns, N]."""
        row, row_box = tf.unstack(tf.cast(tf.where(rows), tf.int32), axis=1)
        column = tf.cast(tf.where(tf.transpose(columns))[:, 1], tf.int32)  # by box, then by grid
        counts = tf.transpose(tf.math.segment_sum(tf.cast(columns, tf.int32), self._columns.grids))
        grid = tf.gather(self._rows.grids, row)
        place = row_box * len(self._least_areas) + grid
        counts = tf.reshape(counts, [-1])
        first = tf.gather(tf.cumsum(counts, exclusive=True), place)
        splits, chosen = tf.raw_ops.RaggedRange(
            starts=first, limits=first + tf.gather(counts, place), deltas=1, Tsplits=tf.int32
        )
        entry = tf.searchsorted(splits, tf.range(tf.size(chosen)), side="right") - 1
        cell = tf.gather(self._cell_before, tf.gather(row, entry)) + tf.gather(column, chosen)
        box, anchor = tf.gather(row_box, entry), tf.gather(self._anchor_of, cell)
        one_by_one = iou(tf.gather(boxes, box)[:, np.newaxis], tf.gather(self._anchors, anchor)[:, np.newaxis])
        return Pairs(box, anchor, one_by_one[:, 0, 0])


class _Intervals(NamedTuple):
    """The rows of all grids, or the columns, grid by grid."""

    low: np.ndarray  # float32 [R]
    high: np.ndarray  # float32 [R]
    grids: np.ndarray  # int32 [R], rising


def _in_common(intervals: _Intervals, low: tf.Tensor, high: tf.Tensor) -> tf.Tensor:
    """The length that every interval has in common with others, float32 [N]; float32 [R, N]."""
    return tf.nn.relu(tf.minimum(high, intervals.high[:, np.newaxis]) - tf.maximum(low, intervals.low[:, np.newaxis]))


def _areas(anchors: np.ndarray) -> np.ndarray:
    return (anchors[:, 2] - anchors[:, 0]) * (anchors[:, 3] - anchors[:, 1])


def _grids(anchors: np.ndarray) -> tuple[_Intervals, _Intervals, list[np.ndarray]]:
    """Splits anchors into grids; anchors without an area are in none.

    Args:
      anchors: float32 [A, 4].

    Returns:
      The rows and columns of all grids, and of each grid its anchors' numbers, int64 [rows, columns].
    """
    usable = np.flatnonzero(np.isfinite(anchors).all(axis=1) & (anchors[:, 2:] > anchors[:, :2]).all(axis=1))
    kept = anchors[usable]
    _, same = np.unique(kept, axis=0, return_inverse=True)
    turn = _occurrences(same.ravel())  # of equal anchors, so that each has a cell of its own
    rows_of_anchor = _numbered(np.column_stack([kept[:, [0, 2]], turn]))
    columns_of_anchor = _numbered(kept[:, [1, 3]])
    order = np.lexsort([columns_of_anchor, rows_of_anchor])
    runs = np.split(order, np.flatnonzero(np.diff(rows_of_anchor[order])) + 1) if len(order) else []
    rows_with: dict[bytes, list[np.ndarray]] = defaultdict(list)
    for run in runs:
        rows_with[columns_of_anchor[run].tobytes()].append(run)
    grids = [np.stack(rows) for rows in rows_with.values()]
    return (
        _intervals([kept[grid[:, 0]][:, [0, 2]] for grid in grids]),
        _intervals([kept[grid[0]][:, [1, 3]] for grid in grids]),
        [usable[grid] for grid in grids],
    )


def _intervals(of_grids: list[np.ndarray]) -> _Intervals:
    low, high = np.concatenate([np.empty([0, 2], np.float32), *of_grids]).T
    return _Intervals(low, high, np.repeat(np.arange(len(of_grids), dtype=np.int32), list(map(len, of_grids))))


def _numbered(values: np.ndarray) -> np.ndarray:
    """Gives equal rows of [A, n] equal numbers; int64 [A]."""
    return np.unique(values, axis=0, return_inverse=True)[1].ravel()


def _occurrences(labels: np.ndarray) -> np.ndarray:
    """How many equal labels come before each; int64 [A]."""
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    counts = np.diff(np.append(starts, len(labels)))
    result = np.empty(len(labels), np.int64)
    result[order] = np.arange(len(labels)) - np.repeat(starts, counts)
    return result
