# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is said of the files that a config names; by both checks that read them in the same words."""

from __future__ import annotations

from pathlib import Path

import pytest

from efficientdet.config import PipelineConfig, parse_config
from efficientdet.data.label_map import Label, write_label_map
from efficientdet.data.record_encoding import frame_record
from efficientdet.doctor.cost import DATA, USELESS, price
from efficientdet.doctor.findings import Finding, Severity
from efficientdet.doctor.label_maps import label_findings, read_label_maps
from efficientdet.doctor.record_findings import record_findings
from efficientdet.doctor.record_sets import readers_of

_READER = '{} {{\n  name: "{}" label_map_path: "{}"\n  tf_record_input_reader {{\n    input_path: "{}"\n  }}\n}}\n'


def _config(train: str, *evaluated: str, label_map: str = "labels.pbtxt") -> PipelineConfig:
    """The training's input_path is in line 4, that of the first evaluation in line 10."""
    readers = [("train_input_reader", train), *(("eval_input_reader", path) for path in evaluated)]
    return parse_config("".join(_READER.format(name, path, label_map, path) for name, path in readers), "my.config")


def _findings(config: PipelineConfig, must_exist: bool = True) -> dict[str, Finding]:
    return {finding.code: finding for finding in record_findings(config, "data", must_exist=must_exist)}


def _write(path: Path, count: int) -> None:
    path.write_bytes(b"".join(part for _ in range(count) for part in frame_record(b"abc")))


def test_nothing_is_said_of_files_that_are_there(tmp_path: Path) -> None:
    _write(tmp_path / "a.record", 3)
    for index in range(2):
        _write(tmp_path / f"b.record-{index:05d}-of-00002", 1)
    (tmp_path / "labels.pbtxt").touch()
    labels = str(tmp_path / "labels.pbtxt")
    config = _config(f"{tmp_path}/a.record", f"{tmp_path}/b.record-*", label_map=labels)
    assert [(reader.path, reader.is_training, len(reader.files.files)) for reader in readers_of(config)] == [
        ("train_input_reader", True, 1), ("eval_input_reader[0]", False, 2),
    ]  # fmt: skip
    assert _findings(config) == {}


@pytest.mark.parametrize(
    ("pattern", "severity"),
    [
        ("/no/a-00000-of-00100", Severity.ERROR),
        ("/no/a-00000-of-00011", Severity.ERROR),
        ("/no/a-00000-of-00010", Severity.WARNING),  # a tenth
        ("/no/a-0000[0-4]-of-00010", Severity.WARNING),
    ],
)
def test_shards_that_training_does_not_read(pattern: str, severity: Severity) -> None:
    for must_exist in (False, True):
        finding = _findings(_config(pattern), must_exist)["shards-missing"]
        assert finding.severity == severity
        assert finding.cases[0].where == "my.config:4"
    assert finding.cost == price(DATA, readers_of(_config(pattern))[0].files.share)


def test_shards_that_evaluation_does_not_read_cost_the_figure_alone() -> None:
    finding = _findings(_config("/no/a", "/no/b-00000-of-00050"))["eval-shards-missing"]
    assert (finding.severity, finding.cases[0].where) == (Severity.WARNING, "my.config:10")
    assert finding.title == "1 of 50 shards of the evaluation data is read"


def test_the_number_of_images_is_told_where_it_is_known(tmp_path: Path) -> None:
    _write(tmp_path / "a-00000-of-00004", 7)
    config = _config(f"{tmp_path}/a-*-of-00004", "/no/b-00000-of-00050")
    assert "25 % of the data (about 7 images) is" in _findings(config)["shards-missing"].why
    given = list(record_findings(config, "recipe", must_exist=False, images={"eval_input_reader[0]": 100}))
    assert "AP of 100 images is uncertain by 2.4 points" in given[1].why


@pytest.mark.parametrize(("must_exist", "severity"), [(True, Severity.ERROR), (False, Severity.NOTE)])
def test_paths_that_lead_nowhere(must_exist: bool, severity: Severity) -> None:
    found = _findings(_config("/no/train.record", "PATH_TO_BE_CONFIGURED/val", label_map=""), must_exist)
    assert found["files-missing"].title == "1 path leads nowhere on this machine"
    assert [(case.where, case.detail) for case in found["files-missing"].cases] == [("my.config:4", "/no/train.record")]
    assert found["unconfigured"].title == "3 paths are still to be set"
    assert [case.where for case in found["unconfigured"].cases] == ["my.config:2", "my.config:10", "my.config:8"]
    assert {finding.severity for finding in found.values()} == {severity}


def test_files_without_a_record(tmp_path: Path) -> None:
    (tmp_path / "a.record").touch()
    finding = _findings(_config(f"{tmp_path}/a.record"))["no-images"]
    assert (finding.severity, finding.cost) == (Severity.ERROR, USELESS)


def test_trained_and_evaluated_on(tmp_path: Path) -> None:
    _write(tmp_path / "a.record", 1)
    (tmp_path / "b.record").symlink_to(tmp_path / "a.record")
    finding = _findings(_config(f"{tmp_path}/a.record", f"{tmp_path}/b.*"))["files-overlap"]
    assert (finding.severity, finding.cases[0].where) == (Severity.ERROR, "my.config:10")
    assert finding.cases[0].detail == f"{tmp_path}/b.record is trained on as well"
    beside = _findings(_config("/no/a", "/no/a", "/no/held-out"))["files-overlap"]
    assert beside.severity == Severity.NOTE


def test_label_maps(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("one", "two", "bad")]
    write_label_map([Label(1, "cat"), Label(2, "dog")], paths[0])
    write_label_map([Label(1, "dog"), Label(2, "cat")], paths[1])
    paths[2].write_text("item { id: 0 name: 'cat' }")
    readers = ["train_input_reader", "eval_input_reader", "eval_input_reader"]
    text = "".join(_READER.format(name, path, path, "/no") for name, path in zip(readers, paths, strict=True))
    config = parse_config(text, "my.config")
    maps = read_label_maps(config)
    assert maps.first is not None
    assert list(maps.first.id_of) == ["cat", "dog"]
    found = list(label_findings(config, maps, "data"))
    assert [(finding.code, finding.cases[0].where) for finding in found] == [
        ("label-map-unreadable", "my.config:14"), ("num-classes", "my.config"), ("label-maps-differ", "my.config:8"),
    ]  # fmt: skip
    assert {finding.severity for finding in found} == {Severity.ERROR}
