# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Every field has an account, the printed table is that of the code, and a config is explained line by line."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from efficientdet import field_paths
from efficientdet.cli import config as config_command
from efficientdet.config import examine_config
from efficientdet.field_accounts import FieldRow, explain, schema_rows, tally
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig
from efficientdet.verdicts import VERDICTS

_REPOSITORY = Path(__file__).resolve().parents[1]

_FASTER_RCNN = """\
model {
  faster_rcnn {
    num_classes: 90
    feature_extractor { type: "faster_rcnn_resnet50_keras" }
    first_stage_anchor_generator { grid_anchor_generator { scales: [0.25, 0.5, 1.0, 2.0] } }
  }
}
train_config {
  batch_size: 1
  load_all_detection_checkpoint_vars: true
  optimizer { momentum_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.01 } } } }
}
"""
_CENTER_NET = """\
model {
  center_net { num_classes: 90 feature_extractor { type: "hourglass_104" } }
}
train_config {
  data_augmentation_options { random_crop_image {} }
  optimizer { adam_optimizer { learning_rate { constant_learning_rate { learning_rate: 0.001 } } } }
}
train_input_reader {
  num_keypoints: 17
  load_track_id: true
  tf_record_input_reader { input_path: "x" }
}
eval_config {
  parameterized_metric { coco_keypoint_metrics { class_label: "person" } }
}
"""
_MASK_RCNN = """\
model {
  faster_rcnn { number_of_stages: 3 }
}
train_input_reader {
  load_instance_masks: true
  mask_type: PNG_MASKS
  tf_record_input_reader { input_path: "x" }
}
eval_config {
  eval_instance_masks: true
  metrics_set: "coco_mask_metrics"
}
"""


def test_no_field_of_the_schema_is_unaccounted_for() -> None:
    rows = schema_rows()
    counts = Counter(row.account.kind for row in rows)
    assert counts["unaccounted"] == 0
    assert tally(row.account for row in rows) == (
        f"fields: {counts['honoured']} honoured, {counts['translated']} translated, {counts['refused']} refused, "
        "0 unaccounted"
    )
    assert all(row.account.text for row in rows if row.account.kind != "honoured")


def test_every_message_type_is_in_the_table() -> None:
    listed = {row.message for row in schema_rows()}
    types = [type_ for type_ in field_paths.message_types(TrainEvalPipelineConfig.DESCRIPTOR) if type_.fields]
    maps = {type_.full_name for type_ in types if type_.GetOptions().map_entry}
    expected = {type_.full_name for type_ in types} - maps
    assert listed == {name.removeprefix("efficientdet.protos.") for name in expected}


def test_a_field_without_a_verdict_is_told() -> None:
    table = {name: dict(fields) for name, fields in VERDICTS.items()}
    del table["TrainConfig"]["num_steps"]
    rows = schema_rows(table=table)
    assert [(row.message, row.name) for row in rows if row.account.kind == "unaccounted"] == [
        ("TrainConfig", "num_steps")
    ]


def test_fields_behind_a_refused_one_are_refused_with_it() -> None:
    row = _row("Ssd.MaskHead", "mask_height")
    assert row.account == ("refused", "with Ssd.mask_head_config")
    assert (row.type, row.default) == ("int32", "15")
    assert _row("ArgMaxMatcher", "matched_threshold").account.text == "must be between 0 and 1"


