# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pictures with their boxes in rows and columns, under a heading and a legend for each column."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from efficientdet.visualization import draw_boxes
from efficientdet.visualization.labels import Names, font_of

_GAP = 8  # pixels between pictures, and around all
_LETTERS = 18  # pixels, of the legends
_INK = (32, 32, 32)
_PAPER = (255, 255, 255)
_FRAME = (200, 200, 200)  # around a picture, whose own margin may be white


class Cell(NamedTuple):
    """A picture and its truth."""

    image: np.ndarray  # uint8 [h, w, 3], RGB
    boxes: np.ndarray  # float [N, 4], normalised to the picture
    classes: np.ndarray  # int [N]


def draw_sheet(
    rows: Sequence[Sequence[Cell]],
    *,
    heading: str,
    legends: Sequence[str],
    names: Names = (),
    width: int = 1600,
) -> np.ndarray:
    """Draws a sheet of pictures, all as wide as the others or as high as they are wide.

    Args:
      rows: as many cells in each as there are legends.
      heading: above all; what is too long for the sheet is cut off.
      legends: above each column.
      names: class row -> name.
      width: of the sheet, pixels.

    Returns:
      uint8 [h, width, 3].
    """
    side = (width - _GAP) // len(legends) - _GAP
    drawn = [[_drawn(cell, side, names) for cell in row] for row in rows]
    heights = [max(tile.height for tile in row) for row in drawn]
    line = 2 * _LETTERS
    sheet = Image.new("RGB", (width, 2 * line + sum(heights) + _GAP * len(rows)), _PAPER)
    _write(sheet, heading, _GAP, 0, width - 2 * _GAP)
    for column, legend in enumerate(legends):
        _write(sheet, legend, _GAP + column * (side + _GAP), line, side)
    top = 2 * line
    for row, height in zip(drawn, heights, strict=True):
        for column, tile in enumerate(row):
            sheet.paste(tile, (_GAP + column * (side + _GAP), top))
        top += height + _GAP
    return np.asarray(sheet)


def _drawn(cell: Cell, side: int, names: Names) -> Image.Image:
    """The picture, scaled to fit into a square, with boxes and names of a size that suits it there."""
    height, width = cell.image.shape[:2]
    scale = side / max(height, width)
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    scaled = Image.fromarray(np.ascontiguousarray(cell.image)).resize(size, Image.Resampling.BICUBIC)
    tile = Image.fromarray(draw_boxes(np.asarray(scaled), cell.boxes, cell.classes, names=names))
    ImageDraw.Draw(tile).rectangle((0, 0, tile.width - 1, tile.height - 1), outline=_FRAME)
    return tile


def _write(sheet: Image.Image, text: str, left: int, top: int, width: int) -> None:
    """Writes a line on a strip of its own, so that what is too long does not run into its neighbour."""
    strip = Image.new("RGB", (width, 2 * _LETTERS), _PAPER)
    ImageDraw.Draw(strip).text((0, _LETTERS), text, _INK, font_of(_LETTERS), anchor="lm")
    sheet.paste(strip, (left, top))
