# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How far pictures are zoomed in and out in training, and whether they are mirrored."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from efficientdet.fine_tuning.figures import object_sizes

# Pictures below which a range of the smallest zoom holds: the longer a training, the more variety it can take. COCO's
# .1 goes with 300 epochs of 118,287 pictures, and no training that is suggested here is that long.
_SMALLEST_ZOOM = ((1_000, 0.5, 0.8), (math.inf, 0.3, 0.6))
_VISIBLE = 12.0  # pixels of the input that a small object should keep
_SMALL = 5  # per cent of the objects are smaller than what counts as a small one
_LEAST_ENLARGED, _MOST_ENLARGED = 1.5, 2.0
_SIDES = frozenset({"left", "right"})


class Zoom(NamedTuple):
    """The range of `random_scale_crop_and_pad_to_square`, and what it does to a small object."""

    least: float
    most: float
    small: float  # pixels of the input that a small object measures; 0 where there are no objects


def choose_zoom(shares: np.ndarray, side: int, num_pictures: int) -> Zoom:
    """Chooses a range of zooms that leaves small objects visible.

    Args:
      shares: [n, 4], boxes in shares of the input's side.
      side: of the input in pixels.
      num_pictures: to train on.
    """
    lowest, highest = next(bounds for below, *bounds in _SMALLEST_ZOOM if num_pictures < below)
    small = float(np.percentile(object_sizes(shares), _SMALL)) * side if len(shares) else 0.0
    wanted = _VISIBLE / small if small > 0 else highest
    least = round(min(max(wanted, lowest), highest), 1)
    most = math.floor(10 * min(max(1 / least, _LEAST_ENLARGED), _MOST_ENLARGED)) / 10
    return Zoom(least, most, small)


def tells_sides_apart(class_names: Iterable[str]) -> str:
    """The first class whose name has the word "left" or "right", which a mirrored picture would contradict; or ""."""
    words = r"[A-Z]?[a-z]+|[A-Z]+"  # of turn_left, "turn left", turnLeft and TURN-LEFT
    return next((name for name in class_names if _SIDES & {word.lower() for word in re.findall(words, name)}), "")
