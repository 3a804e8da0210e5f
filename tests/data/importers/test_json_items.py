# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""JSON read item by item is the same as JSON read whole, and refuses what is not."""

from __future__ import annotations

import json
import math
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from efficientdet.data.importers import json_items
from efficientdet.data.importers.json_items import number_of, side_of, walk_json
from efficientdet.errors import DataError

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
def test_pieces_of_any_size(tmp_path_factory, monkeypatch, piece):
    monkeypatch.setattr(json_items, "_PIECE", piece)
    path = tmp_path_factory.mktemp("json") / "x.json"

    @settings(max_examples=25, deadline=None)
    @given(st.lists(_VALUES, max_size=4), _VALUES, st.integers(0, 2))
    def check(items, other, indent):
        content = {"info": other, "images": items, "rest": items, "empty": []}
        path.write_text(json.dumps(content, indent=indent or None, ensure_ascii=indent == 1), "utf-8")
        found = list(walk_json(path, ("images", "empty", "info")))
        assert found[0].value == ([] if isinstance(other, list) else other)
        found = [item for item in found if item.section != "info"] + found[:1]
        assert [item.value for item in found if item.section == "images" and item.number >= 0] == items
        assert [item.number for item in found] == [-1, *range(len(items)), -1, -1]

    check()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_encodings(tmp_path, encoding):
    path = tmp_path / "x.json"
    path.write_text('{"images": ["ü"]}', encoding)
    assert [item.value for item in walk_json(path, ("images",))] == [[], "ü"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "'{' expected at character 0, not ''"),
        ("[]", r"'{' expected at character 0, not '\['"),
        ('{"images": [1, 2', "',' or ']' expected at character 16"),
        ('{"images": [1 2]}', "',' or ']' expected at character 14"),
        ('{"images": [{"a": ]}', "Expecting value at character 18"),
        ('{"images" 1}', "':' expected"),
        ("{1: 2}", "a key that is no text"),
        ('{"a": 1', "',' or '}' expected"),
        ("\ufffe", "expected"),
    ],
)
def test_no_json(tmp_path, text, message):
    (tmp_path / "x.json").write_text(text, "utf-8")
    with pytest.raises(DataError, match=rf"x\.json: not a JSON file \(.*{message}"):
        list(walk_json(tmp_path / "x.json", ("images",)))


def test_no_text(tmp_path):
    (tmp_path / "x.json").write_bytes(b'{"images": ["\xff"]}')
    with pytest.raises(DataError, match="not a JSON file"):
        list(walk_json(tmp_path / "x.json", ("images",)))
    with pytest.raises(DataError, match="No such file"):
        list(walk_json(tmp_path / "y.json", ("images",)))


@pytest.mark.parametrize("text", ['{"images": ' + "[" * 100_000, '{"x": ' + '{"a":' * 100_000])
def test_deep_nesting(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match="nested too deeply"):
        list(walk_json(tmp_path / "x.json", ("images",)))


@pytest.mark.parametrize("start", ['{"images": ["', '{"', '{"images": [{"a": "'])
def test_a_gigantic_item_is_refused_in_bounded_memory(tmp_path, start):
    path = tmp_path / "x.json"
    with path.open("wb") as file:
        file.write(start.encode())
        for _ in range(64):
            file.write(b"a" * (1 << 20))
        file.truncate(1 << 30)  # a hole: zeros up to a gigabyte
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="an item of more than 16777216 characters"):
            list(walk_json(path, ("images",)))
        assert tracemalloc.get_traced_memory()[1] < 150 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("value", "number", "side"),
    [(3, 3.0, 3), (2.5, 2.5, 2), (0, 0.0, 0), (-4, -4.0, 0), (10**400, math.inf, 0), (-(10**400), -math.inf, 0),
     (2**31 - 1, 2.0**31 - 1, 2**31 - 1), (2**31, 2.0**31, 0), (True, None, 0), ("3", None, 0), (None, None, 0),
     ([3], None, 0)],
)  # fmt: skip
def test_numbers(value, number, side):
    assert (number_of(value), side_of(value)) == (number, side)


def test_no_number_is_no_side():
    assert side_of(math.nan) == 0
