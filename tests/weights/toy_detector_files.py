# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A detector that is built in a second, and files in memory that hold one under other names."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.modeling.bifpn import BiFPN
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientnet import EfficientNet, Endpoints
from efficientdet.modeling.hyperparams import ConvHyperparams
from efficientdet.modeling.layers import initialization_seed
from efficientdet.modeling.weight_shared_heads import WeightSharedHeads, WeightSharedHeadSettings
from efficientdet.ops.box_coder import BoxScales
from efficientdet.weights.layout import PARTS, Contents, Conventions, Origin, Part, WeightFile
from efficientdet.weights.report import RestoreReport
from efficientdet.weights.restore import RestoreRequest, plan_restore
from efficientdet.weights.roles import Role
from efficientdet.weights.variables import variables_by_path

from .stored import imagined

CONVENTIONS = Conventions("b0_layer_names", "aspect_major", BoxScales(10.0, 10.0, 5.0, 5.0))
ALL = RestoreRequest(PARTS, CONVENTIONS, CONVENTIONS)
BACKBONE_AND_FPN = RestoreRequest(("backbone", "fpn"), CONVENTIONS, CONVENTIONS)
BACKBONE = RestoreRequest(("backbone",), CONVENTIONS, CONVENTIONS)
SIDE = 64


def build(
    seed: int = 0, *, classes: int = 3, anchors: int = 9, variant: str = "lite0", endpoints: Endpoints = "last_block"
) -> DetectionModel:
    """One iteration of eight filters, one layer per head. All weights random, batch norms included."""
    with initialization_seed(seed):
        backbone = EfficientNet(variant, endpoints=endpoints)
        fpn = BiFPN(backbone.channels, num_filters=8, num_iterations=1, hyperparams=ConvHyperparams(tf.nn.relu6))
        heads = WeightSharedHeads(
            8,
            num_levels=5,
            num_slots=classes,
            num_anchors=anchors,
            settings=WeightSharedHeadSettings(depth=8, num_layers=1),
        )
        model = DetectionModel(backbone, fpn, heads)
    draw = np.random.default_rng(seed)
    for variable in model.variables:
        if len(variable.shape) == 1:
            variable.assign(draw.uniform(0.5, 1.5, variable.shape))
    return model


def values(model: DetectionModel) -> dict[str, np.ndarray]:
    """Every variable by its path."""
    return {path: variable.numpy() for path, variable in variables_by_path(model).items()}


def assert_unchanged(
    model: DetectionModel, before: Mapping[str, np.ndarray], paths: Iterable[str] | None = None
) -> None:
    """Asserts that variables (all by default) hold what they held."""
    now = values(model)
    for path in before if paths is None else paths:
        np.testing.assert_array_equal(now[path], before[path], err_msg=path)


class ToyLayout:
    """Ours, under "theirs/"; moving averages under "average/"; what begins with "slot/" is an optimizer's."""

    name = "toy"
    warnings: tuple[str, ...] = ()
    is_ours = False

    def __init__(
        self,
        parts: tuple[Part, ...] = PARTS,
        conventions: Conventions | None = CONVENTIONS,
        convert: Callable[..., np.ndarray] | None = None,
    ) -> None:
        self.parts = parts
        self.conventions = conventions
        self._convert = convert

    def origins(self, contents: Contents, model: DetectionModel) -> dict[str, Origin]:
        origins = {}
        for path in variables_by_path(model):
            if (key := f"theirs/{path}") in contents.shapes:
                origin = Origin((key,)) if self._convert is None else Origin((key,), self._convert)
                average = f"average/{path}"
                origins[path] = origin._replace(average_keys=(average,) if average in contents.shapes else ())
        return origins

    def role(self, key: str) -> str:
        return Role.SLOT if key.startswith("slot/") else Role.UNKNOWN


def file_of(model: DetectionModel, **changes: np.ndarray | None) -> dict[str, np.ndarray]:
    """The tensors of a file that holds a model; `changes` are by key, with "__" for "/", and None to leave one out."""
    tensors: dict[str, np.ndarray] = {f"theirs/{path}": value for path, value in values(model).items()}
    for name, value in changes.items():
        key = name.replace("__", "/")
        if value is None:
            del tensors[key]
        else:
            tensors[key] = value
    return tensors


def apply(
    model: DetectionModel, tensors: Mapping[str, np.ndarray], request: RestoreRequest = ALL, **layout: Any
) -> RestoreReport:
    """Restores a model from a file in memory; `layout` are arguments of `ToyLayout`."""
    return plan_restore(model, WeightFile(imagined(tensors), ToyLayout(**layout)), request).apply()


def refused(
    model: DetectionModel, tensors: Mapping[str, np.ndarray], match: str, request: RestoreRequest = ALL, **layout: Any
) -> None:
    """Asserts that a restore raises, and changes nothing."""
    before = values(model)
    with pytest.raises(CheckpointError, match=match):
        apply(model, tensors, request, **layout)
    assert_unchanged(model, before)


def texts(report: RestoreReport) -> str:
    """All statements."""
    return "\n".join(statement.text for statement in report.statements)


@functools.cache
def picture() -> tf.Tensor:
    """Two inputs of the network."""
    return tf.constant(np.random.default_rng(3).normal(size=[2, SIDE, SIDE, 3]).astype(np.float32))
