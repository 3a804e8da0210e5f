# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Evaluation readers: how many there may be, and where the results of each go."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from efficientdet.builders.evaluation import build_eval_inputs
from efficientdet.builders.input import build_preprocessor
from efficientdet.errors import ConfigError
from tests.fields.scored_pictures import Batches, assign, build_config, evaluate, reader_text, write_records


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_records(tmp_path_factory.mktemp("records"))


def _several(records: Path, first: str, second: str) -> str:
    return f"eval_input_reader: [{reader_text(records, first, 'one')}, {reader_text(records, second)}]"


@pytest.mark.field("TrainEvalPipelineConfig.eval_input_reader", "InputReader.name")
def test_each_reader_has_its_own_results(records: Path, tmp_path: Path) -> None:
    places = f'export_path: "{tmp_path}/found.json" visualization_export_dir: "{tmp_path}/pictures"'
    config = build_config(
        records, _several(records, "../voc 07", "all"), f"eval_config {{ num_visualizations: 1 {places} }}"
    )
    inputs = build_eval_inputs(config, build_preprocessor(config), assign)
    assert evaluate(config, tmp_path, inputs=inputs).images == 1  # of the first
    counts = {
        path.parent.name: json.loads(path.read_text())["images"] for path in (tmp_path / "eval").glob("*/metrics.jsonl")
    }
    assert counts == {"_._voc_07": 1, "all": 3}
    assert {path.name for path in tmp_path.iterdir()} == {"eval", "pictures", "found-_._voc_07.json", "found-all.json"}
    assert {path.name for path in (tmp_path / "pictures").iterdir()} == {"_._voc_07", "all"}


@pytest.mark.field("InputReader.name")
@pytest.mark.parametrize(("name", "folder"), [("", "eval"), ("val", "eval/val"), ("..", "eval/_.")])
def test_where_the_results_of_one_reader_go(records: Path, tmp_path: Path, name: str, folder: str) -> None:
    evaluate(build_config(records, f"eval_input_reader {reader_text(records, name)}"), tmp_path)
    assert [str(path.parent.relative_to(tmp_path)) for path in tmp_path.rglob("metrics.jsonl")] == [folder]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("a/b", "a:b", r'--override\[2\]:1: eval_input_reader\[1\].name \("a:b"\) names the same folder, .a_b., as'),
        ("a", "a", r"eval_input_reader\[1\].name .* must be set, and set apart"),
        ("a", "", r"eval_input_reader\[1\].name .* must be set, and set apart"),
    ],
)
def test_readers_that_cannot_be_told_apart(
    records: Path, tmp_path: Path, first: str, second: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        evaluate(build_config(records, _several(records, first, second)), tmp_path, inputs=[Batches(), Batches()])
