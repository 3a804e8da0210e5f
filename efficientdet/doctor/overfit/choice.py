# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which few pictures are learnt by heart. No TensorFlow."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Candidate(NamedTuple):
    """A record that could be chosen."""

    record: int  # its number in the data
    classes: tuple[int, ...]  # the class row of each box that counts


def choose(candidates: Sequence[Candidate], num_images: int, *, max_boxes: int) -> list[int]:
    """Chooses pictures with boxes: first some that cover the classes, then others from all over the data.

    The choice is the same for the same data. Of two that cover as many classes still missing, the one with fewer boxes
    is taken, which shows a fault just as well and is looked at sooner.

    Args:
      candidates: in the order of the data.
      num_images: to choose; all, where there are fewer with boxes.
      max_boxes: that a picture may have; one with more loses some in training.

    Returns:
      The numbers of the records chosen, ascending.
    """
    usable = [each for each in candidates if 0 < len(each.classes) <= max_boxes]
    chosen = [usable[place].record for place in _covering(usable, num_images)]
    others = [each.record for each in usable if each.record not in set(chosen)]
    missing = min(num_images - len(chosen), len(others))
    spread = np.rint(np.linspace(0, len(others) - 1, missing + 2)[1:-1]).astype(int).tolist()
    chosen += [others[place] for place in _distinct(spread, len(others))]
    return sorted(chosen)


def _covering(usable: Sequence[Candidate], limit: int) -> list[int]:
    """Places of pictures that cover the classes, greedily: whoever shows the most that are missing comes first."""
    missing = {row for each in usable for row in each.classes}
    # A gain only shrinks while classes are covered, so that an outdated entry is looked at again and not all others.
    queue = [(-len(missing.intersection(e.classes)), len(e.classes), place) for place, e in enumerate(usable)]
    heapq.heapify(queue)
    taken: list[int] = []
    while missing and queue and len(taken) < limit:
        gain, boxes, place = heapq.heappop(queue)
        now = -len(missing.intersection(usable[place].classes))
        if now == gain:
            taken.append(place)
            missing.difference_update(usable[place].classes)
        elif now:
            heapq.heappush(queue, (now, boxes, place))
    return taken


def _distinct(places: Sequence[int], count: int) -> list[int]:
    """Places made different from each other: one that is taken moves to the next free one."""
    taken: set[int] = set()
    for place in places:
        while place in taken:
            place = (place + 1) % count
        taken.add(place)
    return sorted(taken)
