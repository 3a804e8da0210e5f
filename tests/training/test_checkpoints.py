# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Checkpoints: what they hold, what they refuse, and what survives an accident."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.errors import CheckpointError, TrainingError
from efficientdet.training import optimizers, schedules
from efficientdet.training.checkpoint_files import checkpoint_step, has_checkpoints
from efficientdet.training.checkpoint_writing import Retention
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training.trainer import Trainer, TrainerSettings
from efficientdet.training.variable_rules import VariableRules, trainable_by_path
from efficientdet.training.workers import Workers

from . import stubs


class _Note(tf.train.experimental.PythonState):
    """A number that is saved."""

    def __init__(self, number: int) -> None:
        self.number = number

    def serialize(self) -> str:
        return json.dumps(self.number)

    def deserialize(self, string_value: bytes) -> None:
        self.number = json.loads(string_value)


def _checkpoints(trainer: Trainer, directory: Path, max_to_keep: int = 7, **options: Any) -> TrainingCheckpoints:
    return TrainingCheckpoints(
        directory, model=trainer.model, optimizer=trainer.optimizer, retention=Retention(max_to_keep), **options
    )


def _train_and_save(directory: Path, *steps: int, settings: TrainerSettings = TrainerSettings()) -> Trainer:  # noqa: B008
    trainer = stubs.make_trainer(settings=settings)
    checkpoints = _checkpoints(trainer, directory)
    for step in steps:
        trainer.train(step - trainer.step)
        checkpoints.save()
    return trainer


def _damage(prefix: Path, share_kept: float = 0.5) -> None:
    data = Path(f"{prefix}.data-00000-of-00001")
    data.write_bytes(data.read_bytes()[: int(data.stat().st_size * share_kept)])


_COSINE = schedules.CosineDecay(0.05, total_steps=6, warmup_learning_rate=0.01, warmup_steps=2, hold_base_rate_steps=0)
_RESTARTS = schedules.CosineRestarts(0.05, 2, period_factor=1.5, warmup_learning_rate=0.01, warmup_steps=1)


@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda: optimizers.momentum(_COSINE, momentum=0.9),
        lambda: optimizers.adam(_COSINE, epsilon=1e-8),
        lambda: optimizers.AdamW(_RESTARTS, weight_decay=0.1),
        lambda: optimizers.rmsprop(_COSINE, decay=0.9, decay_meaning="learning_rate", momentum=0.9, epsilon=1.0),
        lambda: optimizers.rmsprop(_RESTARTS, decay=0.9, decay_meaning="squared_gradients", momentum=0.9, epsilon=1.0),
    ],
    ids=["momentum", "adam", "adamw", "rmsprop", "rmsprop of TensorFlow 1"],
)
def test_a_resumed_run_equals_a_straight_one_bit_by_bit(
    make_optimizer: Callable[[], optimizers.Optimizer], tmp_path: Path
) -> None:
    def make() -> Trainer:
        model = stubs.TinyModel()
        rules = VariableRules(
            trainable_by_path(model),
            frozen={"norm/beta"},
            bias_gradient_factor=2.0,
            update_factors={"stem/kernel": 0.1},
        )
        settings = TrainerSettings(optimizers.Clipping(value=0.5, norm=1.0), average_decay=0.99)
        return stubs.make_trainer(model=model, optimizer=make_optimizer(), settings=settings, rules=rules)

    straight, interrupted, resumed = make(), make(), make()
    straight.train(6)
    interrupted.train(3)
    _checkpoints(interrupted, tmp_path).save()
    assert _checkpoints(resumed, tmp_path).restore_latest() == 3
    resumed.train(3)
    for one, other in zip(stubs.weights(straight), stubs.weights(resumed), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_empty_directory_resumes_nothing(tmp_path: Path) -> None:
    assert not has_checkpoints(tmp_path / "new")
    assert _checkpoints(stubs.make_trainer(), tmp_path / "new").restore_latest() is None
    assert not has_checkpoints(tmp_path / "new")


def test_names_are_paths_of_attributes(tmp_path: Path) -> None:
    _train_and_save(tmp_path, 2, settings=TrainerSettings(average_decay=0.9))
    shapes = dict(tf.train.list_variables(str(tmp_path)))
    assert shapes["model/stem/kernel/.ATTRIBUTES/VARIABLE_VALUE"] == [3, 3, 3, 4]
    for slot in ("momentum", "average"):
        assert shapes[f"model/stem/kernel/.OPTIMIZER_SLOT/optimizer/{slot}/.ATTRIBUTES/VARIABLE_VALUE"] == [3, 3, 3, 4]
    assert checkpoint_step(tmp_path) == 2


def test_only_the_latest_are_kept(tmp_path: Path) -> None:
    trainer = stubs.make_trainer()
    checkpoints = _checkpoints(trainer, tmp_path, max_to_keep=2)
    for _ in range(4):
        trainer.train(1)
        checkpoints.save()
    assert sorted(path.name for path in tmp_path.glob("*.index")) == ["ckpt-3.index", "ckpt-4.index"]


def test_a_step_is_saved_once(tmp_path: Path) -> None:
    _train_and_save(tmp_path, 2)
    before = (tmp_path / "ckpt-2.index").stat().st_mtime_ns
    checkpoints = _checkpoints(stubs.make_trainer(), tmp_path)
    checkpoints.restore_latest()
    assert checkpoints.save() == str(tmp_path / "ckpt-2")
    assert (tmp_path / "ckpt-2.index").stat().st_mtime_ns == before


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    trainer = _train_and_save(tmp_path, 2)
    trainer.train(1)
    trainer.model.stem.bias.assign([1.0, np.inf, 0.0, 0.0])
    with pytest.raises(TrainingError, match="model/stem/bias is not finite after step 3"):
        _checkpoints(trainer, tmp_path).save()
    assert [path.name for path in tmp_path.glob("*.index")] == ["ckpt-2.index"]


def test_a_directory_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    trainer = stubs.make_trainer()
    checkpoints = _checkpoints(trainer, tmp_path / "run")
    if (tmp_path / "run").exists():
        (tmp_path / "run").rmdir()
    (tmp_path / "run").write_text("a file where the folder should be")
    with pytest.raises(CheckpointError, match="cannot write the checkpoint of step 0"):
        checkpoints.save()


def test_a_damaged_checkpoint_is_passed_over_and_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    saved = _train_and_save(tmp_path, 2, 4)
    _damage(tmp_path / "ckpt-4")
    resumed = stubs.make_trainer()
    with caplog.at_level(logging.WARNING):
        assert _checkpoints(resumed, tmp_path).restore_latest() == 2
    assert "ckpt-4 is damaged, trying the one before it: ckpt-4.data-00000-of-00001 has " in caplog.text
    assert "renamed the files of ckpt-4 to ckpt-4.*.damaged" in caplog.text
    damaged = [f"ckpt-4{end}.damaged" for end in (".crc", ".data-00000-of-00001", ".index")]
    assert sorted(path.name for path in tmp_path.glob("ckpt-4*")) == damaged
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "ckpt-2")
    resumed.train(2)  # and the run goes on as the first one did
    for one, other in zip(stubs.weights(saved), stubs.weights(resumed), strict=True):
        np.testing.assert_array_equal(one, other)
    _checkpoints(resumed, tmp_path).save()
    assert _checkpoints(stubs.make_trainer(), tmp_path).restore_latest() == 4


