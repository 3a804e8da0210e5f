# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The table of published recipes says what pipelines/ says, and no published config deviates from it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from efficientdet.config import load_config
from efficientdet.doctor.findings import Severity, exit_code
from efficientdet.doctor.recipe import check_recipe
from efficientdet.doctor.recipe.published import RECIPES, PublishedRecipe
from efficientdet.doctor.recipe.settings import read_model, read_training

_PIPELINES = Path(__file__).resolve().parents[3] / "pipelines"
_PUBLISHED = [
    *sorted(_PIPELINES.glob("tfod_*.config")),
    *sorted(_PIPELINES.glob("automl_*.config")),
    _PIPELINES / "nvidia_d0_coco.config",
    _PIPELINES / "ssd300_vgg16_voc.config",
]
_SMALL_DATA = sorted(_PIPELINES.glob("efficientdet_lite0_*.config"))


def _name(recipe: PublishedRecipe) -> str:
    """The stem of its config: "google/automl Lite3x" is automl_lite3x_coco."""
    if recipe.name == "SSD300":
        return "ssd300_vgg16_voc"
    return f"{recipe.name.lower().removeprefix('google/').replace(' ', '_')}_coco"


def test_each_recipe_has_its_config_and_each_config_its_recipe() -> None:
    assert sorted(_name(recipe) for recipe in RECIPES) == sorted(path.stem for path in _PUBLISHED)


@pytest.mark.parametrize("recipe", RECIPES, ids=_name)
def test_the_table_says_what_the_config_says(recipe: PublishedRecipe) -> None:
    path = _PIPELINES / f"{_name(recipe)}.config"
    proto = load_config(path).proto
    assert read_model(proto) == recipe.model
    assert read_training(proto) == recipe.training
    figure = float(recipe.precision.split()[1])  # "AP 45.4 on COCO val2017"
    assert figure in map(float, re.findall(r"A?m?A?P (\d+\.\d+)", path.read_text(encoding="utf-8")))


def test_the_budgets() -> None:
    by_name = {recipe.name: recipe for recipe in RECIPES}
    assert by_name["TFOD D3"].images == 38_400_000
    assert round(by_name["TFOD D3"].epochs) == 325
    assert by_name["TFOD D3"].rate_per_image == 0.000625
    assert by_name["google/automl D0"].rate_per_image == 0.00125
    assert round(by_name["google/automl D7x"].epochs) == 600


@pytest.mark.parametrize("path", _PUBLISHED, ids=lambda path: path.stem)
def test_a_published_config_does_not_deviate(path: Path) -> None:
    part = check_recipe(load_config(path))
    assert exit_code([part]) == 0
    assert part.verdict.startswith("The published recipe of ")
    assert {finding.code for finding in part.findings} == {"unconfigured"}
    assert [row for row in part.tables[0].rows if row[3] not in ("", 1.0)] == []


def test_the_zoos_configs_do_not_deviate(shared: Path) -> None:
    paths = sorted((shared / "configs" / "tfod_zoo").glob("*.config"))
    parts = {path.stem: check_recipe(load_config(path)) for path in paths}
    assert len(parts) == 8
    assert exit_code(parts.values()) == 0
    assert {finding.code for part in parts.values() for finding in part.findings} == {
        "unconfigured",
        "done-differently",
    }
    assert [part.verdict.split()[5][:-1] for part in parts.values()] == [f"D{size}" for size in range(8)]


@pytest.mark.parametrize("path", _SMALL_DATA, ids=lambda path: path.stem)
@pytest.mark.parametrize("num_images", [None, 205, 300])
def test_small_data_that_trains_is_left_alone(path: Path, num_images: int | None) -> None:
    part = check_recipe(load_config(path), num_images=num_images)
    assert [finding.code for finding in part.findings if finding.severity > Severity.NOTE] == []
    assert part.verdict == "Nothing in the recipe speaks against it."
