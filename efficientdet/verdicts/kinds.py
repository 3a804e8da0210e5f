# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The kinds of verdict, and short forms of the rules that the tables use most."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Honoured:
    """The field does what it says.

    Attributes:
      required: it must be set where its message is.
    """

    required: bool = False


@dataclass(frozen=True)
class HonouredWhen:
    """The field does what it says for some values; another value, be it the default of an unset field, is an error.

    Attributes:
      accepts: says whether a value is one of them; a list is handed over whole.
      otherwise: the rule, as it follows "path (value)": "must be positive".
    """

    accepts: Callable[[Any], bool]
    otherwise: str


@dataclass(frozen=True)
class Translated:
    """The field tuned something of TFOD's that has no counterpart here; a value that is not the default is noted.

    Attributes:
      instead: what happens instead.
    """

    instead: str


@dataclass(frozen=True)
class Refused:
    """The field changes results in a way that is not built, so a config that sets it cannot run as it means to.

    A scalar that is explicitly set to its default asks for nothing and is accepted.

    Attributes:
      reason: what is not supported, as it follows "path (value)".
    """

    reason: str


Verdict = Honoured | HonouredWhen | Translated | Refused
VerdictTable = dict[str, dict[str, Verdict]]


def only(value: Any, otherwise: str) -> HonouredWhen:
    """Honoured for one value."""
    return HonouredWhen(lambda given: given == value, otherwise)


def one_of(values: Collection[str]) -> HonouredWhen:
    """Honoured for the names in `values`."""
    return HonouredWhen(lambda given: given in values, f"must be one of {', '.join(values)}")


def at_least(low: float) -> HonouredWhen:
    """Honoured for finite numbers from `low` on."""
    return HonouredWhen(lambda value: low <= value and math.isfinite(value), f"must be at least {low:g}")


def within(low: float, high: float) -> HonouredWhen:
    """Honoured for numbers from `low` to `high`, both included."""
    return HonouredWhen(lambda value: low <= value <= high, f"must be between {low:g} and {high:g}")


def all_positive(values: Collection[float]) -> bool:
    """Whether all of `values` are finite and above 0."""
    return all(value > 0 and math.isfinite(value) for value in values)


def each_refused(reason: str, names: str) -> dict[str, Verdict]:
    """The same refusal for several fields; `names` are separated by spaces."""
    return {name: Refused(reason) for name in names.split()}


def each_translated(instead: str, names: str) -> dict[str, Verdict]:
    """The same translation for several fields; `names` are separated by spaces."""
    return {name: Translated(instead) for name in names.split()}


HONOURED = Honoured()
REQUIRED = Honoured(required=True)
POSITIVE = HonouredWhen(lambda value: all_positive([value]), "must be positive")
FINITE = HonouredWhen(math.isfinite, "must be a finite number")
PROBABILITY = within(0, 1)
BELOW_ONE = HonouredWhen(lambda value: 0 <= value < 1, "must be at least 0 and below 1")
ABOVE_ZERO = HonouredWhen(lambda value: 0 < value <= 1, "must be above 0 and at most 1")
PATH = HonouredWhen(lambda path: "\0" not in path, "must be a path, without NUL characters")
