# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pictures in rows and columns."""

from __future__ import annotations

import numpy as np

from efficientdet.visualization.sheet import Cell, draw_sheet

_NONE = np.zeros([0, 4], np.float32)


def _cell(height: int, width: int, value: int = 0) -> Cell:
    return Cell(np.full((height, width, 3), value, np.uint8), _NONE, np.zeros([0], int))


def test_a_sheet_by_hand() -> None:
    rows = [[_cell(100, 50), _cell(20, 40, 10)], [_cell(30, 60, 20), _cell(60, 60, 30)]]
    sheet = draw_sheet(rows, heading="heading", legends=["left", "right"], width=424)
    # Two columns of 200 between three gaps of 8; two lines of 36. The first row is 200 high, as its first picture.
    assert sheet.shape == (72 + 200 + 8 + 200 + 8, 424, 3)
    first, second, third, fourth = (
        sheet[72:272, 8:108],
        sheet[72:172, 216:416],
        sheet[280:380, 8:208],
        sheet[280:480, 216:416],
    )
    for tile, value in ((first, 0), (second, 10), (third, 20), (fourth, 30)):
        assert (tile[1:-1, 1:-1] == value).all()
    assert (sheet[272:280] == 255).all()  # between the rows
    assert (sheet[72:272, 108:216] == 255).all()  # right of the narrow picture
    assert (sheet[:36] < 128).any()  # the heading
    for left in (8, 216):
        assert (sheet[36:72, left : left + 200] < 128).any()


def test_boxes_are_drawn_on_what_is_shown() -> None:
    cell = _cell(20, 20, 200)._replace(boxes=np.float32([[0.25, 0.25, 0.75, 0.75]]), classes=np.array([0]))
    bare, boxed = (
        draw_sheet([[given]], heading="", legends=[""], names=["a"], width=216) for given in (_cell(20, 20, 200), cell)
    )
    changed = (bare != boxed).any(axis=-1)
    assert changed[72 + 50, 8 + 50 : 8 + 150].all()  # its upper edge, at a scale of 10
    assert not changed[72 + 60 : 72 + 140, 8 + 90 : 8 + 140].any()


def test_what_is_too_long_stays_in_its_column() -> None:
    sheets = [
        draw_sheet([[_cell(9, 9)] * 2], heading="x", legends=[legend, ""], width=200) for legend in ("w" * 99, "")
    ]
    changed = (sheets[0] != sheets[1]).any(axis=(0, 2))
    assert changed[:100].any()
    assert not changed[100:].any()
