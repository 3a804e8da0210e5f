# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is done with each field of a pipeline config: honoured, translated or refused. Never nothing.

The verdicts themselves are in `verdict_table.py`, one per field of every message that can be reached through fields that
are not refused; behind a refused field there is nothing to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from efficientdet import field_paths


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


class Finding(NamedTuple):
    """One thing to tell the user about one field."""

    path: str
    text: str
    is_error: bool


def judge(root: Message, table: VerdictTable) -> Iterator[Finding]:
    """Yields what `table` has to say about everything that is set in `root`, in the order of the schema.

    Args:
      root: a message.
      table: message name -> field name -> verdict.
    """
    yield from _judge_message(root, "", table)


def is_refused(field: FieldDescriptor, table: VerdictTable) -> bool:
    """Whether `table` refuses `field`, so that what stands inside it does not matter."""
    return isinstance(verdict_of(field, table), Refused)


def verdict_of(field: FieldDescriptor, table: VerdictTable) -> Verdict:
    """The verdict on `field`; fields behind a refused one have none.

    Raises:
      KeyError: no line in `table`.
    """
    return table[message_name(field)][field.name]


def message_name(field: FieldDescriptor) -> str:
    """The message that `field` belongs to, without the package: `Ssd.MaskHead`."""
    return field.containing_type.full_name.removeprefix(f"{field.file.package}.")


def _judge_message(message: Message, path: str, table: VerdictTable) -> Iterator[Finding]:
    for field in message.DESCRIPTOR.fields:
        here = field_paths.join(path, field.name)
        verdict = verdict_of(field, table)
        yield from _judge_field(message, field, here, verdict)
        if isinstance(verdict, Refused) or not field_paths.is_message(field) or not field_paths.is_set(message, field):
            continue
        value = getattr(message, field.name)
        if field_paths.is_repeated(field):
            for index, element in enumerate(value):
                yield from _judge_message(element, f"{here}[{index}]", table)
        else:
            yield from _judge_message(value, here, table)
    yield from _judge_oneofs(message, path, table)


def _judge_field(message: Message, field: FieldDescriptor, path: str, verdict: Verdict) -> Iterator[Finding]:
    if isinstance(verdict, HonouredWhen):
        if not verdict.accepts(getattr(message, field.name)):
            yield Finding(path, verdict.otherwise, is_error=True)
    elif isinstance(verdict, Honoured):
        if verdict.required and not field_paths.is_set(message, field):
            yield Finding(path, "must be set", is_error=True)
    elif _says_something(message, field):
        if isinstance(verdict, Refused):
            yield Finding(path, f"is not supported: {verdict.reason}", is_error=True)
        else:
            yield Finding(path, verdict.instead, is_error=False)


def _judge_oneofs(message: Message, path: str, table: VerdictTable) -> Iterator[Finding]:
    """Every choice the schema offers must be made: a part without a default has nothing to fall back on."""
    for oneof in message.DESCRIPTOR.oneofs:
        if message.WhichOneof(oneof.name) is None:
            open_ = [field.name for field in oneof.fields if not is_refused(field, table)]
            needed = f"needs {'one of ' if len(open_) > 1 else ''}{', '.join(open_)}"
            yield Finding(path, needed, is_error=True)


def _says_something(message: Message, field: FieldDescriptor) -> bool:
    """Whether the field is set, and to something else than its default."""
    if not field_paths.is_set(message, field):
        return False
    if field_paths.is_message(field) or field_paths.is_repeated(field):
        return True
    return bool(getattr(message, field.name) != getattr(type(message)(), field.name))
