# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Converts the final convolutions of the heads, whose outputs mean what a library, a config and a label map say.

Their output channels are anchors of a cell, and within each its classes or its box codes. What differs between a file
and a model is moved or multiplied in kernel and bias: the predictions are the file's, said in the model's terms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.ops.anchors import AnchorOrder
from efficientdet.ops.box_coder import CODE_SIZE, BoxScales
from efficientdet.weights.layout import Conventions
from efficientdet.weights.report import Statement

CLASSES, BOXES = "heads/classes/final/", "heads/boxes/final/"
_OUTPUT_VARIABLES = ("kernel", "pointwise_kernel", "bias")  # whose last axis is the output channels
_SHOWN_NAMES = 6

Shape = tuple[int, ...]
Purpose = Literal["training", "inference", "conversion"]
"""What weights are restored for: it decides what a user can do about those that do not fit."""
_WITHOUT_HEADS = 'use fine_tune_checkpoint_type "detection", which leaves the heads out'


@dataclass(frozen=True)
class PredictorConversion:
    """What becomes of the output channels of both final convolutions.

    Attributes:
      num_anchors: per cell, of the file and of the model.
      file_classes: how many classes the file predicts.
      anchors: for each anchor of the model's cell, the same one in the file's; None if they agree.
      code_factors: what each box code is multiplied with, float64 [4]; None if they agree.
      rows: for each class row of the model that of the file; None for a row that stays initialised.
      unknown_classes: names of the model's classes that the file does not know.
      statements: what of it a user should know.
    """

    num_anchors: int
    file_classes: int
    anchors: np.ndarray | None
    code_factors: np.ndarray | None
    rows: tuple[int | None, ...]
    unknown_classes: tuple[str, ...]
    statements: tuple[Statement, ...]

    def file_shapes(self, shapes: Mapping[str, Shape]) -> dict[str, Shape]:
        """The shapes that variables of the model must have in the file, by path."""
        outputs = self.num_anchors * self.file_classes
        return {path: (*shape[:-1], outputs) if is_output(path, CLASSES) else shape for path, shape in shapes.items()}

    def restored_share(self, path: str) -> float:
        """The share of a variable's numbers that come from the file: less than 1 where class rows stay initialised."""
        if is_output(path, CLASSES):
            return sum(row is not None for row in self.rows) / len(self.rows)
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
        if is_output(path, BOXES):
            codes = self._in_our_order(_split(value, self.num_anchors))
            return (codes if self.code_factors is None else codes * self.code_factors).reshape(value.shape)
        if is_output(path, CLASSES):
            theirs = self._in_our_order(_split(value, self.num_anchors))
            ours = _split(variable.numpy(), self.num_anchors).copy()
            carried = [(row, source) for row, source in enumerate(self.rows) if source is not None]
            if carried:
                targets, sources = zip(*carried, strict=True)
                ours[..., list(targets)] = theirs[..., list(sources)]
            return ours.reshape(variable.shape)
        return value

    def _in_our_order(self, values: np.ndarray) -> np.ndarray:
        return values if self.anchors is None else values[..., self.anchors, :]


