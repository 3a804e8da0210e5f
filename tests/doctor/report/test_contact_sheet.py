# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Contact sheets, by the colours of their pixels."""

from __future__ import annotations

import numpy as np
import pytest

from efficientdet.doctor.report.contact_sheet import Tile, contact_sheet

LOUD = (255, 0, 102)
GREEN = np.full((40, 60, 3), (0, 160, 0), np.uint8)


def _loud(sheet: np.ndarray) -> np.ndarray:
    """(row, column) of every pixel in the loud colour, int [n, 2]."""
    return np.argwhere((sheet == LOUD).all(axis=-1))


def test_tiles_stand_in_rows_from_the_left() -> None:
    tiles = [Tile(np.full((8, 8, 3), shade, np.uint8), "") for shade in (0, 50, 100)]
    sheet = contact_sheet(tiles, columns=2, width=230)
    # Two columns of 100 pixels with gaps of 10; a row is 100 high, then 6, a line of 19 and a gap.
    assert sheet.shape == (10 + 2 * (100 + 6 + 19 + 10), 230, 3)
    assert sheet.dtype == np.uint8
    assert sheet[60, 60].tolist() == [0] * 3
    assert sheet[60, 170].tolist() == [50] * 3
    assert sheet[195, 60].tolist() == [100] * 3
    assert sheet[195, 170].tolist() == [255] * 3


def test_few_tiles_make_a_narrow_sheet() -> None:
    assert contact_sheet([Tile(GREEN, "")], columns=2, width=230).shape[1] == 120


def test_a_faulty_box_is_outlined_where_it_is() -> None:
    marked = np.array([[0.0, 0.0, 0.5, 1.0]])
    rows, columns = _loud(contact_sheet([Tile(GREEN, "", marked=marked)], columns=1, width=320)).T
    # The picture is scaled 5 times to 200 x 300 and stands 50 pixels below the top of its tile, at (10, 10).
    assert (rows.min(), rows.max()) == (60, 159)
    assert (columns.min(), columns.max()) == (10, 309)


def test_other_boxes_are_not_loud() -> None:
    boxes = np.array([[0.1, 0.1, 0.9, 0.9], [np.nan, 0, 1, 1], [2.0, 2.0, 3.0, 3.0]])
    tile = Tile(GREEN, "", boxes=boxes, classes=np.array([0, 1, 2]), names=("car\n", "b"))
    sheet = contact_sheet([tile], columns=1, width=320)
    assert not len(_loud(sheet))
    assert (sheet == (255, 38, 38)).all(axis=-1).any()  # the first class: red, of 85 % saturation


@pytest.mark.parametrize(
    "box",
    [
        [0.5, 0.5, 0.5, 0.5],
        [0.9, 0.9, 0.1, 0.1],
        [0.5, 0.2, 0.5, 0.8],
        [2.0, 2.0, 3.0, 3.0],
        [-1e30, -1e30, 1e30, 1e30],
    ],
    ids=["point", "inverted", "line", "outside", "huge"],
)
def test_a_box_without_area_is_marked_all_the_same(box: list[float]) -> None:
    for shape in ((40, 60, 3), (1, 1, 3), (900, 1200, 3)):
        tile = Tile(np.zeros(shape, np.uint8), "", marked=np.array([box]), marked_names=("RBC",))
        assert len(_loud(contact_sheet([tile], columns=1, width=320)))


def test_a_box_that_is_no_number_is_left_out() -> None:
    tile = Tile(GREEN, "", marked=np.array([[np.nan, 0, 1, 1], [0, 0, 1, 1]]), marked_names=("lost", "kept"))
    assert len(_loud(contact_sheet([tile], columns=1, width=320)))


def test_a_small_faulty_box_is_enlarged() -> None:
    image = np.zeros((1000, 1000, 3), np.uint8)
    image[500:520, 500:520] = (0, 0, 255)
    box = np.array([[0.5, 0.5, 0.52, 0.52]])
    sheet = contact_sheet([Tile(image, "", marked=box)], columns=1, width=270)
    # The tile shows 250 pixels of the 1000, in 250: the blue square measures 20 pixels, 5 in the whole picture.
    rows, columns = _loud(sheet).T
    assert rows.max() - rows.min() == 19
    assert columns.max() - columns.min() == 19


def test_captions_are_wrapped_and_end_after_three_lines() -> None:
    short, long = (contact_sheet([Tile(GREEN, text)], columns=1, width=220) for text in ("a", "path/" * 99))
    assert long.shape[0] - short.shape[0] == 2 * 19
    assert contact_sheet([Tile(GREEN, "x\ny\x00" + "\udcff")], columns=1, width=220).shape == short.shape


def test_a_picture_that_cannot_be_drawn_has_a_tile() -> None:
    sheet = contact_sheet([Tile(None, "truncated"), Tile(np.zeros((0, 5, 3), np.uint8), "empty")], width=400)
    assert (sheet == (228, 228, 231)).all(axis=-1).any()
