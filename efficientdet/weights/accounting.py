# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Accounts for every variable of a model and every tensor of a file, for the report of a restore."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

import tensorflow as tf

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.weights.copies import ChosenCopy
from efficientdet.weights.fitting import Fit, listing
from efficientdet.weights.layout import Origin, WeightFile
from efficientdet.weights.model_blocks import block_of
from efficientdet.weights.predictors import PredictorConversion
from efficientdet.weights.report import LeftTensor, Statement, VariableRecord, counted
from efficientdet.weights.roles import Role


def account_for(
    model: DetectionModel,
    variables: Mapping[str, tf.Variable],
    fit: Fit,
    copy: ChosenCopy,
    conversion: PredictorConversion | None,
) -> Iterator[VariableRecord]:
    """Says of each variable of a model what it is made of, or why it stays initialised.

    Args:
      model: that is restored.
      variables: all of it, by path.
      fit: of the variables that are asked for.
      copy: which tensors they are made of.
      conversion: of the final convolutions.
    """
    fitting, missing = set(fit.fitting), set(fit.missing)
    for path, variable in variables.items():
        shape = tuple(variable.shape)
        record = VariableRecord(path, block_of(path, model), shape, (), 0, Role.NOT_ASKED_FOR)
        share = conversion.restored_share(path) if conversion else 1.0
        if path in fitting and share:
            yield record._replace(keys=copy.keys[path], num_restored=round(share * math.prod(shape)), reason="")
        elif path in fitting:
            yield record._replace(reason="the file knows none of the classes by name")
        elif path in fit.misfits:
            yield record._replace(reason=f"is {fit.misfits[path][0]} in the file")
        else:
            yield record._replace(reason="is not in the file") if path in missing else record


def left_tensors(file: WeightFile, origins: Mapping[str, Origin], fit: Fit, copy: ChosenCopy) -> Iterator[LeftTensor]:
    """Says of each tensor of a file that nothing is made of what it is.

    Args:
      file: that is restored from.
      origins: of all variables that are in the file.
      fit: of those that are asked for.
      copy: which tensors they are made of.
    """
    used = {key for path in fit.fitting for key in copy.keys[path]}
    roles = {
        key: Role.OTHER_SHAPE if path in fit.misfits else Role.NOT_ASKED_FOR
        for path, origin in origins.items()
        if path not in fit.fitting
        for key in (*origin.keys, *origin.average_keys)
    }
    roles |= dict.fromkeys(copy.left, Role.TRAINED if copy.averaged else Role.AVERAGE)
    for key, shape in file.contents.shapes.items():
        if key not in used:
            yield LeftTensor(key, roles.get(key) or file.layout.role(key), shape)


def unknown_tensors(file: WeightFile, origins: Mapping[str, Origin]) -> tuple[str, ...]:
    """The tensors of a file that no variable of a model is made of, and that its layout has no name for either."""
    known = {key for origin in origins.values() for key in (*origin.keys, *origin.average_keys)}
    return tuple(key for key in file.contents.shapes if key not in known and file.layout.role(key) == Role.UNKNOWN)


def shortfall_statements(fit: Fit, unknown: Sequence[str]) -> Iterator[Statement]:
    """Warns of what stays initialised though it was asked for, and of what the file holds beyond the model."""
    if lacking := [*fit.missing, *fit.misfits]:
        text = (
            f"{counted(len(lacking), 'variable')} left as initialised, for want of a fitting tensor: {listing(lacking)}"
        )
        yield Statement(text, is_warning=True)
    if unknown:
        text = f"the file holds {counted(len(unknown), 'tensor')} of unknown meaning: {listing(unknown)}"
        yield Statement(text, is_warning=True)
