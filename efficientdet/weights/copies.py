# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Chooses between the two copies of a model that a file can hold: the weights as trained, and their moving averages."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal, NamedTuple

from efficientdet.errors import CheckpointError
from efficientdet.weights.layout import Contents, Origin
from efficientdet.weights.report import Statement

Copy = Literal["averaged", "trained"]


class ChosenCopy(NamedTuple):
    """Which tensors are read.

    Attributes:
      keys: variable path -> the tensors that it is made of.
      left: tensors of the other copy.
      averaged: whether the averages were chosen.
      statement: the choice, for the report.
    """

    keys: dict[str, tuple[str, ...]]
    left: frozenset[str]
    averaged: bool
    statement: Statement


def choose_copy(
    contents: Contents, origins: Mapping[str, Origin], trained: Collection[str], asked: Copy | None
) -> ChosenCopy:
    """Chooses the averages where the file holds them, unless something else is asked for.

    Variables that are not trained (batch norm statistics) are read from their averages too where the file has those,
    as they are stored where it has not.

    Args:
      contents: of the file.
      origins: of the variables to restore.
      trained: the paths of those that training changes.
      asked: for one of the copies; None takes what was evaluated.

    Returns:
      The choice.

    Raises:
      CheckpointError: the averages are asked for and missing, or are there for some variables only, or the file is one
        of TensorFlow 1 without averages, which says nothing of what its plain copy is worth.
    """
    relevant = sorted(path for path in origins if path in trained)
    lacking = [path for path in relevant if not origins[path].average_keys]
    averaged = bool(relevant) and not lacking
    if asked == "trained":
        averaged = False
    elif relevant and len(lacking) < len(relevant) and lacking:
        raise CheckpointError(
            f"{contents.path} holds moving averages of {len(relevant) - len(lacking)} of the {len(relevant)} trained "
            f"variables; {lacking[0]} is one without. To take the weights as trained instead, set "
            "train_config.fine_tune_checkpoint_weights: TRAINED"
        )
    elif not averaged and asked == "averaged":
        raise CheckpointError(
            f"{contents.path} holds no moving averages: it was trained without (use_moving_average false), or exported "
            "with one set of weights. Ask for the weights as trained: eval_config.use_moving_averages false to "
            "evaluate and export them, train_config.fine_tune_checkpoint_weights: TRAINED to start from them"
        )
    elif not averaged and contents.format == "name-based checkpoint":
        raise CheckpointError(
            f"{contents.path} holds no moving averages. Name-based checkpoints are published with them, and the plain "
            "copy is not what was evaluated; to take it all the same, set "
            "train_config.fine_tune_checkpoint_weights: TRAINED"
        )
    return _chosen(origins, averaged)


def _chosen(origins: Mapping[str, Origin], averaged: bool) -> ChosenCopy:
    keys = {
        path: origin.average_keys if averaged and origin.average_keys else origin.keys
        for path, origin in origins.items()
    }
    used = {key for names in keys.values() for key in names}
    both = {key for origin in origins.values() for key in (*origin.keys, *origin.average_keys)}
    if averaged:
        text = "weights: the moving averages that the file holds"
    elif any(origin.average_keys for origin in origins.values()):
        text = "weights: as trained, which is what was asked for; the file holds moving averages too"
    else:
        text = "weights: as stored; the file holds no moving averages beside them"
    return ChosenCopy(keys, frozenset(both - used), averaged, Statement(text))
