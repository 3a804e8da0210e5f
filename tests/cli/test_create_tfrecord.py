# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The command that converts annotations: on real data, and on mistakes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from efficientdet.cli.create_tfrecord import main
from efficientdet.data.files import scan_tfrecord
from efficientdet.data.label_map import read_label_map

_SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "create_tfrecord.py"


def _arguments(output: Path, **flags: object) -> list[str]:
    flags = {"output_path": output / "x.record", "label_map_path": output / "label_map.pbtxt", **flags}
    return [f"--{name}={value}" for name, value in flags.items() if value is not None]


def test_bccd_train_then_val(shared, tmp_path, capsys):
    voc = {"format": "voc", "input": shared / "data" / "bccd"}
    assert main(_arguments(tmp_path, **voc, split="train", num_shards=4)) == 0
    shown = capsys.readouterr()
    assert "4 files: 205 images (0 without boxes), 2804 boxes" in shown.out
    assert "Platelets: 209 boxes\n  RBC: 2381 boxes\n  WBC: 214 boxes" in shown.out
    assert "dropped: box without area: 1\n  BloodImage_00343.jpg: box 3, RBC" in shown.out
    assert "label map written to" in shown.out
    assert "205/205 images" in shown.err
    assert [label.name for label in read_label_map(tmp_path / "label_map.pbtxt")] == ["Platelets", "RBC", "WBC"]
    assert [scan_tfrecord(path) for path in sorted(tmp_path.glob("x.record-*-of-00004"))] == [52, 51, 51, 51]
    assert main(_arguments(tmp_path, **voc, split="val", output_path=tmp_path / "val.record")) == 0
    shown = capsys.readouterr()
    assert "1137 boxes" in shown.out
    assert "dropped: box without area: 1\n  BloodImage_00338.jpg: box 12" in shown.out
    assert "label map read from" in shown.out


def test_coco128(shared, tmp_path, capsys):
    folder = shared / "data" / "coco128"
    flags = {"format": "coco", "input": folder / "coco/train2017.json", "image_dir": folder / "images/train2017"}
    assert main(_arguments(tmp_path, **flags)) == 0
    shown = capsys.readouterr().out
    assert "26 images (1 without boxes), 182 boxes" in shown  # 181 and a crowd
    assert "encoded anew: picture that was not upright 8-bit RGB: 1\n  000000000086.jpg" in shown
    label_map = read_label_map(tmp_path / "label_map.pbtxt")
    assert (len(label_map), label_map.num_rows) == (80, 90)
    assert scan_tfrecord(tmp_path / "x.record") == 26


def test_repeated_input(shared, tmp_path, capsys):
    bccd = shared / "data" / "bccd"
    copy = tmp_path / "copy"
    copy.symlink_to(bccd)
    arguments = _arguments(tmp_path, format="voc", input=bccd, split="test")
    assert main([*arguments, f"--input={copy}"]) == 0
    assert "144 images" in capsys.readouterr().out


def test_a_split_for_each_folder(shared, tmp_path, capsys):
    bccd = shared / "data" / "bccd"
    arguments = _arguments(tmp_path, format="voc", input=bccd, split="val")
    assert main([*arguments, f"--input={bccd}", "--split=test"]) == 0
    assert f"{87 + 72} images" in capsys.readouterr().out
    assert main([*arguments, f"--input={bccd}", f"--input={bccd}", "--split=test"]) == 2
    assert "--split is given 2 times: give it once, or once for each --input" in capsys.readouterr().err
    assert main([*arguments, f"--input={bccd}"]) == 2
    assert "is given twice: its splits must not overlap" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"format": "voc", "input": "/nowhere"}, "/nowhere: not a Pascal VOC folder"),
        ({"format": "voc", "input": "x", "image_dir": "y"}, "--image_dir belongs to --format coco"),
        ({"format": "coco", "input": "x"}, "needs --image_dir"),
        ({"format": "coco", "input": "x", "image_dir": "y", "split": "z"}, "--split belongs to --format voc"),
        ({"format": "coco", "input": "/nowhere.json", "image_dir": "/"}, "/nowhere.json: No such file"),
        ({"format": "voc", "input": "x", "num_shards": 0}, "--num_shards (0) must be at least 1"),
        ({"format": "voc", "input": "x", "seed": -1}, "--seed (-1)"),
    ],
)
def test_mistakes_are_one_line(tmp_path, capsys, flags, message):
    assert main(_arguments(tmp_path, **flags)) == 2
    shown = capsys.readouterr().err
    assert shown.startswith("error: ")
    assert message in shown
    assert shown.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_one_coco_file_at_a_time(tmp_path, capsys):
    arguments = _arguments(tmp_path, format="coco", input="x.json", image_dir="y")
    assert main([*arguments, "--input=z.json"]) == 2
    assert "takes one --input" in capsys.readouterr().err


def test_a_label_map_without_the_class(shared, tmp_path, capsys):
    (tmp_path / "label_map.pbtxt").write_text("item { id: 1 name: 'RBC' }")
    arguments = _arguments(tmp_path, format="voc", input=shared / "data" / "bccd", split="test")
    assert main(arguments) == 2
    assert "the label map has only 'RBC'" in capsys.readouterr().err
    assert not (tmp_path / "x.record").exists()


def test_help_answers_without_tensorflow():
    code = f"import runpy, sys; sys.argv = ['x', '--help']; runpy.run_path({str(_SCRIPT)!r}, run_name='__main__')"
    check = f"import atexit, sys; atexit.register(lambda: print('tensorflow' in sys.modules)); {code}"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert "--label_map_path" in result.stdout
    assert result.stdout.rstrip().endswith("False")
