# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest

from efficientdet.errors import ConfigError
from efficientdet.tuning.schedule import peak_rate, with_length, with_peak_rate
from tests.doctor.machine.figures import bccd_config

_MANUAL = """
train_config { num_steps: 100 optimizer { momentum_optimizer { learning_rate { manual_step_learning_rate {
  initial_learning_rate: 0.01
  schedule { step: 40 learning_rate: 0.1 } schedule { step: 41 learning_rate: 0.02 }
} } } } }
"""


def _cosine(config):  # type: ignore[no-untyped-def]
    return config.proto.train_config.optimizer.momentum_optimizer.learning_rate.cosine_decay_learning_rate


def _manual(config):  # type: ignore[no-untyped-def]
    return config.proto.train_config.optimizer.momentum_optimizer.learning_rate.manual_step_learning_rate


def test_all_rates_keep_their_proportion() -> None:
    config = bccd_config()
    assert peak_rate(config) == 0.08
    other = with_peak_rate(config, 0.02)
    assert _cosine(other).learning_rate_base == pytest.approx(0.02)
    assert _cosine(other).warmup_learning_rate == pytest.approx(0.002)
    assert _cosine(config).learning_rate_base == pytest.approx(0.08)  # the original stays


def test_the_same_rate_is_the_same_config() -> None:
    assert with_peak_rate(bccd_config(), 0.08).proto == bccd_config().proto


def test_the_rates_of_a_list_too() -> None:
    other = _manual(with_peak_rate(bccd_config(_MANUAL), 0.05))
    assert other.initial_learning_rate == pytest.approx(0.005)
    assert [entry.learning_rate for entry in other.schedule] == pytest.approx([0.05, 0.01])


def test_the_momentum_is_no_rate() -> None:
    before = bccd_config().proto.train_config.optimizer.momentum_optimizer.momentum_optimizer_value
    after = with_peak_rate(bccd_config(), 1.0).proto.train_config.optimizer.momentum_optimizer
    assert after.momentum_optimizer_value == before


def test_a_config_without_a_rate() -> None:
    rate = "learning_rate { constant_learning_rate { learning_rate: 0 } }"
    with pytest.raises(ConfigError, match="must have a learning rate above 0"):
        with_peak_rate(bccd_config(f"train_config {{ optimizer {{ adam_optimizer {{ {rate} }} }} }}"), 0.1)


def test_a_shorter_run_has_a_shorter_schedule() -> None:
    config = with_length(bccd_config("train_config { num_steps: 200 }"), 50)  # a quarter
    assert config.proto.train_config.num_steps == 50
    assert _cosine(config).total_steps == 25  # of 101
    assert _cosine(config).warmup_steps == 2  # of 10: rounded down


def test_a_schedule_of_the_runs_length_keeps_it() -> None:
    for steps in (1, 7, 50, 100, 1000):
        assert _cosine(with_length(bccd_config(), steps)).total_steps == steps


def test_the_steps_of_a_list_go_on_rising() -> None:
    assert [entry.step for entry in _manual(with_length(bccd_config(_MANUAL), 50)).schedule] == [20, 21]
    assert [entry.step for entry in _manual(with_length(bccd_config(_MANUAL), 1)).schedule] == [1, 2]
