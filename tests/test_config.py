# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from efficientdet.config import (
    format_config,
    load_config,
    parse_config,
    validate,
    with_seed,
    write_config,
)
from efficientdet.config_checks import Purpose
from efficientdet.errors import ConfigError
from efficientdet.protos import train_pb2

_TRAINING = "train_config { optimizer { adam_optimizer { learning_rate { constant_learning_rate {} } } } num_steps: 9 }"
_READER = "{ label_map_path: 'map.pbtxt' tf_record_input_reader { input_path: 'a.record' } }"


def _configs(shared: Path) -> list[Path]:
    return sorted((shared / "configs").rglob("*.config"))


@pytest.fixture
def d0(shared: Path) -> str:
    return (shared / "configs/tfod_zoo/ssd_efficientdet_d0_512x512_coco17_tpu-8.config").read_text()


def test_all_reference_configs_load_unchanged(shared: Path) -> None:
    paths = _configs(shared)
    assert len(paths) == 10
    for path in paths:
        config = load_config(path)
        assert config.proto.model.ssd.num_classes == 90
        assert config.proto.model.ssd.feature_extractor.type.startswith("ssd_efficientnet-b")
        assert any("sync_replicas (true)" in note for note in config.notes)
        validate(config, "export")


def test_values_and_separators_are_read_as_written(shared: Path) -> None:
    proto = load_config(shared / "configs" / "d3_14_percent.config").proto
    batch_norm = proto.model.ssd.feature_extractor.conv_hyperparams.batch_norm
    assert (batch_norm.scale, round(batch_norm.decay, 6), round(batch_norm.epsilon, 6)) == (True, 0.99, 0.001)
    assert proto.eval_config.batch_size == 1
    assert list(proto.model.ssd.anchor_generator.multiscale_anchor_generator.aspect_ratios) == [1.0, 2.0, 0.5]
    schedule = proto.train_config.optimizer.momentum_optimizer.learning_rate.cosine_decay_learning_rate
    assert schedule.warmup_learning_rate == pytest.approx(0.001)
    assert proto.train_config.fine_tune_checkpoint_version == train_pb2.V2


@pytest.mark.parametrize("name", ["efficientdet.config", "efficientdet"])
def test_importing_is_quick_and_leaves_tensorflow_alone(name: str) -> None:
    code = (
        f"import sys, {name}; from efficientdet import load_config\n"
        "heavy = {'tensorflow', 'tf_keras', 'keras', 'numpy', 'PIL'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=20)


def test_where_falls_back_to_the_enclosing_message_and_to_the_file(d0: str) -> None:
    config = parse_config(d0, "pipelines/x.config")
    line = 1 + d0.split("\n").index("  batch_size: 128")
    assert config.where("train_config.batch_size") == f"pipelines/x.config:{line}"
    opening = 1 + d0.split("\n").index("train_config: {")
    assert config.where("train_config.gradient_clipping_by_norm") == f"pipelines/x.config:{opening}"
    assert config.where("graph_rewriter.quantization.delay") == "pipelines/x.config"
    assert config.where("eval_input_reader[0].name") == config.where("eval_input_reader")


def test_error_names_place_value_and_rule(d0: str) -> None:
    config = parse_config(d0, "x.config", ["train_config { batch_size: 6 }"])
    assert str(config.error("train_config.batch_size", "must be divisible by the 4 replicas")) == (
        "--override[0]:1: train_config.batch_size (6) must be divisible by the 4 replicas"
    )
    assert "train_config.gradient_clipping_by_norm (default 0.0) is bad" in str(
        config.error("train_config.gradient_clipping_by_norm", "is bad")
    )
    assert str(config.error("", "is empty")) == "x.config: the config is empty"
    ratios = "model.ssd.anchor_generator.multiscale_anchor_generator.aspect_ratios"
    assert f"{ratios} ([1.0, 2.0, 0.5]) x" in str(config.error(ratios, "x"))
    assert f"{ratios}[1] (2.0) x" in str(config.error(f"{ratios}[1]", "x"))
    assert 'type ("ssd_efficientnet-b0_bifpn_keras") x' in str(config.error("model.ssd.feature_extractor.type", "x"))
    assert str(config.error("model.ssd", "x")).endswith(": model.ssd x")


def test_all_errors_are_reported_at_once_in_the_order_of_the_text() -> None:
    text = "eval_config { batch_size: 0 }\ntrain_config {\n  merge_multiple_label_boxes: true\n  batch_size: 0\n}\n"
    with pytest.raises(ConfigError) as error:
        parse_config(text, "x.config")
    assert str(error.value).split("\n") == [
        "x.config:1: eval_config.batch_size (0) must be at least 1",
        "x.config:3: train_config.merge_multiple_label_boxes (true) is not supported: each box has one class",
        "x.config:4: train_config.batch_size (0) must be at least 1",
    ]


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.config: cannot be read: No such file"):
        load_config(tmp_path / "nowhere.config")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path)
    (tmp_path / "latin.config").write_bytes(b"# caf\xe9\n")
    with pytest.raises(ConfigError, match="not a text file: byte 5 is not UTF-8"):
        load_config(tmp_path / "latin.config")


