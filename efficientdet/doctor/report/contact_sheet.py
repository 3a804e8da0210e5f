# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Many pictures at a glance: each with its boxes, what is wrong outlined in a loud colour, and a caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from efficientdet.doctor.report.plain_text import visible
from efficientdet.visualization import class_colour
from efficientdet.visualization.labels import Names, Rectangle, draw_labels, font_of, label_text

_GAP = 10  # pixels between tiles, and around all
_LETTERS = 15  # pixels: captions and labels stay legible where a page shows the sheet at two thirds of its size
_LINE = 19  # pixels from one line of a caption to the next
_LINES = 3
_LONGEST_CAPTION = 400  # characters: no line is measured in vain
_PAPER = (255, 255, 255)
_MOUNT = (228, 228, 231)  # beside a picture that is not square
_INK = (24, 24, 27)
_LOUD = (255, 0, 102)
_HALO = (255, 255, 255)
_MARK = 9  # pixels: a fault is never drawn smaller, though the box may have no area at all
_ZOOMED_SHARE = 5  # a marked box takes at least a fifth of its tile, where the picture is large enough to cut
_NAMED = 6  # boxes that can bear their names beside each other; a tile of more has their colours alone
_SMALLEST_CUT = 48  # pixels of the picture; less would show blurs


@dataclass(frozen=True)
class Tile:
    """A picture of a contact sheet.

    Attributes:
      image: uint8 [h, w, 3], RGB; None for a picture that cannot be drawn.
      caption: what is wrong with it, and its name; cut off after three lines.
      boxes: float [N, 4], ymin xmin ymax xmax normalised to the picture: drawn thin, in the colours of their classes.
      classes: int [N].
      names: class row -> name; None: boxes get no labels. Nor do they where a tile has more than can bear them.
      marked: float [M, 4], normalised likewise: outlined as faulty. Corners may be exchanged, lie outside, or coincide:
        what is left of the box is marked where it is. One that is not finite is not drawn.
      marked_names: labels of `marked`, as many, or none.
    """

    image: np.ndarray | None
    caption: str
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    classes: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int32))
    names: Names | None = None
    marked: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.float32))
    marked_names: tuple[str, ...] = ()


class _View(NamedTuple):
    """The part of a picture that its tile shows."""

    window: Rectangle  # pixels of the picture
    scale: float
    picture: tuple[int, int]  # (height, width)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) as drawn."""
        width, height = self.window.right - self.window.left, self.window.bottom - self.window.top
        return max(round(height * self.scale), 1), max(round(width * self.scale), 1)

    def place(self, box: np.ndarray) -> Rectangle:
        """Where a normalised box lies in the tile; it may reach outside."""
        height, width = self.picture
        corners = np.sort(np.asarray(box, np.float64).reshape(2, 2), axis=0) * (height, width)
        corners = np.clip((corners - (self.window.top, self.window.left)) * self.scale, -1e6, 1e6)
        (top, left), (bottom, right) = np.rint(corners).astype(int).tolist()
        return Rectangle(left, top, right, bottom)


def contact_sheet(tiles: Sequence[Tile], *, columns: int = 6, width: int = 1600) -> np.ndarray:
    """Draws pictures in rows, in the order given: the worst first.

    A small faulty box is shown enlarged: its tile then holds a part of the picture, and says how many times larger.

    Args:
      tiles: at least one.
      columns: fewer where there are fewer tiles.
      width: of the sheet, pixels.

    Returns:
      uint8 [h, width', 3], RGB; width' is `width`, or less with few tiles.
    """
    side = (width - _GAP) // columns - _GAP
    columns = min(columns, len(tiles))
    captions = [_wrapped(visible(tile.caption), side) for tile in tiles]
    rows = [range(start, min(start + columns, len(tiles))) for start in range(0, len(tiles), columns)]
    heights = [side + 6 + _LINE * max(len(captions[number]) for number in row) + _GAP for row in rows]
    sheet = Image.new("RGB", (_GAP + columns * (side + _GAP), _GAP + sum(heights)), _PAPER)
    draw = ImageDraw.Draw(sheet)
    top = _GAP
    for row, height in zip(rows, heights, strict=True):
        for column, number in enumerate(row):
            left = _GAP + column * (side + _GAP)
            sheet.paste(_mounted(tiles[number], side), (left, top))
            for place, line in enumerate(captions[number]):
                draw.text((left, top + side + 6 + place * _LINE), line, _INK, font_of(_LETTERS))
        top += height
    return np.asarray(sheet)


