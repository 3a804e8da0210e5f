# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""PyTorch's files of tensors by name (state dicts), in the legacy format: a few pickles, then the numbers.

They are read without PyTorch, by an unpickler that constructs nothing but what such a file consists of.
"""

from __future__ import annotations

import collections
import os
import pickle
import struct
from collections.abc import Callable
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from efficientdet.errors import CheckpointError
from efficientdet.weights.layout import Contents

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
# What unpickling a damaged file may raise, and what using the values that come out of it may.
_DAMAGE = (
    OSError,
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    MemoryError,
    RecursionError,
    struct.error,
)


def read_torch(path: str | os.PathLike[str]) -> Contents:
    """Reads a state dict that `torch.save` wrote in its legacy (not zip) format.

    Args:
      path: the file.

    Returns:
      Its tensors, float32 or int64, with the axes as PyTorch has them.

    Raises:
      CheckpointError: if the file cannot be read, is of another kind, truncated, or asks for anything beyond tensors.
    """
    try:
        with open(path, "rb") as file:
            values = _read_state(_File(file))
    except _DAMAGE as error:
        raise CheckpointError(
            f"{os.fspath(path)} is not a PyTorch state dict in the legacy format: {str(error) or type(error).__name__}"
        ) from error
    return Contents(
        path=os.fspath(path),
        format="PyTorch file",
        shapes={name: value.shape for name, value in values.items()},
        read=values.__getitem__,
    )


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


class _File:
    """A file that never makes room for more than it holds, whatever length a damaged one announces."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._left = os.fstat(file.fileno()).st_size

    def read(self, size: int) -> bytes:
        """Returns `size` bytes; ValueError where there are fewer left."""
        if not 0 <= size <= self._left:
            raise ValueError("it is truncated")
        self._left -= size
        return self._file.read(size)

    def readline(self) -> bytes:
        """Returns the bytes up to a line's end."""
        line = self._file.readline()
        self._left -= len(line)
        return line


# The unpickler in Python and not that in C, whose memo is a list as long as the greatest index in the file.
class _Unpickler(pickle._Unpickler):
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


def _read_state(file: _File) -> dict[str, np.ndarray]:
    if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _PROTOCOL:
        raise ValueError("its first bytes are others")
    if not _Unpickler(file).load()["little_endian"]:
        raise ValueError("its numbers are big-endian")
    tensors: dict[str, _Tensor] = _Unpickler(file).load()
    if not all(isinstance(name, str) and isinstance(tensor, _Tensor) for name, tensor in tensors.items()):
        raise ValueError("it holds other things than tensors by name")
    storages = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    values = {key: _read_storage(file, storages[key]) for key in _Unpickler(file).load()}
    return {name: tensor.of(values[tensor.storage.key]) for name, tensor in tensors.items()}


def _read_storage(file: _File, storage: _Storage) -> np.ndarray:
    (size,) = struct.unpack("<q", file.read(8))
    if size != storage.size:
        raise ValueError(f"storage {storage.key} has {size} numbers where {storage.size} are announced")
    return np.frombuffer(file.read(size * storage.dtype.itemsize), storage.dtype)
