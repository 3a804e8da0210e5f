# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The bidirectional feature pyramid as data: which feature map is computed from which."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple


class Node(NamedTuple):
    """A feature map that the pyramid computes from earlier ones."""

    name: str
    level: int
    inputs: tuple[str, ...]


class Topology(NamedTuple):
    """A pyramid as data. The backbone's feature maps are named `C<level>` and are not listed."""

    extra: tuple[Node, ...]  # levels coarser than the backbone's, each pooled from its one input
    cells: tuple[tuple[Node, ...], ...]  # one per iteration, in order of computation
    outputs: tuple[str, ...]  # finest level first

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Those of all cells, in order of computation."""
        return tuple(itertools.chain.from_iterable(self.cells))


def topology(levels: Sequence[int], *, max_level: int, num_iterations: int) -> Topology:
    """Lays out a BiFPN.

    Each iteration runs top-down (from the coarsest level but one to the finest), then bottom-up (from the finest but
    one to the coarsest); a bottom-up node also sees what its level held before the iteration.

    Args:
      levels: of the backbone's feature maps, ascending without gaps.
      max_level: the coarsest level of the pyramid, at least the last of `levels` and above the first.
      num_iterations: at least 1.

    Returns:
      The nodes. The order of a node's inputs is that of the Object Detection API (TFOD), and with it the meaning of its
      fusion weights: what the level held before, then this iteration's node on the level, then the neighbouring level.

    Raises:
      ValueError: if an argument is out of its range.
    """
    lowest, deepest = levels[0], levels[-1]
    if list(levels) != list(range(lowest, deepest + 1)) or not lowest < max_level >= deepest or num_iterations < 1:
        raise ValueError(
            f"no pyramid from levels {tuple(levels)} to max_level {max_level} in {num_iterations} iterations"
        )
    current = {level: f"C{level}" for level in levels}
    extra = []
    for level in range(deepest + 1, max_level + 1):
        extra.append(Node(f"P{level}", level, (current[level - 1],)))
        current[level] = f"P{level}"

    cells: list[tuple[Node, ...]] = []
    for iteration in range(1, num_iterations + 1):
        nodes: list[Node] = []
        down = {max_level: current[max_level]}
        for level in range(max_level - 1, lowest - 1, -1):
            nodes.append(Node(f"down{iteration}_P{level}", level, (current[level], down[level + 1])))
            down[level] = nodes[-1].name
        up = {lowest: down[lowest]}
        for level in range(lowest + 1, max_level + 1):
            middle = (down[level],) if level < max_level else ()
            nodes.append(Node(f"up{iteration}_P{level}", level, (current[level], *middle, up[level - 1])))
            up[level] = nodes[-1].name
        cells.append(tuple(nodes))
        current = up
    return Topology(tuple(extra), tuple(cells), tuple(current[level] for level in sorted(current)))
