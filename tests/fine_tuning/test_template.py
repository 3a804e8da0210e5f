# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How values and comments are written."""

from __future__ import annotations

import pytest

from efficientdet.fine_tuning.template import _broken, in_comment, number, percent, quoted


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.05, "0.05"), (3, "3.0"), (1 - 0.002, "0.998"), (0.9998, "0.9998"), (1e-8, "1e-08"), (-127 / 128, "-0.9921875")],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0 %"),
        (0.0032, "0.32 %"),
        (0.014, "1.4 %"),
        (0.125, "12 %"),
        (0.994, "99 %"),
        (0.996, "100 %"),
        (1, "100 %"),
    ],
)
def test_percents(share: float, text: str) -> None:
    assert percent(share) == text


def test_texts_from_outside() -> None:
    assert quoted('a "b"\\c\nd é') == '"a \\"b\\"\\\\c\\nd é"'
    assert in_comment("a\nmodel {}\x1b[0m é") == "a?model {}?[0m é"


def test_long_comments_are_broken_and_nothing_else() -> None:
    words = "word " * 30
    assert _broken(f"    # {words}") == [f"    # {'word ' * 22}word", f"    # {'word ' * 6}word"]
    assert _broken(f"#   data       {words}") == [
        f"#   data       {'word ' * 20}word",
        f"#              {'word ' * 8}word",
    ]
    command = f"#   command    efficientdet train {words}"
    assert _broken(command) == [command]
    setting = f"  label_map_path: '{words}'"
    assert _broken(setting) == [setting]
