# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Names made of anything: one part of a path, always."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from efficientdet.evaluation.file_names import as_file_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("VOC2007/000001.jpg", "VOC2007_000001.jpg"),
        ("val-2_b", "val-2_b"),
        ("größe 5", "größe_5"),
        ("", "_"),
        (".", "_"),
        ("..", "_."),
        ("../../etc", "_._.._etc"),
        ("a\0b\nc\\d:e", "a_b_c_d_e"),
        ("x" * 300 + ".jpg", "_" + "x" * 95 + ".jpg"),
    ],
)
def test_names(text: str, expected: str) -> None:
    assert as_file_name(text) == expected


@given(st.text())
def test_no_name_leads_out_of_its_folder(text: str) -> None:
    name = as_file_name(text)
    assert 0 < len(name.encode()) <= 100
    assert (Path("/folder") / name).resolve().parent == Path("/folder")
    assert not name.startswith(".")