def test_the_table_in_pipelines_is_fresh() -> None:
    printed = "\n".join(config_command.table_lines()) + "\n"
    assert (_REPOSITORY / "pipelines" / "FIELDS.md").read_text() == printed, "run `make fields`"


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        (
            _FASTER_RCNN,
            {2: "model.faster_rcnn", 10: "train_config.load_all_detection_checkpoint_vars"},
        ),
        (
            _CENTER_NET,
            {
                2: "model.center_net",
                9: "train_input_reader.num_keypoints",
                10: "train_input_reader.load_track_id",
                14: "eval_config.parameterized_metric",
            },
        ),
        (
            _MASK_RCNN,
            {
                2: "model.faster_rcnn",
                5: "train_input_reader.load_instance_masks",
                10: "eval_config.eval_instance_masks",
                11: "eval_config.metrics_set",
            },
        ),
    ],
)
def test_other_detectors_are_refused_line_by_line(
    text: str, refused: dict[int, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.config"
    path.write_text(text)
    assert config_command.main(["explain", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = {}
    for line in lines[:-1]:
        match = re.fullmatch(rf"{re.escape(str(path))}:(\d+): ([\w.\[\]]+)(?: \(.*?\))?: refused: .+", line)
        if match:
            found[int(match[1])] = match[2]
    assert found == refused
    assert re.fullmatch(rf"fields: \d+ honoured, \d+ translated, {len(refused)} refused, 0 unaccounted", lines[-1])


def test_a_real_config_is_explained_field_by_field(shared: Path) -> None:
    path = shared / "configs" / "d3_14_percent.config"
    rows = explain(*examine_config(path))
    by_path = {row.path: row for row in rows}
    assert by_path["train_config.batch_size"].value == "2"
    assert by_path["train_config.batch_size"].where.endswith("d3_14_percent.config:136")
    assert by_path["train_config.sync_replicas"].account.kind == "translated"
    assert by_path["train_config.use_bfloat16"].account.kind == "honoured"  # false, its default: nothing is asked for
    assert tally(row.account for row in rows).endswith("0 refused, 0 unaccounted")
    assert [row.where for row in rows] == sorted((row.where for row in rows), key=lambda at: int(at.split(":")[-1]))


def test_a_note_leaves_a_field_honoured(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(shared / "configs" / "d3_14_percent.config")
    ssd = "add_background_class: true loss { hard_example_miner {} }"
    given = f"model {{ ssd {{ {ssd} }} }} train_config {{ replicas_to_aggregate: 1 }}"
    before = Counter(row.account.kind for row in explain(*examine_config(path)))
    rows = explain(*examine_config(path, [given]))
    by_path = {row.path: row.account for row in rows}
    text = "the heads predict the background as well, which published EfficientDets do not"
    assert by_path["model.ssd.add_background_class"] == ("honoured", text)
    assert by_path["model.ssd.loss.hard_example_miner"].kind == "honoured"
    assert by_path["train_config.num_steps"] == ("honoured", "")
    assert Counter(row.account.kind for row in rows)["translated"] == before["translated"] - 1  # 1 is the default
    assert config_command.main(["explain", path, "--override", given]) == 0
    assert f"add_background_class (true): honoured: {text}\n" in capsys.readouterr().out


def test_fields_that_both_lineages_fill_have_its_default() -> None:
    assert _row("TrainConfig", "gradient_clipping_by_tensor_norm").default == "lineage"
    assert _row("SsdFeatureExtractor", "survival_probability").default == "lineage"  # and not its 1
    assert _row("RandomScaleCropAndPadToSquare", "pad_value").default == "lineage"
    assert _row("SigmoidFocalClassificationLoss", "gamma").default == "2"  # automl's alone
    assert _row("TrainEvalPipelineConfig", "lineage").default == "TFOD"
    assert _row("TrainConfig", "seed").default == ""


def test_what_a_config_lacks_or_contradicts_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.config"
    path.write_text("model {\n  ssd {\n    num_classes: 0\n  }\n}\ntrain_config { num_steps: 5 }\n")
    rows = explain(*examine_config(path))
    assert (rows[0].path, rows[0].account) == ("model.ssd.num_classes", ("refused", "must be at least 1"))
    assert ("model.ssd.loss", "must be set") in {(row.path, row.account.text) for row in rows}


def _row(message: str, name: str) -> FieldRow:
    (row,) = [row for row in schema_rows() if (row.message, row.name) == (message, name)]
    return row
