# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The labels of boxes: what they say, where they find room, how they are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import ImageDraw, ImageFont

Names = Mapping[int, str] | Sequence[str]

_MAX_HIDDEN = 0.25  # how much a label may cover of others, as a share of its own area


class Rectangle(NamedTuple):
    """Pixels, right and bottom exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    def overlap(self, other: Rectangle) -> int:
        """The area that two rectangles share, in pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0) * max(height, 0)


def font_size(height: int, width: int) -> int:
    """The size of the letters on a picture, in pixels."""
    return int(np.clip(round(max(height, width) / 45), 10, 40))


@lru_cache(maxsize=8)
def font_of(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    """The font of a size in pixels."""
    return ImageFont.load_default(size)


def draw_labels(
    draw: ImageDraw.ImageDraw,
    texts: Sequence[str],
    boxes: Sequence[Rectangle],
    colours: Sequence[tuple[int, int, int]],
    size: tuple[int, int],
    letters: int | None = None,
) -> None:
    """Draws the labels of boxes, of which the first choose their places first; some find none, and are left out.

    Args:
      draw: of the picture.
      texts: an empty one gets no label.
      boxes: inside the picture.
      colours: of the boxes, RGB.
      size: (height, width) of the picture.
      letters: their size, pixels; None: what suits the picture, see `font_size`.
    """
    font = font_of(letters or font_size(*size))
    placed: list[Rectangle] = []
    for text, box, colour in zip(texts, boxes, colours, strict=True):
        label = _place_label(box, _text_size(font, text), placed, *size) if text else None
        if label is not None:
            placed.append(label)
            _draw_label(draw, label, text, font, colour)


def _text_size(font: Any, text: str) -> tuple[int, int]:
    """(width, height) of a label; the height is that of the line, so that all labels of a picture are equally high."""
    left, _, right, _ = font.getbbox(text)
    _, top, _, bottom = font.getbbox("Ágjy")
    return int(right - left) + 6, int(bottom - top) + 4


def label_text(row: int, score: float | None, names: Names | None) -> str:
    """The name of a class, its number where it has none, and the score; without names, or a score, only the other."""
    if names is None:
        name = ""
    elif isinstance(names, Mapping):
        name = names.get(row, str(row))
    else:
        name = names[row] if 0 <= row < len(names) else str(row)
    return name if score is None else f"{name} {score:.2f}".lstrip()


def _place_label(
    box: Rectangle, size: tuple[int, int], placed: Sequence[Rectangle], height: int, width: int
) -> Rectangle | None:
    """Chooses among the places around a box the one that hides least of other labels; None if all hide too much."""
    text_width, text_height = size
    lefts = (box.left, box.right - text_width)
    tops = (box.top - text_height, box.bottom, box.top, box.bottom - text_height)
    candidates = []
    for top in tops:
        for left in lefts:
            left_inside = max(0, min(left, width - text_width))
            if 0 <= top <= height - text_height:
                candidates.append(Rectangle(left_inside, top, left_inside + text_width, top + text_height))
    if not candidates:  # a picture lower than its label
        candidates = [Rectangle(box.left, 0, box.left + text_width, text_height)]
    hidden = [sum(candidate.overlap(other) for other in placed) for candidate in candidates]
    # In a crowd of small boxes a heap of labels would hide them and each other: the colour of the box has to do there.
    if min(hidden) > _MAX_HIDDEN * text_width * text_height:
        return None
    return candidates[hidden.index(min(hidden))]


def _draw_label(
    draw: ImageDraw.ImageDraw, place: Rectangle, text: str, font: Any, colour: tuple[int, int, int]
) -> None:
    draw.rectangle((place.left, place.top, place.right - 1, place.bottom - 1), fill=colour)
    red, green, blue = colour
    # Rec. 601 luma decides whether dark or light letters read better on this colour.
    ink = (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else (255, 255, 255)
    draw.text((place.left + 3, (place.top + place.bottom) / 2), text, ink, font, anchor="lm")
