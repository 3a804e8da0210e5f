# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Small text files of strangers: read up to a limit, in the encodings that editors write."""

from __future__ import annotations

import codecs
import os
import re
from collections.abc import Iterator
from pathlib import Path

from efficientdet.data import faults
from efficientdet.data.faults import Fault
from efficientdet.data.importers.annotation import AnnotationError

_LINE = re.compile(r"([^\r\n]*)(?:\r\n|\r|\n|$)")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


def unreadable(file: str, detail: str, place: str = "") -> AnnotationError:
    """The error of an annotation that cannot be read."""
    return AnnotationError(Fault(faults.ANNOTATION_UNREADABLE, file, place, detail))


def read_bounded(root: Path, file: str, limit: int) -> bytes:
    """Reads an annotation file.

    Args:
      root: the folder of the data set.
      file: relative to it.
      limit: bytes; a larger file is no such annotation.

    Raises:
      AnnotationError: it cannot be opened, or is larger than the limit.
    """
    try:
        with open(os.path.join(root, file), "rb") as opened:
            data = opened.read(limit + 1)
    except (OSError, ValueError) as error:
        raise unreadable(file, getattr(error, "strerror", None) or str(error)) from error
    if len(data) > limit:
        raise unreadable(file, f"larger than {limit >> 20} MiB, which no such file is")
    return data


def whole_text(text: str) -> str:
    """A text without halves of surrogate pairs: JSON and YAML can state them, and no file can hold them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def encoding_of(start: bytes) -> str:
    """The encoding that a file's first bytes state; UTF-8 where they state none."""
    return next((encoding for mark, encoding in _MARKS if start.startswith(mark)), "utf-8")


def decode_text(data: bytes) -> str:
    """Text of a whole file: UTF-8 or UTF-16 by its mark, UTF-8 without one, else Latin-1, which takes every byte."""
    try:
        return data.decode(encoding_of(data))
    except UnicodeDecodeError:
        return data.decode("latin-1")


def lines_of(text: str) -> Iterator[tuple[int, str]]:
    """(number from 1, line) of the lines that are not blank, one at a time: a file may be nothing but line ends."""
    for number, found in enumerate(_LINE.finditer(text), start=1):
        if line := found[1].strip():
            yield number, line
