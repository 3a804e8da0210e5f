# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet import`, from a folder of pictures to a config that trains."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from efficientdet.cli import import_dataset, train
from efficientdet.config import load_config, validate
from efficientdet.data.files import resolve_files, scan_tfrecord, walk_records
from efficientdet.data.importers.fixes import write_fixes
from efficientdet.data.label_map import read_label_map
from efficientdet.doctor.data import check_data

_HEADER = ("filename", "width", "height", "class", "xmin", "ymin", "xmax", "ymax")
_FILES = {
    "train.record", "val.record", "train.json", "val.json", "label_map.pbtxt", "pipeline.config", "report.html",
    "report.json", "fixes.diff",
}  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    """Twelve pictures of 48x64 in a CSV file; number 3 has a box without area and number 4 one inside out."""
    folder = tmp_path_factory.mktemp("dataset") / "shapes"
    folder.mkdir()
    draws = np.random.default_rng(0)
    with (folder / "labels.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(_HEADER)
        for number in range(12):
            name = f"{number}.png"
            pixels = draws.integers(0, 256, (48, 64, 3), np.uint8)
            xmin, ymin = draws.integers(0, 30, 2).tolist()
            pixels[ymin : ymin + 16, xmin : xmin + 24] = 255
            Image.fromarray(pixels).save(folder / name)
            rows.writerow([name, 64, 48, "odd" if number % 2 else "even", xmin, ymin, xmin + 24, ymin + 16])
            if number in (3, 4):
                rows.writerow([name, 64, 48, "even", 20, 20, 20 if number == 3 else 5, 10 if number == 4 else 30])
    return folder


@pytest.fixture(scope="module")
def imported(dataset, tmp_path_factory) -> tuple[Path, str]:
    """The folder of an import and what was printed."""
    folder = tmp_path_factory.mktemp("imported") / "out"
    command = [sys.executable, "-m", "efficientdet.cli.main", "import", dataset, "--output", folder, "--processes", "1"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def _import(path: Path, folder: Path, *flags: object) -> int:
    return import_dataset.main([str(path), f"--output={folder}", "--processes=1", *map(str, flags)])


def _boxes(folder: Path) -> int:
    return sum(len(json.loads((folder / f"{split}.json").read_text())["annotations"]) for split in ("train", "val"))


def test_everything_that_a_run_needs(imported):
    folder, _ = imported
    assert {path.name for path in folder.iterdir()} == _FILES
    assert [(label.id, label.name) for label in read_label_map(folder / "label_map.pbtxt")] == [(1, "even"), (2, "odd")]
    config = load_config(folder / "pipeline.config")
    validate(config, for_="train")
    validate(config, for_="eval")
    readers = (config.proto.train_input_reader, config.proto.eval_input_reader[0])
    files = [resolve_files(list(reader.tf_record_input_reader.input_path)) for reader in readers]
    assert files == [[str(folder / "train.record")], [str(folder / "val.record")]]
    assert [scan_tfrecord(path) for (path,) in files] == [10, 2]
    assert config.proto.model.ssd.num_classes == 2
    assert _boxes(folder) == 12  # the two faulty ones are left out


def test_the_summary_is_to_be_copied_from(imported):
    folder, shown = imported
    assert "2 classes; splits made here" in shown
    lines = {line.split()[0]: line.split()[1:] for line in shown.splitlines() if line.strip()}
    assert lines["pictures"] == ["10", "2"]
    assert [sum(map(int, lines[name])) for name in ("boxes", "even", "odd")] == [12, 6, 6]
    assert f"2 edits are proposed in {folder / 'fixes.diff'}" in shown
    assert f"efficientdet doctor {folder / 'pipeline.config'}" in shown
    words = f"--pipeline_config_path={folder / 'pipeline.config'} --model_dir={folder / 'model'}"
    assert f"efficientdet train {words}" in shown
    assert words in (folder / "pipeline.config").read_text()


def test_the_report_names_what_was_found(imported):
    folder, _ = imported
    report = json.loads((folder / "report.json").read_text())
    codes = {finding["code"] for part in report["parts"] for finding in part["findings"]}
    assert {"box-zero-area", "box-inverted"} <= codes
    assert "box-inverted" in (folder / "report.html").read_text()


def test_the_proposed_fixes_mend_it(dataset, imported, tmp_path, capsys):
    folder, _ = imported
    fixes = (folder / "fixes.diff").read_text()
    assert "@@ labels.csv: line 8   # box-inverted" in fixes
    assert _import(dataset, tmp_path / "mended", f"--apply={folder / 'fixes.diff'}") == 0
    assert _boxes(tmp_path / "mended") == 13  # the one inside out is turned round
    assert "# Nothing to propose." in (tmp_path / "mended" / "fixes.diff").read_text()
    capsys.readouterr()
    (tmp_path / "other.diff").write_text("@@ labels.csv: line 2\n- box even 1 2 3 4\n")
    assert _import(dataset, tmp_path / "again", f"--apply={tmp_path / 'other.diff'}") == 2
    shown = capsys.readouterr().err
    assert f"error: {tmp_path / 'other.diff'}:1: labels.csv: line 2 is not 'box even 1 2 3 4'" in shown
    assert not (tmp_path / "again").exists()


def test_what_the_doctor_proposes_for_records_can_be_applied(imported, tmp_path, capsys):
    source = tmp_path / "records"
    source.mkdir()
    for name in ("train.record", "val.record", "label_map.pbtxt", "pipeline.config"):
        shutil.copy(imported[0] / name, source)
    content = (source / "val.record").read_bytes()
    (offset, _), (second, _) = walk_records(source / "val.record")
    (source / "val.record").write_bytes(content + content[offset:second])  # the first picture a second time
    config = (source / "pipeline.config").read_text().replace(str(imported[0]), str(source))
    (source / "pipeline.config").write_text(config)
    part = check_data(load_config(source / "pipeline.config"), processes=1)
    assert write_fixes(tmp_path / "fixes.diff", part.faults) == 1
    assert "@@ val.record: record 2   # pictures-identical" in (tmp_path / "fixes.diff").read_text()
    assert _import(source, tmp_path / "out", f"--apply={tmp_path / 'fixes.diff'}") == 0
    assert [scan_tfrecord(tmp_path / "out" / f"{split}.record") for split in ("train", "val")] == [10, 2]


def test_an_import_can_be_imported(imported, tmp_path):
    assert _import(imported[0], tmp_path / "again") == 0
    assert scan_tfrecord(tmp_path / "again" / "train.record") == 10


def test_where_two_formats_fit_the_commands_are_shown(dataset, imported, tmp_path, capsys):
    shutil.copytree(dataset, tmp_path / "both")
    shutil.copy(imported[0] / "train.json", tmp_path / "both")
    assert _import(tmp_path / "both", tmp_path / "out") == 2
    lines = capsys.readouterr().err.splitlines()
    command = f"  efficientdet import {tmp_path / 'both'} --output={tmp_path / 'out'} --processes=1 --format"
    assert "more than one format (coco: " in lines[-3]
    assert lines[-2:] == [f"{command} coco", f"{command} csv"]


def test_an_edited_config_is_not_replaced(dataset, tmp_path, capsys):
    assert _import(dataset, tmp_path / "out") == 0
    (tmp_path / "out" / "pipeline.config").write_text("mine")
    assert _import(dataset, tmp_path / "out", "--overwrite") == 2
    assert f"{tmp_path / 'out' / 'pipeline.config'}: edited since an import wrote it" in capsys.readouterr().err


def test_an_import_is_replaced_as_a_whole(dataset, imported, tmp_path, capsys):
    folder = tmp_path / "out"
    assert _import(dataset, folder, "--split=train=.5", "--split=val=.25", "--split=test=.25") == 0
    assert {path.name for path in folder.iterdir()} == _FILES | {"test.record", "test.json"}
    before = (folder / "train.record").read_bytes()
    assert _import(dataset, folder) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (folder / "train.record").read_bytes() == before
    assert _import(dataset, folder, "--overwrite", "--model=d0", "--seed=7") == 0
    assert {path.name for path in folder.iterdir()} == _FILES
    assert (folder / "train.record").read_bytes() != before


def test_equal_commands_write_equal_records(dataset, imported, tmp_path):
    assert _import(dataset, tmp_path / "out") == 0
    for name in ("train.record", "val.record", "train.json", "val.json", "label_map.pbtxt"):
        assert (tmp_path / "out" / name).read_bytes() == (imported[0] / name).read_bytes()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--split=train=.5"], "shares (train=0.5) must be of train and val"),
        (["--split=train=.5", "--split=train=.5"], "each split is given once"),
        (["--seed=-1"], "--seed (-1) must not be negative"),
        (["--apply=/nowhere"], "/nowhere: No such file"),
    ],
)
def test_mistakes_are_one_line(dataset, tmp_path, capsys, flags, message):
    assert _import(dataset, tmp_path / "out", *flags) == 2
    shown = capsys.readouterr().err.splitlines()[-1]
    assert shown.startswith("error: ")
    assert message in shown
    assert not (tmp_path / "out").exists()


