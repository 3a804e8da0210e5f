# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Who watches a training, and when they look into the network."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders import diagnostics as builder
from efficientdet.builders.diagnostics import build_diagnostics, look_interval
from efficientdet.builders.input import build_preprocessor
from efficientdet.config import PipelineConfig, examine_config
from efficientdet.data.label_map import Label, write_label_map
from efficientdet.training.diagnostics import Diagnostics
from efficientdet.training.health import Health
from efficientdet.training.network_pass import Level
from efficientdet.training.outcome import Observer, StepOutcome
from efficientdet.training.summaries import TrainingSummaries
from tests.end_to_end.tiny import CONFIG
from tests.fields.rows import config, field, train
from tests.training import stubs
from tests.training.events import read_events

_CLASSES = [Label(1, "circle"), Label(2, "square"), Label(3, "star"), Label(4, "ring"), Label(5, "bar")]


def _config(folder: Path, *texts: str) -> PipelineConfig:
    folder.mkdir(exist_ok=True)
    write_label_map(_CLASSES, folder / "labels.pbtxt")
    labels = f'train_input_reader {{ label_map_path: "{folder}/labels.pbtxt" }}'
    return config(CONFIG, labels, *train("num_steps: 30", *texts))


def _observers(built: PipelineConfig, model_dir: Path, **options: bool) -> list[Observer]:
    model: Any = None  # is asked for the names of blocks only
    return build_diagnostics(
        built,
        model_dir=model_dir,
        model=model,
        preprocessor=build_preprocessor(built),
        num_records=8,
        **options,
    )


def _watched(folder: Path, monkeypatch: pytest.MonkeyPatch, *texts: str) -> dict[str, dict[int, np.ndarray]]:
    """What TensorBoard gets of four steps of the tiny detector."""
    monkeypatch.setattr(builder, "block_of", lambda path, model: path.split("/")[0])
    monkeypatch.setattr(builder, "_levels", lambda config, size: [Level("stride 8", stubs.ANCHORS)])
    trainer, observers = stubs.make_trainer(), _observers(_config(folder, *texts), folder)
    for step in range(1, 5):
        outcome = StepOutcome(step, trainer.train_step(), 0.5, 0.1, None, step == 4)
        for observer in observers:
            observer.on_step(trainer, outcome)
    for observer in observers:
        observer.close()
    return read_events(folder / "train")


@field("TrainConfig.diagnostics_interval_steps", "TrainConfig.summarize_gradients")
def test_when_there_are_looks_and_what_they_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    by_variable = {f"gradient_norm/{path}" for path in ("stem/kernel", "norm/gamma", "box_head/bias")}
    often = _watched(tmp_path / "often", monkeypatch, "diagnostics_interval_steps: 2 summarize_gradients: true")
    assert list(often["gradients/stem"]) == list(often["gradient_norm/stem/kernel"]) == [2, 4]
    assert by_variable <= often.keys()
    seldom = _watched(tmp_path / "seldom", monkeypatch, "diagnostics_interval_steps: 3")
    assert list(seldom["gradients/stem"]) == [3]
    assert not by_variable & seldom.keys()


@pytest.mark.parametrize(
    ("text", "interval"),
    [
        ("num_steps: 750", 75),
        ("num_steps: 750 diagnostics_interval_steps: 0", 0),
        ("num_steps: 5", 50),
        ("num_steps: 300000", 1000),
        ("num_steps: 750 diagnostics_interval_steps: 4000", 4000),
    ],
)
def test_the_interval_follows_the_length_of_the_run(text: str, interval: int, tmp_path: Path) -> None:
    assert look_interval(_config(tmp_path, text)) == interval


def test_gradients_without_looks_are_worth_a_word() -> None:
    text = "train_config { summarize_gradients: true diagnostics_interval_steps: 0 }"
    _, findings = examine_config(CONFIG, [text])
    assert any("summarize_gradients" in finding.path and "interval_steps is 0" in finding.text for finding in findings)


@pytest.mark.parametrize(
    ("options", "kinds"),
    [
        ({}, [TrainingSummaries, Diagnostics, Health]),
        ({"record_summaries": False}, [Diagnostics, Health]),
        ({"is_chief": False}, [Diagnostics]),
        ({"text": "diagnostics_interval_steps: 0"}, [TrainingSummaries, Health]),
    ],
)
def test_each_worker_looks_and_the_chief_alone_writes(
    options: dict[str, Any], kinds: list[type], tmp_path: Path
) -> None:
    built = _config(tmp_path, options.pop("text", ""))
    assert [type(observer) for observer in _observers(built, tmp_path, **options)] == kinds


def test_levels_are_named_by_their_stride() -> None:
    levels = builder._levels(config(CONFIG), (256, 256))
    assert levels == [Level(f"stride {2**level}", (256 // 2**level) ** 2 * 9) for level in range(3, 8)]


def test_records_of_both_readers_are_compared(tmp_path: Path) -> None:
    for name, records in (("train", [b"a", b"b"]), ("val", [b"b", b"c", b"d"])):
        with tf.io.TFRecordWriter(str(tmp_path / f"{name}.record")) as writer:
            for record in records:
                writer.write(record)
    readers = (
        f'train_input_reader {{ tf_record_input_reader {{ input_path: "{tmp_path}/train.record" }} }}',
        f'eval_input_reader {{ tf_record_input_reader {{ input_path: "{tmp_path}/val.record" }} }}',
    )
    assert builder._shared_records(config(CONFIG, *readers)) == (1, 3)
