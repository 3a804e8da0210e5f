# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A page of HTML that needs nothing else, no network and no other file, and the tables in it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from efficientdet.doctor.findings import Table
from efficientdet.doctor.report.markup import Markup, element, prose
from efficientdet.doctor.report.plain_text import amount, counted

_LONG_TABLE = 40  # rows: beyond, it scrolls
_MOST_ROWS = 2000


def page(title: str, *body: Markup) -> str:
    """The page.

    Args:
      title: of the window.
      *body: header, main part and footer, in the classes of page.css.
    """
    style, script = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    # Texts of strangers are escaped. Should one ever slip through, a browser still runs and loads nothing but ours.
    policy = (
        f"default-src 'none'; img-src data:; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(style)),
    ]
    inside = [*body, element("script", Markup(script))]
    return "<!DOCTYPE html>\n" + element("html", element("head", *head), element("body", *inside), lang="en") + "\n"


def _digest(content: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()


def table_figure(table: Table, listing: str) -> Markup:
    """A table that can be sorted by any of its columns.

    Args:
      table: what to show.
      listing: the file that lists everything, for what is left out here.
    """
    rows = table.rows[:_MOST_ROWS]
    is_number = [any(not isinstance(row[column], str) for row in rows) for column in range(len(table.columns))]
    kinds = ["number" if right else None for right in is_number]
    heads = (
        element("th", element("button", name, type="button"), class_=kind, scope="col")
        for name, kind in zip(table.columns, kinds, strict=True)
    )
    lines = (
        element(
            "tr",
            *(
                element(
                    "td", amount(value), class_=kind, data_value=None if isinstance(value, str) else repr(float(value))
                )
                for value, kind in zip(row, kinds, strict=True)
            ),
        )
        for row in rows
    )
    left_out = len(table.rows) - len(rows)
    notes = [table.note, f"{counted(left_out, 'more row')}: {listing} lists all." if left_out else ""]
    grid = element("table", element("thead", element("tr", *heads)), element("tbody", *lines), class_="sortable")
    return element(
        "figure",
        element("figcaption", element("h4", table.title)),
        element("div", grid, class_="wide tall" if len(rows) > _LONG_TABLE else "wide", tabindex=0),
        *(element("p", prose(note), class_="note") for note in notes if note),
        class_="card",
    )
