# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which settings are tried: every combination of some values, or a number of random draws. No TensorFlow."""

from __future__ import annotations

import itertools
import math
import random
import re
from collections.abc import Sequence
from typing import NamedTuple

from google.protobuf.message import Message

from efficientdet import field_paths
from efficientdet.errors import UsageError
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig

RATE = "rate"
"""The path of the greatest learning rate: the other rates of a schedule keep their proportion to it."""

_SPAN = re.compile(r"([-+.\deE]+)\.\.([-+.\deE]+)")
_BRACKETS = {"[": "]", "{": "}", "(": ")"}
_TRIES = 100  # of a draw that has been drawn before


class Axis(NamedTuple):
    """A field, and the values that it is given."""

    path: str
    values: tuple[str, ...] = ()  # as config text writes them
    span: tuple[float, float] | None = None  # in the place of values: anything between, drawn evenly over its logarithm
    is_whole: bool = False  # of a span: whole numbers only


class Setting(NamedTuple):
    """A value for each axis."""

    values: tuple[tuple[str, str], ...]  # (path, value), in the order of the axes

    @property
    def rate(self) -> float | None:
        """The greatest learning rate; None where the config's stays."""
        return next((float(value) for path, value in self.values if path == RATE), None)

    @property
    def without_rate(self) -> Setting:
        """The other values."""
        return Setting(tuple(pair for pair in self.values if pair[0] != RATE))

    @property
    def label(self) -> str:
        """For people: "rate 0.02, batch_size 8"; "" for none."""
        return ", ".join(f"{path.rpartition('.')[2]} {value}" for path, value in self.values)

    def overrides(self) -> list[str]:
        """The override texts of the fields, that of the rate left out."""
        return [_nested(path, value) for path, value in self.values if path != RATE]


def parse_rates(text: str) -> Axis:
    """Reads the values of the rate: ".01,.02,.04", or "1e-3..1e-1" for random draws.

    Raises:
      UsageError: one of them is no positive number.
    """
    axis = _axis(RATE, text)
    for value in (*axis.values, *map(str, axis.span or ())):
        if not _is_positive(value):
            raise UsageError(f"--rate: expected numbers above 0, got {value!r}")
    return axis


def parse_axis(text: str) -> Axis:
    """Reads a field with its values: "train_config.batch_size=4,8".

    Raises:
      UsageError: there is no such field, or no value.
    """
    path, sign, values = text.partition("=")
    path = path.strip()
    if not sign or not values.strip():
        raise UsageError(f"--set: expected FIELD=VALUE,VALUE, got {text!r}")
    if "[" in path:
        raise UsageError(f"--set: {path}: an element of a list cannot be set, only the list as a whole")
    try:
        field_paths.locate(TrainEvalPipelineConfig(), path)
    except KeyError:
        raise UsageError(f"--set: a config has no field {path!r}; efficientdet config fields lists them") from None
    return _axis(path, values)


def grid(axes: Sequence[Axis]) -> list[Setting]:
    """Every combination, the last axis changing the fastest.

    Raises:
      UsageError: one of the axes has no list of values.
    """
    for axis in axes:
        if axis.span:
            raise UsageError(f"{axis.path}: a range is for random draws: give --random N, or a list of values")
    rows = itertools.product(*([(axis.path, value) for value in axis.values] for axis in axes))
    return [Setting(tuple(row)) for row in rows]


def draws(axes: Sequence[Axis], count: int, seed: int) -> list[Setting]:
    """Random settings, all different; fewer than asked for where there are no more.

    Args:
      axes: lists are drawn from evenly, ranges evenly over the logarithm.
      count: of settings.
      seed: of the draws; the first draws of a longer list are those of a shorter one.
    """
    if not any(axis.span for axis in axes) and math.prod(len(axis.values) for axis in axes) <= count:
        return grid(axes)
    generator = random.Random(seed)
    found: dict[Setting, None] = {}
    for _ in range(count):
        for _ in range(_TRIES):
            setting = Setting(tuple((axis.path, _drawn(axis, generator)) for axis in axes))
            if setting not in found:
                found[setting] = None
                break
    return list(found)


def _axis(path: str, text: str) -> Axis:
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        return Axis(path, tuple(dict.fromkeys(split_values(text))))
    low, high = found[1], found[2]
    if not (_is_positive(low) and _is_positive(high) and float(low) < float(high)):
        raise UsageError(f"{path}: the range {text.strip()} must rise, from above 0")
    return Axis(path, (), (float(low), float(high)), is_whole=low.isdecimal() and high.isdecimal())


def split_values(text: str) -> list[str]:
    """Splits at the commas that stand neither in brackets nor in quotes: "[1,2],[3]" are two."""
    values, closing, quote, current = [], [], "", ""
    for letter in text:
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in _BRACKETS:
            closing.append(_BRACKETS[letter])
        elif closing and letter == closing[-1]:
            closing.pop()
        elif letter == "," and not closing:
            values.append(current)
            current = ""
            continue
        current += letter
    return [value.strip() for value in (*values, current) if value.strip()]


def _drawn(axis: Axis, generator: random.Random) -> str:
    if axis.span is None:
        return generator.choice(axis.values)
    low, high = map(math.log, axis.span)
    value = math.exp(generator.uniform(low, high))
    return str(round(value)) if axis.is_whole else f"{value:.3g}"


def _is_positive(text: str) -> bool:
    try:
        return 0 < float(text) < math.inf
    except ValueError:
        return False


def _nested(path: str, value: str) -> str:
    """A value inside the messages of its path, as config text."""
    *outer, name = path.split(".")
    message: Message = TrainEvalPipelineConfig()
    _, field, _ = field_paths.locate(message, path)
    text = f"{name} {value}" if field_paths.is_message(field) and value.startswith("{") else f"{name}: {value}"
    for each in reversed(outer):
        text = f"{each} {{ {text} }}"
    return text