def test_a_directory_of_damaged_checkpoints_is_an_error(tmp_path: Path) -> None:
    _train_and_save(tmp_path, 1)
    _damage(tmp_path / "ckpt-1")
    for _ in range(2):  # nothing is renamed: the next start must not begin anew
        with pytest.raises(CheckpointError, match="none of the 1 checkpoints"):
            _checkpoints(stubs.make_trainer(), tmp_path).restore_latest()
    assert has_checkpoints(tmp_path)


@pytest.mark.parametrize("end", [".index", ".data-00000-of-00001", ".crc"])
def test_any_flipped_byte_costs_the_checkpoint_or_nothing(end: str, tmp_path: Path) -> None:
    _train_and_save(tmp_path, 2, 4)
    file = tmp_path / f"ckpt-4{end}"
    whole = file.read_bytes()
    trainer = stubs.make_trainer()
    for place in (*range(0, len(whole), 997), len(whole) - 1):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x04]) + whole[place + 1 :])
        # A list of checksums that is damaged itself costs nothing: TensorFlow's count then.
        assert _checkpoints(trainer, tmp_path).restore_latest() == (4 if end == ".crc" else 2)
        for path in tmp_path.glob("*.damaged"):
            path.rename(path.with_suffix(""))
    file.write_bytes(whole)
    assert _checkpoints(trainer, tmp_path).restore_latest() == 4


