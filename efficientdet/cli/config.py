# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""`efficientdet config`: what becomes of every field, of one config or of the whole schema."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby

from efficientdet.cli.terminal import add_override_argument, command
from efficientdet.config import examine_config
from efficientdet.field_accounts import FieldRow, SetField, explain, schema_rows, tally

_WIDTH = 118


@command
def main(argv: Sequence[str] | None = None) -> int:
    """Explains a config, or prints the table of all fields as Markdown. Returns the exit code."""
    parser = argparse.ArgumentParser(
        description="Say what becomes of every field: of one config, or of the whole schema.", allow_abbrev=False
    )
    actions = parser.add_subparsers(dest="action", required=True)
    explained = actions.add_parser(
        "explain", help="say of each field that a config sets whether it is honoured, translated or refused"
    )
    explained.add_argument("file", metavar="FILE", help="pipeline config, protobuf text format")
    add_override_argument(explained)
    actions.add_parser("fields", help="print the table of every field of every message, as Markdown")
    flags = parser.parse_args(argv)
    if flags.action == "fields":
        for line in table_lines():
            print(line)
        return 0
    rows = explain(*examine_config(flags.file, flags.override))
    for row in rows:
        print(_explained(row))
    print(tally(row.account for row in rows))
    return 0


def table_lines() -> Iterator[str]:
    """The table of all fields, as Markdown."""
    rows = schema_rows()
    yield "# What becomes of every field of a pipeline config"
    yield ""
    yield from textwrap.wrap(
        "Written by `make fields`. *Honoured*: the field does what it says, for the values named. *Translated*: it "
        "tuned something that has no counterpart here; the log says what happens instead. *Refused*: a config that "
        "sets it is an error at its line. Where the default is `lineage`, the field of that name decides. "
        "Beyond the rules here, which are on one field each, `efficientdet/config_checks` has those that tie several "
        "together: what contradicts each other is an error too, and what has no effect beside another field is noted. "
        "`efficientdet/protos/*.proto` describe the fields that TFOD does not have.",
        _WIDTH,
    )
    for message, fields in groupby(rows, key=lambda row: row.message):
        yield from (
            "",
            f"## {message}",
            "",
            "| field | type | default | what becomes of it | rule, or reason |",
            "|---|---|---|---|---|",
        )
        yield from map(_table_row, fields)
    yield ""
    yield tally(row.account for row in rows)


def _table_row(row: FieldRow) -> str:
    kind, text = row.account
    return f"| {row.name} | {row.type} | {row.default} | {kind} | {text.replace('|', chr(92) + '|')} |"


def _explained(row: SetField) -> str:
    kind, text = row.account
    value = f" ({row.value})" if row.value else ""
    said = f": {text}" if text else ""
    return f"{row.where}: {row.path}{value}: {kind}{said}"
