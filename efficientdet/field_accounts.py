# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""An account of every field: of the whole schema, and of what one config sets. Honoured, translated or refused."""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple, cast

from google.protobuf.message import Message

from efficientdet import field_paths
from efficientdet.config import PipelineConfig
from efficientdet.field_paths import Field, MessageType
from efficientdet.field_verdicts import Finding, message_name, verdict_of
from efficientdet.lineage import fill_unset
from efficientdet.lineage.families import family_of
from efficientdet.protos.pipeline_pb2 import TrainEvalPipelineConfig
from efficientdet.verdicts import VERDICTS
from efficientdet.verdicts.extractors import EXTRACTORS
from efficientdet.verdicts.kinds import Honoured, HonouredWhen, Refused, Translated, VerdictTable

Kind = Literal["honoured", "translated", "refused", "unaccounted"]


class Account(NamedTuple):
    """What becomes of a field.

    Attributes:
      kind: of the verdict.
      text: the rule that its values obey, what happens instead, or why not; may be empty.
    """

    kind: Kind
    text: str


class FieldRow(NamedTuple):
    """A field of the schema."""

    message: str  # without the package: `Ssd.MaskHead`
    name: str
    type: str
    default: str
    account: Account


class SetField(NamedTuple):
    """A field that a config sets."""

    where: str  # file:line
    path: str
    value: str  # as text format writes it; empty for a message
    account: Account


def schema_rows(
    root: MessageType = TrainEvalPipelineConfig.DESCRIPTOR, table: VerdictTable = VERDICTS
) -> list[FieldRow]:
    """Every field of every message that a config can hold.

    Args:
      root: the type of a config.
      table: the verdicts. Messages that it does not know must stand behind a refused field.
    """
    rows, inherited = [], _left_to_lineage()
    for message, refused_with in _reached(root, table):
        for field in message.fields:
            account = Account("refused", f"with {refused_with}") if refused_with else account_of(field, table)
            default = "lineage" if field.full_name in inherited else _default_of(field)
            rows.append(FieldRow(message_name(field), field.name, _type_of(field), default, account))
    return rows


def account_of(field: Field, table: VerdictTable = VERDICTS) -> Account:
    """The account of one field whose message can be reached."""
    try:
        verdict = verdict_of(field, table)
    except KeyError:
        return Account("unaccounted", "")
    match verdict:
        case Honoured(required=required):
            return Account("honoured", "must be set" if required else "")
        case HonouredWhen(otherwise=rule):
            return Account("honoured", rule)
        case Translated(instead=instead):
            return Account("translated", instead)
        case Refused(reason=reason):
            return Account("refused", reason)


def explain(config: PipelineConfig, findings: Iterable[Finding], table: VerdictTable = VERDICTS) -> list[SetField]:
    """What becomes of everything that a config sets.

    Args:
      config: as written.
      findings: what resolving it has to say (see `config.examine_config`).
      table: the verdicts.

    Returns:
      A row for each field, in the order of the text; then one for each error that no field of the text is to blame for.
      Messages have a row only where they say something by themselves.
    """
    said: dict[str, list[Finding]] = {}
    for finding in findings:
        said.setdefault(finding.path, []).append(finding)
    rows = []
    for path, message, field in _set_fields(config.proto, table):
        account = _of_value(account_of(field, table), said.pop(path, []))
        inside = field_paths.is_message(field) and _has_fields_set(message, field)
        if not inside or account != ("honoured", ""):
            rows.append(SetField(config.where(path), path, field_paths.format_value(message, field), account))
    rows.sort(key=lambda row: _place(config, row.path))
    rest = [
        SetField(config.where(path), path, "", Account("refused", finding.text))
        for path, found in said.items()
        for finding in found
        if finding.is_error
    ]
    return [*rows, *rest]


def tally(accounts: Iterable[Account]) -> str:
    """The closing line of any list of accounts: `fields: 3 honoured, 1 translated, 0 refused, 0 unaccounted`."""
    counts = Counter(account.kind for account in accounts)
    kinds: Sequence[Kind] = ("honoured", "translated", "refused", "unaccounted")
    return "fields: " + ", ".join(f"{counts[kind]} {kind}" for kind in kinds)


def _reached(root: MessageType, table: VerdictTable) -> Iterator[tuple[MessageType, str]]:
    """Every message type once, with the refused field that all ways to it pass ("" where one passes none)."""
    refused_with = {root.full_name: ""}
    order, pending = [], [root]
    while pending:
        message = pending.pop(0)
        order.append(message)
        for field in message.fields:
            inner = field.message_type
            if inner is None or inner.GetOptions().map_entry:
                continue
            behind = refused_with[message.full_name]
            if not behind and account_of(field, table).kind == "refused":
                behind = f"{message_name(field)}.{field.name}"
            known = refused_with.get(inner.full_name)
            if known is None or (known and not behind):
                refused_with[inner.full_name] = behind
                pending.append(inner)  # again, where what was thought closed turns out to be open
    latest = {message.full_name: message for message in order}
    return ((message, refused_with[name]) for name, message in latest.items())


