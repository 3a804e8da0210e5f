# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which class row of a file each class row of a model is: by their names, or by position where those are not known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from efficientdet.errors import CheckpointError
from efficientdet.weights.layout import Conventions
from efficientdet.weights.report import Statement

Purpose = Literal["training", "inference", "conversion"]
"""What weights are restored for: it decides what a user can do about those that do not fit."""
WITHOUT_HEADS = 'use fine_tune_checkpoint_type "detection", which leaves the heads out'
"""What a training can do about heads that do not fit."""
_SHOWN_NAMES = 6


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
    remedies = [WITHOUT_HEADS] if purpose == "training" else []
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
