# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Files of weights for tests: imagined ones, ones as Keras writes them, and putting one into a model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import h5py
import numpy as np

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.weights.files import open_contents
from efficientdet.weights.layout import Contents, Format, Layout
from efficientdet.weights.recognition import recognise
from efficientdet.weights.variables import variables_by_path


def imagined(
    tensors: Mapping[str, tuple[int, ...] | np.ndarray], format: Format = "object-based checkpoint"
) -> Contents:
    """A file in memory, of arrays; a shape stands for an array of zeros."""
    shapes = {name: value if isinstance(value, tuple) else value.shape for name, value in tensors.items()}

    def read(name: str) -> np.ndarray:
        value = tensors[name]
        return np.zeros(value, np.float32) if isinstance(value, tuple) else value

    return Contents("toy.ckpt", format, shapes, read)


def write_keras_h5(path: Path, layers: Mapping[str, Mapping[str, np.ndarray]], *, chunk: int | None = None) -> None:
    """Writes what `model.save_weights("x.h5")` writes; `chunk` is after how many names a list goes on in another."""

    def listed(group: h5py.Group, attribute: str, values: list[str]) -> None:
        encoded = [value.encode() for value in values]
        if chunk is None:
            group.attrs[attribute] = encoded
        else:
            for number, start in enumerate(range(0, len(encoded), chunk)):
                group.attrs[f"{attribute}{number}"] = encoded[start : start + chunk]

    with h5py.File(path, "w") as file:
        listed(file, "layer_names", list(layers))
        for layer, values in layers.items():
            group = file.create_group(layer)
            listed(group, "weight_names", [f"{name}:0" for name in values])
            for name, value in values.items():
                group[f"{name}:0"] = value
        file.create_group("top_level_model_weights").attrs["weight_names"] = []


def assign(model: DetectionModel, path: str | os.PathLike[str]) -> Layout:
    """Assigns every variable of a model that a file holds: its moving average if there is one."""
    contents = open_contents(path)
    layout = recognise(contents)
    origins, variables = layout.origins(contents, model), variables_by_path(model)
    for ours, origin in origins.items():
        variables[ours].assign(origin.convert([contents.read(key) for key in origin.average_keys or origin.keys]))
    return layout
