# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""HTML whose texts are escaped by construction: whatever is not Markup yet is text, and is escaped."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from efficientdet.doctor.report.plain_text import visible

_VOID = frozenset({"br", "img", "input", "meta"})  # elements without an end tag
_CODE = re.compile("`([^`\n]{1,400})`")


class Markup(str):
    """HTML that is fit to stand in a page."""

    __slots__ = ()


def text(value: str) -> Markup:
    """A stranger's text as HTML: escaped, and with hidden characters made visible."""
    return Markup(html.escape(visible(value)))


def element(name: str, /, *children: str, **attributes: str | int | float | None) -> Markup:
    """An element.

    Args:
      name: of the tag.
      *children: Markup stays as it is, other strings are escaped.
      **attributes: "class_" is class, "data_key" is data-key; None leaves one out, "" gives one without a value. Values
        are escaped.
    """
    written = [name]
    for key, value in attributes.items():
        if value is not None:
            key = key.rstrip("_").replace("_", "-")
            written.append(f'{key}="{text(str(value))}"' if value != "" else key)
    inside = joined(children)
    return Markup(f"<{' '.join(written)}>{inside}" + ("" if name in _VOID else f"</{name}>"))


def joined(children: Iterable[str]) -> Markup:
    """Elements and texts, one after the other."""
    return Markup("".join(child if isinstance(child, Markup) else text(child) for child in children))


def prose(value: str) -> Markup:
    """A sentence in which `backticks` mark code, and no line breaks between a number and its percent sign."""
    pieces = _CODE.split(value.replace(" %", "\N{NO-BREAK SPACE}%"))  # text, code, text, ...
    return joined(element("code", piece) if number % 2 else text(piece) for number, piece in enumerate(pieces))


def paragraphs(value: str) -> Markup:
    """Lines as paragraphs; indented ones, which are text of a config, stay together as they are."""
    blocks: list[str] = []
    code: list[str] = []
    for line in [*value.expandtabs(4).split("\n"), ""]:
        if line.startswith(" ") and line.strip():
            code.append(line)
            continue
        if code:
            blocks.append(element("pre", _dedented(code)))
            code = []
        if line.strip():
            blocks.append(element("p", prose(line)))
    return joined(blocks)


def listing(value: str) -> Markup:
    """Text of a config or of a program, which keeps its lines."""
    return element("pre", Markup("\n".join(text(line) for line in value.split("\n"))))


def _dedented(lines: list[str]) -> Markup:
    margin = min(len(line) - len(line.lstrip()) for line in lines)
    return Markup("\n".join(text(line[margin:]) for line in lines))
