# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""HDF5 files: Keras' `.h5` (with the names that its weights had) and `.weights.h5`, and any other file of arrays.

Only numbers and names are read. Nothing in the file is made an object, and no other file that it points at is opened.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence

import h5py
import numpy as np

from efficientdet.errors import CheckpointError
from efficientdet.weights.damage import first_line
from efficientdet.weights.layout import Contents

_NUMBERS = "fiu"  # numpy's kinds
_LISTS = ("weight_names", "weight_names0")  # the attributes in which Keras lists a layer's weights; the second if long
_OPTIMIZER = "optimizer_weights"
# What h5py raises on a file that is damaged, or that asks for more memory than there is.
_DAMAGE = (OSError, RuntimeError, LookupError, TypeError, ValueError, MemoryError)


def read_hdf5(path: str | os.PathLike[str]) -> Contents:
    """Opens an HDF5 file.

    Args:
      path: the file.

    Returns:
      Its arrays of numbers. Where Keras noted the names of its weights, they are called by them, without ":0"; others
      are called by their place in the file, such as "layers/conv2d/vars/0". Values are read when they are asked for.

    Raises:
      CheckpointError: the file cannot be read, is no HDF5 file, is truncated or damaged, or keeps numbers in other
        files.
    """
    try:
        with h5py.File(path, "r") as file:
            shapes, layers = _datasets(file)
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    places = _names(shapes, layers)
    return Contents(
        path=os.fspath(path),
        format="HDF5 file",
        shapes={name: shapes[place] for name, place in places.items()},
        read=_reading(path, places),
    )


def _reading(path: str | os.PathLike[str], places: dict[str, str]) -> Callable[[str], np.ndarray]:
    def read(name: str) -> np.ndarray:
        try:
            with h5py.File(path, "r") as file:
                return np.asarray(file[places[name]][()])
        except _DAMAGE as error:
            raise _damaged(path, error) from error

    return read


def _datasets(file: h5py.File) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """All arrays of numbers, and the groups in which Keras put the weights of a layer, by their places in the file.

    Links to other files are not followed, and no value of an attribute is read: HDF5's library crashes on damaged ones.
    That a group lists weights is all that is asked of it.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    layers: list[str] = []

    def visit(place: str | bytes, node: h5py.Group | h5py.Dataset) -> None:
        if isinstance(place, bytes):
            raise ValueError(f"a name in it is no text: {place!r}")
        if isinstance(node, h5py.Group):
            if any(attribute in node.attrs for attribute in _LISTS) and not place.startswith(_OPTIMIZER):
                layers.append(f"{place}/")
        elif isinstance(node, h5py.Dataset) and node.dtype.kind in _NUMBERS and node.shape is not None:
            if node.external or node.is_virtual:
                raise ValueError(f"{place} is kept in another file")
            shapes[place] = node.shape

    file.visititems(visit)
    return shapes, layers


def _names(places: Iterable[str], layers: Sequence[str]) -> dict[str, str]:
    """The name of every array -> its place: in the group of a layer, Keras puts each weight at the name that it has."""
    names: dict[str, str] = {}
    for place in places:
        inside = [layer for layer in layers if place.startswith(layer)]
        name = place.removeprefix(max(inside, key=len)).removesuffix(":0") if inside else place
        names[place if name in names else name] = place  # another weight of the same name is called by its place
    return names


def _damaged(path: str | os.PathLike[str], error: BaseException) -> CheckpointError:
    return CheckpointError(f"{os.fspath(path)} is no HDF5 file that can be read: {first_line(error)}")
