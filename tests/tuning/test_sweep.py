# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from efficientdet.data.record_encoding import frame_record
from efficientdet.doctor.machine.child import Job, OnProgress
from efficientdet.errors import ConfigError
from efficientdet.tuning.schedule import peak_rate
from efficientdet.tuning.search_space import grid, parse_axis, parse_rates
from efficientdet.tuning.sweep import SweepPlan, run_sweep
from efficientdet.tuning.sweep_report import sweep_page, sweep_table
from efficientdet.tuning.trial import Trial
from efficientdet.tuning.trial_runner import Outcome
from tests.doctor.machine.figures import CONFIG, RUN, SCHEDULE, bccd_config
from tests.end_to_end import tiny


class _Runs:
    """Runs trials as if .02 were the best rate, and one above 1 too much."""

    def __init__(self, interrupt_after: int = 1000) -> None:
        self.done: list[tuple[float, int, int, int]] = []
        self._interrupt_after = interrupt_after

    def __call__(self, trial: Trial, folder: Path, on_progress: Callable[[str], None]) -> Outcome:
        if len(self.done) == self._interrupt_after:
            raise KeyboardInterrupt
        train, rate = trial.config.proto.train_config, peak_rate(trial.config)
        self.done.append((rate, train.batch_size, trial.steps, trial.seed))
        if rate > 1:
            return Outcome("diverged", "the loss is not finite", {}, {}, 1.0)
        score = 0.5 - abs(rate - 0.02) - 0.001 * train.batch_size
        return Outcome("done", "", {"AP": score, "Loss/total_loss": 1.0}, {"AP": score + 0.1}, 1.0)


def _plan(folder: Path, *axes: Any, **options: Any) -> SweepPlan:
    for name in ("train", "val"):
        (folder / f"{name}.record").write_bytes(b"".join(frame_record(b"x")))
    return SweepPlan(str(CONFIG), (SCHEDULE, tiny.data_override(folder)), tuple(grid(axes)), **options)


def test_the_best_setting_as_an_override(tmp_path: Path) -> None:
    plan = _plan(tmp_path, parse_axis("train_config.batch_size=4,8"), parse_rates(".01,.02,5"), steps=20)
    runs = _Runs()
    outcome = run_sweep(plan, tmp_path / "out", run=runs)
    # A run of half the batch has twice the steps: it sees as many images.
    assert runs.done == [
        (0.01, 4, 40, 1), (0.02, 4, 40, 1), (5.0, 4, 40, 1), (0.01, 8, 20, 1), (0.02, 8, 20, 1), (5.0, 8, 20, 1)
    ]  # fmt: skip
    assert outcome.metric == "AP"
    assert outcome.winner is not None
    assert outcome.winner.label == "batch_size 4, rate .02"
    best = bccd_config(tiny.data_override(tmp_path), outcome.override)
    assert best.proto.train_config.batch_size == 4
    assert peak_rate(best) == 0.02
    assert best.proto.train_config.num_steps == 101  # that of a whole run
    document = json.loads((tmp_path / "out" / "tune.json").read_text())
    assert document["override"] == outcome.override
    assert len(document["runs"]) == 6


def test_finished_runs_are_not_repeated(tmp_path: Path) -> None:
    plan = _plan(tmp_path, parse_rates(".01,.02,.03"), seeds=2, steps=20)
    first = _Runs(interrupt_after=4)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(plan, tmp_path / "out", run=first)
    assert [seed for *_, seed in first.done] == [1, 1, 1, 2]  # every setting once before any a second time
    second = _Runs()
    outcome = run_sweep(plan, tmp_path / "out", run=second)
    assert [(rate, seed) for rate, *_, seed in second.done] == [(0.02, 2), (0.03, 2)]
    assert [row.runs for row in outcome.ranked] == [2, 2, 2]
    third = _Runs()
    assert run_sweep(plan, tmp_path / "out", run=third).ranked == outcome.ranked
    assert third.done == []


