# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Builds what `train_config` says of single variables: freeze_variables, bias_grad_multiplier, ..."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from efficientdet.config import PipelineConfig
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.training.variable_rules import VariableRules, matching, trainable_by_path

_GROUP_DEPTH = 2  # parts of a path: "backbone/blocks/", "heads/classes/"


def build_variable_rules(config: PipelineConfig, model: DetectionModel) -> VariableRules:
    """Builds the rules of which variables are trained, and how much.

    As in TFOD, `update_trainable_variables` chooses first, and `freeze_variables` takes away from what it chose; a
    `bias_grad_multiplier` of 0 means that there is none.

    Args:
      config: resolved.
      model: its variables exist.

    Raises:
      ConfigError: an expression matches no trainable variable, or nothing is left to train.
    """
    train = config.proto.train_config
    variables = trainable_by_path(model)
    frozen: set[str] = set()
    if train.update_trainable_variables:
        field = "train_config.update_trainable_variables"
        frozen = set(variables) - all_matched(config, field, train.update_trainable_variables, variables)
    frozen |= all_matched(config, "train_config.freeze_variables", train.freeze_variables, variables)
    if len(frozen) == len(variables):
        raise config.error("train_config.freeze_variables", "must leave a variable to train")
    return VariableRules(
        variables,
        frozen=frozen,
        bias_gradient_factor=train.bias_grad_multiplier or 1.0,
        update_factors=_update_factors(config, variables),
    )


def all_matched(
    config: PipelineConfig, field_path: str, expressions: Sequence[str], paths: Collection[str]
) -> set[str]:
    """The paths that any expression of a list matches.

    Args:
      config: resolved.
      field_path: of the list, such as "train_config.freeze_variables".
      expressions: its elements.
      paths: of variables.

    Raises:
      ConfigError: one of the expressions matches nothing.
    """
    return {
        path
        for index, expression in enumerate(expressions)
        for path in _matched(config, f"{field_path}[{index}]", expression, paths)
    }


def _update_factors(config: PipelineConfig, paths: Collection[str]) -> dict[str, float]:
    factors: dict[str, float] = {}
    for index, entry in enumerate(config.proto.train_config.learning_rate_multipliers):
        field = f"train_config.learning_rate_multipliers[{index}].variables"
        new = [path for path in _matched(config, field, entry.variables, paths) if path not in factors]
        if not new:
            raise config.error(field, "matches only what earlier multipliers match, of which the first one counts")
        factors.update(dict.fromkeys(new, entry.multiplier))
    return factors


def _matched(config: PipelineConfig, field_path: str, expression: str, paths: Collection[str]) -> list[str]:
    if matched := matching(paths, expression):
        return matched
    inside = next((path for path in paths if re.search(expression, path)), None)
    if inside:
        rule = f'must match from the start of a path: with ".*" before it, it would match {inside}'
    else:
        rule = f"matches no trainable variable; there are {', '.join(_groups(paths))}"
    raise config.error(field_path, rule)


def _groups(paths: Collection[str]) -> list[str]:
    parts = [path.split("/") for path in paths]
    return list(dict.fromkeys("/".join(part[:_GROUP_DEPTH]) + "/" for part in parts))
