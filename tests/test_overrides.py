# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest
from google.protobuf import text_format

from efficientdet import field_paths
from efficientdet.config import parse_config
from efficientdet.errors import ConfigError
from efficientdet.overrides import apply_override
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig
from efficientdet.text_positions import Position, read_positions


def _overridden(base: str, *overrides: str) -> tuple[TrainEvalPipelineConfig, dict[str, Position]]:
    def parse(text: str, name: str) -> tuple[TrainEvalPipelineConfig, dict[str, Position]]:
        positions = read_positions(text, name, TrainEvalPipelineConfig.DESCRIPTOR)
        return text_format.Parse(text, TrainEvalPipelineConfig()), positions

    proto, positions = parse(base, "base")
    for index, text in enumerate(overrides):
        apply_override(proto, positions, *parse(text, f"override{index}"))
    assert set(positions) <= field_paths.set_paths(proto)
    return proto, positions


def _expect(proto: TrainEvalPipelineConfig, text: str) -> None:
    assert proto == text_format.Parse(text, TrainEvalPipelineConfig())


def test_singular_messages_merge_and_scalars_are_replaced() -> None:
    proto, positions = _overridden("train_config { batch_size: 2 num_steps: 3 }", "train_config { batch_size: 8 }")
    _expect(proto, "train_config { batch_size: 8 num_steps: 3 }")
    assert str(positions["train_config.batch_size"]) == "override0:1"
    assert str(positions["train_config.num_steps"]) == "base:1"


def test_later_overrides_win() -> None:
    proto, _ = _overridden("", "train_config { batch_size: 8 }", "train_config { batch_size: 9 num_steps: 1 }")
    _expect(proto, "train_config { batch_size: 9 num_steps: 1 }")


def test_an_empty_message_is_set() -> None:
    proto, _ = _overridden("", "model { ssd { similarity_calculator { iou_similarity {} } } }")
    assert proto.model.ssd.similarity_calculator.HasField("iou_similarity")


def test_another_member_of_a_oneof_displaces_the_first() -> None:
    proto, positions = _overridden(
        "train_config { optimizer { momentum_optimizer { momentum_optimizer_value: .5 } } }",
        "train_config { optimizer { adam_optimizer { } } }",
    )
    _expect(proto, "train_config { optimizer { adam_optimizer { } } }")
    assert not any("momentum" in path for path in positions)


def test_a_list_of_scalars_is_replaced() -> None:
    list_ = "train_config { freeze_variables: %s }"
    proto, positions = _overridden(list_ % "['a', 'b', 'c']", list_ % "'d'")
    _expect(proto, list_ % "'d'")
    assert str(positions["train_config.freeze_variables[0]"]) == "override0:1"
    assert "train_config.freeze_variables[1]" not in positions


def test_a_message_given_once_over_one_merges() -> None:
    proto, positions = _overridden(
        "eval_input_reader { shuffle: false num_epochs: 1 tf_record_input_reader { input_path: ['a', 'b'] } }",
        "eval_input_reader { label_map_path: 'm' tf_record_input_reader { input_path: 'c' } }",
    )
    reader = "shuffle: false num_epochs: 1 label_map_path: 'm' tf_record_input_reader { input_path: 'c' }"
    _expect(proto, f"eval_input_reader {{ {reader} }}")
    assert str(positions["eval_input_reader[0].shuffle"]) == "base:1"
    assert str(positions["eval_input_reader[0].label_map_path"]) == "override0:1"


@pytest.mark.parametrize(("before", "after"), [(0, 1), (2, 1), (1, 2), (2, 2), (0, 3)])
def test_other_lists_of_messages_are_replaced(before: int, after: int) -> None:
    base = "eval_input_reader { num_epochs: 1 label_map_path: 'm' }\n" * before
    override = "eval_input_reader { num_epochs: 2 }\n" * after
    proto, positions = _overridden(base, override)
    _expect(proto, override)
    assert {at.file for at in positions.values()} == {"override0"}


def test_an_empty_list_empties() -> None:
    flip = "data_augmentation_options { random_horizontal_flip {} } "
    proto, positions = _overridden(
        f"train_config {{ batch_size: 3 {flip * 2} freeze_variables: 'a' }}",
        "train_config { data_augmentation_options: [] freeze_variables: [] }",
    )
    _expect(proto, "train_config { batch_size: 3 }")
    assert set(positions) == {"train_config", "train_config.batch_size"}


def test_override_with_itself_changes_nothing_but_the_positions() -> None:
    text = "train_config { optimizer { use_moving_average: false } freeze_variables: ['a', 'b'] } eval_input_reader {}"
    proto, positions = _overridden(text, text)
    _expect(proto, text)
    assert {at.file for at in positions.values()} == {"override0"}


def test_errors_name_the_override() -> None:
    good, bad = "train_config { batch_size: 8 }", "train_config {\n  batchsize: 8 }"
    with pytest.raises(ConfigError, match=r'^--override\[1\]:2:3: .* did you mean "batch_size"'):
        parse_config("", "x.config", [good, bad])
    with pytest.raises(ConfigError, match=r"^--override\[1\]:1: train_config.batch_size \(0\) must be at least 1"):
        parse_config("train_config { batch_size: 1 }", "x.config", [good, "train_config { batch_size: 0 }"])
