# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The lines that a training begins with."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from efficientdet.config import load_config
from efficientdet.doctor.preflight import preflight_lines

_PIPELINES = Path(__file__).resolve().parents[2] / "pipelines"


@pytest.mark.parametrize("stem", ["tfod_d0_coco", "automl_lite0_coco", "efficientdet_lite0_bccd"])
def test_a_clean_config_says_nothing(stem: str) -> None:
    assert preflight_lines(load_config(_PIPELINES / f"{stem}.config")) == []


def test_the_worst_comes_first_with_its_place(shared: Path) -> None:
    path = shared / "configs" / "d3_14_percent.config"
    config = load_config(path)
    started = time.perf_counter()
    lines = preflight_lines(config)
    assert time.perf_counter() - started < 0.3
    assert len(lines) == 5
    assert lines[0] == (
        f"{path}:174: 1 of 100 shards of the training data is read "
        '(fix: input_path: "/DATASETS/COCO/coco_train.record-?????-of-00100")'
    )
    assert "1 of 50 shards of the evaluation data" in lines[-1]


def test_more_than_five_are_counted(shared: Path) -> None:
    path = shared / "configs" / "d3_14_percent.config"
    config = load_config(path, ["train_config { data_augmentation_options: [] fine_tune_checkpoint: '' }"])
    lines = preflight_lines(config)
    assert len(lines) == 5
    assert lines[-1] == f"3 more: efficientdet doctor recipe {path}"
