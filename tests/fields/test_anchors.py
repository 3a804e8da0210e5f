# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What each field of `anchor_generator` does to the anchors of a config with inputs of 128 x 128 pixels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from efficientdet.builders.anchors import anchors_per_cell, build_anchors
from efficientdet.config import PipelineConfig
from efficientdet.errors import ConfigError
from tests.fields.rows import D0, SSD300, config, field, parameters, ssd

_SIDE = 128
# Maps of 16, 8, 4, 2 and 1 cells a side, 341 in all.
_SIZE = "image_resizer { keep_aspect_ratio_resizer { min_dimension: 128 max_dimension: 128 } }"
_MULTISCALE = "multiscale_anchor_generator"
_SSD = "ssd_anchor_generator"
# Scales of 0.125 to 0.625 in steps of 0.125: 16 to 80 pixels. Three boxes in a cell.
_USUAL = {
    _MULTISCALE: "",
    _SSD: "num_layers: 5 min_scale: 0.125 max_scale: 0.625 aspect_ratios: [1, 4] reduce_boxes_in_lowest_layer: false",
}
_MORE_LEVELS = "feature_extractor { bifpn { max_level: 8 } }"

Measure = Callable[[PipelineConfig, np.ndarray], Any]


def _with(generator: str, *fields: str, more: str = "") -> PipelineConfig:
    texts = (_USUAL[generator], *fields)
    return config(D0, *ssd(_SIZE, *(f"anchor_generator {{ {generator} {{ {text} }} }}" for text in texts), more))


def _count(_: PipelineConfig, anchors: np.ndarray) -> int:
    return len(anchors)


def _per_cell(config: PipelineConfig, _: np.ndarray) -> list[int]:
    return anchors_per_cell(config)


def _size(row: int) -> Measure:
    """Height and width in pixels."""
    return lambda _, anchors: (anchors[row, 2:] - anchors[row, :2]) * _SIDE


def _center(row: int) -> Measure:
    """Of y and x, in pixels."""
    return lambda _, anchors: (anchors[row, 2:] + anchors[row, :2]) / 2 * _SIDE


_FIVE_SCALES = "scales: [0.25, 0.25, 0.25, 0.25, 0.5]"
_STRIDES = "width_stride: [8, 8, 8, 8, 8] height_stride: [8, 8, 8, 8, 8]"
_OFFSETS = "width_offset: [4, 8, 16, 32, 64] height_offset: [4, 8, 16, 32, 64]"
# Field, what is set in either case, what is changed, what is measured before and after. The anchors of the first cell
# come first; the second cell of the second row starts at row 17 x 3 of SSD's.
_ROWS: list[tuple[Any, ...]] = [
    (field("MultiscaleAnchorGenerator.anchor_scale"), _MULTISCALE, "", "anchor_scale: 3", _size(0), [32, 32], [24, 24]),
    (field("MultiscaleAnchorGenerator.aspect_ratios"),
     _MULTISCALE, "", "aspect_ratios: [4]", _size(0), [32, 32], [16, 64]),
    (field("MultiscaleAnchorGenerator.scales_per_octave"), _MULTISCALE, "", "scales_per_octave: 2", _count, 3069, 2046),
    (field("MultiscaleAnchorGenerator.scales_per_octave"),
     _MULTISCALE, "", "scales_per_octave: 2", _per_cell, [9] * 5, [6] * 5),
    # The second box of a cell: the second scale, 32 x 2^(1 / 3), or the second ratio, 32 / sqrt(2) and 32 x sqrt(2).
    (field("MultiscaleAnchorGenerator.anchor_order"),
     _MULTISCALE, "", "anchor_order: SCALE_MAJOR", _size(1), [40.3175, 40.3175], [22.6274, 45.2548]),
    (field("SsdAnchorGenerator.min_scale"), _SSD, "", "min_scale: 0.25", _size(0), [16, 16], [32, 32]),
    (field("SsdAnchorGenerator.max_scale"), _SSD, "", "max_scale: 1", _size(-3), [80, 80], [128, 128]),
    (field("SsdAnchorGenerator.scales"), _SSD, "", _FIVE_SCALES, _size(0), [16, 16], [32, 32]),
    # The last interpolated box: sqrt(0.5 x 1) of 128 pixels, and sqrt(0.5 x 0.5) where a sixth scale follows.
    (field("SsdAnchorGenerator.scales"),
     _SSD, _FIVE_SCALES, "scales: [0.25, 0.25, 0.25, 0.25, 0.5, 0.5]", _size(-1), [90.5097] * 2, [64, 64]),
    (field("SsdAnchorGenerator.aspect_ratios"), _SSD, "", "aspect_ratios: [4]", _size(0), [16, 16], [8, 32]),
    (field("SsdAnchorGenerator.aspect_ratios"), _SSD, "", "aspect_ratios: [4]", _count, 1023, 682),
    # sqrt(0.125 x 0.25) of 128 pixels is 22.6274.
    (field("SsdAnchorGenerator.interpolated_scale_aspect_ratio"),
     _SSD, "", "interpolated_scale_aspect_ratio: 4", _size(2), [22.6274] * 2, [11.3137, 45.2548]),
    (field("SsdAnchorGenerator.interpolated_scale_aspect_ratio"),
     _SSD, "", "interpolated_scale_aspect_ratio: 0", _per_cell, [3] * 5, [2] * 5),
    (field("SsdAnchorGenerator.reduce_boxes_in_lowest_layer"),
     _SSD, "", "reduce_boxes_in_lowest_layer: true", _size(0), [16, 16], [12.8, 12.8]),
    (field("SsdAnchorGenerator.reduce_boxes_in_lowest_layer"),
     _SSD, "aspect_ratios: [4]", "reduce_boxes_in_lowest_layer: true", _per_cell, [2] * 5, [3, 2, 2, 2, 2]),
    (field("SsdAnchorGenerator.base_anchor_height"), _SSD, "", "base_anchor_height: 0.5", _size(1), [8, 32], [4, 32]),
    (field("SsdAnchorGenerator.base_anchor_width"), _SSD, "", "base_anchor_width: 2", _size(1), [8, 32], [8, 64]),
    (field("SsdAnchorGenerator.height_stride"),
     _SSD, _STRIDES, "height_stride: [4, 8, 8, 8, 8]", _center(17 * 3), [12, 12], [6, 12]),
    (field("SsdAnchorGenerator.width_stride"),
     _SSD, _STRIDES, "width_stride: [4, 8, 8, 8, 8]", _center(17 * 3), [12, 12], [12, 6]),
    (field("SsdAnchorGenerator.height_offset"),
     _SSD, _OFFSETS, "height_offset: [0, 1, 2, 3, 7]", _center(-1), [64, 64], [7, 64]),
    (field("SsdAnchorGenerator.width_offset"),
     _SSD, _OFFSETS, "width_offset: [0, 1, 2, 3, 7]", _center(-1), [64, 64], [64, 7]),
    (field("SsdAnchorGenerator.LayerAspectRatios.values"), _SSD, "reduce_boxes_in_lowest_layer: true",
     "layer_aspect_ratios { values: [1, 2, 3] } layer_aspect_ratios { values: 1 } layer_aspect_ratios { values: 4 }"
     " layer_aspect_ratios { values: [2, 1] } layer_aspect_ratios { values: 1 }", _per_cell, [3] * 5, [4, 2, 2, 3, 2]),
]  # fmt: skip


