# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What is done with each field of a pipeline config: honoured, translated or refused. Never nothing.

The verdicts themselves are in `verdicts/`; here they are applied to a message.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from google.protobuf.message import Message

from efficientdet import field_paths
from efficientdet.field_paths import Field
from efficientdet.verdicts.kinds import Honoured, HonouredWhen, Refused, Verdict, VerdictTable


class Finding(NamedTuple):
    """One thing to tell the user about one field."""

    path: str
    text: str
    is_error: bool


def judge(root: Message, table: VerdictTable, optional: Collection[str] = ()) -> Iterator[Finding]:
    """Yields what `table` has to say about everything that is set in `root`, in the order of the schema.

    Args:
      root: a message.
      table: message name -> field name -> verdict.
      optional: the choices (`Message.oneof`) that need not be made.
    """
    yield from _judge_message(root, "", table, optional)


def is_refused(field: Field, table: VerdictTable) -> bool:
    """Whether `table` refuses `field`, so that what stands inside it does not matter."""
    return isinstance(verdict_of(field, table), Refused)


def verdict_of(field: Field, table: VerdictTable) -> Verdict:
    """The verdict on `field`; fields behind a refused one have none.

    Raises:
      KeyError: no line in `table`.
    """
    return table[message_name(field)][field.name]


def message_name(field: Field) -> str:
    """The message that `field` belongs to, without the package: `Ssd.MaskHead`."""
    return str(field.containing_type.full_name).removeprefix(f"{field.file.package}.")


def _judge_message(message: Message, path: str, table: VerdictTable, optional: Collection[str]) -> Iterator[Finding]:
    for field in message.DESCRIPTOR.fields:
        here = field_paths.join(path, field.name)
        verdict = verdict_of(field, table)
        yield from _judge_field(message, field, here, verdict)
        if isinstance(verdict, Refused) or not field_paths.is_message(field) or not field_paths.is_set(message, field):
            continue
        value = getattr(message, field.name)
        if field_paths.is_repeated(field):
            for index, element in enumerate(value):
                yield from _judge_message(element, f"{here}[{index}]", table, optional)
        else:
            yield from _judge_message(value, here, table, optional)
    yield from _judge_oneofs(message, path, table, optional)


def _judge_field(message: Message, field: Field, path: str, verdict: Verdict) -> Iterator[Finding]:
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


def _judge_oneofs(message: Message, path: str, table: VerdictTable, optional: Collection[str]) -> Iterator[Finding]:
    """Other choices must be made: a part without a default has nothing to fall back on."""
    for oneof in message.DESCRIPTOR.oneofs:
        if message.WhichOneof(oneof.name) is None and f"{message.DESCRIPTOR.name}.{oneof.name}" not in optional:
            open_ = [field.name for field in oneof.fields if not is_refused(field, table)]
            needed = f"needs {'one of ' if len(open_) > 1 else ''}{', '.join(open_)}"
            yield Finding(path, needed, is_error=True)


def _says_something(message: Message, field: Field) -> bool:
    """Whether the field is set, and to something else than its default."""
    if not field_paths.is_set(message, field):
        return False
    if field_paths.is_message(field) or field_paths.is_repeated(field):
        return True
    return bool(getattr(message, field.name) != getattr(type(message)(), field.name))