@functools.cache
def _left_to_lineage() -> frozenset[str]:
    """The full names of the fields that both lineages fill in, found by letting them do so in one message at a time."""
    families = {family_of(name): name for name in EXTRACTORS}
    any_extractor = next(iter(EXTRACTORS))
    filled: dict[str, set[str]] = {name: set() for name, _ in TrainEvalPipelineConfig.Lineage.items()}
    for path in _message_paths(TrainEvalPipelineConfig.DESCRIPTOR):
        of_a_model = path and path[0].name == "model"
        for lineage, name in itertools.product(filled, families.values() if of_a_model else [any_extractor]):
            filled[lineage].update(field.full_name for field in _filled_in(path, lineage, name))
    return frozenset.intersection(*map(frozenset, filled.values()))


def _filled_in(path: Sequence[Field], lineage: str, extractor: str) -> Iterator[Field]:
    """The fields that a lineage fills in the innermost of some messages, each of which is in the one before."""
    config = TrainEvalPipelineConfig(lineage=lineage)
    innermost: Message = config
    for field in path:
        innermost = _made(innermost, field)
    config.model.ssd.feature_extractor.type = extractor
    before = {field.number for field, _ in innermost.ListFields()}
    fill_unset(config)
    yield from (field for field, _ in innermost.ListFields() if field.number not in before)


def _made(message: Message, field: Field) -> Message:
    """Sets a field that holds a message, or an element of it, and returns that."""
    value: Any = getattr(message, field.name)
    if field_paths.is_repeated(field):
        return cast(Message, value.add())
    value.SetInParent()
    return cast(Message, value)


def _message_paths(message: MessageType, path: tuple[Field, ...] = ()) -> Iterator[tuple[Field, ...]]:
    """The ways to every message that a config can hold, itself first, past no refused field."""
    yield path
    for field in message.fields:
        opaque = not field_paths.is_message(field) or field_paths.is_map(field)
        if not opaque and account_of(field).kind != "refused":
            yield from _message_paths(field.message_type, (*path, field))


def _set_fields(message: Message, table: VerdictTable, path: str = "") -> Iterator[tuple[str, Message, Field]]:
    for field, value in message.ListFields():
        here = field_paths.join(path, field.name)
        yield here, message, field
        opaque = not field_paths.is_message(field) or field_paths.is_map(field)
        if opaque or account_of(field, table).kind == "refused":
            continue
        elements: Any = enumerate(value) if field_paths.is_repeated(field) else [(None, value)]
        for index, element in elements:
            yield from _set_fields(element, table, here if index is None else f"{here}[{index}]")


def _of_value(account: Account, findings: Sequence[Finding]) -> Account:
    """The account of a field as a config sets it: what its verdict says of this value, and what is noted of it."""
    errors = [finding for finding in findings if finding.is_error]
    if account.kind == "unaccounted" or (account.kind == "refused" and errors):
        return account
    if errors:
        return Account("refused", errors[0].text)
    notes = [finding.text for finding in findings]
    # Of a value that is the default a verdict says nothing, as it asks for nothing.
    translated = account.kind == "translated" and account.text in notes
    return Account("translated" if translated else "honoured", "; ".join(notes))


def _has_fields_set(message: Message, field: Field) -> bool:
    value = getattr(message, field.name)
    elements = list(value) if field_paths.is_repeated(field) else [value]
    return field_paths.is_map(field) or any(element.ListFields() for element in elements)


def _place(config: PipelineConfig, path: str) -> tuple[int, int]:
    position = config.positions.get(path)
    return (position.line, position.column) if position else (0, 0)


def _type_of(field: Field) -> str:
    named = field.message_type or field.enum_type
    prefix = f"{field.file.package}."
    name = named.full_name.removeprefix(prefix) if named is not None else _SCALARS[field.cpp_type]
    return f"repeated {name}" if field_paths.is_repeated(field) else name


_SCALARS = {1: "int32", 2: "int64", 3: "uint32", 4: "uint64", 5: "double", 6: "float", 7: "bool", 9: "string"}


def _default_of(field: Field) -> str:
    """The default, where the schema states one."""
    if field_paths.is_repeated(field) or field_paths.is_message(field) or not field.has_default_value:
        return ""
    if field.enum_type is not None:
        return str(field.enum_type.values_by_number[field.default_value].name)
    if isinstance(field.default_value, float):
        return f"{field.default_value:g}"
    return str(field.default_value).lower() if isinstance(field.default_value, bool) else repr(field.default_value)
