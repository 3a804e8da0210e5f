# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Reads a JSON file of any size item by item: what is in memory is one item and a piece of the file."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

from efficientdet.data.importers.annotation import LARGEST_SIDE
from efficientdet.data.importers.text_files import encoding_of
from efficientdet.errors import DataError

_PIECE = 1 << 20
_LONGEST_ITEM = 16 << 20  # characters; the outlines of the largest crowds take a few hundred thousand
_LONGEST_TEXT = 128 << 20  # under a key of the outermost object: LabelMe puts the picture there
_SPACE = re.compile(r"[ \t\r\n]*")


class Item(NamedTuple):
    """An item of a list of the outermost object; with `number` -1 what stands under the key itself, [] for a list."""

    section: str
    number: int
    value: Any


def walk_json(path: Path, sections: Collection[str]) -> Iterator[Item]:
    """Walks the outermost object of a JSON file.

    Args:
      path: the file; UTF-8, or UTF-16 with a mark.
      sections: keys that are wanted; others are passed over.

    Yields:
      For each of these keys an Item with number -1, and the items of a list.

    Raises:
      DataError: the file cannot be opened, is no JSON object, is nested too deeply, or holds an item that is
        longer than any annotation.
    """
    try:
        with open(path, "rb") as file:
            yield from _Reader(file).walk(sections)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except RecursionError as error:
        raise DataError(f"{path}: not read, its lists are nested too deeply") from error
    except ValueError as error:  # not JSON, or not text
        raise DataError(f"{path}: not a JSON file ({error})") from error


def number_of(value: Any) -> float | None:
    """A number of a JSON file; None where it is something else."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return float(value)
    except OverflowError:  # a whole number beyond all pixels
        return math.inf if value > 0 else -math.inf


def side_of(value: Any) -> int:
    """Height or width of a picture; 0 where it is none."""
    number = number_of(value)
    return int(number) if number is not None and 0 < number <= LARGEST_SIDE else 0


class _Reader:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._decoder: codecs.IncrementalDecoder | None = None
        self._scan = json.JSONDecoder().raw_decode
        self._text = ""
        self._at = 0
        self._before = 0  # characters that are behind us
        self._is_whole = False

    def walk(self, sections: Collection[str]) -> Iterator[Item]:
        self._expect("{")
        if self._next() == "}":
            return
        while True:
            key = self._value()
            if not isinstance(key, str):
                raise ValueError(f"a key that is no text before character {self._position}")
            self._expect(":")
            start = self._next()
            if start == "[":
                yield from self._list(key, key in sections)
            else:
                value = self._value(_LONGEST_TEXT if start == '"' else _LONGEST_ITEM)
                if key in sections:
                    yield Item(key, -1, value)
            if self._expect(",}") == "}":
                return

    def _list(self, key: str, is_wanted: bool) -> Iterator[Item]:
        self._expect("[")
        if is_wanted:
            yield Item(key, -1, [])
        if self._next() == "]":
            self._expect("]")
            return
        index = 0
        while True:
            value = self._value()
            if is_wanted:
                yield Item(key, index, value)
            index += 1
            if self._expect(",]") == "]":
                return

    @property
    def _position(self) -> int:
        return self._before + self._at

    def _next(self) -> str:
        """The next character that is no space; "" at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]  # matches always
            if self._at < len(self._text) or self._is_whole:
                return self._text[self._at : self._at + 1]
            self._read_on()

    def _expect(self, characters: str) -> str:
        found = self._next()
        if not found or found not in characters:
            wanted = " or ".join(map(repr, characters))
            raise ValueError(f"{wanted} expected at character {self._position}, not {found!r}")
        self._at += 1
        return found

    def _value(self, longest: int = _LONGEST_ITEM) -> Any:
        self._next()
        while True:
            try:
                value, end = self._scan(self._text, self._at)
            except json.JSONDecodeError as error:
                if self._is_whole:
                    raise ValueError(f"{error.msg} at character {self._before + error.pos}") from None
            else:
                if end + 2 < len(self._text) or self._is_whole:  # "1", "1." and "1e+" may go on in the next piece
                    self._at = end
                    return value
            if len(self._text) - self._at > longest:
                raise ValueError(f"an item of more than {longest} characters at character {self._position}")
            self._read_on()

    def _read_on(self) -> None:
        """Drops what is behind us and reads at least as much as is left, so that a long item costs no square of it."""
        left = self._text[self._at :]
        data = self._file.read(max(_PIECE, len(left)))
        if self._decoder is None:
            self._decoder = codecs.getincrementaldecoder(encoding_of(data))()
        self._before += self._at
        self._text, self._at = left + self._decoder.decode(data, final=not data), 0
        self._is_whole = not data
