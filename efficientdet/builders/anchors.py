# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds the anchors of `model.ssd.anchor_generator`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from efficientdet.builders.choice import choice
from efficientdet.config import PipelineConfig
from efficientdet.ops.anchors import AnchorOrder, StrideRule, generate_anchors
from efficientdet.ops.ssd_anchors import BoxShape, box_shapes, even_scales, generate_ssd_anchors
from efficientdet.protos import multiscale_anchor_generator_pb2, ssd_anchor_generator_pb2

_Multiscale = multiscale_anchor_generator_pb2.MultiscaleAnchorGenerator
_Ssd = ssd_anchor_generator_pb2.SsdAnchorGenerator

ANCHOR_ORDERS: dict[int, AnchorOrder] = {
    _Multiscale.ASPECT_MAJOR: "aspect_major",
    _Multiscale.SCALE_MAJOR: "scale_major",
}
STRIDE_RULES: dict[int, StrideRule] = {_Multiscale.POWER_OF_TWO: "power_of_two", _Multiscale.EXACT: "exact"}


class AnchorBuilder(NamedTuple):
    """What is built of one kind of generator's message, which is the first argument of both."""

    anchors: Callable[[Any, PipelineConfig, tuple[int, int]], np.ndarray]
    per_cell: Callable[[Any], list[int]]


def build_anchors(config: PipelineConfig, image_size: tuple[int, int]) -> np.ndarray:
    """Builds the anchors of a config.

    Args:
      config: resolved.
      image_size: (height, width) of the network's input in pixels.

    Returns:
      float32 [A, 4], normalised to the input.

    Raises:
      ValueError: the input is too small for the backbone: smaller than any that the config's resizer makes.
    """
    kind, settings = choice(config, "model.ssd.anchor_generator")
    return ANCHOR_GENERATORS[kind].anchors(settings, config, image_size)


def anchors_per_cell(config: PipelineConfig) -> list[int]:
    """How many anchors a cell has, level by level, finest first."""
    kind, settings = choice(config, "model.ssd.anchor_generator")
    return ANCHOR_GENERATORS[kind].per_cell(settings)


def _multiscale_anchors(settings: _Multiscale, _: PipelineConfig, image_size: tuple[int, int]) -> np.ndarray:
    return generate_anchors(
        image_size,
        min_level=settings.min_level,
        max_level=settings.max_level,
        anchor_scale=settings.anchor_scale,
        aspect_ratios=list(settings.aspect_ratios),
        scales_per_octave=settings.scales_per_octave,
        order=ANCHOR_ORDERS[settings.anchor_order],
        strides=STRIDE_RULES[settings.stride_rule],
    )


def _multiscale_per_cell(settings: _Multiscale) -> list[int]:
    levels = settings.max_level - settings.min_level + 1
    return [len(settings.aspect_ratios) * settings.scales_per_octave] * levels


def _ssd_anchors(settings: _Ssd, config: PipelineConfig, image_size: tuple[int, int]) -> np.ndarray:
    # Imports TensorFlow, which the anchors of a pyramid do without: the data check builds those.
    from efficientdet.builders.extractors import extractor_builder

    return generate_ssd_anchors(
        image_size,
        extractor_builder(config).feature_sizes(config.proto.model.ssd, image_size),
        _ssd_shapes(settings),
        base_size=(settings.base_anchor_height, settings.base_anchor_width),
        strides=list(zip(settings.height_stride, settings.width_stride, strict=True)) or None,
        offsets=list(zip(settings.height_offset, settings.width_offset, strict=True)) or None,
    )


def _ssd_per_cell(settings: _Ssd) -> list[int]:
    return [len(shapes) for shapes in _ssd_shapes(settings)]


def _ssd_shapes(settings: _Ssd) -> list[list[BoxShape]]:
    """The boxes of a cell, map by map."""
    by_layer = [list(ratios.values) for ratios in settings.layer_aspect_ratios]
    return box_shapes(
        list(settings.scales) or even_scales(settings.min_scale, settings.max_scale, settings.num_layers),
        by_layer or [list(settings.aspect_ratios)] * settings.num_layers,
        interpolated_aspect_ratio=settings.interpolated_scale_aspect_ratio,
        reduce_lowest=settings.reduce_boxes_in_lowest_layer and not by_layer,
    )


ANCHOR_GENERATORS: dict[str, AnchorBuilder] = {
    "multiscale_anchor_generator": AnchorBuilder(_multiscale_anchors, _multiscale_per_cell),
    "ssd_anchor_generator": AnchorBuilder(_ssd_anchors, _ssd_per_cell),
}
