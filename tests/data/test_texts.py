# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from efficientdet.data.importers.listing import FilePair, FilePairs
from efficientdet.data.texts import Texts


@given(st.lists(st.text(alphabet=st.characters())))
def test_texts_are_a_list_of_strings(strings: list[str]) -> None:
    texts = Texts(strings)
    assert len(texts) == len(strings)
    assert list(texts) == strings
    assert texts[:] == strings
    assert texts[1::2] == strings[1::2]
    assert [texts[-number] for number in range(1, len(strings) + 1)] == strings[::-1]
    assert texts == strings
    assert texts == Texts(strings)
    assert texts != [*strings, ""]
    assert pickle.loads(pickle.dumps(texts)) == strings


def test_an_index_outside_is_an_error() -> None:
    with pytest.raises(IndexError, match="2 of 2 texts"):
        Texts(["a", "b"])[2]
    with pytest.raises(IndexError):
        Texts()[-1]


def test_texts_are_added_at_the_end() -> None:
    texts = Texts(["ä"])
    texts.append("")
    texts.extend(["日本", "\ud800"])  # half of a surrogate pair: a byte of a file name that is no UTF-8
    assert list(texts) == ["ä", "", "日本", "\ud800"]


def test_pairs_are_a_list_of_pairs() -> None:
    pairs = [FilePair("images/1.jpg", "labels/1.txt"), FilePair("images/2.jpg", "")]
    packed = FilePairs(pairs)
    assert list(packed) == pairs
    assert packed[1:] == pairs[1:]
    assert packed[-1] == pairs[-1]
    assert list(pickle.loads(pickle.dumps(packed))) == pairs
    assert list(FilePairs([])) == []