@pytest.mark.parametrize(("options", "steps"), [({}, 10), ({"quick": True}, 200), ({"steps": 7}, 7)])
def test_how_long_runs_are(tmp_path: Path, options: dict[str, Any], steps: int) -> None:
    runs = _Runs()
    run_sweep(_plan(tmp_path, parse_rates(".01"), **options), tmp_path / "out", run=runs)
    assert runs.done[0][2] == steps  # of the 101 of the config a tenth


def test_the_time_of_a_run_is_measured_once_for_all_rates(tmp_path: Path) -> None:
    measured: list[int] = []

    def measure(job: Job, on_progress: OnProgress) -> dict[str, Any]:
        train = job.config.proto.train_config
        measured.append(train.batch_size)
        plan = RUN.plan._replace(num_steps=train.num_steps, checkpoint_interval=10**6, evaluation_interval=10**6)
        return json.loads(json.dumps(RUN._replace(plan=plan)._asdict()))

    axes = (parse_axis("train_config.batch_size=4,8"), parse_rates(".01,.02"))
    plan = _plan(tmp_path, *axes, minutes=1.0)
    runs = _Runs()
    run_sweep(plan, tmp_path / "out", run=runs, measure=measure)
    assert measured == [4, 8]
    # 60 s: 15 up to the end of the first step, 4 + 2 of evaluation, 2 of a checkpoint; 37 s are 74 steps.
    assert {steps for _, _, steps, _ in runs.done} == {75}
    run_sweep(plan, tmp_path / "out", run=runs, measure=measure)
    assert measured == [4, 8]  # another start gives runs the same length
    assert len(runs.done) == 4


def test_nothing_fits_into_the_time(tmp_path: Path) -> None:
    def measure(job: Job, on_progress: OnProgress) -> dict[str, Any]:
        return json.loads(json.dumps(RUN._asdict()))

    with pytest.raises(ConfigError, match="not even one step"):
        run_sweep(_plan(tmp_path, parse_rates(".01"), minutes=0.01), tmp_path / "out", run=_Runs(), measure=measure)


def test_a_setting_that_cannot_be_done_is_named(tmp_path: Path) -> None:
    plan = _plan(tmp_path, parse_axis("train_config.batch_size=4,0"))
    with pytest.raises(ConfigError, match=r"batch_size 0: --override\[2\].*batch_size"):
        run_sweep(plan, tmp_path / "out", run=_Runs())


def test_the_table_and_the_page(tmp_path: Path) -> None:
    plan = _plan(tmp_path, parse_axis("train_config.batch_size=4,8"), parse_rates(".01,.02,5"), steps=20)
    outcome = run_sweep(plan, tmp_path / "out", run=_Runs())
    table = sweep_table(outcome)
    assert table.columns == ("batch_size", "rate", "AP", "training sample", "loss", "steps", "time", "")
    assert table.rows[0] == (4.0, 0.02, 0.496, 0.596, 1.0, 40, "1.0 s", "")
    assert table.rows[-1][2:4] == ("", "")
    assert table.rows[-1][-1] == "the loss is not finite"
    page = sweep_page(outcome, "my <config>")
    assert "Best: batch_size 4, rate .02" in page
    assert "my &lt;config&gt;" in page
    assert page.count("<polyline") == 4  # two batch sizes, each on both sets


def test_settings_without_rates_are_bars(tmp_path: Path) -> None:
    plan = _plan(tmp_path, parse_axis("train_config.batch_size=4,8"), steps=20, seeds=2)
    outcome = run_sweep(plan, tmp_path / "out", run=_Runs())
    assert "spread" in sweep_table(outcome).columns
    assert sweep_page(outcome, "x").count("<rect") == 4


def test_no_run_has_a_score(tmp_path: Path) -> None:
    outcome = run_sweep(_plan(tmp_path, parse_rates("2,3"), steps=20), tmp_path / "out", run=_Runs())
    assert (outcome.winner, outcome.override) == (None, "")
    assert "No run has a score" in sweep_page(outcome, "x")
