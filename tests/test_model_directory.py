# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The folder of a run."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from efficientdet.config import PipelineConfig, load_config
from efficientdet.errors import ConfigError
from efficientdet.model_directory import claim
from tests.end_to_end.tiny import CONFIG


def _config(*overrides: str) -> PipelineConfig:
    return load_config(CONFIG, overrides)


def _without_seed(*overrides: str) -> PipelineConfig:
    config = _config(*overrides)
    config.proto.train_config.ClearField("seed")
    return config


def test_a_fresh_folder_gets_the_resolved_config(tmp_path: Path) -> None:
    claim(tmp_path / "run", _config("train_config { batch_size: 4 }"))
    written = load_config(tmp_path / "run" / "pipeline.config").proto
    assert written.train_config.batch_size == 4
    assert written.model.ssd.feature_extractor.HasField("survival_probability")  # filled by the lineage


def test_a_drawn_seed_is_kept_for_the_resume(tmp_path: Path) -> None:
    first = claim(tmp_path, _without_seed()).proto.train_config.seed
    assert claim(tmp_path, _without_seed()).proto.train_config.seed == first


def test_another_recipe_may_go_on_and_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    claim(tmp_path, _config())
    with caplog.at_level(logging.INFO, logger="efficientdet"):
        claim(tmp_path, _config("train_config { batch_size: 4 }"))
    assert "train_config.batch_size: 8 -> 4" in caplog.text


@pytest.mark.parametrize(
    ("override", "difference"),
    [
        ("model { ssd { num_classes: 7 } }", "model.ssd.num_classes: 5 -> 7"),
        (
            "model { ssd { anchor_generator { multiscale_anchor_generator { anchor_scale: 4 } } } }",
            "anchor_scale: 3.0 -> 4",
        ),
        (
            "model { ssd { box_predictor { weight_shared_convolutional_box_predictor { depth: 32 } } } }",
            "weight_shared_convolutional_box_predictor.depth: 64 -> 32",
        ),
    ],
)
def test_another_model_is_refused(tmp_path: Path, override: str, difference: str) -> None:
    claim(tmp_path, _config())
    before = (tmp_path / "pipeline.config").read_text()
    with pytest.raises(ConfigError, match="holds a run of another model") as raised:
        claim(tmp_path, _config(override))
    assert difference in str(raised.value)
    assert (tmp_path / "pipeline.config").read_text() == before


def test_the_runs_own_config_is_not_rewritten_when_it_is_the_one_given(tmp_path: Path) -> None:
    claim(tmp_path, _config())
    path = tmp_path / "pipeline.config"
    path.write_text("# my note\n" + path.read_text())
    claim(tmp_path, load_config(path))
    assert path.read_text().startswith("# my note\n")
