# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import re

import pytest
from google.protobuf import text_format
from hypothesis import given, settings
from hypothesis import strategies as st

from efficientdet import field_paths
from efficientdet.config import parse_config
from efficientdet.errors import ConfigError
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig
from efficientdet.text_positions import read_positions

_ROOT = TrainEvalPipelineConfig.DESCRIPTOR


def _read(text: str) -> dict[str, tuple[int, int]]:
    return {path: (at.line, at.column) for path, at in read_positions(text, "f", _ROOT).items()}


def test_every_spelling_of_fields_and_separators() -> None:
    text = """# a comment
train_config: {
  batch_size: 2;
  optimizer < use_moving_average: false, >
}, eval_config { metrics_set: "a" 'b'
  metrics_set: "{" }
"""
    assert _read(text) == {
        "train_config": (2, 1),
        "train_config.batch_size": (3, 3),
        "train_config.optimizer": (4, 3),
        "train_config.optimizer.use_moving_average": (4, 15),
        "eval_config": (5, 4),
        "eval_config.metrics_set": (5, 18),
        "eval_config.metrics_set[0]": (5, 18),
        "eval_config.metrics_set[1]": (6, 3),
    }


def test_lists_of_scalars_and_of_messages() -> None:
    text = (
        "eval_input_reader: [{shuffle: true},\n {num_epochs: 1}]\n"
        "eval_config { metrics_set: ['a',\n'b'] metrics_set: [] }"
    )
    assert _read(text) == {
        "eval_input_reader": (1, 1),
        "eval_input_reader[0]": (1, 21),
        "eval_input_reader[0].shuffle": (1, 22),
        "eval_input_reader[1]": (2, 2),
        "eval_input_reader[1].num_epochs": (2, 3),
        "eval_config": (3, 1),
        "eval_config.metrics_set": (3, 15),
        "eval_config.metrics_set[0]": (3, 29),
        "eval_config.metrics_set[1]": (4, 1),
    }


def test_repeated_messages_count_per_parent() -> None:
    step = "data_augmentation_options { random_horizontal_flip {} }\n"
    positions = _read(f"train_config {{\n{step}{step}}}")
    assert positions["train_config.data_augmentation_options[0].random_horizontal_flip"] == (2, 29)
    assert positions["train_config.data_augmentation_options[1].random_horizontal_flip"] == (3, 29)


