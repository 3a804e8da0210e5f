# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Strangers' texts - class names, file names - made fit to be shown."""

from __future__ import annotations

import unicodedata

from efficientdet.doctor.quantities import Factor, times

# Control and format characters, surrogates, private use, unassigned, line and paragraph separators: what a terminal
# would obey, a font lacks, UTF-8 cannot hold, or a reader could not tell from nothing ("car" and "car\u200b").
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    """The text with whatever cannot be seen written as an escape, a line break as a backslash and an n."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(letter) if unicodedata.category(letter) in _HIDDEN else letter for letter in text)


def shortened(text: str, length: int) -> str:
    """The text cut in its middle, where paths are least telling, to at most `length` characters (3 or more)."""
    if len(text) <= length:
        return text
    head = (length - 1) // 3
    return f"{text[:head]}…{text[len(text) - (length - 1 - head) :]}"


def counted(count: int, noun: str) -> str:
    """A count with its noun, "1 error", "12,345 warnings"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def amount(value: str | int | float) -> str:
    """A value of a table: whole numbers in groups of three digits, others to four significant digits, texts as is."""
    if isinstance(value, str):
        return value
    if isinstance(value, Factor):
        return times(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}"
    return (
        f"{value:,.4g}" if 1e-4 <= abs(value) < 1e4 else f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.3g}"
    )


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