def test_written_config_reads_back_to_the_same_message(shared: Path, tmp_path: Path) -> None:
    for path in _configs(shared):
        config = load_config(path, ["train_config { batch_size: 6 seed: 7 }", "lineage: AUTOML"])
        write_config(config, tmp_path / "model" / "pipeline.config")
        again = load_config(tmp_path / "model" / "pipeline.config")
        assert again.proto == config.proto
        assert format_config(again).split("\n")[1:] == format_config(config).split("\n")[1:]
        assert len(again.notes) <= len(config.notes)  # of what the lineage has filled in nothing is said
    assert os.listdir(tmp_path / "model") == ["pipeline.config"]
    assert (tmp_path / "model" / "pipeline.config").stat().st_mode & 0o777 == 0o644
    text = (tmp_path / "model" / "pipeline.config").read_text()
    assert "lineage: AUTOML" in text
    assert "survival_probability: 0.8" in text


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    d0: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "pipeline.config"
    target.write_text("old")

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write_config(parse_config(d0, "x.config"), target)
    assert os.listdir(tmp_path) == ["pipeline.config"]
    assert target.read_text() == "old"


def test_seed_is_drawn_once_and_only_if_unset(d0: str) -> None:
    config = parse_config(d0, "x.config")
    first, second = with_seed(config), with_seed(config)
    assert first.proto.train_config.seed != second.proto.train_config.seed
    assert not config.proto.train_config.HasField("seed")
    assert with_seed(first) is first


def test_a_copy_has_a_message_of_its_own(d0: str) -> None:
    config = parse_config(d0, "x.config")
    copy = config.copy()
    assert copy == config
    copy.proto.train_config.batch_size = 3
    assert config.proto.train_config.batch_size == 128
    assert copy.where("train_config.batch_size") == config.where("train_config.batch_size")


def test_fine_tune_type_is_what_tfod_reads_into_an_empty_one() -> None:
    config = parse_config("train_config { fine_tune_checkpoint: 'a' }", "x")
    assert config.proto.train_config.fine_tune_checkpoint_type == "classification"
    config = parse_config("train_config { fine_tune_checkpoint: 'a' from_detection_checkpoint: true }", "x")
    assert config.proto.train_config.fine_tune_checkpoint_type == "detection"
    assert any("fine_tune_checkpoint_type" in note for note in config.notes)
    assert not parse_config("train_config {}", "x").proto.train_config.fine_tune_checkpoint_type


def test_fine_tune_is_detection_by_another_name() -> None:
    config = parse_config("train_config { fine_tune_checkpoint: 'a' fine_tune_checkpoint_type: 'fine_tune' }", "x")
    assert config.notes == (
        'x:1: train_config.fine_tune_checkpoint_type ("fine_tune"): restores backbone and pyramid, as detection does '
        "(TFOD knows it for CenterNet)",
    )


def test_decays_that_do_not_fit_the_training_are_noted() -> None:
    rate = "optimizer { adam_optimizer { learning_rate { polynomial_decay_learning_rate { total_steps: %d } } } }"
    path = "train_config.optimizer.adam_optimizer.learning_rate.polynomial_decay_learning_rate.total_steps"
    (note,) = parse_config(f"train_config {{ num_steps: 12000 {rate % 11000} }}", "x").notes
    assert note == f"x:1: {path} (11000): differs from train_config.num_steps (12000): the rate is 0 after it"
    assert parse_config(f"train_config {{ num_steps: 12000 {rate % 12000} }}", "x").notes == ()


def test_crowds_stay_in_evaluation() -> None:
    (note,) = parse_config("eval_input_reader { tf_record_input_reader {} skip_crowd: true }", "x").notes
    assert note.startswith("x:1: eval_input_reader[0].skip_crowd (true): evaluation keeps crowds")


def test_max_number_of_boxes_of_training_wins_with_a_note() -> None:
    text = f"train_config {{ max_number_of_boxes: 50 }} train_input_reader {_READER}"
    config = parse_config(text, "x")
    assert config.proto.train_input_reader.max_number_of_boxes == 50
    assert config.notes == (
        "x:1: train_config.max_number_of_boxes (50): is used instead of train_input_reader.max_number_of_boxes (100)",
    )
    assert not parse_config("train_config { max_number_of_boxes: 50 }", "x").proto.HasField("train_input_reader")


def test_validate_demands_what_the_purpose_needs_and_no_more(d0: str) -> None:
    zoo = parse_config(d0, "x.config")
    validate(zoo, "export")
    with pytest.raises(ConfigError) as error:
        validate(zoo, "train")
    assert [line.split(" ")[1] for line in str(error.value).split("\n")] == [
        "train_config.fine_tune_checkpoint",
        "train_input_reader.label_map_path",
        "train_input_reader.tf_record_input_reader.input_path[0]",
    ]
    assert "PATH_TO_BE_CONFIGURED" in str(error.value)
    with pytest.raises(ConfigError, match=r"eval_input_reader\[0\]\.label_map_path"):
        validate(zoo, "eval")
    ready = parse_config(
        d0,
        "x.config",
        ["train_config { fine_tune_checkpoint: '' }", f"train_input_reader {_READER} eval_input_reader {_READER}"],
    )
    validate(ready, "train")
    validate(ready, "eval")


@pytest.mark.parametrize(
    ("text", "purpose", "message"),
    [
        ("", "export", "x: model.ssd must be set"),
        (f"{_TRAINING}", "train", "x: train_input_reader must be set"),
        ("train_config { num_steps: 3 }", "train", "x:1: train_config.optimizer must be set"),
        ("train_config {}", "train", r"x:1: train_config.num_steps \(default 0\) must be positive"),
        ("", "eval", "x: eval_input_reader must be set"),
        (
            "eval_input_reader { label_map_path: 'a' tf_record_input_reader {} }",
            "eval",
            r"x:1: eval_input_reader\[0\].tf_record_input_reader.input_path \(\[\]\) must name at least one",
        ),
        (
            "eval_input_reader { tf_record_input_reader { input_path: '' } }",
            "eval",
            r"x:1: eval_input_reader\[0\].label_map_path \(default \"\"\) must be set",
        ),
    ],
)
def test_validate_errors(text: str, purpose: Purpose, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(parse_config(text, "x"), purpose)
