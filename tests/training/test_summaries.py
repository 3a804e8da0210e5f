# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What TensorBoard gets, read back from the event files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.util import tensor_util

from efficientdet.training.summaries import TrainingSummaries
from efficientdet.types import Batch, Losses

from . import stubs


def _read(directory: Path) -> dict[str, dict[int, np.ndarray]]:
    """Tag -> step -> value."""
    values: dict[str, dict[int, np.ndarray]] = {}
    for path in sorted(directory.glob("events.*")):
        for event in EventFileLoader(str(path)).Load():
            for value in event.summary.value:
                values.setdefault(value.tag, {})[event.step] = tensor_util.make_ndarray(value.tensor)
    return values


def _draw(batch: Batch) -> np.ndarray:
    return np.full([len(batch.inputs), 4, 6, 3], 7, np.uint8)


def test_tags_and_steps_are_those_of_the_object_detection_api(tmp_path: Path) -> None:
    trainer = stubs.make_trainer()
    summaries = TrainingSummaries(tmp_path, interval=2, draw_batch=_draw)
    losses = []
    for step in range(1, 6):
        losses.append(trainer.train_step())
        summaries.update(trainer, losses[-1], seconds=100.0 if step == 1 else 0.5, last=step == 5)
    summaries.close()
    values = _read(tmp_path)
    scalars = {f"Loss/{name}_loss" for name in Losses._fields} | {"learning_rate", "steps_per_sec"}
    assert values.keys() == scalars | {"train_input_images"}
    assert all(list(values[tag]) == [2, 4, 5] for tag in scalars)
    assert [float(v) for v in values["steps_per_sec"].values()] == [2.0, 2.0, 2.0]
    assert float(values["learning_rate"][4]) == pytest.approx(0.05)
    totals = [float(loss.total) for loss in losses]
    expected = [sum(totals[:2]) / 2, sum(totals[2:4]) / 2, totals[4]]
    assert [float(v) for v in values["Loss/total_loss"].values()] == pytest.approx(expected, rel=1e-6)


def test_input_pictures_are_written_at_the_first_and_each_tenth_time(tmp_path: Path) -> None:
    trainer = stubs.make_trainer()
    summaries = TrainingSummaries(tmp_path, interval=1, draw_batch=_draw)
    for _ in range(12):
        summaries.update(trainer, trainer.train_step(), seconds=0.1)
    summaries.close()
    images = _read(tmp_path)["train_input_images"]
    assert list(images) == [1, 11]
    width, height, *pictures = images[1]
    assert (int(width), int(height), len(pictures)) == (6, 4, 3)
    assert np.all(tf.io.decode_png(pictures[0]).numpy() == 7)


def test_a_run_of_one_step_has_no_speed_but_losses(tmp_path: Path) -> None:
    trainer = stubs.make_trainer()
    summaries = TrainingSummaries(tmp_path)
    summaries.update(trainer, trainer.train_step(), seconds=1.0, last=True)
    summaries.close()
    values = _read(tmp_path)
    assert "Loss/total_loss" in values
    assert "steps_per_sec" not in values
    assert "train_input_images" not in values


def test_nothing_is_written_before_there_is_something(tmp_path: Path) -> None:
    TrainingSummaries(tmp_path / "train").close()
    assert not (tmp_path / "train").exists()
