# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest
from google.protobuf import text_format

from efficientdet import field_paths
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig

_PROTO = text_format.Parse(
    """
    train_config { batch_size: 6 freeze_variables: ["a", "b"] optimizer { } }
    eval_input_reader { tf_record_input_reader { input_path: "x" } }
    eval_config { super_categories { key: "k" value: "v" } }
    """,
    TrainEvalPipelineConfig(),
)


def _value(path: str) -> str:
    return field_paths.format_value(*field_paths.locate(_PROTO, path))


def test_values_by_path() -> None:
    assert _value("train_config.batch_size") == "6"
    assert _value("train_config.num_steps") == "default 0"
    assert _value("train_config.freeze_variables") == '["a", "b"]'
    assert _value("train_config.freeze_variables[1]") == '"b"'
    assert _value("train_config.optimizer") == ""
    assert _value("eval_input_reader[0].tf_record_input_reader.input_path[0]") == '"x"'
    assert _value("model.ssd.matcher.argmax_matcher.matched_threshold") == "default 0.5"
    assert _value("lineage") == "default TFOD"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "zzz",
        "train_config.zzz",
        "train_config..batch_size",
        "train_config.batch_size.x",
        "train_config[0].batch_size",
        "train_config.batch_size[0]",
        "train_config.freeze_variables[2]",
        "eval_input_reader.shuffle",
        "eval_input_reader[1]",
        "eval_input_reader[1].shuffle",
    ],
)
def test_paths_that_lead_nowhere(path: str) -> None:
    with pytest.raises(KeyError):
        field_paths.locate(_PROTO, path)


def test_parents() -> None:
    assert field_paths.parent("a.b[2].c") == "a.b[2]"
    assert field_paths.parent("a.b[2]") == "a.b"
    assert field_paths.parent("a") == ""
    assert field_paths.join("", "a") == "a"
    assert field_paths.join("a[0]", "b") == "a[0].b"


def test_what_is_set() -> None:
    assert [path for path, _ in field_paths.messages(_PROTO)] == [
        "",
        "train_config",
        "train_config.optimizer",
        "eval_config",
        "eval_input_reader[0]",
        "eval_input_reader[0].tf_record_input_reader",
    ]
    assert field_paths.set_paths(_PROTO) == {
        "",
        "train_config",
        "train_config.batch_size",
        "train_config.freeze_variables",
        "train_config.freeze_variables[0]",
        "train_config.freeze_variables[1]",
        "train_config.optimizer",
        "eval_config",
        "eval_config.super_categories",
        "eval_input_reader",
        "eval_input_reader[0]",
        "eval_input_reader[0].tf_record_input_reader",
        "eval_input_reader[0].tf_record_input_reader.input_path",
        "eval_input_reader[0].tf_record_input_reader.input_path[0]",
    }
