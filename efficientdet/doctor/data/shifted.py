# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Check for sequences whose annotations are off by one picture: the boxes of each fit its neighbour better than itself.

Objects end where boxes do, so that pixels change across the sides of a box that lies on one. In a sequence that is off
by one this holds for the boxes of the picture before or after, and for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
from PIL import Image

from efficientdet.data.faults import ANNOTATIONS_SHIFTED
from efficientdet.doctor.data.observation import Observation, Totals
from efficientdet.doctor.data.subject import Subject, row_fault
from efficientdet.errors import DataError

_SAMPLE = 200  # consecutive pictures at most
_FIRST_LOOK = 24  # pictures, of which the rest is only looked at if they are suspicious
_LEAST = 6  # pictures; of fewer nothing follows
_OFFSETS = (0, -1, 1)
_SIDE = 160  # pixels that the longer side is reduced to: sides of boxes are that imprecise anyway
_WINS = 0.85  # share of the pictures whose boxes must fit the neighbour better
_STRAYING = 5.0  # standard errors that the mean gain must be above 0
_GAIN = 0.1  # of the contrast at the sides of boxes that they must gain, and
_HINT = 0.06  # of those that are looked at first
_NUMBER = re.compile(r"\d+")


def check_shift(subject: Subject, totals: Totals) -> Iterator[Observation]:
    """Finds splits in which the boxes of consecutive pictures fit the one before or after."""
    found = []
    for split in range(len(subject.splits)):
        rows = _sequence(subject, split)
        if len(rows) < _LEAST:
            continue
        offset, gained = _best_offset(subject, rows)
        if offset:
            neighbour = "after" if offset > 0 else "before"
            for row, gain in zip(rows[gained > 0].tolist(), gained[gained > 0], strict=True):
                detail = f"its boxes fit the image {neighbour} it better: {1 + gain:.1f} times the contrast"
                found.append(row_fault(subject, ANNOTATIONS_SHIFTED, row, detail))
    if found:
        yield Observation(ANNOTATIONS_SHIFTED, found, len(found), totals.pictures)


def _sequence(subject: Subject, split: int) -> np.ndarray:
    """Rows of pictures of one size that are numbered one after the other, the longest such run, at most _SAMPLE."""
    rows = np.flatnonzero((subject.split_of == split) & subject.survey.usable)
    keys = [_numbered(subject.survey.names[row]) for row in rows.tolist()]
    order = sorted(range(len(rows)), key=lambda index: keys[index])
    best: list[int] = []
    run: list[int] = []
    for index in order:
        stem, number = keys[index]
        follows = run and keys[run[-1]] == (stem, number - 1) and number >= 0
        same_size = run and bool((subject.survey.sizes[rows[run[-1]]] == subject.survey.sizes[rows[index]]).all())
        run = [*run, index] if follows and same_size and len(run) < _SAMPLE else [index]
        best = max(best, run, key=len)
    return rows[best]


def _numbered(name: str) -> tuple[str, int]:
    """A name without its last number, and that number; -1 where there is none."""
    numbers = list(_NUMBER.finditer(name))
    if not numbers:
        return name, -1
    last = numbers[-1]
    return f"{name[: last.start()]}#{name[last.end() :]}", int(last.group()[:18])


def _best_offset(subject: Subject, rows: np.ndarray) -> tuple[int, np.ndarray]:
    """The offset at which boxes fit, 0 or of a neighbour, and what each picture gains by it, float [n]."""
    contrasts = _contrasts(subject, rows[:_FIRST_LOOK])
    if len(rows) > _FIRST_LOOK and max(_gain(contrasts, column).mean() for column in (1, 2)) > _HINT:
        contrasts = _contrasts(subject, rows)
    for column, offset in enumerate(_OFFSETS[1:], start=1):
        gain = _gain(contrasts, column)
        known = gain[gain != 0]
        if len(known) < _LEAST - 1:
            continue
        error = known.std() / np.sqrt(len(known))
        if known.mean() > max(_GAIN, _STRAYING * error) and (known > 0).mean() >= _WINS:
            return offset, gain
    return 0, np.zeros(len(rows))


def _gain(contrasts: np.ndarray, column: int) -> np.ndarray:
    """float64 [n], what the contrast of boxes gains on another picture; 0 where there is none, or no box."""
    gain = contrasts[:, column] / np.maximum(contrasts[:, 0], 1e-6) - 1
    # A few pictures with next to no contrast would make a mean of anything.
    return np.clip(np.nan_to_num(gain), -1.0, 3.0)


def _contrasts(subject: Subject, rows: np.ndarray) -> np.ndarray:
    """float64 [n, 3]: the contrast at the sides of a picture's boxes, on it, the one before and the one after.

    NaN where there is no such picture, or no box.
    """
    contrasts = np.full((len(rows), len(_OFFSETS)), np.nan)
    edges = [_edges(subject, int(row)) for row in rows]
    for index, row in enumerate(rows):
        boxes = subject.survey.boxes_of(int(row)) / np.tile(subject.survey.sizes[row], 2)
        for column, offset in enumerate(_OFFSETS):
            there = edges[index + offset] if 0 <= index + offset < len(rows) else None
            if there is not None and len(boxes):
                contrasts[index, column] = np.mean([_contrast(there, box) for box in boxes])
    return contrasts


def _edges(subject: Subject, row: int) -> tuple[np.ndarray, np.ndarray] | None:
    """How much a picture changes downwards and to the right, float32 [h, w] each, in units of its own mean."""
    try:
        picture, _ = subject.survey.load(row)
    except DataError:
        return None
    scale = min(_SIDE / max(picture.shape[:2]), 1.0)
    size = max(round(picture.shape[1] * scale), 4), max(round(picture.shape[0] * scale), 4)
    grey = np.asarray(Image.fromarray(picture).convert("RGB").resize(size, Image.Resampling.BOX), np.float32)
    down = np.pad(np.abs(np.diff(grey, axis=0)).sum(axis=2), ((0, 1), (0, 0)))
    right = np.pad(np.abs(np.diff(grey, axis=1)).sum(axis=2), ((0, 0), (0, 1)))
    mean = max(float(down.mean() + right.mean()) / 2, 1e-3)
    return _widened(down, 0) / mean, _widened(right, 1) / mean


def _widened(edges: np.ndarray, axis: int) -> np.ndarray:
    """Each pixel takes the greatest value within one pixel: sides of boxes are drawn that inexactly."""
    return np.maximum(edges, np.maximum(np.roll(edges, 1, axis), np.roll(edges, -1, axis)))


def _contrast(edges: tuple[np.ndarray, np.ndarray], box: np.ndarray) -> float:
    """The mean change across the four sides of a box, given in shares of the picture."""
    down, right = edges
    height, width = down.shape
    top, bottom = (int(np.clip(round(side * height) - 1, 0, height - 1)) for side in box[[0, 2]])
    left, end = (int(np.clip(round(side * width) - 1, 0, width - 1)) for side in box[[1, 3]])
    across = slice(left, max(end, left + 1))
    along = slice(top, max(bottom, top + 1))
    sides = (down[top, across], down[bottom, across], right[along, left], right[along, end])
    return float(np.mean([side.mean() for side in sides]))
