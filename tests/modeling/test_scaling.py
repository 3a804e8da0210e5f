# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The published sizes: every model has as many parameters as its reference implementation uses."""

from __future__ import annotations

import math

import pytest

from efficientdet.modeling.efficientdet import build_published
from efficientdet.modeling.efficientnet import Endpoints
from efficientdet.modeling.scaling import AUTOML_MODELS, BACKBONES, MODELS

# All and trainable parameters in use, 90 classes; counted in the TensorFlow Object Detection API and in google/automl.
_TFOD = {
    "d0": (3_927_203, 3_880_067),
    "d1": (5_125_434, 5_062_298),
    "d2": (6_280_743, 6_208_119),
    "d3": (9_891_656, 9_787_336),
    "d4": (17_830_139, 17_674_475),
    "d5": (25_901_443, 25_700_675),
    "d6": (42_101_174, 41_819_142),
    "d7": (42_101_174, 41_819_142),
}
_AUTOML = {
    "d0": (3_927_203, 3_880_067),
    "d1": (6_697_354, 6_625_898),
    "d2": (8_178_815, 8_097_039),
    "d3": (12_146_600, 12_032_296),
    "d4": (20_890_987, 20_723_675),
    "d5": (33_880_707, 33_653_315),
    "d6": (52_183_766, 51_871_782),
    "d7": (52_183_766, 51_871_782),
    "d7x": (77_564_894, 77_147_166),
    "lite0": (3_290_606, 3_243_470),
    "lite1": (4_311_390, 4_248_318),
    "lite2": (5_324_894, 5_252_334),
    "lite3": (8_455_054, 8_350_862),
    "lite3x": (9_392_574, 9_280_862),
    "lite4": (15_286_398, 15_130_894),
}
_QUICK = {"d1", "lite0", "lite3x"}
_CASES = [
    pytest.param(size, endpoints, counts, id=f"{size}-{endpoints}", marks=[] if size in _QUICK else pytest.mark.slow)
    for endpoints, table in (("b0_layer_names", _TFOD), ("last_block", _AUTOML))
    for size, counts in table.items()
]


@pytest.mark.parametrize(("size", "endpoints", "counts"), _CASES)
def test_parameters_in_use(size: str, endpoints: Endpoints, counts: tuple[int, int]) -> None:
    model = build_published(size, endpoints=endpoints)
    assert counts == tuple(
        sum(math.prod(variable.shape) for variable in variables)
        for variables in (model.weights, model.trainable_weights)
    )


def test_the_tables_fit_together() -> None:
    assert all(row.backbone in BACKBONES for row in MODELS.values())
    assert {size for size in MODELS if MODELS[size] != AUTOML_MODELS[size]} == {"d6", "d7"}
    assert (MODELS["d6"].image_size, AUTOML_MODELS["d6"].image_size) == (1408, 1280)
    assert (MODELS["d7"].anchor_scale, AUTOML_MODELS["d7"].anchor_scale) == (4.0, 5.0)
    assert all(row.image_size % 64 == 0 for row in MODELS.values())
