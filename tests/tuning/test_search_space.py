# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import math

import pytest

from efficientdet.errors import UsageError
from efficientdet.tuning.search_space import Axis, Setting, draws, grid, parse_axis, parse_rates, split_values
from tests.doctor.machine.figures import bccd_config

_BATCH = Axis("train_config.batch_size", ("4", "8"))


def test_every_combination_the_last_axis_first() -> None:
    labels = [setting.label for setting in grid([_BATCH, parse_rates(".01, .02")])]
    assert labels == [
        "batch_size 4, rate .01",
        "batch_size 4, rate .02",
        "batch_size 8, rate .01",
        "batch_size 8, rate .02",
    ]


def test_a_value_twice_is_one() -> None:
    assert parse_rates(".01,.01,.02").values == (".01", ".02")


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("4,8", ["4", "8"]),
        ("[A, B],[C]", ["[A, B]", "[C]"]),
        ("{ a: 1, b: 2 },{}", ["{ a: 1, b: 2 }", "{}"]),
        ('"a,b", c', ['"a,b"', "c"]),
        (" , ", []),
    ],
)
def test_commas_in_brackets_and_quotes_do_not_separate(text: str, values: list[str]) -> None:
    assert split_values(text) == values


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("train_config.batch_size", "4", 4),
        ("train_config.recompute", "[HEADS, PYRAMID]", [4, 3]),
        ("train_config.early_stopping", "{ patience: 3 }", None),
        ("model.ssd.loss.classification_loss.weighted_sigmoid_focal.gamma", "2", 2.0),
    ],
)
def test_a_setting_is_laid_over_a_config(path: str, value: str, expected: object) -> None:
    config = bccd_config(*Setting(((path, value), ("rate", "1"))).overrides())
    message = config.proto
    for name in path.split("."):
        message = getattr(message, name)
    assert message.patience == 3 if expected is None else message == expected


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("train_config.batch_size", "expected FIELD=VALUE"),
        ("train_config.batch_size=", "expected FIELD=VALUE"),
        ("train_config.batchsize=4", "no field 'train_config.batchsize'"),
        ("eval_input_reader[0].shuffle=true", "an element of a list"),
        ("train_config.batch_size=8..4", "must rise"),
    ],
)
def test_what_cannot_be_set(text: str, rule: str) -> None:
    with pytest.raises(UsageError, match=rule.replace("[", r"\[")):
        parse_axis(text)


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "x", ".01,,0"])
def test_rates_that_are_none(text: str) -> None:
    with pytest.raises(UsageError, match="numbers above 0"):
        parse_rates(text)


def test_a_range_asks_for_random_draws() -> None:
    with pytest.raises(UsageError, match="--random N"):
        grid([parse_rates("1e-3..1e-1")])


def test_draws_are_different_within_their_range_and_repeatable() -> None:
    axes = [parse_rates("1e-3..1e-1"), parse_axis("train_config.batch_size=2..16")]
    settings = draws(axes, 20, seed=3)
    assert len(set(settings)) == 20
    assert all(1e-3 <= (setting.rate or 0) <= 1e-1 for setting in settings)
    assert {int(setting.values[1][1]) for setting in settings} <= set(range(2, 17))
    assert draws(axes, 20, seed=3) == settings
    assert draws(axes, 5, seed=3) == settings[:5]
    assert draws(axes, 20, seed=4) != settings


def test_a_range_is_drawn_evenly_over_its_logarithm() -> None:
    rates = [setting.rate or 0 for setting in draws([parse_rates("1e-4..1")], 300, seed=1)]
    below = sum(rate < 1e-2 for rate in rates)
    assert abs(below - 150) < 4 * math.sqrt(75)


def test_no_more_draws_than_there_are() -> None:
    assert draws([_BATCH], 10, seed=1) == grid([_BATCH])
