# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from efficientdet import model_directory
from efficientdet.config import PipelineConfig
from efficientdet.doctor.machine.child import Job, OnProgress
from efficientdet.errors import ConfigError
from efficientdet.tuning import time_budget
from efficientdet.tuning.time_budget import in_time
from tests.doctor.machine.figures import RUN, bccd_config

_NOW = 1000.0


@pytest.fixture(autouse=True)
def _nothing_takes_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_budget, "time", SimpleNamespace(monotonic=lambda: _NOW))
    monkeypatch.setattr(time_budget, "_RESERVE", 0.0)
    monkeypatch.delenv("TF_CONFIG", raising=False)


def _measured(job: Job, on_progress: OnProgress) -> dict[str, Any]:
    """A run of half a second a step, see `figures`."""
    return json.loads(json.dumps(RUN._asdict()))


def _never(job: Job, on_progress: OnProgress) -> dict[str, Any]:
    raise AssertionError("a run that is resumed is not measured")


def _config(hours: float) -> PipelineConfig:
    return bccd_config(f"train_config {{ max_hours: {hours} seed: 1 }}")


def _total_steps(config: PipelineConfig) -> int:
    rate = config.proto.train_config.optimizer.momentum_optimizer.learning_rate
    return int(rate.cosine_decay_learning_rate.total_steps)


@pytest.mark.field("TrainConfig.max_hours")
@pytest.mark.parametrize(
    ("hours", "steps"),
    [
        (0, 101),  # no limit
        (1, 101),  # 81 s are needed
        # 60 s: 15 of start, evaluations at 40 and at the end 8, checkpoints at 50 and at the end 4; 33 s are 66 steps
        # after the first.
        (60.2 / 3600, 67),
    ],
)
def test_the_steps_that_fit(tmp_path: Path, hours: float, steps: int) -> None:
    timed = in_time(_config(hours), tmp_path, started=_NOW, run=_measured)
    assert timed.config.proto.train_config.num_steps == steps
    assert _total_steps(timed.config) == steps
    assert timed.stop_at == (None if not hours else pytest.approx(_NOW + 3600 * hours))


def test_what_measuring_took_is_gone(tmp_path: Path) -> None:
    timed = in_time(_config(1), tmp_path, started=_NOW - 3539.8, run=_measured)
    assert timed.config.proto.train_config.num_steps == 67


def test_a_part_is_left_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_budget, "_RESERVE", 0.5)
    timed = in_time(_config(120.4 / 3600), tmp_path, started=_NOW, run=_measured)
    assert timed.config.proto.train_config.num_steps == 67


def test_too_short_for_anything(tmp_path: Path) -> None:
    # 15 s up to the end of the first step, 4 + 2 of evaluation, 2 of a checkpoint.
    with pytest.raises(ConfigError, match=r"max_hours \(0.005\) is too short: .* take 23.0 s, and 18.0 s are left"):
        in_time(_config(0.005), tmp_path, started=_NOW, run=_measured)


def _begun(folder: Path, config: PipelineConfig) -> None:
    model_directory.record(folder, config)
    (folder / "ckpt-5.index").touch()
    (folder / "ckpt-5.data-00000-of-00001").touch()


def test_a_resumed_run_keeps_its_steps(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    shortened = in_time(_config(60.2 / 3600), tmp_path, started=_NOW, run=_measured).config
    _begun(tmp_path, shortened)
    with caplog.at_level(logging.INFO, logger="efficientdet"):
        again = in_time(_config(60.2 / 3600), tmp_path, started=0.0, run=_never)
    assert again.config.proto == shortened.proto
    assert again.stop_at == pytest.approx(60.2)
    assert "keeps the 67 steps" in caplog.text
    unsaid = in_time(bccd_config("train_config { seed: 1 }"), tmp_path, started=0.0, run=_never)
    assert unsaid.config.proto.train_config.num_steps == 67
    assert unsaid.stop_at == pytest.approx(60.2)


def test_a_resumed_run_can_have_its_limit_lifted(tmp_path: Path) -> None:
    _begun(tmp_path, in_time(_config(60.2 / 3600), tmp_path, started=_NOW, run=_measured).config)
    lifted = in_time(_config(0), tmp_path, started=0.0, run=_never)
    assert lifted.config.proto.train_config.num_steps == 101
    assert lifted.stop_at is None


def test_a_schedule_that_begins_anew_is_measured_anew(tmp_path: Path) -> None:
    _begun(tmp_path, _config(1))
    timed = in_time(_config(60.2 / 3600), tmp_path, started=_NOW, begins_anew=True, run=_measured)
    assert timed.config.proto.train_config.num_steps == 67


def test_a_run_without_a_checkpoint_has_not_begun(tmp_path: Path) -> None:
    model_directory.record(tmp_path, _config(1))
    timed = in_time(_config(60.2 / 3600), tmp_path, started=_NOW, run=_measured)
    assert timed.config.proto.train_config.num_steps == 67


def test_several_workers_keep_all_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", "{}")
    timed = in_time(_config(60 / 3600), tmp_path, started=0.0, run=_never)
    assert timed.config.proto.train_config.num_steps == 101
    assert timed.stop_at == pytest.approx(60.0)
