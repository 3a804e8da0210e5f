# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Continuous evaluation: quick to see a checkpoint, patient with one that vanished, and it ends."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from efficientdet.errors import CheckpointError
from efficientdet.evaluation.continuous import evaluate_continuously
from efficientdet.training.checkpoint_files import checkpoint_step


class _Training:
    """Writes checkpoints that hold a step, as a run of training would."""

    def __init__(self, directory: Path) -> None:
        self.step = tf.Variable(0, dtype=tf.int64)
        self._manager = tf.train.CheckpointManager(tf.train.Checkpoint(step=self.step), str(directory), max_to_keep=2)

    def save(self, step: int) -> str:
        self.step.assign(step)
        return self._manager.save(checkpoint_number=step)


def _evaluate(step: int) -> Any:
    return step  # an evaluation is told by its step


def test_each_new_checkpoint_is_evaluated_within_seconds(tmp_path: Path) -> None:
    training = _Training(tmp_path)
    training.save(5)
    evaluations = evaluate_continuously(_evaluate, tmp_path, checkpoint_step, timeout=20, last_step=lambda: 9)
    assert next(evaluations) == 5
    training.save(9)
    start = time.monotonic()
    assert next(evaluations) == 9
    assert time.monotonic() - start < 5
    assert list(evaluations) == []  # the last step ends it, long before the timeout


def test_only_the_newest_of_several_is_evaluated(tmp_path: Path) -> None:
    training = _Training(tmp_path)
    for step in (1, 2, 3):
        training.save(step)
    assert list(evaluate_continuously(_evaluate, tmp_path, checkpoint_step, timeout=0)) == [3]


def test_it_ends_after_a_number_of_evaluations(tmp_path: Path) -> None:
    _Training(tmp_path).save(1)
    assert list(evaluate_continuously(_evaluate, tmp_path, checkpoint_step, timeout=60, max_evaluations=1)) == [1]


def test_a_folder_without_checkpoints_times_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with pytest.raises(CheckpointError, match=r"no checkpoint to evaluate in .*absent"):
        list(evaluate_continuously(_evaluate, tmp_path / "absent", checkpoint_step, timeout=0))
    assert "waiting for checkpoints in" in caplog.text


def test_a_prefix_stands_for_one_checkpoint(tmp_path: Path) -> None:
    training = _Training(tmp_path)
    prefix = training.save(4)
    training.save(5)
    for place in (prefix, f"{prefix}.index"):
        assert list(evaluate_continuously(_evaluate, place, checkpoint_step, timeout=60)) == [4]


def test_a_copy_without_tensorflows_list_is_evaluated(tmp_path: Path) -> None:
    training = _Training(tmp_path)
    for step in (9, 10):
        os.utime(training.save(step) + ".index", (2e9, 2e9))  # in the future: this clock has been set back
    (tmp_path / "checkpoint").unlink()
    others = ["best/ckpt-90.index", ".incomplete/ckpt-80.index", "ckpt-70.index.damaged", "ckpt-60.crc"]
    for name in others:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert list(evaluate_continuously(_evaluate, tmp_path, checkpoint_step, timeout=0)) == [10]


def test_a_checkpoint_deleted_before_it_is_read_is_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    training = _Training(tmp_path)
    training.save(1)

    def restore(path: str) -> int:
        if path.endswith("ckpt-1"):
            for step in (2, 3):  # two are kept
                training.save(step)
        return checkpoint_step(path)

    assert list(evaluate_continuously(_evaluate, tmp_path, restore, timeout=1)) == [3]
    assert "ckpt-1 was deleted before it could be evaluated" in caplog.text


def test_a_checkpoint_that_is_there_but_damaged_is_an_error(tmp_path: Path) -> None:
    index = Path(_Training(tmp_path).save(1) + ".index")
    index.write_bytes(index.read_bytes()[:20])
    with pytest.raises(CheckpointError, match="ckpt-1"):
        list(evaluate_continuously(_evaluate, tmp_path, checkpoint_step, timeout=60))
