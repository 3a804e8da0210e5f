# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Boxes are clipped, dropped and turned as the notes say."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from efficientdet.data.importers import annotation
from efficientdet.data.importers.annotation import BoxAnnotation, fit_boxes, turn_box


@pytest.mark.parametrize(
    ("box", "kept", "kind"),
    [
        ((1, 2, 3, 4), (1, 2, 3, 4), None),
        ((0, 0, 10, 20), (0, 0, 10, 20), None),
        ((-1, -2, 30, 40), (0, 0, 10, 20), annotation.CLIPPED),
        ((0, 0, 10.01, 20), (0, 0, 10, 20), None),  # rounding
        ((5, 6, 5, 9), None, annotation.DROPPED_ZERO_AREA),
        ((5, 6, 4, 9), None, annotation.DROPPED_INVERTED),
        ((11, 6, 12, 9), None, annotation.DROPPED_OUTSIDE),
        ((10, 6, 12, 9), None, annotation.DROPPED_OUTSIDE),
        ((math.nan, 6, 12, 9), None, annotation.DROPPED_NOT_FINITE),
        ((1, 6, math.inf, 9), None, annotation.DROPPED_NOT_FINITE),
    ],
)
def test_boxes_and_the_picture_of_10_by_20(box, kept, kind):
    boxes, notes = fit_boxes([BoxAnnotation("cat", *box)], (10, 20), "x.jpg")
    assert [found[1:5] for found in boxes] == ([] if kept is None else [kept])
    assert [note.kind for note in notes] == ([] if kind is None else [kind])
    assert all("x.jpg: box 0, cat (xmin" in note.detail for note in notes)


_COORDINATE = st.floats(-50, 50) | st.sampled_from([math.nan, math.inf, -math.inf])


@given(st.lists(st.tuples(*[_COORDINATE] * 4), max_size=8))
def test_what_is_kept_lies_in_the_picture_and_has_an_area(boxes):
    kept, notes = fit_boxes([BoxAnnotation("cat", *box) for box in boxes], (10, 20), "x.jpg")
    for box in kept:
        assert 0 <= box.ymin < box.ymax <= 10
        assert 0 <= box.xmin < box.xmax <= 20
    dropped = [note for note in notes if note.kind.startswith("dropped")]
    assert len(kept) + len(dropped) == len(boxes)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_turn_as_pillow_turns_the_picture(orientation):
    stored = np.zeros((12, 20), np.uint8)
    stored[2:5, 6:13] = 255
    image = Image.fromarray(stored)
    exif = image.getexif()
    exif[274] = orientation
    image.info["exif"] = exif.tobytes()
    upright = np.asarray(ImageOps.exif_transpose(image))
    box = turn_box(BoxAnnotation("cat", 2, 6, 5, 13), orientation, (12, 20))
    expected = np.zeros_like(upright)
    expected[int(box.ymin) : int(box.ymax), int(box.xmin) : int(box.xmax)] = 255
    np.testing.assert_array_equal(upright, expected)
