# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""An import's folder is replaced as a whole, and nothing that is not an import's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from efficientdet.data.dataset_files.output_folder import check_output, file_digests, staged
from efficientdet.errors import UsageError


def _content(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir() if path.name not in ("fixes.diff", "report.json")}


def _import(folder: Path, **files: str) -> None:
    with staged(folder) as stage:
        for name, text in files.items():
            (stage / name.replace("__", ".")).write_text(text)
        (stage / "fixes.diff").write_text("")
        (stage / "report.json").write_text(json.dumps({"schema": 1, "files": file_digests(stage)}))


def _interrupted_import(folder: Path) -> None:
    with staged(folder) as stage:
        (stage / "train.record").write_text("2")
        raise KeyboardInterrupt


def test_a_new_folder_and_its_replacement(tmp_path):
    folder = tmp_path / "a" / "out"
    check_output(folder, tmp_path / "voc", overwrite=False)
    _import(folder, train__record="1", test__json="{}")
    (folder / "notes.txt").write_text("mine")
    check_output(folder, tmp_path / "voc", overwrite=True)
    _import(folder, **{"train.record-00000-of-00002": "2", "val.json": "[]"})
    assert _content(folder) == {"train.record-00000-of-00002": "2", "val.json": "[]", "notes.txt": "mine"}


def test_an_error_leaves_everything_as_it_was(tmp_path):
    _import(tmp_path / "out", train__record="1")
    for folder in (tmp_path / "out", tmp_path / "new"):
        with pytest.raises(KeyboardInterrupt):
            _interrupted_import(folder)
    assert _content(tmp_path / "out") == {"train.record": "1"}
    assert not (tmp_path / "new").exists()


def test_what_a_killed_import_left_is_cleared_away(tmp_path):
    left = tmp_path / "out" / ".import.1.tmp"
    left.mkdir(parents=True)
    (left / "train.record").write_text("half")
    check_output(tmp_path / "out", tmp_path / "voc", overwrite=False)
    _import(tmp_path / "out", train__record="1")
    assert _content(tmp_path / "out") == {"train.record": "1"}


def test_folders_that_are_refused(tmp_path):
    data = tmp_path / "data" / "voc"
    data.mkdir(parents=True)
    (tmp_path / "file").write_text("")
    for folder, overwrite, message in (
        (tmp_path / "file", True, "is no folder"),
        (data, True, "holds the data set itself"),
        (tmp_path / "data", True, "holds the data set itself"),
        (tmp_path, False, "holds the data set itself"),
    ):
        with pytest.raises(UsageError, match=message):
            check_output(folder, data / "*.record", overwrite=overwrite)
    with pytest.raises(UsageError, match="lies inside the data set"):
        check_output(data / "out", data, overwrite=False)
    (tmp_path / "other").mkdir()
    check_output(tmp_path / "other", data, overwrite=False)
    (tmp_path / "other" / "train.json").write_text("a data set's own")
    with pytest.raises(UsageError, match="is not empty; --overwrite"):
        check_output(tmp_path / "other", data, overwrite=False)
    with pytest.raises(UsageError, match="for folders that an import wrote"):
        check_output(tmp_path / "other", data, overwrite=True)


@pytest.mark.parametrize("report", ["", "[]", "{}", '{"files": {}}', '{"schema": 1}', '{"schema": 1, "files": []}'])
def test_only_an_import_states_what_it_wrote(tmp_path, report):
    (tmp_path / "report.json").write_text(report)
    with pytest.raises(UsageError, match="for folders that an import wrote"):
        check_output(tmp_path, tmp_path.parent / "voc", overwrite=True)


@pytest.mark.parametrize("name", ["fixes.diff", "pipeline.config", "label_map.pbtxt"])
def test_what_a_person_edited_is_not_replaced(tmp_path, name):
    out, data = tmp_path / "out", tmp_path / "voc"
    _import(out, pipeline__config="a", train__record="1")
    (out / name).write_text("edited")
    with pytest.raises(UsageError, match=f"{name}: edited since an import wrote it"):
        check_output(out, data, overwrite=True)
    (out / name).unlink()
    check_output(out, data, overwrite=True)