@pytest.mark.parametrize(("generator", "usual", "changed", "measure", "before", "after"), parameters(_ROWS))
def test_a_field(generator: str, usual: str, changed: str, measure: Measure, before: Any, after: Any) -> None:
    for built, expected in ((_with(generator, usual), before), (_with(generator, usual, changed), after)):
        np.testing.assert_allclose(measure(built, build_anchors(built, (_SIDE, _SIDE))), expected, rtol=1e-4)


@field("MultiscaleAnchorGenerator.max_level", "SsdAnchorGenerator.num_layers")
@pytest.mark.parametrize(
    ("generator", "changed", "per_cell"), [(_MULTISCALE, "max_level: 8", 9), (_SSD, "num_layers: 6", 3)]
)
def test_one_more_map_has_one_more_cell(generator: str, changed: str, per_cell: int) -> None:
    for fields, more, maps in (((), "", 5), ((changed,), _MORE_LEVELS, 6)):
        built = _with(generator, *fields, more=more)
        assert anchors_per_cell(built) == [per_cell] * maps
        assert len(build_anchors(built, (_SIDE, _SIDE))) == (341 + maps - 5) * per_cell
    with pytest.raises(ConfigError, match=r"bifpn\.max_level|must be 5, one for each level of the bifpn"):
        _with(generator, changed)


@field("MultiscaleAnchorGenerator.stride_rule")
def test_exact_strides_are_those_of_the_map() -> None:
    # The coarsest map of 160 pixels has 2 cells, of 128 pixels by its level, or of 80.
    for rule, stride in (("POWER_OF_TWO", 128), ("EXACT", 80)):
        anchors = build_anchors(_with(_MULTISCALE, f"stride_rule: {rule}"), (160, 160))
        side = (anchors[-9:, 2:] - anchors[-9:, :2])[0] * 160
        np.testing.assert_allclose(side, [4 * stride] * 2, rtol=1e-5)


@field("MultiscaleAnchorGenerator.min_level", "MultiscaleAnchorGenerator.normalize_coordinates")
@pytest.mark.parametrize("changed", ["min_level: 4", "normalize_coordinates: false"])
def test_what_has_one_value_only(changed: str) -> None:
    with pytest.raises(ConfigError, match=r"must be (3|true)"):
        _with(_MULTISCALE, changed)
    anchors = build_anchors(_with(_MULTISCALE, "min_level: 3 normalize_coordinates: true"), (_SIDE, _SIDE))
    np.testing.assert_allclose((anchors[9] + anchors[0])[:2] / 2, [(4 - 16) / 128, (8 - 16) / 128])  # 8 pixels apart


def test_ssd300_has_8732_anchors() -> None:
    ssd300 = config(SSD300)
    anchors = build_anchors(ssd300, (300, 300))
    assert anchors_per_cell(ssd300) == [4, 6, 6, 6, 4, 4]
    assert anchors.shape == (8732, 4)
    np.testing.assert_allclose(anchors[-4], [0.06, 0.06, 0.94, 0.94], atol=1e-6)
    np.testing.assert_allclose(anchors[-1], [0.0193754, 0.0193754, 0.9806246, 0.9806246], atol=1e-6)
    with pytest.raises(ConfigError, match=r"height \(200\) must be at least 257 with ssd_vgg16_keras"):
        config(SSD300, *ssd("image_resizer { fixed_shape_resizer { height: 200 width: 300 } }"))
    with pytest.raises(ConfigError, match="must be 6, one for each feature map of ssd_vgg16_keras"):
        config(SSD300, *ssd("anchor_generator { ssd_anchor_generator { num_layers: 5 } }"))
