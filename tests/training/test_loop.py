# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The run around the steps: exact ends, aligned intervals, and what stays after a failure."""

from __future__ import annotations

import io
import signal
from pathlib import Path

import numpy as np
import pytest

from efficientdet.errors import CheckpointError, DataError, TrainingError
from efficientdet.evaluation.evaluation import Evaluation
from efficientdet.training import loop
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training.event_file import EventFile
from efficientdet.training.loop import Intervals, run_training
from efficientdet.training.outcome import StepOutcome
from efficientdet.training.progress import Progress
from efficientdet.training.signals import StoppedBySignalError, StopSignals
from efficientdet.training.summaries import TrainingSummaries
from efficientdet.training.trainer import Trainer
from efficientdet.training.workers import Workers

from . import runs, stubs


def test_a_run_ends_at_its_step_and_saves_and_evaluates_there(tmp_path: Path) -> None:
    trainer, evaluated = stubs.make_trainer(), []

    def evaluate(step: int) -> Evaluation:
        assert step == trainer.step
        evaluated.append(step)
        return runs.evaluation(step, step / 10)

    evaluation = runs.run(trainer, tmp_path, 7, evaluate_fn=evaluate)
    assert evaluation is not None
    assert evaluation.metrics == {"AP": 0.7}
    assert trainer.step == 7
    assert runs.saved_steps(tmp_path) == [3, 6, 7]
    assert evaluated == [4, 7]


def test_evaluation_comes_with_each_checkpoint_unless_told_otherwise(tmp_path: Path) -> None:
    evaluate = runs.Noting()
    runs.run(stubs.make_trainer(), tmp_path, 5, intervals=Intervals(checkpoint=2, evaluation=0), evaluate_fn=evaluate)
    assert evaluate.steps == [2, 4, 5]


def test_a_run_without_evaluation_returns_nothing(tmp_path: Path) -> None:
    assert runs.run(stubs.make_trainer(), tmp_path, 1) is None


def test_an_interrupted_run_goes_on_at_the_same_steps(tmp_path: Path) -> None:
    straight = stubs.make_trainer()
    runs.run(straight, tmp_path / "straight", 8)
    first, second = stubs.make_trainer(), stubs.make_trainer()
    runs.run(first, tmp_path / "resumed", 4)
    runs.run(second, tmp_path / "resumed", 8)
    assert runs.saved_steps(tmp_path / "resumed") == [3, 4, 6, 8]
    for one, other in zip(stubs.weights(straight), stubs.weights(second), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_run_that_is_complete_is_only_evaluated(tmp_path: Path) -> None:
    runs.run(stubs.make_trainer(), tmp_path, 4)
    again = stubs.make_trainer()
    assert runs.run(again, tmp_path, 4, evaluate_fn=runs.evaluation) == runs.evaluation(4)
    assert again.step == 4


def test_a_loss_that_is_not_finite_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="not finite at step 5"):
        runs.run(stubs.make_trainer(poisoned_step=5), tmp_path, 8)
    assert runs.saved_steps(tmp_path) == [3]
    resumed = stubs.make_trainer()
    runs.run(resumed, tmp_path, 8)
    assert resumed.step == 8


def _interrupt(step: int) -> Evaluation:
    raise KeyboardInterrupt


