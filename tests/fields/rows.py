# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the tables of this folder have in common: rows as test parameters, and configs with texts laid over them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from efficientdet.config import PipelineConfig, load_config

_PIPELINES = Path(__file__).resolve().parents[2] / "pipelines"
D0 = _PIPELINES / "tfod_d0_coco.config"
SSD300 = _PIPELINES / "ssd300_vgg16_voc.config"

field = pytest.mark.field


def parameters(rows: Iterable[Sequence[Any]]) -> list[Any]:
    """(mark, *values) of each row -> test parameters."""
    return [pytest.param(*row, marks=mark, id=f"{index} {mark.args[0]}") for index, (mark, *row) in enumerate(rows)]


def fields_of(message: str, rows: Iterable[Sequence[Any]]) -> list[Any]:
    """(*values, names of fields) of each row -> test parameters; a name without a dot is of a field of `message`."""
    return parameters(
        (field(*(name if "." in name else f"{message}.{name}" for name in names.split())), *values)
        for *values, names in rows
    )


@functools.cache
def config(path: Path, *overrides: str) -> PipelineConfig:
    """The config of a file with overrides."""
    return load_config(path, list(overrides))


def ssd(*texts: str) -> list[str]:
    """Overrides of `model.ssd`."""
    return [f"model {{ ssd {{ {text} }} }}" for text in texts]


def train(*texts: str) -> list[str]:
    """Overrides of `train_config`."""
    return [f"train_config {{ {text} }}" for text in texts]
