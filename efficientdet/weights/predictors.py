# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Converts the final convolutions of the heads, whose outputs mean what a library, a config and a label map say.

Their output channels are anchors of a cell, and within each its classes (behind the background, where that has a slot)
or its box codes. What differs between a file and a model is moved or multiplied in kernel and bias: the predictions are
the file's, said in the model's terms. Heads share one final convolution among all levels, or have one for each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.ops.anchors import AnchorOrder
from efficientdet.ops.box_coder import CODE_SIZE, BoxScales
from efficientdet.weights.class_rows import WITHOUT_HEADS, Purpose, match_rows, rows_by_position, unknown_classes
from efficientdet.weights.layout import Conventions
from efficientdet.weights.report import Statement

Shape = tuple[int, ...]

# The variables whose last axis is the output channels: of the convolution that all levels share, or of one's own.
_OUTPUT = re.compile(r"heads/(classes|boxes)/((?:\d+/)?)final/(?:kernel|pointwise_kernel|bias)")


class Output(NamedTuple):
    """Which outputs a variable makes: "classes" or "boxes" of all levels, or of "0/", "1/", ..."""

    head: Literal["classes", "boxes"]
    level: str

    @property
    def bias(self) -> str:
        """The path of the final convolution's bias."""
        return f"heads/{self.head}/{self.level}final/bias"


def output_of(path: str) -> Output | None:
    """What the kernel or the bias of a final convolution makes; None for another variable.

    Args:
      path: our path of the variable.
    """
    match = _OUTPUT.fullmatch(path)
    if match is None:
        return None
    return Output("classes" if match[1] == "classes" else "boxes", match[2])


def outputs_in(paths: Iterable[str]) -> tuple[Output, ...]:
    """All outputs that some variables make, in their order."""
    found = (output_of(path) for path in paths)
    return tuple(dict.fromkeys(output for output in found if output is not None))


def class_kernels(variables: Mapping[str, tf.Variable]) -> list[tf.Variable]:
    """The kernels of the final convolutions that make class logits: of all levels, or one for each.

    Args:
      variables: of a model, by path.
    """
    outputs = {path: output_of(path) for path in variables}
    return [
        variables[path]
        for path, output in outputs.items()
        if output is not None and output.head == "classes" and path != output.bias
    ]


