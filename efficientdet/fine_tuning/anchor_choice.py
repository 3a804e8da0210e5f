# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Anchors that can cover the objects of a data set."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from efficientdet.modeling.scaling import ModelSize
from efficientdet.ops.anchor_overlap import best_overlaps
from efficientdet.ops.anchors import StrideRule, generate_anchors

MATCHED = 0.5  # the overlap from which on an anchor learns a box
_SCALES = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0)
_RATIOS: tuple[float, ...] = (1.0, 2.0, 0.5)  # of all published models
_WIDER_RATIOS = ((*_RATIOS, 3.0, 0.333), (*_RATIOS, 4.0, 0.25))
# What a departure from the published anchors has to gain, as a share of the boxes. More ratios cost time as well, and
# heads that know the published anchors are worth keeping.
_WORTH_A_SCALE, _WORTH_MORE_RATIOS, _WORTH_NEW_HEADS = 0.005, 0.02, 0.1
_FEWEST_GAINED = 10  # boxes: fewer may be chance


class AnchorChoice(NamedTuple):
    """Anchors, and how many of the boxes they leave out.

    Attributes:
      scale: `anchor_scale`.
      ratios: `aspect_ratios`.
      unmatched: share of the boxes that no anchor overlaps by `MATCHED`.
      unmatched_by_published: the same with the published model's anchors.
      is_published: these are the published model's anchors.
    """

    scale: float
    ratios: tuple[float, ...]
    unmatched: float
    unmatched_by_published: float
    is_published: bool


def choose_anchors(
    shares: np.ndarray, side: int, size: ModelSize, strides: StrideRule, *, keeps_heads: bool
) -> AnchorChoice:
    """Chooses the scale, and more aspect ratios if need be, that leave the fewest boxes without an anchor.

    Args:
      shares: [n, 4], boxes in shares of the input's side.
      side: of the input in pixels.
      size: of the model.
      strides: see `ops.anchors.generate_anchors`.
      keeps_heads: training starts from heads that were trained with the published anchors.
    """
    least = _FEWEST_GAINED / max(len(shares), 1)

    def unmatched(scale: float, ratios: tuple[float, ...]) -> float:
        return _unmatched(shares, _anchors(side, size.max_level, strides, scale, ratios))

    def gain_wanted(usual: float, *, has_heads: bool) -> float:
        return max(_WORTH_NEW_HEADS if has_heads else usual, least)

    published = share = unmatched(size.anchor_scale, _RATIOS)
    scale, ratios = size.anchor_scale, _RATIOS
    if share >= (wanted := gain_wanted(_WORTH_A_SCALE, has_heads=keeps_heads)):
        by_scale = {other: unmatched(other, _RATIOS) for other in _SCALES} | {scale: share}
        # The nearest to the published one among those that are as good as the best.
        good = [other for other, left in by_scale.items() if left <= min(by_scale.values()) + _WORTH_A_SCALE / 2]
        nearest = min(good, key=lambda other: abs(math.log(other / size.anchor_scale)))
        if share - by_scale[nearest] >= wanted:
            scale, share = nearest, by_scale[nearest]
    if share >= (wanted := gain_wanted(_WORTH_MORE_RATIOS, has_heads=keeps_heads and scale == size.anchor_scale)):
        by_ratios = {other: unmatched(scale, other) for other in _WIDER_RATIOS}
        wider = min(by_ratios, key=lambda other: by_ratios[other])
        if share - by_ratios[wider] >= wanted:
            ratios, share = wider, by_ratios[wider]
    is_published = (scale, ratios) == (size.anchor_scale, _RATIOS)
    return AnchorChoice(scale, ratios, share, published, is_published)


def _anchors(side: int, max_level: int, strides: StrideRule, scale: float, ratios: tuple[float, ...]) -> np.ndarray:
    """As the config will have them; the order within a cell does not matter here."""
    return generate_anchors(
        (side, side),
        min_level=3,
        max_level=max_level,
        anchor_scale=scale,
        aspect_ratios=ratios,
        scales_per_octave=3,
        order="aspect_major",
        strides=strides,
    )


def _unmatched(shares: np.ndarray, anchors: np.ndarray) -> float:
    return float((best_overlaps(shares, anchors) < MATCHED).mean()) if len(shares) else 0.0
