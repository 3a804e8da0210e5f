# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""lr-find, tune and fit: their flags, what they print, and what they write."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from efficientdet.cli import fit, lr_find, train, tune
from efficientdet.config import load_config
from efficientdet.doctor.machine.memory import Memory
from efficientdet.errors import UsageError
from efficientdet.tuning import time_budget
from efficientdet.tuning.batch_search import BatchFit
from efficientdet.tuning.rate_choice import SweepPoint
from efficientdet.tuning.schedule import peak_rate
from efficientdet.tuning.search_space import Setting
from efficientdet.tuning.sweep import SweepOutcome, SweepPlan
from efficientdet.tuning.trial_results import Ranked
from tests.doctor.machine.figures import CONFIG, GB, RUN
from tests.end_to_end import tiny


@pytest.fixture(autouse=True)
def _no_data_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (lr_find, fit):
        monkeypatch.setattr(module, "validate", lambda config, for_: None)


def _override(printed: str) -> str:
    line = next(line for line in printed.splitlines() if "--override" in line)
    return shlex.split(line)[-1]


def test_a_rate_is_printed_as_an_override_and_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def sweep(config: Any, rates: Any, on_step: Any) -> list[SweepPoint]:
        points = [SweepPoint(rates.low * rates.factor**step, 2.0 - 0.02 * step) for step in range(rates.steps)]
        on_step(1, points[0])
        return points

    monkeypatch.setattr(lr_find, "sweep_rates", sweep)
    out = tmp_path / "new"
    assert lr_find.main([str(CONFIG), "--steps=50", "--low=1e-3", "--high=1", f"--output={out}"]) == 0
    suggested = json.loads((out / "lr_find.json").read_text())["suggested"]
    assert peak_rate(load_config(CONFIG, [_override(capsys.readouterr().out)])) == pytest.approx(suggested)
    assert sorted(path.name for path in out.iterdir()) == ["lr_find.html", "lr_find.json", "lr_find.svg"]


def test_no_rate_is_exit_code_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lr_find, "sweep_rates", lambda *_: [SweepPoint(0.1, 2.0), SweepPoint(0.2, 2.0)])
    assert lr_find.main([str(CONFIG)]) == 1


@pytest.mark.parametrize("flags", [["--low=1", "--high=0.1"], ["--low=-1"], ["--steps=1"]])
def test_a_range_that_is_none(flags: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert lr_find.main([str(CONFIG), *flags]) == 2
    assert "--low" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "num_bytes"),
    [("8GiB", 8 << 30), ("6.5GB", 6_500_000_000), ("900M", 900_000_000), ("1 Ti", 1 << 40), ("9", 9), ("2g", 2 * GB)],
)  # fmt: skip
def test_sizes(text: str, num_bytes: int) -> None:
    assert fit.memory_size(text) == num_bytes


@pytest.mark.parametrize("text", ["", "0", "-1GB", "8XB", "GiB", "1e9"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="8GiB"):
        fit.memory_size(text)


def test_what_fits_is_written_as_a_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted: list[tuple[int, float]] = []

    def find(config: Any, *, memory: int | None, most: int | None) -> BatchFit:
        assert (memory, most) == (8 << 30, 30)
        wanted.append((config.proto.train_config.batch_size, peak_rate(config)))
        return BatchFit(5, False, 1, config.proto.train_config.batch_size, 4, Memory(8 * GB), (), RUN, 0)

    monkeypatch.setattr(fit, "find_batch", find)
    flags = ["--memory=8GiB", "--most=30", "--global_batch=16", f"--write={tmp_path / 'fits.config'}"]
    assert fit.main([str(CONFIG), *flags]) == 0
    assert wanted == [(16, 0.1)]  # the config has .05 at 8
    written = load_config(tmp_path / "fits.config").proto.train_config
    assert (written.batch_size, written.gradient_accumulation_steps) == (16, 4)
    printed = load_config(CONFIG, [_override(capsys.readouterr().out)])
    assert printed.proto.train_config == written


def test_the_users_config_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "my.config"
    path.write_text(CONFIG.read_text())
    assert fit.main([str(path), f"--write={path}"]) == 2
    assert "is not overwritten" in capsys.readouterr().err


def test_the_flags_of_a_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plans: list[SweepPlan] = []
    setting = Setting((("rate", ".02"),))

    def run(plan: SweepPlan, folder: Path) -> SweepOutcome:
        plans.append(plan)
        return SweepOutcome("AP", [Ranked(setting, 0.5, 0.0, 0.6, 1.0, 9.0, 20, 1, "")], setting, "train_config {}")

    monkeypatch.setattr(tune, "run_sweep", run)
    out = tmp_path / "out"
    flags = ["--rate=.01,.02", "--set=train_config.batch_size=4,8", "--quick", "--seeds=2", "--minutes=3"]
    assert tune.main([str(CONFIG), f"--output={out}", *flags]) == 0
    plan = plans[0]
    assert len(plan.settings) == 4
    assert (plan.quick, plan.seeds, plan.minutes, plan.steps, plan.training_sample) == (True, 2, 3.0, 0, 3000)
    assert _override(capsys.readouterr().out) == "train_config {}"
    assert (out / "tune.html").exists()
    assert tune.main([str(CONFIG), f"--output={out}", "--rate=1e-3..1", "--random=5"]) == 0
    assert len(plans[1].settings) == 5


def test_a_sweep_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tune.main([str(CONFIG), f"--output={tmp_path}"]) == 2
    assert "nothing to try" in capsys.readouterr().err


@pytest.mark.parametrize(("flags", "hours"), [([], 0.0), (["--max_hours=2.5"], 2.5)])
def test_a_training_is_fitted_into_its_hours_before_tensorflow_comes_in(
    flags: list[str], hours: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[float] = []

    def in_time(config: Any, model_dir: str, *, started: float, begins_anew: bool) -> Any:
        seen.append(config.proto.train_config.max_hours)
        raise UsageError("enough")

    monkeypatch.setattr(time_budget, "in_time", in_time)
    records = tiny.data_override(tmp_path)
    words = [f"--pipeline_config_path={CONFIG}", f"--model_dir={tmp_path}", f"--override={records}"]
    assert train.main([*words, *flags]) == 2
    assert seen == [hours]
    assert "enough" in capsys.readouterr().err


def test_hours_below_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main([f"--pipeline_config_path={CONFIG}", f"--model_dir={tmp_path}", "--max_hours=-1"]) == 2
    assert "train_config.max_hours (-1.0) must be" in capsys.readouterr().err
