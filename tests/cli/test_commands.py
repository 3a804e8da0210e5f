# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The console command and what its sub-commands have in common."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest
from google.protobuf import text_format

from efficientdet.cli import main as console
from efficientdet.cli import quickstart, show_config, train
from efficientdet.cli.terminal import boolean, command, positive_int, reader_override
from efficientdet.config import load_config
from efficientdet.errors import UsageError
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig
from tests.end_to_end.tiny import CONFIG


@pytest.mark.parametrize("name", console._COMMANDS)
def test_help_answers_without_tensorflow(name: str) -> None:
    program = (
        "import sys\n"
        "from efficientdet.cli.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as end:\n    code = end.code\n"
        "sys.exit(code or ('tensorflow' in sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, name, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"usage: efficientdet {name}" in done.stdout


def test_the_console_lists_its_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.main(["--help"]) == 0
    listing = capsys.readouterr().out
    assert all(name in listing for name in console._COMMANDS)
    assert console.main([]) == 2
    assert console.main(["--version"]) == 0
    assert capsys.readouterr().out.endswith("efficientdet 0.1.0\n")


def test_an_unknown_command_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert console.main(["trian"]) == 2
    assert "unknown command 'trian'" in capsys.readouterr().err


def test_show_config_prints_a_config_that_reads_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    override = "train_config { batch_size: 6 }"
    assert show_config.main([f"--pipeline_config_path={CONFIG}", f"--override={override}"]) == 0
    printed = text_format.Parse(capsys.readouterr().out, TrainEvalPipelineConfig())
    assert printed == load_config(CONFIG, [override]).proto
    assert printed.train_config.batch_size == 6


def test_a_users_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def fails(argv: object = None) -> int:
        raise UsageError("this is wrong")

    assert fails([]) == 2
    assert capsys.readouterr().err == "error: this is wrong\n"


def test_an_interrupt_is_not_a_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def interrupted(argv: object = None) -> int:
        raise KeyboardInterrupt

    assert interrupted([]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(("text", "value"), [("true", True), ("T", True), ("1", True), ("False", False), ("no", False)])
def test_booleans_are_read_as_absl_reads_them(text: str, value: bool) -> None:
    assert boolean(text) is value


@pytest.mark.parametrize(("reader", "text"), [(boolean, "maybe"), (positive_int, "0"), (positive_int, "-3")])
def test_values_that_are_refused(reader: object, text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected"):
        reader(text)  # type: ignore[operator]


def test_paths_in_an_override_are_quoted(tmp_path: Path) -> None:
    odd = tmp_path / 'a "quoted" folder'
    override = reader_override("train_input_reader", label_map=odd / "map.pbtxt", record=odd / "x.record")
    reader = load_config(CONFIG, [override]).proto.train_input_reader
    assert reader.label_map_path == str(odd / "map.pbtxt")
    assert list(reader.tf_record_input_reader.input_path) == [str(odd / "x.record")]


def _train(*flags: str) -> int:
    return train.main([f"--pipeline_config_path={CONFIG}", "--model_dir=/nowhere", *flags])


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        ("--tpu_name=x", "means nothing without --use_tpu"),
        ("--eval_on_train_data", "point eval_input_reader at them"),
        ("--num_workers=2", "TF_CONFIG names no workers. To start 2 on this machine: --workers 2"),
    ],
)
def test_flags_of_tfod_that_are_refused(flag: str, reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _train(flag) == 2
    assert reason in capsys.readouterr().err


def test_command_lines_of_tfods_guides_start(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--alsologtostderr", "--norecord_summaries", "--nouse_tpu", "--use_tpu=false", "--verbosity=1")
    assert _train(*flags, "--num_workers=2") == 2
    assert "--num_workers" in capsys.readouterr().err  # the first thing that is wrong with it


def test_an_unwritable_folder_is_not_a_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    @command
    def writes(argv: object = None) -> int:
        (tmp_path / "absent" / "x").write_text("")
        return 0

    assert writes([]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path / 'absent' / 'x'}: No such file or directory\n"


def test_the_quickstart_leaves_other_folders_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "train.json").write_text("mine")
    assert quickstart.main([f"--output_dir={tmp_path}"]) == 2
    assert "is not a quickstart's" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["train.json"]


def test_a_misspelt_field_is_named_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.config"
    path.write_text("model {\n  ssd {\n    num_clases: 3\n  }\n}\n")
    assert train.main([f"--pipeline_config_path={path}", "--model_dir=/nowhere"]) == 2
    error = capsys.readouterr().err
    assert error == f'error: {path}:3:5: model.ssd (Ssd) has no field "num_clases"; did you mean "num_classes"?\n'


def test_missing_data_is_an_error_before_tensorflow(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    zoo = Path(__file__).resolve().parents[2] / "pipelines" / "tfod_d0_coco.config"
    assert train.main([f"--pipeline_config_path={zoo}", f"--model_dir={tmp_path}"]) == 2
    assert "train_input_reader.label_map_path" in capsys.readouterr().err
