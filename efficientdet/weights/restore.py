# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Restores a model, or parts of it, from a file of any layout: everything is read and checked, then assigned.

What the file says in other terms (order of anchors, scales of box codes, classes) is converted on the way.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientnet import block_specs, endpoint_blocks
from efficientdet.modeling.scaling import BACKBONES
from efficientdet.weights.accounting import account_for, left_tensors, shortfall_statements, unknown_tensors
from efficientdet.weights.class_rows import Purpose
from efficientdet.weights.copies import Copy, choose_copy
from efficientdet.weights.fitting import (
    converted_shape,
    fit_shapes,
    listing,
    require_all,
    require_backbone,
    require_no_more,
)
from efficientdet.weights.layout import PARTS, Contents, Conventions, Origin, Part, WeightFile
from efficientdet.weights.model_blocks import in_order, part_of
from efficientdet.weights.predictors import PredictorConversion, outputs_in, plan_conversion
from efficientdet.weights.published import require_weight_shared_heads
from efficientdet.weights.report import RestoreReport, Statement
from efficientdet.weights.variables import variables_by_path

_LEVELS = (3, 4, 5)  # of the backbone's feature maps


class RestoreRequest(NamedTuple):
    """What is wanted of a file.

    Attributes:
      parts: of the model, that are restored.
      conventions: what the model's numbers mean.
      source: what the file's numbers mean.
      weights: which copy is read; None takes the moving averages where the file holds them.
      min_backbone_share: of the backbone's parameters, that the file must provide. Below 1, whatever else does not fit
        stays initialised too; with 1, anything that does not fit is an error. So it is with None, where nobody asked.
      anchor_grid: (aspect ratios, scales per octave) of the model's cell.
      purpose: what the weights are for. For inference, a class of the model that the file does not know is an error,
        and so are other endpoints; else the class stays initialised, and the endpoints are warned of.
    """

    parts: tuple[Part, ...]
    conventions: Conventions
    source: Conventions
    weights: Copy | None = None
    min_backbone_share: float | None = None
    anchor_grid: tuple[int, int] = (3, 3)
    purpose: Purpose = "training"


class _Step(NamedTuple):
    """One variable that is going to be assigned."""

    path: str
    variable: tf.Variable
    origin: Origin
    keys: tuple[str, ...]


@dataclass(frozen=True)
class RestorePlan:
    """What a restore would do; nothing is read or assigned yet.

    Attributes:
      report: what becomes of every variable and every tensor.
      contents: of the file.
      steps: the assignments.
      conversion: of the final convolutions; None where the heads are not restored.
    """

    report: RestoreReport
    contents: Contents
    steps: tuple[_Step, ...]
    conversion: PredictorConversion | None

    def apply(self) -> RestoreReport:
        """Reads and checks all values, then assigns them.

        Returns:
          The report.

        Raises:
          CheckpointError: the file is damaged, or holds a number that is not finite; the model is as it was.
        """
        values = [self._value(step) for step in self.steps]
        for step, value in zip(self.steps, values, strict=True):
            step.variable.assign(value)
        return self.report

    def _value(self, step: _Step) -> np.ndarray:
        with np.errstate(over="ignore"):  # what overflows is found by the check
            value = np.asarray(step.origin.convert([self.contents.read(key) for key in step.keys]))
            if self.conversion is not None:
                value = self.conversion.convert(step.path, value, step.variable)
            value = value.astype(step.variable.dtype.as_numpy_dtype)
        if value.shape != tuple(step.variable.shape):
            raise CheckpointError(f"{self.contents.path}: {' + '.join(step.keys)} cannot be made into {step.path}")
        if count := int(np.count_nonzero(~np.isfinite(value))):
            raise CheckpointError(
                f"{self.contents.path}: {' + '.join(step.keys)} is not finite in {count} of {value.size} numbers"
            )
        return value


