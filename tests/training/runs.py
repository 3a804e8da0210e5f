# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Runs of the tiny detector, and what they leave."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from efficientdet.evaluation.evaluation import Evaluation
from efficientdet.training.checkpoint_writing import Retention
from efficientdet.training.checkpoints import TrainingCheckpoints
from efficientdet.training.loop import Intervals, run_training
from efficientdet.training.run_state import RunState
from efficientdet.training.steering import Steering
from efficientdet.training.stopping import ChosenMetric, EarlyStopping, Judge
from efficientdet.training.trainer import Trainer

EvaluateFn = Callable[[int], Evaluation]
INTERVALS = Intervals(checkpoint=3, evaluation=4)


def evaluation(step: int, value: float = 0.5) -> Evaluation:
    return Evaluation(step, {"AP": value}, None, images=1, seconds=0.0)


def checkpoints_of(trainer: Trainer, directory: Path, state: RunState | None = None) -> TrainingCheckpoints:
    checkpoints = TrainingCheckpoints(
        directory,
        model=trainer.model,
        optimizer=trainer.optimizer,
        retention=Retention(9),
        extras={} if state is None else {"run_state": state},
    )
    checkpoints.restore_latest()
    return checkpoints


def run(
    trainer: Trainer,
    directory: Path,
    num_steps: int,
    *,
    intervals: Intervals = INTERVALS,
    evaluate_fn: EvaluateFn | None = None,
    steering: Steering | None = None,
) -> Evaluation | None:
    checkpoints = checkpoints_of(trainer, directory, steering.state if steering else None)
    return run_training(
        trainer, checkpoints, num_steps=num_steps, intervals=intervals, evaluate_fn=evaluate_fn, steering=steering
    )


def steer(*, stopping: EarlyStopping | None = None, **parts: object) -> Steering:
    state = RunState()
    return Steering(state, judge=Judge(state, best=ChosenMetric(), stopping=stopping), **parts)  # type: ignore[arg-type]


def saved_steps(directory: Path) -> list[int]:
    return sorted(int(path.stem.removeprefix("ckpt-")) for path in directory.glob("*.index"))


class Noting:
    """Evaluates, and notes the steps."""

    def __init__(self, values: dict[int, float] | None = None) -> None:
        self.steps: list[int] = []
        self._values = values or {}

    def __call__(self, step: int) -> Evaluation:
        self.steps.append(step)
        return evaluation(step, self._values.get(step, 0.5))


def stop_at(trainer: Trainer, step: int, stop: Callable[[], None]) -> None:
    """Lets something happen instead of the step that follows a step, or before it."""
    train_step = trainer.train_step

    def stopped() -> object:
        if trainer.step == step:
            stop()
        return train_step()

    trainer.train_step = stopped  # type: ignore[method-assign,assignment]
