# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The best checkpoint has a folder of its own."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.training.best_checkpoint import replace_best
from efficientdet.training.checkpoint_damage import damage_of
from efficientdet.training.checkpoint_files import checkpoint_step
from efficientdet.training.checkpoint_writing import Retention, add_checkpoint, remove_checkpoint


def _add(folder: Path, step: int, value: float = 0.0) -> str:
    checkpoint = tf.train.Checkpoint(step=tf.Variable(step), value=tf.Variable(value))
    return add_checkpoint(folder, step, checkpoint.write, retention=Retention(2), num_bytes=8)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def _files(step: int) -> set[str]:
    names = {f"ckpt-{step}{end}" for end in (".crc", ".data-00000-of-00001", ".index")}
    return names | {"checkpoint", "metrics.json"}


def test_the_best_outlives_the_others(tmp_path: Path) -> None:
    best = tmp_path / "best"
    replace_best(best, _add(tmp_path, 2), {"value": 0.25})
    for step in (4, 6):
        _add(tmp_path, step)
    assert _names(best) == _files(2)
    assert checkpoint_step(best) == 2
    assert damage_of(str(best / "ckpt-2")) is None
    assert json.loads((best / "metrics.json").read_text()) == {"step": 2, "value": 0.25}
    replace_best(best, str(tmp_path / "ckpt-6"), {"value": 0.5})
    assert _names(best) == _files(6)
    assert tf.train.latest_checkpoint(str(best)) == str(best / "ckpt-6")
    assert json.loads((best / "metrics.json").read_text())["step"] == 6


def test_its_files_are_links(tmp_path: Path) -> None:
    prefix = _add(tmp_path, 2)
    replace_best(tmp_path / "best", prefix, {})
    assert os.path.samefile(f"{prefix}.index", tmp_path / "best" / "ckpt-2.index")


def test_without_links_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    prefix = _add(tmp_path, 2)
    replace_best(tmp_path / "best", prefix, {})
    assert _names(tmp_path / "best") == _files(2)
    assert not os.path.samefile(f"{prefix}.index", tmp_path / "best" / "ckpt-2.index")
    assert damage_of(str(tmp_path / "best" / "ckpt-2")) is None


def test_the_same_again_changes_its_record_alone(tmp_path: Path) -> None:
    prefix = _add(tmp_path, 2)
    for value in (1, 2):
        replace_best(tmp_path / "best", prefix, {"value": value})
    assert _names(tmp_path / "best") == _files(2)
    assert json.loads((tmp_path / "best" / "metrics.json").read_text())["value"] == 2


def test_another_one_of_the_same_step_takes_its_place(tmp_path: Path) -> None:
    replace_best(tmp_path / "best", _add(tmp_path, 2, 1.0), {})
    remove_checkpoint(tmp_path, 2)
    replace_best(tmp_path / "best", _add(tmp_path, 2, 3.0), {})
    assert tf.train.load_variable(str(tmp_path / "best" / "ckpt-2"), "value/.ATTRIBUTES/VARIABLE_VALUE") == 3.0


def test_a_better_one_of_an_earlier_step_stays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    best = tmp_path / "best"
    replace_best(best, _add(tmp_path, 4), {"metric": "AP", "value": 0.9})
    replace_best(best, _add(tmp_path, 6), {"metric": "AP", "value": 0.5})
    assert _names(best) == _files(4)
    assert "ckpt-4 stays the best checkpoint: its AP is 0.9, that of step 6 0.5" in caplog.text
    replace_best(best, _add(tmp_path, 8), {"metric": "AR", "value": 0.5})  # by another metric
    replace_best(best, str(tmp_path / "ckpt-6"), {"metric": "AR", "value": 0.25})  # a run that has gone back
    assert _names(best) == _files(6)
    replace_best(best, str(tmp_path / "ckpt-8"), {"metric": "Loss/total_loss", "value": 2.0})
    replace_best(best, _add(tmp_path, 9), {"metric": "Loss/total_loss", "value": 3.0})
    assert _names(best) == _files(8)
    (best / "ckpt-8.index").write_bytes(b"")
    replace_best(best, str(tmp_path / "ckpt-9"), {"metric": "Loss/total_loss", "value": 3.0})
    assert _names(best) >= _files(9)


def test_a_damaged_one_is_not_the_best(tmp_path: Path) -> None:
    replace_best(tmp_path / "best", _add(tmp_path, 2), {})
    Path(_add(tmp_path, 4) + ".index").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"ckpt-4 cannot be kept as the best checkpoint, it is damaged: ckpt-4"):
        replace_best(tmp_path / "best", str(tmp_path / "ckpt-4"), {})
    assert _names(tmp_path / "best") == _files(2)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "best").write_text("a file of the user's")
    with pytest.raises(CheckpointError, match=r"cannot keep .*ckpt-2 as the best checkpoint: .*exists"):
        replace_best(tmp_path / "best", _add(tmp_path, 2), {})
