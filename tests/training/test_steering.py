# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What ends a run before its last step, and that it decides the same wherever it is cut."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from efficientdet.errors import DataError
from efficientdet.evaluation.evaluation import Evaluation
from efficientdet.training.loop import Intervals, run_training
from efficientdet.training.run_state import BestEvaluation
from efficientdet.training.signals import StoppedBySignalError, StopSignals
from efficientdet.training.steering import Scalars
from efficientdet.training.stopping import Deadline, EarlyStopping

from . import runs, stubs


def test_the_best_checkpoint_is_kept_apart(tmp_path: Path) -> None:
    steering = runs.steer()
    evaluate = runs.Noting({2: 0.25, 4: 0.75, 6: 0.75, 8: 0.5})
    runs.run(stubs.make_trainer(), tmp_path, 8, intervals=Intervals(8, 2), evaluate_fn=evaluate, steering=steering)
    assert runs.saved_steps(tmp_path / "best") == [4]
    record = json.loads((tmp_path / "best" / "metrics.json").read_text())
    assert record == {"step": 4, "metric": "AP", "value": 0.75, "metrics": {"AP": 0.75}}
    assert steering.state.best == BestEvaluation("AP", 0.75, 4)


def test_training_ends_when_evaluations_get_no_better(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    evaluate = runs.Noting({1: 0.5, 2: 0.75, 3: 0.7, 4: 0.75})
    trainer = stubs.make_trainer()
    steering = runs.steer(stopping=EarlyStopping(patience=2))
    with caplog.at_level("INFO", logger="efficientdet"):
        runs.run(trainer, tmp_path, 8, intervals=Intervals(8, 1), evaluate_fn=evaluate, steering=steering)
    assert evaluate.steps == [1, 2, 3, 4]
    assert max(runs.saved_steps(tmp_path)) == 4
    assert "training ends at step 4 of 8: the last 2 evaluations were no better" in caplog.text


def test_a_run_that_was_stopped_early_stays_stopped(tmp_path: Path) -> None:
    stopping = EarlyStopping(patience=2)
    for _ in range(2):
        trainer = stubs.make_trainer()
        steering = runs.steer(stopping=stopping)
        runs.run(trainer, tmp_path, 8, intervals=Intervals(8, 1), evaluate_fn=runs.evaluation, steering=steering)
        assert trainer.step == 3
        assert steering.state.stale_evaluations == 2
    longer = runs.steer(stopping=EarlyStopping(patience=4))
    trainer = stubs.make_trainer()
    runs.run(trainer, tmp_path, 8, intervals=Intervals(8, 1), evaluate_fn=runs.evaluation, steering=longer)
    assert trainer.step == 5


def test_a_deadline_ends_a_run_saved_and_evaluated(tmp_path: Path) -> None:
    trainer, evaluate = stubs.make_trainer(), runs.Noting()
    steering = runs.steer(deadline=Deadline(5.0, clock=lambda: float(trainer.step)))
    runs.run(trainer, tmp_path, 8, evaluate_fn=evaluate, steering=steering)
    assert trainer.step == 5
    assert runs.saved_steps(tmp_path) == [3, 4, 5]  # 4 is the best
    assert evaluate.steps == [4, 5]


def test_a_signal_ends_a_run_saved_and_not_evaluated(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    evaluate, trainer = runs.Noting(), stubs.make_trainer()
    runs.stop_at(trainer, 3, lambda: signal.raise_signal(signal.SIGTERM))
    with StopSignals() as signals, pytest.raises(StoppedBySignalError) as stopped:
        runs.run(trainer, tmp_path, 8, evaluate_fn=evaluate, steering=runs.steer(signals=signals))
    assert stopped.value.code == 143
    assert runs.saved_steps(tmp_path) == [3, 4]
    assert evaluate.steps == []  # step 4's comes when the run goes on
    assert f"the same command goes on from {tmp_path / 'ckpt-4'}" in caplog.text


def test_a_signal_ends_an_evaluation(tmp_path: Path) -> None:
    with StopSignals() as signals:

        def evaluate(step: int) -> Evaluation:
            signal.raise_signal(signal.SIGINT)
            signals.check()
            raise AssertionError

        with pytest.raises(KeyboardInterrupt):
            runs.run(stubs.make_trainer(), tmp_path, 8, evaluate_fn=evaluate, steering=runs.steer(signals=signals))
    assert runs.saved_steps(tmp_path) == [3, 4]


def test_a_run_that_is_made_longer_remembers_its_last_evaluation(tmp_path: Path) -> None:
    records: dict[int, Scalars] = {}
    for num_steps, evaluated in ((6, [4, 6]), (12, [8, 12])):
        steering = runs.steer(recorded=records.get)
        evaluate = runs.Noting({4: 0.3, 6: 0.9, 8: 0.5, 12: 0.4})
        runs.run(
            stubs.make_trainer(),
            tmp_path,
            num_steps,
            intervals=Intervals(4, 4),
            evaluate_fn=evaluate,
            steering=steering,
        )
        assert evaluate.steps == evaluated
        records[6] = {"AP": 0.9, "AR": 0.8}
        assert steering.state.best == BestEvaluation("AP", 0.9, 6)
    assert runs.saved_steps(tmp_path / "best") == [6]
    assert json.loads((tmp_path / "best" / "metrics.json").read_text())["metrics"] == {"AP": 0.9, "AR": 0.8}


def test_a_signal_within_the_first_step_saves_nothing_of_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    trainer = stubs.make_trainer()
    train_step = trainer.train_step

    def step() -> object:
        losses = train_step()
        signal.raise_signal(signal.SIGTERM)
        return losses

    trainer.train_step = step  # type: ignore[method-assign,assignment]
    with StopSignals() as signals, pytest.raises(StoppedBySignalError):
        runs.run(trainer, tmp_path, 8, steering=runs.steer(signals=signals))
    assert runs.saved_steps(tmp_path) == []
    assert "stopped within step 1, which is not saved" in caplog.text


def test_data_that_have_changed_end_a_run_at_its_next_checkpoint(tmp_path: Path) -> None:
    def changed() -> None:
        raise DataError("a.record has 3 bytes, and had 4")

    with pytest.raises(DataError, match="had 4"):
        runs.run(stubs.make_trainer(), tmp_path, 8, steering=runs.steer(check_data=changed))
    assert runs.saved_steps(tmp_path) == [3]


class _Killed(BaseException):
    """Ends a run without a word, as SIGKILL does."""


def _final(directory: Path, stop: Callable[[str, int], None]) -> tuple[list[np.ndarray], str, dict[str, object]]:
    """Runs to step 9 with starts that end wherever `stop` (what comes next, step) raises `_Killed`."""
    values = {2: 0.2, 4: 0.6, 6: 0.5, 8: 0.7, 9: 0.1}
    records: dict[int, Scalars] = {}  # metrics.jsonl, which outlives a process
    while True:
        trainer, steering = stubs.make_trainer(), runs.steer(stopping=EarlyStopping(3), recorded=records.get)

        def evaluate(step: int) -> Evaluation:
            stop("evaluation", step)
            records[step] = {"AP": values[step]}
            stop("judgement", step)
            return runs.evaluation(step, values[step])

        checkpoints = runs.checkpoints_of(trainer, directory, steering.state)
        save, keep = checkpoints.save, checkpoints.keep_best

        def save_or_stop() -> str:
            stop("save", trainer.step)  # noqa: B023
            return save()  # noqa: B023

        checkpoints.save = save_or_stop  # type: ignore[method-assign]

        def keep_best(*arguments: object, **more: object) -> None:
            stop("keep", trainer.step)  # noqa: B023
            keep(*arguments, **more)  # type: ignore[arg-type] # noqa: B023

        checkpoints.keep_best = keep_best  # type: ignore[method-assign]
        try:
            run_training(
                trainer,
                checkpoints,
                num_steps=9,
                intervals=Intervals(4, 2),
                evaluate_fn=evaluate,
                steering=steering,
            )
        except _Killed:
            continue
        best = json.loads((directory / "best" / "metrics.json").read_text())
        del best["metrics"]
        return stubs.weights(trainer), steering.state.serialize(), best


def _assert_same(directory: Path, cuts: list[tuple[str, int]], whole: tuple[object, ...]) -> None:
    """A run that is cut at one place after the other ends as one that was not."""
    left = list(cuts)

    def stop(what: str, step: int) -> None:
        if left and (what, step) == left[0]:
            del left[0]
            raise _Killed

    weights, *rest = _final(directory, stop)
    assert not left
    for one, other in zip(weights, whole[0], strict=True):  # type: ignore[call-overload]
        np.testing.assert_array_equal(one, other, err_msg=str(cuts))
    assert rest == list(whole[1:]), cuts


def _ignore(what: str, step: int) -> None:
    """Stops nothing."""


def test_a_run_decides_the_same_wherever_it_is_cut(tmp_path: Path) -> None:
    cuts = [("judgement", 2), ("evaluation", 4), ("judgement", 4), ("keep", 4), ("keep", 8), ("save", 9)]
    _assert_same(tmp_path / "cut", cuts, _final(tmp_path / "whole", _ignore))


@pytest.mark.slow
def test_a_run_decides_the_same_after_a_cut_at_every_place(tmp_path: Path) -> None:
    seen: list[tuple[str, int]] = []
    whole = _final(tmp_path / "whole", lambda what, step: seen.append((what, step)))
    assert len(seen) > 12
    for number, place in enumerate(seen):
        _assert_same(tmp_path / str(number), [place], whole)
