# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The default boxes of SSD: a grid for each feature map, with a scale that grows from map to map.

As in the Object Detection API (TFOD). Like all anchors they are made once, with numpy.

Reference: Liu et al. 2016, section 2.2 (arXiv:1512.02325).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

BoxShape = tuple[float, float]
"""Scale, in shares of the picture's shorter side, and aspect ratio (width / height)."""

# What the finest map has instead of all ratios; the first does not follow the scales.
_REDUCED_SCALE = 0.1
_REDUCED_RATIOS = (2.0, 0.5)
# What is taken for the scale of the map that follows the last.
_BEHIND_THE_LAST = 1.0


def even_scales(min_scale: float, max_scale: float, num_layers: int) -> list[float]:
    """Scales from `min_scale`, of the finest map, to `max_scale`, of the coarsest, in even steps."""
    step = (max_scale - min_scale) / max(num_layers - 1, 1)
    return [min_scale + step * layer for layer in range(num_layers)]


def box_shapes(
    scales: Sequence[float],
    aspect_ratios: Sequence[Sequence[float]],
    *,
    interpolated_aspect_ratio: float,
    reduce_lowest: bool,
) -> list[list[BoxShape]]:
    """Lists the boxes of a cell, map by map.

    Args:
      scales: one for each map, finest first. One more may follow: it is taken for the scale of the map behind the last.
      aspect_ratios: those of each map.
      interpolated_aspect_ratio: of one box more for each map, whose scale is the geometric mean of the map's own and of
        the next; 0 leaves it out.
      reduce_lowest: the finest map has three boxes instead: scale 0.1 and ratio 1, its own and ratios 2 and 1 / 2.

    Returns:
      The shapes of each map, in the order of the anchors of a cell: the interpolated one is the last.

    Raises:
      ValueError: the numbers of scales and of maps do not agree.
    """
    num_layers = len(aspect_ratios)
    if len(scales) not in (num_layers, num_layers + 1):
        raise ValueError(f"there are {len(scales)} scales, {num_layers} maps need as many, or one more")
    following = [*scales[1:], _BEHIND_THE_LAST]
    layers = []
    for scale, next_scale, ratios in zip(scales, following, aspect_ratios, strict=False):
        shapes = [(scale, ratio) for ratio in ratios]
        if interpolated_aspect_ratio > 0:
            shapes.append((math.sqrt(scale * next_scale), interpolated_aspect_ratio))
        layers.append(shapes)
    if reduce_lowest:
        layers[0] = [(_REDUCED_SCALE, 1.0), *((scales[0], ratio) for ratio in _REDUCED_RATIOS)]
    return layers


def generate_ssd_anchors(
    image_size: tuple[int, int],
    grids: Sequence[tuple[int, int]],
    shapes: Sequence[Sequence[BoxShape]],
    *,
    base_size: tuple[float, float] = (1.0, 1.0),
    strides: Sequence[tuple[int, int]] | None = None,
    offsets: Sequence[tuple[int, int]] | None = None,
) -> np.ndarray:
    """Generates the anchors of all maps: map by map (finest first), then row, column, shape of the cell.

    Args:
      image_size: (height, width) of the network's input in pixels.
      grids: (height, width) of each feature map in cells.
      shapes: of each map's cell, see `box_shapes`.
      base_size: factors of the heights and of the widths.
      strides: of each map, (y, x) in pixels; None divides the picture evenly among the cells.
      offsets: of each map, (y, x) of the first cell's centre in pixels; None means half a stride.

    Returns:
      float32 [A, 4], normalised by `image_size`; anchors at the border reach out of 0..1.

    Raises:
      ValueError: there is not one item for each map in one of the lists.
    """
    lists = {"shapes": shapes, "strides": strides, "offsets": offsets}
    for name, values in lists.items():
        if values is not None and len(values) != len(grids):
            raise ValueError(f"{name} has {len(values)} items, {len(grids)} feature maps need one each")
    size = np.array(image_size, np.float64)
    levels = []
    for layer, grid in enumerate(grids):
        stride = size / grid if strides is None else np.array(strides[layer], np.float64)
        offset = stride / 2 if offsets is None else np.array(offsets[layer], np.float64)
        y, x = (np.arange(cells) * step + first for cells, step, first in zip(grid, stride, offset, strict=True))
        centers = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)[:, :, np.newaxis, :]
        halves = _heights_and_widths(shapes[layer]) * base_size * size.min() / 2
        levels.append(np.concatenate([centers - halves, centers + halves], axis=-1).reshape(-1, 4))
    return (np.concatenate(levels) / np.tile(size, 2)).astype(np.float32)


def _heights_and_widths(shapes: Sequence[BoxShape]) -> np.ndarray:
    """Float64 [shapes, 2], in the unit of the scales."""
    return np.array([(scale / math.sqrt(ratio), scale * math.sqrt(ratio)) for scale, ratio in shapes])
