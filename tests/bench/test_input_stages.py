# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format

from efficientdet.bench.input_report import Stage
from efficientdet.bench.input_stages import _stages, measure_stages, step_names
from efficientdet.config import load_config, with_seed
from efficientdet.protos.train_pb2 import TrainConfig
from tests.end_to_end.tiny import CONFIG, SIZE, data_override, draw_records


def test_augmentations_go_by_their_names() -> None:
    steps = text_format.Parse(
        "data_augmentation_options { random_horizontal_flip {} } data_augmentation_options { random_rgb_to_gray {} } "
        "data_augmentation_options { random_horizontal_flip {} }",
        TrainConfig(),
    ).data_augmentation_options
    assert step_names(steps) == ["random_horizontal_flip (1)", "random_rgb_to_gray", "random_horizontal_flip (2)"]
    assert step_names([]) == []


def test_a_stage_costs_what_its_pipeline_takes_more() -> None:
    totals = {"reading": 0.5, "decoding": 2.0, "parsing": 3.0, "flip": 2.75, "batching": 4.0, "matching": 5.5}
    assert list(_stages(totals)) == [
        Stage("reading", 0.5),
        Stage("decoding", 2.0),
        Stage("parsing", 0.5),
        Stage("flip", 0.0),  # noise: a stage cannot give time back
        Stage("batching", 1.0),
        Stage("matching", 1.5),
    ]


@pytest.mark.slow
def test_the_stages_of_a_config(tmp_path: Path) -> None:
    draw_records(tmp_path, num_train=4, num_val=1)
    config = with_seed(load_config(str(CONFIG), [SIZE, data_override(tmp_path)]))
    figures = measure_stages(config, tmp_path, 60)
    names = ["reading", "decoding", "parsing", "random_horizontal_flip", "random_scale_crop_and_pad_to_square"]
    assert [stage.name for stage in figures.stages] == [*names, "resizing and normalising", "batching", "matching"]
    assert figures.images == 60
    assert figures.images_per_second > 0
    assert 0 <= figures.milliseconds < 1000  # small pictures, and noise