def _mounted(tile: Tile, side: int) -> Image.Image:
    """The picture in the middle of a square."""
    mount = Image.new("RGB", (side, side), _MOUNT)
    if tile.image is None or 0 in tile.image.shape:
        draw = ImageDraw.Draw(mount)
        draw.text((side / 2, side / 2), "no image", _INK, font_of(_LETTERS), anchor="mm")
        return mount
    view = _view(tile.image.shape[:2], _finite(tile.marked), side)
    height, width = view.size
    window = view.window
    cut = Image.fromarray(tile.image[window.top : window.bottom, window.left : window.right])
    drawn = cut.resize((width, height), Image.Resampling.LANCZOS if view.scale < 1 else Image.Resampling.BICUBIC)
    _draw_boxes(drawn, tile, view)
    mount.paste(drawn, ((side - width) // 2, (side - height) // 2))
    fitted = side / max(tile.image.shape[:2])
    if view.scale > 1.01 * fitted:
        _draw_chip(mount, f"{view.scale / fitted:.1f}x")
    return mount


def _view(picture: tuple[int, int], marked: np.ndarray, side: int) -> _View:
    """The whole picture, or the square around the faulty boxes where these would be too small to see."""
    height, width = picture
    whole = _View(Rectangle(0, 0, width, height), side / max(height, width), picture)
    if not len(marked):
        return whole
    corners = np.clip(marked.reshape(-1, 2), 0.0, 1.0) * (height, width)
    lowest, highest = corners.min(axis=0), corners.max(axis=0)
    cut = round(max((highest - lowest).max() * _ZOOMED_SHARE, _SMALLEST_CUT, min(height, width) / 4))
    if cut >= max(height, width) * 0.7:
        return whole
    middle = (lowest + highest) / 2
    tall, wide = min(cut, height), min(cut, width)
    top = round(float(np.clip(middle[0] - tall / 2, 0, height - tall)))
    left = round(float(np.clip(middle[1] - wide / 2, 0, width - wide)))
    return _View(Rectangle(left, top, left + wide, top + tall), side / max(tall, wide), picture)


def _draw_boxes(drawn: Image.Image, tile: Tile, view: _View) -> None:
    """Draws the boxes thin, the faulty ones over them, and the labels over all."""
    draw = ImageDraw.Draw(drawn)
    height, width = view.size
    faulty, labels = [], []
    for number, box in enumerate(tile.marked.reshape(-1, 4)):
        if np.isfinite(box).all():
            faulty.append(_marked_place(view.place(box), height, width))
            labels.append(tile.marked_names[number] if number < len(tile.marked_names) else "")
    colours = [_LOUD] * len(faulty)
    others = []
    for box, row in zip(tile.boxes.reshape(-1, 4), tile.classes.reshape(-1), strict=True):
        place = view.place(box) if np.isfinite(box).all() else Rectangle(0, 0, 0, 0)
        if place.overlap(Rectangle(0, 0, width, height)):
            others.append(place)
            colours.append(class_colour(int(row)))
            labels.append("" if tile.names is None else label_text(int(row), None, tile.names))
    if len(others) > _NAMED:
        labels[len(faulty) :] = [""] * len(others)
    for place, colour in reversed(list(zip(others, colours[len(faulty) :], strict=True))):
        draw.rectangle((place.left, place.top, place.right - 1, place.bottom - 1), outline=colour)
    for place in reversed(faulty):
        _outline_loudly(draw, place)
    draw_labels(draw, [visible(label) for label in labels], [*faulty, *others], colours, (height, width), _LETTERS)


def _marked_place(place: Rectangle, height: int, width: int) -> Rectangle:
    """The part of a faulty box that its tile can show, grown where it would be a dot or a line."""
    left, right = _spread(place.left, place.right, width)
    top, bottom = _spread(place.top, place.bottom, height)
    return Rectangle(left, top, right, bottom)


def _spread(low: int, high: int, length: int) -> tuple[int, int]:
    low, high = min(max(low, 0), length), min(max(high, 0), length)
    if high - low >= _MARK:
        return low, high
    start = min(max((low + high - _MARK) // 2, 0), max(length - _MARK, 0))
    return start, min(start + _MARK, length)


def _outline_loudly(draw: ImageDraw.ImageDraw, place: Rectangle) -> None:
    # Between two light lines the colour stands out from a picture of its own colour, too.
    draw.rectangle((place.left - 1, place.top - 1, place.right, place.bottom), outline=_HALO)
    draw.rectangle((place.left, place.top, place.right - 1, place.bottom - 1), outline=_LOUD, width=2)
    if min(place.right - place.left, place.bottom - place.top) > 4 * _MARK:
        draw.rectangle((place.left + 2, place.top + 2, place.right - 3, place.bottom - 3), outline=_HALO)


def _draw_chip(mount: Image.Image, text: str) -> None:
    """Writes how many times a tile enlarges its picture, into its corner."""
    draw, font = ImageDraw.Draw(mount), font_of(_LETTERS)
    wide = round(font.getlength(text)) + 10
    draw.rectangle((mount.width - wide, mount.height - _LINE - 2, mount.width - 1, mount.height - 1), fill=_INK)
    draw.text((mount.width - wide / 2, mount.height - _LINE / 2 - 1), text, _PAPER, font, anchor="mm")


def _wrapped(text: str, width: int) -> list[str]:
    """Lines that fit; words that do not, such as paths, are broken; the last line ends in dots if more follows."""
    lines = [""]
    rest = text[:_LONGEST_CAPTION].split()
    while rest:
        word = rest.pop(0)
        joined = f"{lines[-1]} {word}".lstrip()
        if _length(joined) <= width:
            lines[-1] = joined
        elif lines[-1] and _length(word) <= width:
            lines.append(word)
        else:
            fitting = len(lines[-1]) + bool(lines[-1])
            while fitting < len(joined) and _length(joined[: fitting + 1]) <= width:
                fitting += 1
            fitting = max(fitting, 1)
            lines[-1] = joined[:fitting].rstrip()
            lines.append("")
            rest.insert(0, joined[fitting:])
        if len(lines) > _LINES:
            last = lines[_LINES - 1]
            while last and _length(f"{last}…") > width:
                last = last[:-1]
            return [*lines[: _LINES - 1], f"{last}…"]
    return lines


def _length(text: str) -> float:
    return float(font_of(_LETTERS).getlength(text))


def _finite(boxes: np.ndarray) -> np.ndarray:
    """The boxes whose corners all are numbers, float [n, 4]."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    return boxes[np.isfinite(boxes).all(axis=1)]
