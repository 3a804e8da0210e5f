# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""VGG16 trained on ImageNet, as `tf.keras.applications` publishes it: what SSD300 starts from.

Its fully connected layers become fc6 and fc7 as SSD's authors made them: of the 7x7 inputs of the first every third, of
the 4096 outputs of both every fourth. The network saw its pixels as B, G, R, ours sees R, G, B.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.weights.layout import NAMED_FORMATS, Contents, Conventions, Origin, Part, as_stored
from efficientdet.weights.published import require_vgg16
from efficientdet.weights.roles import Role, role_in
from efficientdet.weights.variables import variables_by_path

_FC1_INPUTS = (7, 7, 512)
_FC_OUTPUTS = 4096
_SPATIAL_STEP, _CHANNEL_STEP = 3, 4
_STAGE = re.compile(r"backbone/stages/(\d+)/(\d+)/conv")
_FC_LAYERS = {"backbone/fc6/conv": "fc1", "backbone/fc7/conv": "fc2"}
_SUFFIXES = {"kernel": ("_W_1", "/kernel"), "bias": ("_b_1", "/bias")}  # as published; as Keras 2 saves it anew
_ROLES = {r"^predictions": Role.TOP, r"^fc\d": Role.TOP}


def _first_kernel(values: Sequence[np.ndarray]) -> np.ndarray:
    return as_stored(values)[:, :, ::-1, :]


def _fc6_kernel(values: Sequence[np.ndarray]) -> np.ndarray:
    kernel = as_stored(values).reshape(*_FC1_INPUTS, _FC_OUTPUTS)
    return kernel[::_SPATIAL_STEP, ::_SPATIAL_STEP, :, ::_CHANNEL_STEP]


def _fc7_kernel(values: Sequence[np.ndarray]) -> np.ndarray:
    return as_stored(values)[np.newaxis, np.newaxis, ::_CHANNEL_STEP, ::_CHANNEL_STEP]


def _fc_bias(values: Sequence[np.ndarray]) -> np.ndarray:
    return as_stored(values)[::_CHANNEL_STEP]


class _Conversion(NamedTuple):
    """How a variable is made of a tensor, and the shape of that where the variable is smaller."""

    convert: Callable[[Sequence[np.ndarray]], np.ndarray] = as_stored
    larger_shape: tuple[int, ...] = ()


_CONVERSIONS = {
    "backbone/stages/0/0/conv/kernel": _Conversion(_first_kernel),
    "backbone/fc6/conv/kernel": _Conversion(_fc6_kernel, (int(np.prod(_FC1_INPUTS)), _FC_OUTPUTS)),
    "backbone/fc6/conv/bias": _Conversion(_fc_bias, (_FC_OUTPUTS,)),
    "backbone/fc7/conv/kernel": _Conversion(_fc7_kernel, (_FC_OUTPUTS, _FC_OUTPUTS)),
    "backbone/fc7/conv/bias": _Conversion(_fc_bias, (_FC_OUTPUTS,)),
}


class KerasVgg16:
    """HDF5 files of `tf.keras.applications.VGG16`; see `layout.Layout`."""

    name = "tf.keras.applications VGG16"
    parts: tuple[Part, ...] = ("backbone",)
    conventions: Conventions | None = None
    warnings: tuple[str, ...] = ()
    is_ours = False

    def origins(self, contents: Contents, model: DetectionModel) -> dict[str, Origin]:
        """See `layout.Layout`."""
        require_vgg16(model, f"{contents.path} ({self.name})")
        found = {}
        for path in variables_by_path(model):
            layer, _, variable = path.rpartition("/")
            name = _theirs(layer)
            keys = [f"{name}{suffix}" for suffix in _SUFFIXES.get(variable, ())] if name else []
            for key in keys:
                if key in contents.shapes:
                    conversion = _CONVERSIONS.get(path, _Conversion())
                    found[path] = Origin((key,), conversion.convert, larger_shape=conversion.larger_shape)
        return found

    def role(self, key: str) -> str:
        """See `layout.Layout`."""
        return role_in(_ROLES, key)


def detect_layout(contents: Contents) -> KerasVgg16 | None:
    """Recognises VGG16; None for anything else, VGG19 included."""
    if contents.format not in NAMED_FORMATS:
        return None

    def holds(layer: str) -> bool:
        return any(f"{layer}{suffix}" in contents.shapes for suffix in _SUFFIXES["kernel"])

    return KerasVgg16() if holds("block1_conv1") and holds("block5_conv3") and not holds("block5_conv4") else None


def _theirs(layer: str) -> str | None:
    """Our path of a layer -> its name there."""
    if match := _STAGE.fullmatch(layer):
        return f"block{int(match[1]) + 1}_conv{int(match[2]) + 1}"
    return _FC_LAYERS.get(layer)
