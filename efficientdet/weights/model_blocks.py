# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Where in a model a variable is, by its path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import cast

import tensorflow as tf

from efficientdet.modeling.efficientdet import EfficientDet
from efficientdet.weights.layout import PARTS, Part


def part_of(path: str) -> Part:
    """The part of the model that a variable belongs to."""
    return cast(Part, path.split("/", 1)[0])


def block_of(path: str, model: EfficientDet) -> str:
    """The row of the report's table that a variable counts in.

    Args:
      path: of the variable, such as "backbone/blocks/3/expand/kernel".
      model: that it belongs to.
    """
    part, group, *rest = path.split("/")
    if part == "backbone":
        return (
            f"backbone stack {model.backbone.specs[int(rest[0])].stack + 1}" if group == "blocks" else "backbone stem"
        )
    if part == "fpn":
        if group == "extra":
            return "pyramid extra levels"
        nodes_per_iteration = 2 * (len(model.fpn.levels) - 1)  # down to the finest level and up again
        return f"pyramid iteration {int(rest[0]) // nodes_per_iteration + 1}"
    return {"classes": "class head", "boxes": "box head"}[group]


def in_order(variables: Mapping[str, tf.Variable]) -> dict[str, tf.Variable]:
    """From the stem to the heads, numbers as numbers."""

    def place(path: str) -> tuple[int, bool, list[tuple[int, str]]]:
        pieces = re.findall(r"(\d+)|([^/\d]+)", path)
        natural = [(int(number or -1), text) for number, text in pieces]
        return PARTS.index(part_of(path)), path.startswith("backbone/blocks/"), natural

    return {path: variables[path] for path in sorted(variables, key=place)}
