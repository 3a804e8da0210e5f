# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Where in a model a variable is, by its path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

import tensorflow as tf

from efficientdet.modeling.bifpn import BiFPN
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientnet import EfficientNet
from efficientdet.weights.layout import PARTS, Part

# The attributes of a backbone in the order of its computation, and the row that they count in; EfficientNet, then VGG.
_BACKBONE_ROWS = {
    "stem": "backbone stem",
    "stem_norm": "backbone stem",
    "blocks": "backbone stack",
    "stages": "backbone conv",
    "conv4_3_norm": "backbone conv4",
    "fc6": "backbone fc6, fc7",
    "fc7": "backbone fc6, fc7",
    "extras": "backbone extra layers",
}
_HEAD_ROWS = {"shared": "layers before the heads", "boxes": "box head", "classes": "class head"}


def part_of(path: str) -> Part:
    """The part of the model that a variable belongs to."""
    return cast(Part, path.split("/", 1)[0])


def block_of(path: str, model: DetectionModel) -> str:
    """The row of the report's table that a variable counts in.

    Args:
      path: of the variable, such as "backbone/blocks/3/expand/kernel".
      model: that it belongs to.
    """
    part, group, *rest = path.split("/")
    if part == "heads":
        return _HEAD_ROWS[group]
    if part == "fpn":
        if group == "extra" or not isinstance(model.fpn, BiFPN):
            return "pyramid extra levels"
        nodes_per_iteration = 2 * (len(model.fpn.levels) - 1)  # down to the finest level and up again
        return f"pyramid iteration {int(rest[0]) // nodes_per_iteration + 1}"
    row = _BACKBONE_ROWS[group]
    if group == "blocks" and isinstance(model.backbone, EfficientNet):
        return f"{row} {model.backbone.specs[int(rest[0])].stack + 1}"
    return f"{row}{int(rest[0]) + 1}" if group == "stages" else row


def in_order(variables: Mapping[str, tf.Variable]) -> dict[str, tf.Variable]:
    """From the first convolution to the heads, numbers as numbers."""
    groups = list(_BACKBONE_ROWS)

    def place(path: str) -> tuple[int, int, list[tuple[int, str]]]:
        part, group, *_ = path.split("/")
        pieces = re.findall(r"(\d+)|([^/\d]+)", path)
        natural = [(int(number or -1), text) for number, text in pieces]
        return PARTS.index(part_of(path)), groups.index(group) if part == "backbone" else 0, natural

    return {path: variables[path] for path in sorted(variables, key=place)}
