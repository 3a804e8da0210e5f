# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The text form of fixes, see `fixes`: names are quoted where they must be, and every mistake is named by its line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from efficientdet.data.faults import Fix
from efficientdet.errors import DataError

EVERY_FILE = "*"
PICTURE = "picture"  # alone: of whichever split it is in
_MAX_BYTES = 1 << 29  # some three million blocks
_COMMENT = re.compile(r"\s#")
_FORMS = "box NAME xmin ymin xmax ymax, picture SPLIT, class NAME"


class Form(NamedTuple):
    """What stands behind a `-` or a `+`."""

    kind: str  # "box", "picture", "class"
    name: str  # of the class or the split
    sides: tuple[float, ...] = ()  # (xmin, ymin, xmax, ymax) of a box


class Block(NamedTuple):
    """One edit, as it was read."""

    fix: Fix
    before: Form
    after: Form | None  # None: removed
    line: str  # "fixes.diff:12", of its `@@`


def name_text(name: str) -> str:
    """A name as a table shows it: in quotation marks only where spaces at its ends could not be seen."""
    return name if name == name.strip() else quoted(name)


def quoted(name: str) -> str:
    """A name as one word: itself, or a JSON string where it has spaces, quotes or what cannot be seen."""
    plain = name and name.isprintable() and '"' not in name and not any(map(str.isspace, name))
    return name if plain else json.dumps(name)


def quoted_place(name: str) -> str:
    """A file, or a place in one, in the head of a block: spaces are fine, what ends it is not."""
    plain = name and name.isprintable() and name == name.strip() and name[0] != '"'
    return name if plain and ": " not in f"{name} " and not _COMMENT.search(name) else json.dumps(name)


def parse_fixes(path: Path) -> Iterator[Block]:
    """Reads the blocks of a fixes file.

    Raises:
      DataError: the file cannot be read, or a line is out of place or malformed.
    """
    fix, head = None, ""
    for place, line in _lines(path):
        mark, rest = line[:2].strip(), line[2:].strip()
        if mark == "@@":
            if fix is not None:
                yield _block(fix, head)
            fix, head = Fix(*_parse_head(rest, place), "", ""), place
        elif mark not in ("-", "+"):
            raise DataError(f"{place}: {_shortened(line)} is no line of a fixes file: '@@ ', '- ', '+ ' or '# '")
        elif fix is None:
            raise DataError(f"{place}: {_shortened(line)} stands before the first '@@'")
        elif (fix.before if mark == "-" else fix.after) or not rest:
            raise DataError(f"{place}: a block has one '- ' line, and at most one '+ ' line; leave out an empty one")
        else:
            _parse_form(rest, place)
            fix = fix._replace(before=rest) if mark == "-" else fix._replace(after=rest)
    if fix is not None:
        yield _block(fix, head)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """The lines that mean something, and what to call them in an error."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path}: larger than {_MAX_BYTES >> 20} MiB: not a fixes file")
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            for number, line in enumerate(file, start=1):
                if line.strip() and not line.startswith("#"):
                    yield f"{path}:{number}", line.strip()
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not a text file ({error.reason} at byte {error.start} of a block)") from error


def _block(fix: Fix, head: str) -> Block:
    if not fix.before:
        raise DataError(f"{head}: the block has no '- ' line")
    before = _parse_form(fix.before, head)
    after = _parse_form(fix.after, head) if fix.after else None
    if (before.kind == "class") != (fix.file == EVERY_FILE):
        raise DataError(f"{head}: 'class' is for every file ({EVERY_FILE}), 'box' and 'picture' for one")
    if after is not None and after.kind != before.kind:
        raise DataError(f"{head}: a {before.kind} cannot become a {after.kind}")
    if after is not None and not all(map(math.isfinite, after.sides)):
        raise DataError(f"{head}: {fix.after!r}: the new coordinates must be numbers")
    return Block(fix, before, after, head)


def _parse_head(text: str, line: str) -> tuple[str, str]:
    """File and place of `file: place   # comment`."""
    file, rest = _part(text, line, ends=True)
    place, rest = _part(rest[1:].strip(), line, ends=False) if rest.startswith(":") else ("", rest)
    if not file or (rest and not rest.startswith("#")):
        raise DataError(f"{line}: expected '@@ file: place   # comment', got {_shortened(text)}")
    return file, place


def _part(text: str, line: str, *, ends: bool) -> tuple[str, str]:
    """One part of a head, and what follows it: ":" (where that `ends` it), a comment or nothing."""
    if text.startswith('"'):
        return _unquoted(text, line)
    comment = _COMMENT.search(text)
    end = comment.start() if comment else len(text)
    if ends and (colon := text.find(": ", 0, end)) >= 0:
        end = colon
    return text[:end].strip(), text[end:].strip()


def _unquoted(text: str, line: str) -> tuple[str, str]:
    """The JSON string that a text starts with, and what follows it."""
    try:
        name, end = json.JSONDecoder().raw_decode(text)
    except ValueError as error:
        raise DataError(f"{line}: {_shortened(text)} is not a quoted name ({error})") from error
    return name, text[end:].strip()


def _parse_form(text: str, line: str) -> Form:
    kind, _, rest = text.partition(" ")
    rest = rest.strip()
    if rest.startswith('"'):
        name, rest = _unquoted(rest, line)
    else:
        name, _, rest = rest.partition(" ")
    try:
        sides = tuple(map(float, rest.split()))
    except ValueError:
        sides = (math.nan,)  # of no form
    named = kind == PICTURE or text != kind
    if kind not in ("box", PICTURE, "class") or len(sides) != (4 if kind == "box" else 0) or not named:
        raise DataError(f"{line}: {_shortened(text)} is none of: {_FORMS}")
    return Form(kind, name, sides)


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}...")