@dataclass(frozen=True)
class PredictorConversion:
    """What becomes of the output channels of the final convolutions.

    Attributes:
      num_anchors: level -> anchors per cell, of the file and of the model.
      file_slots: how many class slots the file has.
      anchors: for each anchor of the model's cell, the same one in the file's; None if they agree.
      code_factors: what each box code is multiplied with, float64 [4]; None if they agree.
      slots: for each class slot of the model that of the file; None for one that stays initialised.
      unknown_classes: names of the model's classes that the file does not know.
      statements: what of it a user should know.
    """

    num_anchors: Mapping[str, int]
    file_slots: int
    anchors: np.ndarray | None
    code_factors: np.ndarray | None
    slots: tuple[int | None, ...]
    unknown_classes: tuple[str, ...]
    statements: tuple[Statement, ...]

    def file_shapes(self, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
        """The shapes that variables of the model must have in the file, by path."""
        return {path: self._file_shape(path, shape) for path, shape in shapes.items()}

    def restored_share(self, path: str) -> float:
        """The share of a variable's numbers that come from the file: less than 1 where slots stay initialised."""
        output = output_of(path)
        if output is not None and output.head == "classes":
            return sum(slot is not None for slot in self.slots) / len(self.slots)
        return 1.0

    def convert(self, path: str, value: np.ndarray, variable: tf.Variable) -> np.ndarray:
        """Converts the value of a variable.

        Args:
          path: of the variable.
          value: the file's.
          variable: holds its initial value.

        Returns:
          The model's value; `value` itself if `path` is no final convolution's.
        """
        output = output_of(path)
        if output is None:
            return value
        num_anchors = self.num_anchors[output.level]
        theirs = self._in_our_order(_split(value, num_anchors))
        if output.head == "boxes":
            return (theirs if self.code_factors is None else theirs * self.code_factors).reshape(value.shape)
        ours = _split(variable.numpy(), num_anchors).copy()
        carried = [(slot, source) for slot, source in enumerate(self.slots) if source is not None]
        if carried:
            targets, sources = zip(*carried, strict=True)
            ours[..., list(targets)] = theirs[..., list(sources)]
        return ours.reshape(variable.shape)

    def _file_shape(self, path: str, shape: Shape) -> Shape:
        output = output_of(path)
        if output is None or output.head != "classes":
            return shape
        return (*shape[:-1], self.num_anchors[output.level] * self.file_slots)

    def _in_our_order(self, values: np.ndarray) -> np.ndarray:
        return values if self.anchors is None else values[..., self.anchors, :]


def plan_conversion(
    shapes: Mapping[str, Shape],
    outputs: Mapping[Output, int],
    file: Conventions,
    model: Conventions,
    *,
    grid: tuple[int, int],
    purpose: Purpose,
) -> PredictorConversion:
    """Compares what the outputs of a file and of a model mean.

    Args:
      shapes: of the file's variables, by our paths; the biases of all final convolutions are among them.
      outputs: the model's output channels.
      file: what the file's numbers mean.
      model: what the model's numbers mean.
      grid: (aspect ratios, scales per octave) of the model's cell.
      purpose: what the weights are restored for.

    Raises:
      CheckpointError: the numbers of anchors or the kinds of box codes differ, or the numbers of classes while their
        names are not known, or only one of both has a slot for the background and the weights are not to be trained
        further. The text follows the name of the file.
    """
    remedy = f": {WITHOUT_HEADS}" if purpose == "training" else ""
    if file.box_codes != model.box_codes:
        raise CheckpointError(
            f"predicts boxes as offsets of their {file.box_codes}, this model as offsets of their {model.box_codes} "
            f"(box_coder){remedy}"
        )
    if any(len(shapes[output.bias]) != 1 for output in outputs):
        raise CheckpointError("holds biases of its final convolutions that are no vectors")
    num_anchors = {
        output.level: channels // CODE_SIZE for output, channels in outputs.items() if output.head == "boxes"
    }
    _require_anchors(num_anchors, shapes, file, model, remedy)
    class_output = next(output for output in outputs if output.head == "classes")
    file_slots, model_slots = (
        channels // num_anchors[class_output.level]
        for channels in (shapes[class_output.bias][-1], outputs[class_output])
    )
    slots, unknown, statements = _match_slots(file_slots, model_slots, file, model, purpose)
    permutation = anchor_permutation(file.anchor_order, model.anchor_order, grid)
    factors = code_factors(file.box_scales, model.box_scales)
    return PredictorConversion(
        num_anchors,
        file_slots,
        permutation,
        factors,
        slots,
        unknown,
        (*_conversion_statements(file, model, permutation, factors), *statements),
    )


def anchor_permutation(file: AnchorOrder | None, model: AnchorOrder | None, grid: tuple[int, int]) -> np.ndarray | None:
    """For each anchor of the model's cell, the position of the same one in the file's; None if the orders agree.

    Args:
      file: order of the file's anchors.
      model: order of the model's; None on both sides, or on neither.
      grid: (aspect ratios, scales per octave) of a cell.
    """
    if file is None or model is None or file == model:
        return None
    permutation = np.empty(grid[0] * grid[1], np.int64)
    permutation[_positions(model, grid)] = _positions(file, grid)
    return permutation


def code_factors(file: BoxScales, model: BoxScales) -> np.ndarray | None:
    """What turns codes of the file's scales into codes of the model's, float64 [4]; None if they agree."""
    factors = np.asarray(model, np.float64) / np.asarray(file, np.float64)
    return None if np.array_equal(factors, np.ones(CODE_SIZE)) else factors


def _match_slots(
    file_slots: int, model_slots: int, file: Conventions, model: Conventions, purpose: Purpose
) -> tuple[tuple[int | None, ...], tuple[str, ...], tuple[Statement, ...]]:
    """Says which class slot of a file each one of a model is; what of it is unknown, and what a user should know."""
    classes = file_slots - file.background, model_slots - model.background
    if file.labels is None or model.labels is None:
        rows, statements = rows_by_position(*classes, file, model, purpose)
    else:
        rows, statements = match_rows(*classes, file.labels, model.labels)
    slots = [None if row is None else row + file.background for row in rows]
    if model.background:
        slots.insert(0, 0 if file.background else None)
    unknown = unknown_classes(rows, model.labels or {})
    return tuple(slots), unknown, (*_background_statements(file, model, purpose), *statements)


def _require_anchors(
    num_anchors: Mapping[str, int], shapes: Mapping[str, Shape], file: Conventions, model: Conventions, remedy: str
) -> None:
    if (file.anchor_order is None) != (model.anchor_order is None):
        kinds = [
            "ssd_anchor_generator" if side.anchor_order is None else "multiscale_anchor_generator"
            for side in (file, model)
        ]
        raise CheckpointError(f"predicts the boxes of {kinds[0]}, this model those of {kinds[1]}{remedy}")
    for level, ours in num_anchors.items():
        theirs = shapes[Output("boxes", level).bias][-1] // CODE_SIZE
        if theirs != ours:
            place = f" of feature map {int(level.rstrip('/')) + 1}" if level else ""
            rule = "layer_aspect_ratios" if model.anchor_order is None else "aspect_ratios x scales_per_octave"
            raise CheckpointError(
                f"predicts {theirs} anchors per cell{place}, this model {ours} ({rule} of the anchor_generator){remedy}"
            )


def _conversion_statements(
    file: Conventions, model: Conventions, permutation: np.ndarray | None, factors: np.ndarray | None
) -> list[Statement]:
    texts = []
    if permutation is not None:
        texts.append(f"anchors: reordered from {file.anchor_order} to {model.anchor_order}, the order of this model")
    if factors is not None:
        theirs, ours = (", ".join(f"{scale:g}" for scale in scales) for scales in (file.box_scales, model.box_scales))
        texts.append(f"box codes: rescaled from {theirs} to {ours}, the box coder of this model")
    return [Statement(text) for text in texts]


def _background_statements(file: Conventions, model: Conventions, purpose: Purpose) -> list[Statement]:
    """What becomes of the background's slot where only one side has it; scores mean something else then."""
    if file.background == model.background:
        return []
    theirs, ours = ("has a slot" if side.background else "has none" for side in (file, model))
    if purpose != "training":
        setting = str(file.background).lower()
        raise CheckpointError(
            f"{theirs} for the background and this model {ours}: set model.ssd.add_background_class: {setting}"
        )
    became = "is left out" if file.background else "stays initialised"
    return [Statement(f"the background's slot {became}: the file {theirs}, this model {ours}", is_warning=True)]


def _positions(order: AnchorOrder, grid: tuple[int, int]) -> np.ndarray:
    """Where (aspect ratio, scale) lies in a cell, int64 [aspect ratios, scales]."""
    ratios, scales = grid
    positions = np.arange(ratios * scales)
    return positions.reshape(ratios, scales) if order == "aspect_major" else positions.reshape(scales, ratios).T


def _split(values: np.ndarray, num_anchors: int) -> np.ndarray:
    """[..., anchors * depth] -> [..., anchors, depth]."""
    return values.reshape(*values.shape[:-1], num_anchors, -1)
