# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Anchors: the boxes that predictions refer to, a fixed grid per pyramid level.

They depend on the size of the input only, so they are made once, with numpy, and enter graphs as a constant.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

AnchorOrder = Literal["aspect_major", "scale_major"]
StrideRule = Literal["power_of_two", "exact"]


def feature_sizes(image_size: tuple[int, int], min_level: int, max_level: int) -> list[tuple[int, int]]:
    """Height and width of the feature maps P_min .. P_max: each level halves the one below, rounding up (SAME padding).

    Args:
      image_size: (height, width) of the network's input in pixels.
      min_level: finest level; level 0 is the input itself.
      max_level: coarsest level, included.

    Returns:
      One (height, width) per level, finest first.
    """
    height, width = image_size
    return [(math.ceil(height / 2**level), math.ceil(width / 2**level)) for level in range(min_level, max_level + 1)]


def generate_anchors(
    image_size: tuple[int, int],
    *,
    min_level: int,
    max_level: int,
    anchor_scale: float | Sequence[float],
    aspect_ratios: Sequence[float],
    scales_per_octave: int,
    order: AnchorOrder,
    strides: StrideRule,
) -> np.ndarray:
    """Generates the anchors of all levels: level by level (finest first), then row, column, shape of the cell.

    The anchor of scale index k and aspect ratio r is 2^(k / scales_per_octave) * anchor_scale strides of its level in
    size, times sqrt(r) in width and 1 / sqrt(r) in height. The two lineages differ in two points, given as arguments.

    Args:
      image_size: (height, width) of the network's input in pixels.
      min_level: finest level of the pyramid.
      max_level: coarsest level, included.
      anchor_scale: size of the base anchor in strides; one number, or one for each level.
      aspect_ratios: width / height.
      scales_per_octave: number of sizes between a level and the next.
      order: which varies slowest within a cell, the aspect ratio (Object Detection API) or the scale (automl).
      strides: "power_of_two" (of the former): level L has stride 2^L, and the first centre lies half a stride inside
        the picture if the stride divides that side, else on its edge. "exact" (automl): the stride is image size /
        feature size, per axis, and the centres are the cells' centres.

    Returns:
      float32 [A, 4], normalised by `image_size`; anchors at the border reach out of 0..1.

    Raises:
      ValueError: a list of anchor scales does not have one number for each level, or `order` or `strides` is none of
        the names above.

    Reference: Lin et al. 2017, section 4 (arXiv:1708.02002).
    """
    num_levels = max_level - min_level + 1
    scales = list(anchor_scale) if isinstance(anchor_scale, Sequence) else [anchor_scale] * num_levels
    if len(scales) != num_levels:
        raise ValueError(f"anchor_scale has {len(scales)} values, levels {min_level} to {max_level} need {num_levels}")
    shapes = _cell_shapes(aspect_ratios, scales_per_octave, order)
    levels = []
    sizes = feature_sizes(image_size, min_level, max_level)
    for level, scale, grid in zip(range(min_level, max_level + 1), scales, sizes, strict=True):
        (y_stride, x_stride), (y, x) = _grid_of_level(image_size, grid, level, strides)
        centers = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1)[:, :, np.newaxis, :]
        halves = shapes * scale * np.array([y_stride, x_stride]) / 2
        levels.append(np.concatenate([centers - halves, centers + halves], axis=-1).reshape(-1, 4))
    return (np.concatenate(levels) / np.array([*image_size, *image_size])).astype(np.float32)


def _cell_shapes(aspect_ratios: Sequence[float], scales_per_octave: int, order: AnchorOrder) -> np.ndarray:
    """Heights and widths of a cell's anchors as multiples of the base size, float64 [anchors per cell, 2]."""
    octaves = [2 ** (k / scales_per_octave) for k in range(scales_per_octave)]
    if order == "aspect_major":
        pairs = [(ratio, octave) for ratio in aspect_ratios for octave in octaves]
    elif order == "scale_major":
        pairs = [(ratio, octave) for octave in octaves for ratio in aspect_ratios]
    else:
        raise ValueError(f"order is {order!r}, must be 'aspect_major' or 'scale_major'")
    return np.array([(octave / math.sqrt(ratio), octave * math.sqrt(ratio)) for ratio, octave in pairs])


def _grid_of_level(
    image_size: tuple[int, int], grid: tuple[int, int], level: int, strides: StrideRule
) -> tuple[tuple[float, ...], tuple[np.ndarray, ...]]:
    """Strides and centres of a level in pixels, each for (y, x)."""
    if strides == "exact":
        steps = tuple(side / cells for side, cells in zip(image_size, grid, strict=True))
        offsets = tuple(step / 2 for step in steps)
    elif strides == "power_of_two":
        steps = (2.0**level, 2.0**level)
        offsets = tuple(step / 2 if side % step == 0 else 0.0 for side, step in zip(image_size, steps, strict=True))
    else:
        raise ValueError(f"strides is {strides!r}, must be 'power_of_two' or 'exact'")
    centers = tuple(np.arange(cells) * step + offset for cells, step, offset in zip(grid, steps, offsets, strict=True))
    return steps, centers