def plan_conversion(
    shapes: Mapping[str, Shape],
    outputs: Mapping[str, int],
    file: Conventions,
    model: Conventions,
    *,
    grid: tuple[int, int],
    purpose: Purpose,
) -> PredictorConversion:
    """Compares what the outputs of a file and of a model mean.

    Args:
      shapes: of the file's variables, by our paths; the biases of both final convolutions are among them.
      outputs: output channels of the model's final convolutions, by `BOXES` and `CLASSES`.
      file: what the file's numbers mean.
      model: what the model's numbers mean.
      grid: (aspect ratios, scales per octave) of the model's cell.
      purpose: what the weights are restored for.

    Raises:
      CheckpointError: the numbers of anchors differ, or those of classes while their names are not known. The text
        follows the name of the file.
    """
    if any(len(shapes[f"{head}bias"]) != 1 for head in (BOXES, CLASSES)):
        raise CheckpointError("holds biases of its final convolutions that are no vectors")
    num_anchors, file_anchors = outputs[BOXES] // CODE_SIZE, shapes[f"{BOXES}bias"][-1] // CODE_SIZE
    if num_anchors != file_anchors:
        remedy = f": {_WITHOUT_HEADS}" if purpose == "training" else ""
        raise CheckpointError(
            f"predicts {file_anchors} anchors per cell, this model {num_anchors} (aspect_ratios x scales_per_octave of "
            f"the anchor_generator){remedy}"
        )
    file_classes, model_classes = shapes[f"{CLASSES}bias"][-1] // num_anchors, outputs[CLASSES] // num_anchors
    if file.labels is None or model.labels is None:
        rows, statements = rows_by_position(file_classes, model_classes, file, model, purpose)
    else:
        rows, statements = match_rows(file_classes, model_classes, file.labels, model.labels)
    unknown = unknown_classes(rows, model.labels or {})
    permutation = anchor_permutation(file.anchor_order, model.anchor_order, grid)
    factors = code_factors(file.box_scales, model.box_scales)
    texts = []
    if permutation is not None:
        texts.append(f"anchors: reordered from {file.anchor_order} to {model.anchor_order}, the order of this model")
    if factors is not None:
        theirs, ours = (", ".join(f"{scale:g}" for scale in scales) for scales in (file.box_scales, model.box_scales))
        texts.append(f"box codes: rescaled from {theirs} to {ours}, the box coder of this model")
    return PredictorConversion(
        num_anchors, file_classes, permutation, factors, rows, unknown, (*map(Statement, texts), *statements)
    )


def is_output(path: str, head: str) -> bool:
    """Whether a variable is the kernel or the bias of a head's final convolution, up to its output channels."""
    return path.startswith(head) and path.removeprefix(head) in _OUTPUT_VARIABLES


def anchor_permutation(file: AnchorOrder, model: AnchorOrder, grid: tuple[int, int]) -> np.ndarray | None:
    """For each anchor of the model's cell, the position of the same one in the file's; None if the orders agree.

    Args:
      file: order of the file's anchors.
      model: order of the model's.
      grid: (aspect ratios, scales per octave) of a cell.
    """
    if file == model:
        return None
    permutation = np.empty(grid[0] * grid[1], np.int64)
    permutation[_positions(model, grid)] = _positions(file, grid)
    return permutation


def code_factors(file: BoxScales, model: BoxScales) -> np.ndarray | None:
    """What turns codes of the file's scales into codes of the model's, float64 [4]; None if they agree."""
    factors = np.asarray(model, np.float64) / np.asarray(file, np.float64)
    return None if np.array_equal(factors, np.ones(CODE_SIZE)) else factors


def match_rows(
    file_classes: int, model_classes: int, file: Mapping[int, str], model: Mapping[int, str]
) -> tuple[tuple[int | None, ...], tuple[Statement, ...]]:
    """Says by their names which class row of a file each class row of a model is.

    Names are the same if they differ in case, or in what separates their words. A row of the model without a name (a
    gap in its ids) takes the file's row of the same place unless a name claims that, and else another that none does:
    all rows of a detector were trained, and a row that was not would find things everywhere.

    Args:
      file_classes: class rows of the file.
      model_classes: class rows of the model.
      file: row -> name, of the file.
      model: the same of the model.

    Returns:
      For each row of the model that of the file, or None; and what a user should know about it.
    """
    folded = {_folded(name): row for row, name in file.items()}
    exact = {name: row for row, name in file.items()}

    def named(name: str) -> int | None:
        found = exact.get(name, folded.get(_folded(name)))
        return found if found is not None and found < file_classes else None

    rows = {row: named(name) for row, name in model.items()}
    unnamed = [row for row in range(model_classes) if row not in model]
    free = [row for row in range(file_classes) if row not in rows.values()]
    rows |= {row: row for row in unnamed if row in free}
    others = iter([row for row in free if row not in rows.values()])
    rows |= {row: next(others, None) for row in unnamed if row not in rows}
    ordered = tuple(rows[row] for row in range(model_classes))
    return ordered, tuple(_row_statements(ordered, model))


