# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from efficientdet.config import load_config
from efficientdet.tuning.rate_choice import RateChoice, SweepPoint, choose_rate
from efficientdet.tuning.rate_report import rate_chart, rate_json, rate_page, report_of
from efficientdet.tuning.rate_sweep import SweepRange, sweep_config, sweep_rates, usual_range
from tests.doctor.machine.figures import bccd_config
from tests.end_to_end import tiny

_POINTS = [SweepPoint(0.001 * 10 ** (step / 10), 2.0 - 0.04 * step) for step in range(30)] + [SweepPoint(1.0, math.inf)]


def test_the_rate_grows_by_one_factor() -> None:
    import tensorflow as tf

    from efficientdet.builders.optimizer import build_schedule

    config = sweep_config(bccd_config(), SweepRange(1e-4, 10.0, 6))
    assert config.proto.train_config.num_steps == 6
    rate = build_schedule(config, "train_config.optimizer.momentum_optimizer.learning_rate")
    rates = [float(rate(tf.constant(step))) for step in range(6)]
    assert rates == pytest.approx([1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0], rel=1e-4)


def test_what_a_sweep_changes_besides_the_rate() -> None:
    before = bccd_config()
    after = sweep_config(before, SweepRange(1e-4, 10.0, 6)).proto.train_config
    assert not after.optimizer.use_moving_average
    assert after.fault_handling.max_loss_jump == 0
    assert after.gradient_clipping_by_norm == before.proto.train_config.gradient_clipping_by_norm == 10
    assert after.optimizer.momentum_optimizer.momentum_optimizer_value == pytest.approx(0.9)


def test_adam_is_given_lower_rates() -> None:
    rate = "learning_rate { constant_learning_rate { learning_rate: 0.001 } }"
    adam = bccd_config(f"train_config {{ optimizer {{ adam_optimizer {{ {rate} }} }} }}")
    assert usual_range(bccd_config(), 50) == (1e-4, 10.0, 50)
    assert usual_range(adam, 50) == (1e-6, 0.1, 50)


def test_the_report_names_rate_reason_rule_and_override() -> None:
    choice = RateChoice(0.0234, "tenth", 0.1, 0.15, 0.234, ())
    report = report_of(bccd_config(), choice)
    assert report.rate == 0.023
    told = "\n".join(report.lines)
    assert "suggested peak: 0.023, a tenth of the rate at which the loss diverged, 0.23" in told
    # google/automl has .16 at batch 128: .01 at batch 8.
    assert "the linear rule gives 0.01 at batch 8" in told
    assert "2.3x of it" in told
    assert "the config has 0.08, 3.48x the suggestion" in told
    again = bccd_config(report.override).proto.train_config.optimizer.momentum_optimizer
    assert again.learning_rate.cosine_decay_learning_rate.learning_rate_base == pytest.approx(0.023)


def test_a_rate_that_is_as_good_is_said_to_be() -> None:
    told = report_of(bccd_config(), RateChoice(0.06, "steepest", 0.06, 0.1, math.inf, ())).lines
    assert any("the config's 0.08 is as good" in line for line in told)
    assert any("has never risen again" in line for line in told)


def test_no_rate_is_told_with_what_may_be_wrong() -> None:
    report = report_of(bccd_config(), RateChoice(0.0, "steepest", 0.0, 0.1, math.inf, ()))
    assert (report.rate, report.override) == (0.0, "")
    assert "did not fall" in report.lines[0]


def test_page_chart_and_document() -> None:
    config, choice = bccd_config(), choose_rate(_POINTS)
    report, chart = report_of(config, choice), rate_chart(config, _POINTS, choice)
    assert chart.count("<circle") == 31  # 30 points, and one in the legend
    assert "config 0.08" in chart
    assert chart in rate_page(config, report, chart)
    document = json.loads(rate_json(config, _POINTS, choice, report))
    assert document["suggested"] == report.rate
    assert document["points"][-1] == [1.0, None]


def test_a_chart_of_nothing() -> None:
    points = [SweepPoint(0.1, math.nan)]
    rate_chart(bccd_config(), points, choose_rate(points))


@pytest.mark.slow
def test_a_real_sweep_ends_where_the_loss_diverges(tmp_path: Path) -> None:
    tiny.draw_records(tmp_path)
    config = load_config(tiny.CONFIG, [tiny.SIZE, tiny.data_override(tmp_path)])
    seen: list[int] = []
    points = sweep_rates(config, SweepRange(1e-3, 1e6, 60), lambda step, point: seen.append(step))
    assert seen == list(range(1, len(points) + 1))
    assert len(points) < 60
    assert points[1].rate / points[0].rate == pytest.approx(1e9 ** (1 / 59))