def test_an_interrupt_keeps_the_work(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        runs.run(stubs.make_trainer(), tmp_path, 8, evaluate_fn=_interrupt)
    assert runs.saved_steps(tmp_path) == [3, 4]


def test_what_several_workers_do_together_is_cut_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.run(stubs.make_trainer(), tmp_path, 4)
    monkeypatch.setattr(loop, "workers_of", lambda strategy: Workers(0, 2))
    noting = runs.Noting()

    def evaluate(step: int) -> Evaluation:
        signal.raise_signal(signal.SIGUSR1)  # between two collectives
        return noting(step)

    with StopSignals() as signals, pytest.raises(StoppedBySignalError):
        runs.run(stubs.make_trainer(), tmp_path, 8, evaluate_fn=evaluate, steering=runs.steer(signals=signals))
    assert noting.steps == [4]
    assert runs.saved_steps(tmp_path)[-1] == 5  # looked at after the next step


def test_an_interrupt_saves_no_bad_weights(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trainer = stubs.make_trainer()

    def interrupt(step: int) -> Evaluation:
        trainer.model.stem.bias.assign([np.nan] * 4)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.run(trainer, tmp_path, 8, evaluate_fn=interrupt)
    assert runs.saved_steps(tmp_path) == [3]
    assert "not saved" in caplog.text


class _Closing:
    """An observer that notes what it is told."""

    def __init__(self) -> None:
        self.outcomes: list[StepOutcome] = []
        self.evaluations: list[int] = []
        self.closed = 0

    def on_step(self, trainer: Trainer, outcome: StepOutcome) -> None:
        assert trainer.step == outcome.step
        self.outcomes.append(outcome)

    def on_evaluation(self, evaluation: Evaluation) -> None:
        self.evaluations.append(evaluation.step)

    def close(self) -> None:
        self.closed += 1


def test_observers_are_told_of_steps_and_evaluations_and_of_the_end(tmp_path: Path) -> None:
    stream = io.StringIO()
    trainer, noting = stubs.make_trainer(), _Closing()
    with Progress(4, batch_size=4, stream=stream, line_seconds=0.0) as progress:
        run_training(
            trainer,
            runs.checkpoints_of(trainer, tmp_path),
            num_steps=4,
            intervals=Intervals(checkpoint=2, evaluation=0),
            evaluate_fn=lambda step: runs.evaluation(step, 0.25),
            observers=[progress, TrainingSummaries(EventFile(tmp_path / "train"), interval=2), noting],
        )
    lines = stream.getvalue().splitlines()
    assert [line.split(" | ")[0] for line in lines] == ["step 1/4", "step 2/4", "step 3/4", "step 4/4"]
    assert ["AP 0.250" in line for line in lines] == [False, False, True, True]
    assert list((tmp_path / "train").glob("events.*"))
    assert [outcome.step for outcome in noting.outcomes] == [1, 2, 3, 4]
    assert [outcome.is_last for outcome in noting.outcomes] == [False, False, False, True]
    assert noting.evaluations == [2, 4]
    assert noting.closed == 1


def test_observers_are_closed_whatever_ends_training(tmp_path: Path) -> None:
    trainer, noting = stubs.make_trainer(poisoned_step=2), _Closing()
    with pytest.raises(TrainingError):
        run_training(
            trainer, runs.checkpoints_of(trainer, tmp_path), num_steps=4, intervals=runs.INTERVALS, observers=[noting]
        )
    assert [outcome.step for outcome in noting.outcomes] == [1]
    assert noting.closed == 1


def test_an_observer_that_fails_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Broken(_Closing):
        def on_step(self, trainer: Trainer, outcome: StepOutcome) -> None:
            super().on_step(trainer, outcome)
            raise ZeroDivisionError("nothing to divide by")

    trainer, broken, noting = stubs.make_trainer(), Broken(), _Closing()
    run_training(
        trainer,
        runs.checkpoints_of(trainer, tmp_path),
        num_steps=2,
        intervals=runs.INTERVALS,
        observers=[broken, noting],
    )
    assert [len(observer.outcomes) for observer in (broken, noting)] == [1, 2]
    assert (broken.closed, noting.closed) == (1, 1)
    assert "Broken failed at step 1: training goes on without it" in caplog.text
    assert "nothing to divide by" in caplog.text


def test_an_observer_that_cannot_be_closed_hides_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Full(_Closing):
        def close(self) -> None:
            raise OSError("no space left")

    trainer, noting = stubs.make_trainer(poisoned_step=2), _Closing()
    with pytest.raises(TrainingError, match="not finite at step 2"):
        run_training(
            trainer,
            runs.checkpoints_of(trainer, tmp_path),
            num_steps=4,
            intervals=runs.INTERVALS,
            observers=[Full(), noting],
        )
    assert noting.closed == 1
    assert "Full failed when it was closed" in caplog.text


def test_an_evaluation_that_cannot_be_written_costs_no_steps(tmp_path: Path) -> None:
    def evaluate(step: int) -> Evaluation:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        runs.run(stubs.make_trainer(), tmp_path, 8, evaluate_fn=evaluate)
    assert runs.saved_steps(tmp_path) == [3, 4]


def _raise_data_error() -> None:
    raise DataError("x.record: record 7")


def test_an_error_of_the_data_keeps_the_work(tmp_path: Path) -> None:
    trainer = stubs.make_trainer()
    runs.stop_at(trainer, 5, _raise_data_error)
    with pytest.raises(DataError, match="record 7"):
        runs.run(trainer, tmp_path, 8)
    assert runs.saved_steps(tmp_path) == [3, 5]


def test_a_failure_to_save_does_not_hide_the_error_of_the_data(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = stubs.make_trainer()
    runs.stop_at(trainer, 2, _raise_data_error)

    def fail(self: TrainingCheckpoints) -> str:
        raise CheckpointError("disk full")

    monkeypatch.setattr(TrainingCheckpoints, "save", fail)
    with pytest.raises(DataError, match="record 7"):
        runs.run(trainer, tmp_path, 8)
    assert "stopped at step 2, not saved: disk full" in caplog.text


def test_the_end_of_the_data_is_a_normal_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    evaluate = runs.Noting()
    runs.run(stubs.make_trainer(steps=5), tmp_path, 8, evaluate_fn=evaluate)
    assert runs.saved_steps(tmp_path) == [3, 5]
    assert evaluate.steps == [4, 5]
    assert "the training data ended at step 5, before step 8" in caplog.text


def test_the_end_of_the_data_evaluates_no_step_twice(tmp_path: Path) -> None:
    evaluate = runs.Noting()
    runs.run(stubs.make_trainer(steps=4), tmp_path, 8, evaluate_fn=evaluate)
    assert evaluate.steps == [4]
