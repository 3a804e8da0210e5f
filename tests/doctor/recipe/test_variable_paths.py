# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The paths that are known without a model hold all that a model has."""

from __future__ import annotations

from pathlib import Path

import pytest

from efficientdet.builders.model import build_model
from efficientdet.config import load_config
from efficientdet.doctor.recipe.settings import read_model
from efficientdet.doctor.recipe.variable_paths import variable_paths
from efficientdet.training.variable_rules import trainable_by_path

_PIPELINES = Path(__file__).resolve().parents[3] / "pipelines"


@pytest.mark.slow
@pytest.mark.parametrize("stem", ["tfod_d0_coco", "automl_d7x_coco", "efficientdet_lite0_bccd", "ssd300_vgg16_voc"])
def test_no_variable_is_unknown(stem: str) -> None:
    config = load_config(_PIPELINES / f"{stem}.config")
    assert set(trainable_by_path(build_model(config))) <= set(variable_paths(read_model(config.proto)))


def test_parts_of_them() -> None:
    paths = variable_paths(read_model(load_config(_PIPELINES / "efficientdet_lite0_bccd.config").proto))
    assert {path.split("/")[0] for path in paths} == {"backbone", "fpn", "heads"}
    assert "backbone/blocks/15/project/kernel" in paths
    assert "heads/classes/norms/4/2/beta" in paths
    assert "heads/classes/convs/3/bias" not in paths  # three layers
