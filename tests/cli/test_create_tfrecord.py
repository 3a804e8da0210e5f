# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The command that converts annotations: on real data, and on mistakes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

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
        ({"format": "voc", "input": "/nowhere"}, "/nowhere: No such file or directory"),
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


def _write_coco(folder: Path, **changes: object) -> dict[str, object]:
    picture = io.BytesIO()
    Image.new("RGB", (16, 12), "red").save(picture, "PNG")
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(picture.getvalue())
    box = {"image_id": 1, "category_id": 3, "bbox": [1, 2, 4, 5]}
    content = {
        "images": [{"id": i, "file_name": f"{name}.png"} for i, name in enumerate(("a", "b", "gone"), start=1)],
        "categories": [{"id": 3, "name": " cat "}],
        "annotations": [box, {**box, "image_id": 2, "bbox": [1, 2, "4", 5]}, {**box, "image_id": 9}],
    }
    (folder / "x.json").write_text(json.dumps({**content, **changes}))
    return {"format": "coco", "input": folder / "x.json", "image_dir": folder}


def test_what_is_left_out_is_summed_up(tmp_path, capsys):
    assert main(_arguments(tmp_path, **_write_coco(tmp_path))) == 0
    shown = capsys.readouterr().out
    assert "2 images (1 without boxes), 1 boxes\n  cat: 1 boxes" in shown
    assert "skipped: annotation that cannot be read: 1\n  x.json: annotations[1]: bbox [1, 2, '4', 5]" in shown
    assert "skipped: annotation whose picture is missing: 2\n  x.json: annotations[2]: image_id 9" in shown
    assert "x.json: images[2]: 'gone.png' is not among the pictures" in shown
    assert [label.name for label in read_label_map(tmp_path / "label_map.pbtxt")] == ["cat"]


@pytest.mark.parametrize("id_", [0, -1, 2**31])
def test_ids_that_no_label_map_can_hold_matter_where_one_is_made(tmp_path, capsys, id_):
    arguments = _arguments(tmp_path, **_write_coco(tmp_path, categories=[{"id": id_, "name": "cat"}], annotations=[]))
    assert main(arguments) == 2
    assert f"category 'cat' has id {id_}; ids of a label map start at 1" in capsys.readouterr().err
    (tmp_path / "label_map.pbtxt").write_text("item { id: 1 name: 'cat' }")
    assert main(arguments) == 0  # classes are matched by name


def test_an_unknown_category_is_an_error(tmp_path, capsys):
    boxes = [{"image_id": 1, "category_id": 4, "bbox": [1, 2, 4, 5]}]
    assert main(_arguments(tmp_path, **_write_coco(tmp_path, annotations=boxes))) == 2
    assert "a.png: box 0 has class '4', the label map has only 'cat'" in capsys.readouterr().err


def test_nothing_that_can_be_read(tmp_path, capsys):
    for part in ("Annotations", "JPEGImages"):
        (tmp_path / "voc" / part).mkdir(parents=True)
    (tmp_path / "voc/Annotations/a.xml").write_text("<annotation>")
    (tmp_path / "voc/JPEGImages/a.jpg").touch()
    assert main(_arguments(tmp_path, format="voc", input=tmp_path / "voc")) == 2
    assert "no annotation can be read; the first: Annotations/a.xml: line 1: not XML" in capsys.readouterr().err


def test_help_answers_without_tensorflow():
    code = f"import runpy, sys; sys.argv = ['x', '--help']; runpy.run_path({str(_SCRIPT)!r}, run_name='__main__')"
    check = f"import atexit, sys; atexit.register(lambda: print('tensorflow' in sys.modules)); {code}"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert "--label_map_path" in result.stdout
    assert result.stdout.rstrip().endswith("False")
