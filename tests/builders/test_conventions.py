# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What configs and weight files say of the meaning of their numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from efficientdet.builders.conventions import (
    LABEL_MAP_COPY,
    copy_label_map,
    model_conventions,
    reader_labels,
    source_conventions,
)
from efficientdet.config import PipelineConfig, load_config, write_config
from efficientdet.data.label_map import Label, write_label_map
from efficientdet.ops.box_coder import BoxScales
from efficientdet.weights import ours
from efficientdet.weights.layout import Contents, Conventions, WeightFile
from tests.end_to_end.tiny import CONFIG
from tests.weights.toy_detector_files import ToyLayout

_MODEL = Conventions("b0_layer_names", "scale_major", BoxScales(1.0, 1.0, 1.0, 1.0), {0: "of the model"})
_THEIRS = Conventions("last_block", "aspect_major", BoxScales(10.0, 10.0, 5.0, 5.0))


def _config(first: str, second: str) -> PipelineConfig:
    readers = f"train_input_reader {{ label_map_path: '{first}' }} eval_input_reader {{ label_map_path: '{second}' }}"
    return load_config(CONFIG, [readers])


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    write_label_map([Label(1, "a"), Label(2, "b")], tmp_path / "labels.pbtxt")
    return tmp_path / "labels.pbtxt"


def _contents(path: Path) -> Contents:
    return Contents(str(path), "object-based checkpoint", {}, {}.__getitem__)


def _of_ours(path: Path) -> WeightFile:
    return WeightFile(_contents(path), ours.CheckpointLayout())


def _of_others(path: Path, conventions: Conventions | None = _THEIRS) -> WeightFile:
    return WeightFile(_contents(path), ToyLayout(conventions=conventions))


def test_labels_come_from_the_first_map_that_can_be_read(labels: Path) -> None:
    assert reader_labels(_config("/nowhere", str(labels))) == ({0: "a", 1: "b"}, "")
    assert reader_labels(_config("/nowhere", "/nowhere")) == (
        None, "label_map_path '/nowhere': No such file or directory",
    )  # fmt: skip
    assert reader_labels(_config("", "")) == (None, "no label map is set")


def test_a_config_says_what_its_model_means() -> None:
    assert model_conventions(_config("", ""), {0: "a"})[:4] == (*_THEIRS[:3], {0: "a"})
    assert model_conventions(_config("", ""), None).why_unlabelled == "no label map is set"


def test_codes_of_corners_have_one_scale() -> None:
    coder = "model { ssd { box_coder { mean_stddev_box_coder { stddev: 0.125 } } } }"
    found = model_conventions(load_config(CONFIG, [coder]), None)
    assert (found.box_scales, found.box_codes) == (BoxScales(8, 8, 8, 8), "corners")
    assert model_conventions(load_config(CONFIG), None).box_codes == "centers and sizes"


@pytest.mark.parametrize("checkpoint", ["ckpt-0", "checkpoint/ckpt-0", "saved_model/variables/variables"])
def test_of_ours_the_config_beside_it_is_believed(tmp_path: Path, labels: Path, checkpoint: str) -> None:
    assert source_conventions(_of_ours(tmp_path / checkpoint), _MODEL) == _MODEL._replace(
        labels=None, why_unlabelled="nothing beside the file names its classes", is_assumed=True
    )
    write_config(_config("", ""), tmp_path / "pipeline.config")
    found = source_conventions(_of_ours(tmp_path / checkpoint), _MODEL)
    assert found == _THEIRS._replace(why_unlabelled=f"{tmp_path / 'pipeline.config'}: no label map is set")
    write_config(_config(str(labels), ""), tmp_path / "pipeline.resolved.config")  # comes first
    found = source_conventions(_of_ours(tmp_path / checkpoint), _MODEL)
    assert found[:4] == (*_THEIRS[:3], {0: "a", 1: "b"})
    (tmp_path / "pipeline.resolved.config").write_text("model { typo: 1 }")
    assert source_conventions(_of_ours(tmp_path / checkpoint), _MODEL).is_assumed


def test_of_others_a_config_names_the_classes_that_they_do_not(tmp_path: Path, labels: Path) -> None:
    checkpoint = tmp_path / "ckpt-0"
    assert source_conventions(_of_others(checkpoint), _MODEL) == _THEIRS
    write_config(_config(str(labels), ""), tmp_path / "pipeline.config")
    assert source_conventions(_of_others(checkpoint), _MODEL).labels == {0: "a", 1: "b"}
    coco = _THEIRS._replace(labels={0: "person"})
    assert source_conventions(_of_others(checkpoint, coco), _MODEL) == coco
    assert source_conventions(_of_others(checkpoint, None), _MODEL).is_assumed


def test_what_a_user_says_comes_first(tmp_path: Path, labels: Path) -> None:
    write_config(_config(str(labels), ""), tmp_path / "pipeline.config")
    coco = _of_others(tmp_path / "ckpt-0", _THEIRS._replace(labels={0: "person"}))
    for file in (_of_ours(tmp_path / "ckpt-0"), _of_others(tmp_path / "ckpt-0"), coco):
        assert source_conventions(file, _MODEL, {0: "x"}).labels == {0: "x"}


def test_the_copy_beside_a_config_outlives_an_edit_of_the_label_map(tmp_path: Path, labels: Path) -> None:
    config = _config(str(labels), "")
    (tmp_path / "run").mkdir()
    write_config(config, tmp_path / "run" / "pipeline.config")
    copy_label_map(config, tmp_path / "run")
    write_label_map([Label(1, "b"), Label(2, "a")], labels)
    assert source_conventions(_of_ours(tmp_path / "run" / "ckpt-1"), _MODEL).labels == {0: "a", 1: "b"}
    copy_label_map(_config("/none", ""), tmp_path)  # nothing to keep
    assert not (tmp_path / LABEL_MAP_COPY).exists()
