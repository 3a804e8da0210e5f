# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Where each field of a text-format config stands, and errors for names that the schema does not have.

`google.protobuf.text_format` reads values but keeps no positions, and knows nothing of near misses. So the same
tokenizer is walked once more, guided by the descriptors: every field name is looked up, and its place is kept.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any, NamedTuple

from google.protobuf import text_format

from efficientdet import field_paths
from efficientdet.errors import ConfigError
from efficientdet.field_paths import Field, MessageType

_CLOSING = {"{": "}", "<": ">"}


class Position(NamedTuple):
    """A place in a text; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def read_positions(
    text: str,
    filename: str,
    root: MessageType,
    *,
    skip_body: Callable[[Field], bool] = lambda field: False,
) -> dict[str, Position]:
    """Finds the position of every field in `text`.

    Args:
      text: a message in text format.
      filename: what positions call the text.
      root: the type of the message.
      skip_body: says for a field that holds a message that names inside it need not be known.

    Returns:
      Field path -> position of the field's name. A list has a position (of its first mention) and one per element;
      a list given as `[]` has a position and no elements.

    Raises:
      ConfigError: a name or an enum value that does not exist, or text that is not text format; with
        `file:line:column`, the message it stands in and the nearest valid name.
    """
    try:
        return _Walk(text, filename, skip_body, root).run()
    except text_format.ParseError as error:
        raise syntax_error(error, filename) from None


def syntax_error(error: text_format.ParseError, filename: str, path: str = "") -> ConfigError:
    """Turns an error of the text format parser into one of ours.

    Args:
      error: knows its line and column.
      filename: what to call the text.
      path: the field that was being read, if known.
    """
    line, column = error.GetLine() or 1, error.GetColumn() or 1
    message = str(error).removeprefix(f"{line}:{column} : ")
    if message.startswith("'") and "': " in message:  # the parser quotes the whole line first
        message = message.rpartition("': ")[2]
    message = message.replace("efficientdet.protos.", "")
    return ConfigError(f"{filename}:{line}:{column}: {path + ': ' if path else ''}{message}")


def suggest(name: str, valid: list[str]) -> str:
    """'; did you mean "x"?' for the valid name nearest to `name`, else a list of the valid names if it is short."""
    near = difflib.get_close_matches(name, valid, n=1, cutoff=0.7)
    if near:
        return f'; did you mean "{near[0]}"?'
    return f"; it has {', '.join(valid)}" if 0 < len(valid) <= 12 else ""


class _Walk:
    """One pass over one text."""

    def __init__(self, text: str, filename: str, skip_body: Callable[[Field], bool], root: MessageType) -> None:
        self._filename = filename
        self._skip_body = skip_body
        self._root = root
        self._tokens: Any = text_format.Tokenizer(text.split("\n"))
        self._positions: dict[str, Position] = {}
        self._counts: dict[str, int] = {}

    def run(self) -> dict[str, Position]:
        while not self._tokens.AtEnd():
            self._field(self._root, "")
        return self._positions

    def _here(self) -> Position:
        error = self._tokens.ParseError("")
        return Position(self._filename, error.GetLine(), error.GetColumn())

    def _error(self, position: Position, message: str) -> ConfigError:
        return ConfigError(f"{position.file}:{position.line}:{position.column}: {message}")

    def _field(self, owner: MessageType, path: str) -> None:
        position, name = self._here(), self._tokens.token
        if name in ("}", ">"):
            raise self._error(position, f'"{name}" closes nothing')
        if name == "[":
            raise self._error(position, f"{_describe(owner, path)} has no extensions")
        self._tokens.ConsumeIdentifierOrNumber()
        field = owner.fields_by_name.get(name)
        if field is None:
            raise self._error(position, f'{_describe(owner, path)} has no field "{name}"{self._hint(owner, name)}')
        here = field_paths.join(path, name)
        self._positions.setdefault(here, position)
        colon = self._tokens.TryConsume(":")
        if not colon and not field_paths.is_message(field):
            raise self._error(self._here(), f'{here} needs a ":" before its value')
        if field_paths.is_repeated(field) and self._tokens.TryConsume("["):
            self._list(field, here)
        else:
            self._value(field, self._element(field, here, position))
        if not self._tokens.TryConsume(","):
            self._tokens.TryConsume(";")

    def _list(self, field: Field, path: str) -> None:
        if self._tokens.TryConsume("]"):
            return
        while True:
            self._value(field, self._element(field, path, self._here()))
            if self._tokens.TryConsume("]"):
                return
            self._tokens.Consume(",")

    def _element(self, field: Field, path: str, position: Position) -> str:
        """The path of the value about to be read: of the next element if `field` is a list, else `path` itself."""
        if not field_paths.is_repeated(field):
            return path
        index = self._counts.get(path, 0)
        self._counts[path] = index + 1
        element = f"{path}[{index}]"
        self._positions[element] = position
        return element

    def _value(self, field: Field, path: str) -> None:
        if field_paths.is_message(field):
            self._message(field, path)
        else:
            self._scalar(field, path)

    def _message(self, field: Field, path: str) -> None:
        opened = self._here()
        closing = _CLOSING.get(self._tokens.token)
        if closing is None:
            raise self._error(opened, f'{path} is a message: expected "{{"')
        if self._skip_body(field) or field_paths.is_map(field):
            self._skip_braces(path)
            return
        self._tokens.NextToken()
        while not self._tokens.TryConsume(closing):
            if self._tokens.AtEnd():
                raise self._error(opened, f"{path} is opened here and never closed")
            self._field(field.message_type, path)

    def _skip_braces(self, path: str) -> None:
        opened, depth = self._here(), 0
        while True:
            if self._tokens.AtEnd():
                raise self._error(opened, f"{path} is opened here and never closed")
            depth += self._tokens.token in _CLOSING
            depth -= self._tokens.token in _CLOSING.values()
            self._tokens.NextToken()
            if depth == 0:
                return

    def _scalar(self, field: Field, path: str) -> None:
        """Steps over one value. Its type is left to the parser, except names of enum values, to suggest the nearest."""
        token, position = self._tokens.token, self._here()
        if field.enum_type is not None and token.isidentifier() and token not in field.enum_type.values_by_name:
            hint = suggest(token, list(field.enum_type.values_by_name))
            raise self._error(position, f'{path}: {field.enum_type.name} has no value "{token}"{hint}')
        if token[:1] in ("'", '"'):
            self._tokens.ConsumeByteString()  # adjacent strings are one value
            return
        if token == "" or token in "{}<>[],;:":
            raise self._error(position, f"{path} has no value")
        self._tokens.NextToken()

    def _hint(self, owner: MessageType, name: str) -> str:
        """What may have been meant: a name of this message that is near, or another message that has such a field."""
        types = field_paths.message_types(self._root)
        others = [message.name for message in types if name in message.fields_by_name]
        near = suggest(name, list(owner.fields_by_name))
        if not others or len(others) > 3:  # names such as `weight` are fields of half the schema
            return near
        elsewhere = f"{', '.join(others)} {'has' if len(others) == 1 else 'have'} one"
        return f"{near} {elsewhere}" if near.endswith("?") else f"; {elsewhere}"


def _describe(message: MessageType, path: str) -> str:
    return f"{path} ({message.name})" if path else f"the top level ({message.name})"