def plan_restore(model: DetectionModel, file: WeightFile, request: RestoreRequest) -> RestorePlan:
    """Finds out what a restore would do.

    Args:
      model: all its variables exist.
      file: see `recognition.open_weights`.
      request: what is wanted.

    Returns:
      The plan.

    Raises:
      CheckpointError: the file does not fit the model; the text says how.
    """
    contents, layout = file
    _require_parts(file, request.parts)
    variables = in_order(variables_by_path(model))
    wanted = {path: tuple(variables[path].shape) for path in variables if part_of(path) in request.parts}
    origins = layout.origins(contents, model)
    if "heads" in request.parts and not layout.is_ours:
        require_weight_shared_heads(model, str(file))
    found = {path: origins[path] for path in wanted if path in origins}
    copy = choose_copy(contents, found, {path for path in found if variables[path].trainable}, request.weights)
    shapes = {
        path: converted_shape(contents, copy.keys[path], origin.convert, math.prod(wanted[path]), origin.larger_shape)
        for path, origin in found.items()
    }
    share = request.min_backbone_share
    require_backbone(fit_shapes(shapes, wanted), model, file, shapes=wanted, min_share=share)
    conversion = _plan_heads(variables, contents.path, shapes, request) if "heads" in request.parts else None
    fit = fit_shapes(shapes, wanted if conversion is None else conversion.file_shapes(wanted))
    unknown = unknown_tensors(file, origins)
    if share in (None, 1):
        require_all(fit, file)
        require_no_more(unknown if request.parts == PARTS else (), file)
    report = RestoreReport(
        contents.path,
        layout.name,
        variables=tuple(account_for(model, variables, fit, copy, conversion)),
        left=tuple(left_tensors(file, origins, fit, copy)),
        statements=(
            copy.statement,
            *_source_statements(model, contents.path, request),
            *(Statement(text, is_warning=True) for text in layout.warnings),
            *(conversion.statements if conversion else ()),
            *shortfall_statements(fit, unknown),
        ),
    )
    steps = tuple(_Step(path, variables[path], found[path], copy.keys[path]) for path in fit.fitting)
    return RestorePlan(report, contents, steps, conversion)


def _require_parts(file: WeightFile, parts: Collection[Part]) -> None:
    if not set(parts) <= set(file.layout.parts):
        raise CheckpointError(
            f"{file} holds a backbone alone, without pyramid and heads: it can start a training, with "
            'train_config.fine_tune_checkpoint_type "classification"'
        )


def _plan_heads(
    variables: Mapping[str, tf.Variable], path: str, shapes: Mapping[str, tuple[int, ...]], request: RestoreRequest
) -> PredictorConversion | None:
    """Compares the final convolutions; None if the file has none, which others report."""
    outputs = {output: int(variables[output.bias].shape[-1]) for output in outputs_in(variables)}
    if not all(output.bias in shapes for output in outputs):
        return None
    ours, theirs = request.conventions, request.source
    try:
        conversion = plan_conversion(shapes, outputs, theirs, ours, grid=request.anchor_grid, purpose=request.purpose)
    except CheckpointError as error:
        raise CheckpointError(f"{path} {error}") from None
    if request.purpose == "inference" and (unknown := conversion.unknown_classes):
        raise CheckpointError(
            f"{path} does not know {len(unknown)} of this model's classes: {listing(unknown)}. It can start a "
            "training for them (train_config.fine_tune_checkpoint); to detect with it as it is, use a label map of its "
            "own classes"
        )
    return conversion


def _source_statements(model: DetectionModel, path: str, request: RestoreRequest) -> list[Statement]:
    """What the features mean that the pyramid was trained on; for inference, others than the model's are an error."""
    if "fpn" not in request.parts:
        return []
    if request.source.is_assumed:
        text = "anchor order, box coder and endpoints are taken to be this model's: nothing beside the file tells them"
        return [Statement(text)]
    theirs, ours = request.source.endpoints, request.conventions.endpoints
    if theirs is None or ours is None:
        return []
    specs = block_specs(BACKBONES[model.backbone.variant])
    if endpoint_blocks(specs, _LEVELS, theirs) == endpoint_blocks(specs, _LEVELS, ours):
        return []
    text = (
        f"the pyramid was trained on other features of the backbone ({theirs}) than this model takes ({ours}): set "
        f"model.ssd.feature_extractor.endpoints: {theirs.upper()} to keep its accuracy"
    )
    if request.purpose == "inference":
        raise CheckpointError(f"{path}: {text}")
    return [Statement(text, is_warning=True)]