def test_a_model_that_is_none_names_those_that_are(dataset, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        _import(dataset, tmp_path / "out", "--model=d9")
    assert caught.value.code == 2
    shown = capsys.readouterr().err
    assert "'d9'" in shown
    assert "d0" in shown


def test_the_data_set_is_never_written_to(dataset, capsys):
    assert _import(dataset, dataset, "--overwrite") == 2
    assert "holds the data set itself" in capsys.readouterr().err


def test_a_mistake_answers_without_tensorflow(tmp_path):
    code = (
        "import sys; from efficientdet.cli.import_dataset import main; "
        f"code = main([{str(tmp_path)!r}, '--output', {str(tmp_path / 'out')!r}]); "
        "sys.exit(99 if 'tensorflow' in sys.modules else code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "error: " in done.stderr


@pytest.mark.slow
def test_the_config_trains_as_it_is(imported, tmp_path):
    config = f"--pipeline_config_path={imported[0] / 'pipeline.config'}"
    assert train.main([config, f"--model_dir={tmp_path}", "--num_train_steps=2"]) == 0
    assert list(tmp_path.glob("*.index"))


def test_spellings_of_a_class_are_told_and_mended(tmp_path):
    from tests.doctor.corpus import clean_data_set
    from tests.doctor.corpus.formats import write_voc

    data = clean_data_set()
    first = data.pictures[0].boxes
    first[0] = first[0]._replace(name=first[0].name.upper())
    write_voc(data, tmp_path / "data")
    assert _import(tmp_path / "data", tmp_path / "out") == 0
    assert "class-typo" in (tmp_path / "out" / "report.json").read_text()
    assert _import(tmp_path / "data", tmp_path / "mended", "--apply", tmp_path / "out" / "fixes.diff") == 0
    assert len(read_label_map(tmp_path / "mended" / "label_map.pbtxt")) == 3
    assert "class-typo" not in (tmp_path / "mended" / "report.json").read_text()