def rows_by_position(
    file_classes: int, model_classes: int, file: Conventions, model: Conventions, purpose: Purpose
) -> tuple[tuple[int | None, ...], tuple[Statement, ...]]:
    """Says which class row of a file each class row of a model is where one of them does not know its classes.

    Args:
      file_classes: class rows of the file.
      model_classes: class rows of the model.
      file: what the file's numbers mean.
      model: what the model's numbers mean.
      purpose: what the weights are restored for.

    Returns:
      See `match_rows`.

    Raises:
      CheckpointError: their numbers differ. The text follows the name of the file.
    """
    reasons = "; ".join(side.why_unlabelled for side in (model, file) if side.labels is None)
    if file_classes == model_classes:
        text = f"class rows: all {model_classes} carried over by position ({reasons})"
        return tuple(range(model_classes)), (Statement(text),)
    remedies = [_WITHOUT_HEADS] if purpose == "training" else []
    if file.labels is None and purpose == "inference":
        remedies.append(f"set num_classes: {file_classes}")
    else:
        maps = {
            "the label map of this model in train_input_reader.label_map_path": model.labels is None,
            "the label map of the checkpoint in train_config.fine_tune_checkpoint_label_map_path": file.labels is None,
        }
        remedies.append(f"name {' and '.join(text for text, is_lacking in maps.items() if is_lacking)}")
    raise CheckpointError(
        f"predicts {file_classes} classes, this model {model_classes} ({reasons}): {', or '.join(remedies)}"
    )


def _row_statements(rows: Sequence[int | None], names: Mapping[int, str]) -> list[Statement]:
    by_name = [row for row, source in enumerate(rows) if source is not None and row in names]
    by_position = sum(source is not None and row not in names for row, source in enumerate(rows))
    unnamed = f", {by_position} without a name from rows that no name claims" if by_position else ""
    moved = sum(rows[row] != row for row in by_name)
    places = f" ({moved} from another place)" if moved else ""
    statements = [Statement(f"class rows: {len(by_name)} carried over by name{places}{unnamed}")]
    if initialised := unknown_classes(rows, names):
        more = f" and {len(initialised) - _SHOWN_NAMES} more" if len(initialised) > _SHOWN_NAMES else ""
        listed = ", ".join(initialised[:_SHOWN_NAMES]) + more
        text = f"class rows that stay initialised, the checkpoint knows no class of the name: {listed}"
        statements.append(Statement(text, is_warning=True))
    return statements


def unknown_classes(rows: Sequence[int | None], names: Mapping[int, str]) -> tuple[str, ...]:
    """What to call the rows of a model that nothing in the file is: by name, or by label-map id."""
    return tuple(names.get(row, f"id {row + 1}") for row, source in enumerate(rows) if source is None)


def _folded(name: str) -> str:
    """What "Hot_dog" and "hot dog" have in common."""
    return " ".join(name.casefold().replace("_", " ").replace("-", " ").split())


def _positions(order: AnchorOrder, grid: tuple[int, int]) -> np.ndarray:
    """Where (aspect ratio, scale) lies in a cell, int64 [aspect ratios, scales]."""
    ratios, scales = grid
    positions = np.arange(ratios * scales)
    return positions.reshape(ratios, scales) if order == "aspect_major" else positions.reshape(scales, ratios).T


def _split(values: np.ndarray, num_anchors: int) -> np.ndarray:
    """[..., anchors * depth] -> [..., anchors, depth]."""
    return values.reshape(*values.shape[:-1], num_anchors, -1)
