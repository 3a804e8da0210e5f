# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What TensorBoard gets, read back from the event files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.training import summaries as summaries_module
from efficientdet.training.event_file import EventFile
from efficientdet.training.outcome import StepOutcome
from efficientdet.training.summaries import TrainingSummaries
from efficientdet.training.trainer import Trainer
from efficientdet.types import Batch, Losses

from . import stubs
from .events import read_events


def _draw(batch: Batch) -> np.ndarray:
    return np.full([len(batch.inputs), 4, 6, 3], 7, np.uint8)


def _outcome(trainer: Trainer, *, seconds: float = 0.5, norm: float | None = None, last: bool = False) -> StepOutcome:
    losses = trainer.train_step()
    return StepOutcome(trainer.step, losses, seconds, seconds / 4, norm, last)


def test_tags_and_steps_are_those_of_the_object_detection_api(tmp_path: Path) -> None:
    trainer = stubs.make_trainer()
    summaries = TrainingSummaries(EventFile(tmp_path), interval=2, draw_batch=_draw)
    outcomes = [_outcome(trainer, seconds=100.0 if step == 1 else 0.5, last=step == 5) for step in range(1, 6)]
    for outcome in outcomes:
        summaries.on_step(trainer, outcome)
    summaries.close()
    values = read_events(tmp_path)
    scalars = {f"Loss/{name}_loss" for name in Losses._fields} | {"learning_rate", "steps_per_sec", "input/wait_share"}
    assert values.keys() - {"memory/host_gib"} == scalars | {"train_input_images"}
    assert all(list(values[tag]) == [2, 4, 5] for tag in scalars)
    assert [float(v) for v in values["steps_per_sec"].values()] == [2.0, 2.0, 2.0]
    assert [float(v) for v in values["input/wait_share"].values()] == [0.25, 0.25, 0.25]
    assert float(values["learning_rate"][4]) == pytest.approx(0.05)
    totals = [float(outcome.losses.total) for outcome in outcomes]
    expected = [sum(totals[:2]) / 2, sum(totals[2:4]) / 2, totals[4]]
    assert [float(v) for v in values["Loss/total_loss"].values()] == pytest.approx(expected, rel=1e-6)


def test_the_norm_of_gradients_is_the_mean_of_those_that_were_looked_at(tmp_path: Path) -> None:
    trainer = stubs.make_trainer()
    summaries = TrainingSummaries(EventFile(tmp_path), interval=3)
    for norm in (2.0, None, 5.0):
        summaries.on_step(trainer, _outcome(trainer, norm=norm))
    summaries.close()
    assert {step: float(v) for step, v in read_events(tmp_path)["global_norm/gradient_norm"].items()} == {3: 3.5}


def test_memory_is_shown_in_gibibytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(summaries_module, "memory_in_use", lambda: {"host": 3 << 29, "device_0_peak": 1 << 31})
    trainer = stubs.make_trainer()
    summaries = TrainingSummaries(EventFile(tmp_path), interval=1)
    summaries.on_step(trainer, _outcome(trainer))
    summaries.close()
    values = read_events(tmp_path)
    assert (float(values["memory/host_gib"][1]), float(values["memory/device_0_peak_gib"][1])) == (1.5, 2.0)


def test_input_pictures_are_written_at_the_first_and_each_tenth_time(tmp_path: Path) -> None:
    trainer = stubs.make_trainer()
    summaries = TrainingSummaries(EventFile(tmp_path), interval=1, draw_batch=_draw)
    for _ in range(12):
        summaries.on_step(trainer, _outcome(trainer))
    summaries.close()
    images = read_events(tmp_path)["train_input_images"]
    assert list(images) == [1, 11]
    width, height, *pictures = images[1]
    assert (int(width), int(height), len(pictures)) == (6, 4, 3)
    assert np.all(tf.io.decode_png(pictures[0]).numpy() == 7)


def test_a_run_of_one_step_has_no_speed_but_losses(tmp_path: Path) -> None:
    trainer = stubs.make_trainer()
    summaries = TrainingSummaries(EventFile(tmp_path))
    summaries.on_step(trainer, _outcome(trainer, last=True))
    summaries.close()
    values = read_events(tmp_path)
    assert "Loss/total_loss" in values
    assert not values.keys() & {"steps_per_sec", "input/wait_share", "train_input_images"}


def test_nothing_is_written_before_there_is_something(tmp_path: Path) -> None:
    TrainingSummaries(EventFile(tmp_path / "train")).close()
    assert not (tmp_path / "train").exists()


def test_all_watchers_write_into_one_file_which_tensorboard_can_follow(tmp_path: Path) -> None:
    events = EventFile(tmp_path)
    for step in (1, 2):
        with events.at(step):
            tf.summary.scalar("one", step)
        with events.at(step):
            tf.summary.scalar("other", -step)
    events.close()
    events.close()
    assert len(list(tmp_path.glob("events.*"))) == 1
    assert read_events(tmp_path)["other"] == {1: -1.0, 2: -2.0}
