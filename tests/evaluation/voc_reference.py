# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pascal VOC's judgement of one class in plain Python, after the challenge's description: slow, and easy to follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

Box = tuple[float, float, float, float]  # xmin, ymin, xmax, ymax in pixels


class Found(NamedTuple):
    image: str
    score: float
    box: Box


class Object(NamedTuple):
    box: Box
    difficult: bool


def overlap(first: Box, second: Box, extra: float = 0.0) -> float:
    """Intersection over union; `extra` is what a side is longer than its coordinates say: 1 in the VOC devkit."""
    width = min(first[2], second[2]) - max(first[0], second[0]) + extra
    height = min(first[3], second[3]) - max(first[1], second[1]) + extra
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0] + extra) * (box[3] - box[1] + extra) for box in (first, second)]
    return width * height / (sum(areas) - width * height)


def curve(
    found: Sequence[Found], truth: Mapping[str, Sequence[Object]], extra: float = 0.0
) -> list[tuple[Fraction, Fraction]]:
    """(recall, precision) after each detection that counts, best first."""
    to_find = sum(not item.difficult for objects in truth.values() for item in objects)
    taken: set[tuple[str, int]] = set()
    right = wrong = 0
    points = []
    for guess in sorted(found, key=lambda guess: -guess.score):
        best, best_index = 0.0, -1
        for index, item in enumerate(truth.get(guess.image, ())):
            shared = overlap(guess.box, item.box, extra)
            if shared > best:
                best, best_index = shared, index
        if best < 0.5:
            wrong += 1
        elif truth[guess.image][best_index].difficult:
            continue
        elif (guess.image, best_index) in taken:
            wrong += 1
        else:
            taken.add((guess.image, best_index))
            right += 1
        points.append((Fraction(right, to_find), Fraction(right, right + wrong)))
    return points


def area(points: Sequence[tuple[Fraction, Fraction]]) -> float:
    """VOC 2010: each step of recall times the best precision from there on."""
    total, before = Fraction(0), Fraction(0)
    for index, (recall, _) in enumerate(points):
        total += (recall - before) * max(precision for _, precision in points[index:])
        before = recall
    return float(total)


def eleven_points(points: Sequence[tuple[Fraction, Fraction]]) -> float:
    """VOC 2007: the mean of the best precisions from the recalls 0, .1, ..., 1 on."""
    levels = [Fraction(tenths, 10) for tenths in range(11)]
    return float(sum(max((p for r, p in points if r >= level), default=Fraction(0)) for level in levels) / 11)
