# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""SSD's default boxes against literals worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from efficientdet.ops.ssd_anchors import box_shapes, even_scales, generate_ssd_anchors

GRIDS = [(side, side) for side in (38, 19, 10, 5, 3, 1)]
FOUR, SIX = [1.0, 2.0, 0.5], [1.0, 2.0, 3.0, 0.5, 1 / 3]
# The paper's setting for Pascal VOC: sides of 30, 60, 111, 162, 213, 264 and 315 of 300 pixels.
VOC = box_shapes(
    [0.1, 0.2, 0.37, 0.54, 0.71, 0.88, 1.05],
    [FOUR, SIX, SIX, SIX, FOUR, FOUR],
    interpolated_aspect_ratio=1.0,
    reduce_lowest=False,
)


def test_ssd300_has_8732_boxes() -> None:
    assert [len(shapes) for shapes in VOC] == [4, 6, 6, 6, 4, 4]
    # 38^2 x 4 + 19^2 x 6 + 10^2 x 6 + 5^2 x 6 + 3^2 x 4 + 4 = 5776 + 2166 + 600 + 150 + 36 + 4
    assert generate_ssd_anchors((300, 300), GRIDS, VOC).shape == (8732, 4)


# Row -> (centre y, centre x, height, width): the first cell of the finest map, with centres at 1 / 76; its second
# column; its second row; the first cell of the second map; the one cell of the last, whose interpolated scale is
# sqrt(0.88 x 1.05).
_BY_HAND = {
    0: (0.0131579, 0.0131579, 0.1, 0.1),
    1: (0.0131579, 0.0131579, 0.0707107, 0.1414214),
    2: (0.0131579, 0.0131579, 0.1414214, 0.0707107),
    3: (0.0131579, 0.0131579, 0.1414214, 0.1414214),
    4: (0.0131579, 0.0394737, 0.1, 0.1),
    4 * 38: (0.0394737, 0.0131579, 0.1, 0.1),
    5776: (0.0263158, 0.0263158, 0.2, 0.2),
    5778: (0.0263158, 0.0263158, 0.1154701, 0.3464102),
    5781: (0.0263158, 0.0263158, 0.2720294, 0.2720294),
    8728: (0.5, 0.5, 0.88, 0.88),
    8730: (0.5, 0.5, 1.2445079, 0.6222540),
    8731: (0.5, 0.5, 0.9612492, 0.9612492),
}


@pytest.mark.parametrize("row", _BY_HAND)
def test_boxes_of_ssd300(row: int) -> None:
    y, x, height, width = _BY_HAND[row]
    expected = [y - height / 2, x - width / 2, y + height / 2, x + width / 2]
    np.testing.assert_allclose(generate_ssd_anchors((300, 300), GRIDS, VOC)[row], expected, atol=1e-6)


def test_even_scales() -> None:
    assert even_scales(0.2, 0.95, 6) == pytest.approx([0.2, 0.35, 0.5, 0.65, 0.8, 0.95])
    assert even_scales(0.2, 0.95, 1) == [0.2]


def shapes_of(scales: list[float], **changes: Any) -> list[Any]:
    settings = {"interpolated_aspect_ratio": 1.0, "reduce_lowest": False, **changes}
    return box_shapes(scales, [[1.0, 3.0]] * 2, **settings)


def test_the_interpolated_box_is_the_last_of_a_cell() -> None:
    # sqrt(0.09 x 0.25) = 0.15; behind the last map comes 1, or the scale that is given.
    first = [(0.09, 1.0), (0.09, 3.0), (pytest.approx(0.15), 1.0)]
    assert shapes_of([0.09, 0.25]) == [first, [(0.25, 1.0), (0.25, 3.0), (0.5, 1.0)]]
    assert shapes_of([0.09, 0.25, 0.36])[1][2] == (pytest.approx(0.3), 1.0)
    assert shapes_of([0.09, 0.25], interpolated_aspect_ratio=2.0)[1][2] == (0.5, 2.0)
    assert shapes_of([0.09, 0.25], interpolated_aspect_ratio=0.0)[1] == [(0.25, 1.0), (0.25, 3.0)]


def test_the_finest_map_can_have_three_boxes_only() -> None:
    reduced = shapes_of([0.09, 0.25], reduce_lowest=True)
    assert reduced[0] == [(0.1, 1.0), (0.09, 2.0), (0.09, 0.5)]
    assert reduced[1] == shapes_of([0.09, 0.25])[1]


def test_scales_follow_the_shorter_side() -> None:
    (anchor,) = generate_ssd_anchors((100, 200), [(1, 1)], [[(0.5, 1.0)]])
    np.testing.assert_allclose(anchor, [0.25, 0.375, 0.75, 0.625])  # 50 x 50 pixels
    (anchor,) = generate_ssd_anchors((100, 200), [(1, 1)], [[(0.5, 1.0)]], base_size=(1.0, 2.0))
    np.testing.assert_allclose(anchor, [0.25, 0.25, 0.75, 0.75])


def test_strides_and_offsets_are_in_pixels() -> None:
    def centers(**settings: Any) -> list[Any]:
        anchors = generate_ssd_anchors((100, 200), [(2, 2)], [[(0.5, 1.0)]], **settings)
        return ((anchors[:, :2] + anchors[:, 2:]) / 2 * [100, 200]).round(3).tolist()

    assert centers() == [[25, 50], [25, 150], [75, 50], [75, 150]]
    assert centers(strides=[(40, 80)]) == [[20, 40], [20, 120], [60, 40], [60, 120]]
    assert centers(strides=[(40, 80)], offsets=[(0, 10)]) == [[0, 10], [0, 90], [40, 10], [40, 90]]
    assert centers(offsets=[(10, 0)]) == [[10, 0], [10, 100], [60, 0], [60, 100]]


def test_lists_of_other_lengths_are_named() -> None:
    with pytest.raises(ValueError, match="there are 1 scales, 2 maps need as many, or one more"):
        shapes_of([0.5])
    with pytest.raises(ValueError, match="strides has 2 items, 1 feature maps need one each"):
        generate_ssd_anchors((8, 8), [(1, 1)], [[(0.5, 1.0)]], strides=[(1, 1), (2, 2)])
    with pytest.raises(ValueError, match="shapes has 1 items, 6 feature maps"):
        generate_ssd_anchors((300, 300), GRIDS, VOC[:1])
