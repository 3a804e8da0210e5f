# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A detector to restore from, and one to restore to."""

from __future__ import annotations

import numpy as np
import pytest

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.weights.variables import variables_by_path

from .toy_detector_files import build, values


@pytest.fixture(scope="package")
def source() -> DetectionModel:
    return build(1)


@pytest.fixture(scope="package")
def built() -> tuple[DetectionModel, dict[str, np.ndarray]]:
    model = build(2)
    return model, values(model)


@pytest.fixture
def target(built: tuple[DetectionModel, dict[str, np.ndarray]]) -> DetectionModel:
    """As it was initialised."""
    model, initial = built
    for path, variable in variables_by_path(model).items():
        variable.assign(initial[path])
    return model
