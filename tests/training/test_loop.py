# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The run around the steps: exact ends, aligned intervals, and what stays after a failure."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from efficientdet.errors import CheckpointError, DataError, TrainingError
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training.loop import Intervals, run_training
from efficientdet.training.progress import Progress
from efficientdet.training.summaries import TrainingSummaries
from efficientdet.training.trainer import Trainer

from . import stubs


def _run(
    trainer: Trainer,
    directory: Path,
    num_steps: int,
    *,
    intervals: Intervals = Intervals(checkpoint=3, evaluation=4),  # noqa: B008
    evaluate_fn: Callable[[int], Mapping[str, float]] | None = None,
) -> Mapping[str, float] | None:
    checkpoints = TrainingCheckpoints(directory, model=trainer.model, optimizer=trainer.optimizer, max_to_keep=9)
    checkpoints.restore_latest()
    return run_training(trainer, checkpoints, num_steps=num_steps, intervals=intervals, evaluate_fn=evaluate_fn)


def _saved(directory: Path) -> list[int]:
    return sorted(int(path.stem.removeprefix("ckpt-")) for path in directory.glob("*.index"))


def test_a_run_ends_at_its_step_and_saves_and_evaluates_there(tmp_path: Path) -> None:
    trainer, evaluated = stubs.make_trainer(), []

    def evaluate(step: int) -> dict[str, float]:
        assert step == trainer.step
        evaluated.append(step)
        return {"AP": step / 10}

    assert _run(trainer, tmp_path, 7, evaluate_fn=evaluate) == {"AP": 0.7}
    assert trainer.step == 7
    assert _saved(tmp_path) == [3, 6, 7]
    assert evaluated == [4, 7]


def test_evaluation_comes_with_each_checkpoint_unless_told_otherwise(tmp_path: Path) -> None:
    evaluated: list[int] = []
    _run(
        stubs.make_trainer(),
        tmp_path,
        5,
        intervals=Intervals(checkpoint=2, evaluation=0),
        evaluate_fn=lambda step: evaluated.append(step) or {},  # type: ignore[func-returns-value]
    )
    assert evaluated == [2, 4, 5]


def test_a_run_without_evaluation_returns_nothing(tmp_path: Path) -> None:
    assert _run(stubs.make_trainer(), tmp_path, 1) is None


def test_an_interrupted_run_goes_on_at_the_same_steps(tmp_path: Path) -> None:
    straight = stubs.make_trainer()
    _run(straight, tmp_path / "straight", 8)
    first, second = stubs.make_trainer(), stubs.make_trainer()
    _run(first, tmp_path / "resumed", 4)
    _run(second, tmp_path / "resumed", 8)
    assert _saved(tmp_path / "resumed") == [3, 4, 6, 8]
    for one, other in zip(stubs.weights(straight), stubs.weights(second), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_that_is_complete_is_only_evaluated(tmp_path: Path) -> None:
    _run(stubs.make_trainer(), tmp_path, 4)
    again = stubs.make_trainer()
    assert _run(again, tmp_path, 4, evaluate_fn=lambda step: {"step": step}) == {"step": 4}
    assert again.step == 4


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not finite at step 5"):
        _run(stubs.make_trainer(poisoned_step=5), tmp_path, 8)
    assert _saved(tmp_path) == [3]
    resumed = stubs.make_trainer()
    _run(resumed, tmp_path, 8)
    assert resumed.step == 8


def test_an_interrupt_keeps_the_work(tmp_path: Path) -> None:
    def interrupt(step: int) -> dict[str, float]:
        raise KeyboardInterrupt

    trainer = stubs.make_trainer()
    with pytest.raises(KeyboardInterrupt):
        _run(trainer, tmp_path, 8, evaluate_fn=interrupt)
    assert _saved(tmp_path) == [3, 4]


def test_an_interrupt_saves_no_bad_weights(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trainer = stubs.make_trainer()

    def interrupt(step: int) -> dict[str, float]:
        trainer.model.stem.bias.assign([np.nan] * 4)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run(trainer, tmp_path, 8, evaluate_fn=interrupt)
    assert _saved(tmp_path) == [3]
    assert "not saved" in caplog.text


def test_progress_and_summaries_follow_the_run(tmp_path: Path) -> None:
    stream = io.StringIO()
    trainer = stubs.make_trainer()
    checkpoints = TrainingCheckpoints(tmp_path, model=trainer.model, optimizer=trainer.optimizer, max_to_keep=1)
    with Progress(4, batch_size=4, stream=stream, line_seconds=0.0) as progress:
        run_training(
            trainer,
            checkpoints,
            num_steps=4,
            intervals=Intervals(checkpoint=2, evaluation=0),
            evaluate_fn=lambda step: {"DetectionBoxes_Precision/mAP": 0.25},
            summaries=TrainingSummaries(tmp_path / "train", interval=2),
            progress=progress,
        )
    lines = stream.getvalue().splitlines()
    assert [line.split(" | ")[0] for line in lines] == ["step 1/4", "step 2/4", "step 3/4", "step 4/4"]
    assert ["AP 0.250" in line for line in lines] == [False, False, True, True]
    assert list((tmp_path / "train").glob("events.*"))


def _stop_at(trainer: Trainer, step: int, error: Exception) -> None:
    train_step = trainer.train_step

    def stopped() -> object:
        if trainer.step == step:
            raise error
        return train_step()

    trainer.train_step = stopped  # type: ignore[method-assign,assignment]


def test_an_error_of_the_data_keeps_the_work(tmp_path: Path) -> None:
    trainer = stubs.make_trainer()
    _stop_at(trainer, 5, DataError("x.record: record 7"))
    with pytest.raises(DataError, match="record 7"):
        _run(trainer, tmp_path, 8)
    assert _saved(tmp_path) == [3, 5]


def test_a_failure_to_save_does_not_hide_the_error_of_the_data(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = stubs.make_trainer()
    _stop_at(trainer, 2, DataError("x.record: record 7"))

    def fail(self: TrainingCheckpoints) -> str:
        raise CheckpointError("disk full")

    monkeypatch.setattr(TrainingCheckpoints, "save", fail)
    with pytest.raises(DataError, match="record 7"):
        _run(trainer, tmp_path, 8)
    assert "stopped at step 2, not saved: disk full" in caplog.text


def test_the_end_of_the_data_is_a_normal_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    evaluated: list[int] = []

    def evaluate(step: int) -> dict[str, float]:
        evaluated.append(step)
        return {"AP": step / 10}

    assert _run(stubs.make_trainer(steps=5), tmp_path, 8, evaluate_fn=evaluate) == {"AP": 0.5}
    assert _saved(tmp_path) == [3, 5]
    assert evaluated == [4, 5]
    assert "the training data ended at step 5, before step 8" in caplog.text


def test_the_end_of_the_data_evaluates_no_step_twice(tmp_path: Path) -> None:
    evaluated: list[int] = []
    _run(
        stubs.make_trainer(steps=4),
        tmp_path,
        8,
        evaluate_fn=lambda step: evaluated.append(step) or {},  # type: ignore[func-returns-value]
    )
    assert evaluated == [4]