def test_empty_text_has_no_positions() -> None:
    assert _read("") == {}
    assert _read("  # nothing\n") == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "train_config {\n  batchsize: 8 }",
            'f:2:3: train_config (TrainConfig) has no field "batchsize"; did you mean "batch_size"?',
        ),
        (
            "train_confg {}",
            'f:1:1: the top level (TrainEvalPipelineConfig) has no field "train_confg"; did you mean "train_config"?',
        ),
        (
            "train_config { total_steps: 8 }",
            'f:1:16: train_config (TrainConfig) has no field "total_steps"; '
            "CosineDecayLearningRate, PolynomialDecayLearningRate have one",
        ),
        (
            "train_config { moving_average: true }",
            'f:1:16: train_config (TrainConfig) has no field "moving_average"',
        ),
        (
            "train_config { optimizer { momentum_optimizer_values: 1 } }",
            'f:1:28: train_config.optimizer (Optimizer) has no field "momentum_optimizer_values"; '
            'did you mean "momentum_optimizer"?',
        ),
        (
            "train_config { optimizer { momentum_optimizer_value: 1 } }",
            'f:1:28: train_config.optimizer (Optimizer) has no field "momentum_optimizer_value"; '
            'did you mean "momentum_optimizer"? RMSPropOptimizer, MomentumOptimizer have one',
        ),
        (
            "model { zzz: 1 }",
            'f:1:9: model (DetectionModel) has no field "zzz"; it has faster_rcnn, ssd, experimental_model, center_net',
        ),
        ("lineage: AUTOMOL", 'f:1:10: lineage: Lineage has no value "AUTOMOL"; did you mean "AUTOML"?'),
        ("model: 3", 'f:1:8: model is a message: expected "{"'),
        ("lineage AUTOML", 'f:1:9: lineage needs a ":" before its value'),
        ("train_config { batch_size: }", "f:1:28: train_config.batch_size has no value"),
        ("train_config { batch_size:", "f:1:27: train_config.batch_size has no value"),
        ("model {\n ssd { }\n", "f:1:7: model is opened here and never closed"),
        ("}", 'f:1:1: "}" closes nothing'),
        ("[foo.bar] {}", "f:1:1: the top level (TrainEvalPipelineConfig) has no extensions"),
        ("eval_input_reader [{} {}]", 'f:1:23: Expected ",".'),
        ("eval_config { metrics_set: 'a }", 'f:1:28: String missing ending quote: "\'a }"'),
        ("@", "f:1:1: Expected identifier or number, got @."),
    ],
)
def test_errors(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        read_positions(text, "f", _ROOT)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train_config { batch_size: abc }", "f:1:28: train_config.batch_size: Couldn't parse integer: abc"),
        ("train_config {\n num_steps: -3 }", "f:2:13: train_config.num_steps: Value out of range: -3"),
        ("train_config { batch_size: 1 batch_size: 2 }", 'should not have multiple "batch_size" fields'),
        ("model { ssd {} faster_rcnn {} }", 'another member of oneof "model"'),
        ("train_input_reader { shuffle: maybe }", 'train_input_reader.shuffle: Expected "true" or "false"'),
    ],
)
def test_errors_of_values_name_place_and_field(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)) as error:
        parse_config(text, "f")
    assert "efficientdet.protos" not in str(error.value)


def test_the_body_of_a_refused_message_is_not_looked_into() -> None:
    text = "model {\n  faster_rcnn { num_classes: 3 image_resizer { x: [1, 2] } [some.extension] { y: '}' } } }"
    with pytest.raises(ConfigError, match=r"^f:2: model.faster_rcnn is not supported: this library builds model.ssd$"):
        parse_config(text.replace(" [some.extension] { y: '}' }", ""), "f")
    assert "model.faster_rcnn" in read_positions(text, "f", _ROOT, skip_body=lambda field: field.name == "faster_rcnn")
    with pytest.raises(ConfigError, match=r"f:1:21: model.faster_rcnn is opened here and never closed"):
        parse_config("model { faster_rcnn { x { } ", "f")


_SCALARS = st.fixed_dictionaries(
    {},
    optional={
        "batch_size": st.integers(1, 99),
        "num_steps": st.integers(0, 99),
        "fine_tune_checkpoint": st.text(max_size=8),
        "gradient_clipping_by_norm": st.floats(0, 9, width=32),
        "freeze_variables": st.lists(st.text(max_size=3), max_size=3),
    },
)


@settings(max_examples=50, deadline=None)
@given(train=_SCALARS, paths=st.lists(st.text(max_size=5), max_size=3), one_line=st.booleans())
def test_positions_are_those_of_exactly_what_is_set(train: dict, paths: list[str], one_line: bool) -> None:
    proto = TrainEvalPipelineConfig()
    for name, value in train.items():
        if isinstance(value, list):
            getattr(proto.train_config, name).extend(value)
        else:
            setattr(proto.train_config, name, value)
    for path in paths:
        proto.eval_input_reader.add().tf_record_input_reader.input_path.append(path)
    text = text_format.MessageToString(proto, as_one_line=one_line)
    positions = read_positions(text, "f", _ROOT)
    assert set(positions) == field_paths.set_paths(proto) - {""}
    lines = text.split("\n")
    for path, at in positions.items():
        name = re.split(r"[.\[]", path.removesuffix("]").rstrip("0123456789").removesuffix("["))[-1]
        assert lines[at.line - 1][at.column - 1 :].startswith(name)