@pytest.mark.parametrize("end", [".index", ".data-00000-of-00001"])
def test_a_missing_file_is_named(end: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _train_and_save(tmp_path, 2, 4)
    (tmp_path / f"ckpt-4{end}").unlink()
    with caplog.at_level(logging.WARNING):
        assert _checkpoints(stubs.make_trainer(), tmp_path).restore_latest() == 2
    assert f"ckpt-4{end} is missing" in caplog.text


def test_a_checkpoint_of_an_earlier_version_is_resumed(tmp_path: Path) -> None:
    saved = stubs.make_trainer()
    saved.train(2)
    theirs = tf.train.Checkpoint(step=saved.optimizer.iterations, model=saved.model, optimizer=saved.optimizer)
    manager = tf.train.CheckpointManager(theirs, str(tmp_path), max_to_keep=3)
    manager.save(checkpoint_number=2)
    resumed = stubs.make_trainer()
    checkpoints = _checkpoints(resumed, tmp_path, max_to_keep=1, extras={"note": _Note(1)})
    assert checkpoints.restore_latest() == 2
    for one, other in zip(stubs.weights(saved), stubs.weights(resumed), strict=True):
        np.testing.assert_array_equal(one, other)
    resumed.train(1)
    checkpoints.save()
    assert [path.name for path in tmp_path.glob("*.index")] == ["ckpt-3.index"]


def test_extras_are_saved_and_restored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trainer = _train_and_save(tmp_path, 1)
    trainer.train(1)
    scale = tf.Module()
    scale.factor = tf.Variable(8.0)
    _checkpoints(trainer, tmp_path, extras={"note": _Note(5), "scale": scale}).save()
    note, fresh = _Note(0), tf.Module()
    fresh.factor = tf.Variable(1.0)
    extras = {"note": note, "scale": fresh}
    assert _checkpoints(stubs.make_trainer(), tmp_path, extras=extras).restore_latest() == 2
    assert (note.number, float(fresh.factor.numpy())) == (5, 8.0)
    caplog.set_level(logging.INFO)
    assert _checkpoints(stubs.make_trainer(), tmp_path).restore_latest() == 2  # without them it is whole, too
    assert "ckpt-2 holds note, which this run has no use for" in caplog.text
    _damage(tmp_path / "ckpt-2")
    note.number = 7
    assert _checkpoints(stubs.make_trainer(), tmp_path, extras={"note": note}).restore_latest() == 1
    assert "ckpt-1 holds no note, which starts anew" in caplog.text
    assert note.number == 7


def test_only_the_first_worker_leaves_files(tmp_path: Path) -> None:
    run = tmp_path / "run"
    trainer = _train_and_save(run, 2, 4)
    _damage(run / "ckpt-4")
    before = {path.name for path in run.iterdir()}
    other = _checkpoints(trainer, run, workers=Workers(1, 2))
    assert other.restore_latest() == 2
    trainer.train(1)
    assert other.save() == str(run / "ckpt-3")
    other.keep_best(str(run / "ckpt-2"), 0.5)
    assert {path.name for path in run.iterdir()} == before


def test_workers_meet_before_they_look_and_before_a_file_is_renamed(tmp_path: Path) -> None:
    trainer = _train_and_save(tmp_path, 2, 4)
    _damage(tmp_path / "ckpt-4")
    (tmp_path / "ckpt-9_temp").mkdir()
    seen: list[tuple[bool, int, bool]] = []

    def meet() -> None:
        is_tidy, is_renamed = not (tmp_path / "ckpt-9_temp").exists(), any(tmp_path.glob("*.damaged"))
        seen.append((is_tidy, trainer.step, is_renamed))

    assert _checkpoints(trainer, tmp_path, meet=meet).restore_latest() == 2
    assert seen == [(True, 4, False), (True, 2, False)]
    assert any(tmp_path.glob("*.damaged"))


def test_the_best_is_kept_whatever_follows(tmp_path: Path) -> None:
    trainer = stubs.make_trainer()
    checkpoints = _checkpoints(trainer, tmp_path, max_to_keep=1)
    trainer.train(1)
    checkpoints.keep_best(checkpoints.save(), 0.25, metric="mAP", metrics={"mAP": 0.25, "Loss/total_loss": 2.0})
    trainer.train(1)
    checkpoints.save()
    assert checkpoint_step(tmp_path / "best") == 1
    assert checkpoint_step(tmp_path) == 2
    assert json.loads((tmp_path / "best" / "metrics.json").read_text()) == {
        "step": 1, "metric": "mAP", "value": 0.25, "metrics": {"mAP": 0.25, "Loss/total_loss": 2.0}
    }  # fmt: skip


def test_a_clock_that_jumps_changes_nothing(tmp_path: Path) -> None:
    trainer = _train_and_save(tmp_path, 2, 4)
    for path in tmp_path.glob("ckpt-2*"):  # newer than anything, by the files' times
        os.utime(path, (2e9, 2e9))
    for path in tmp_path.glob("ckpt-4*"):
        os.utime(path, (0, 0))
    checkpoints = _checkpoints(trainer, tmp_path, max_to_keep=2)
    assert checkpoints.restore_latest() == 4
    trainer.train(1)
    checkpoints.save()
    assert sorted(path.name for path in tmp_path.glob("*.index")) == ["ckpt-4.index", "ckpt-5.index"]


def test_a_save_that_was_killed_leaves_the_one_before(tmp_path: Path) -> None:
    _train_and_save(tmp_path, 2)
    (tmp_path / "ckpt-4_temp").mkdir()
    (tmp_path / "ckpt-4_temp" / "part-00000-of-00001.data-00000-of-00001").write_bytes(b"half")
    (tmp_path / ".incomplete").mkdir()
    (tmp_path / ".incomplete" / "ckpt-5.index").write_bytes(b"of a checkpoint whose data has been moved already")
    (tmp_path / "ckpt-5.data-00000-of-00001").write_bytes(b"all")
    assert _checkpoints(stubs.make_trainer(), tmp_path).restore_latest() == 2
    assert {path.name for path in tmp_path.iterdir() if not path.name.startswith("ckpt-2.")} == {"checkpoint"}


def test_checkpoints_are_found_without_tensorflows_list_of_them(tmp_path: Path) -> None:
    _train_and_save(tmp_path, 2, 10)
    (tmp_path / "checkpoint").unlink()
    assert has_checkpoints(tmp_path)
    assert _checkpoints(stubs.make_trainer(), tmp_path).restore_latest() == 10


def test_a_checkpoint_of_another_model_is_refused_and_the_differences_named(tmp_path: Path) -> None:
    _train_and_save(tmp_path, 1)
    other = stubs.make_trainer(model=stubs.TinyModel(classes=3, normalized=False))
    before = stubs.weights(other)
    with pytest.raises(CheckpointError) as caught:
        _checkpoints(other, tmp_path).restore_latest()
    message = str(caught.value)
    assert "2 of another shape: model/class_head/bias is (16,) in the file and (24,) here" in message
    assert "4 only in the file: model/norm/beta, model/norm/gamma, model/norm/moving_mean and 1 more" in message
    for one, unchanged in zip(before, stubs.weights(other), strict=True):
        np.testing.assert_array_equal(one, unchanged)


def test_a_checkpoint_of_another_optimizer_is_refused(tmp_path: Path) -> None:
    _train_and_save(tmp_path, 1)
    adam = stubs.make_trainer(optimizer=optimizers.adam(schedules.Constant(0.1), epsilon=1e-8))
    with pytest.raises(CheckpointError, match="keeps momentum per weight, this run needs m, v"):
        _checkpoints(adam, tmp_path).restore_latest()
    averaging = stubs.make_trainer(settings=TrainerSettings(average_decay=0.9))
    with pytest.raises(CheckpointError, match="needs average, momentum"):
        _checkpoints(averaging, tmp_path).restore_latest()


def test_settings_of_the_optimizer_come_from_this_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    _train_and_save(tmp_path, 1)
    changed = stubs.make_trainer(optimizer=optimizers.momentum(schedules.Constant(0.05), momentum=0.5))
    with caplog.at_level(logging.INFO):
        _checkpoints(changed, tmp_path).restore_latest()
    assert float(changed.optimizer.momentum) == 0.5
    assert "and is 0.5 from here" in caplog.text


def test_a_checkpoint_of_a_model_alone_is_not_resumed(tmp_path: Path) -> None:
    prefix = tf.train.Checkpoint(model=stubs.TinyModel()).write(str(tmp_path / "ckpt-0"))
    assert checkpoint_step(prefix) == 0
    with pytest.raises(CheckpointError, match="holds no step"):
        _checkpoints(stubs.make_trainer(), tmp_path).restore_latest()


def test_what_is_no_checkpoint_has_no_step(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "ckpt-9"):
        with pytest.raises(CheckpointError, match=r"holds no checkpoint|does not exist"):
            checkpoint_step(path)
    (tmp_path / "ckpt-8.index").write_bytes(b"not an index")
    (tmp_path / "ckpt-8.data-00000-of-00001").write_bytes(b"no data")
    with pytest.raises(CheckpointError, match="ckpt-8 is damaged"):
        checkpoint_step(tmp_path / "ckpt-8")


def test_files_that_do_not_tell_their_step_are_of_step_0(tmp_path: Path) -> None:
    stubs.TinyModel().save_weights(tmp_path / "x.h5")
    assert checkpoint_step(tmp_path / "x.h5") == 0


def test_without_tensorflows_list_the_newest_tells_the_step(tmp_path: Path) -> None:
    _train_and_save(tmp_path, 2, 10)
    (tmp_path / "checkpoint").unlink()
    assert checkpoint_step(tmp_path) == 10


def test_a_training_of_another_library_is_not_resumed(tmp_path: Path) -> None:
    detection_model = tf.train.Checkpoint(_feature_extractor=tf.train.Checkpoint(kernel=tf.Variable(1.0)))
    tf.train.Checkpoint(model=detection_model, step=tf.Variable(3)).write(str(tmp_path / "ckpt-1"))
    with pytest.raises(CheckpointError, match=r"ckpt-1 is a checkpoint of the TensorFlow Object Detection API, whose"):
        _checkpoints(stubs.make_trainer(), tmp_path).restore_latest()
