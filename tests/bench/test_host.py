# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

import pytest

from efficientdet.bench.host import machine, processor


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nmodel name\t: AMD EPYC 9R14\nflags\t\t: sse avx2 avx512f\n", "AMD EPYC 9R14 with AVX-512"),
        ("model name\t: Old One\nflags\t\t: sse avx2\n", "Old One with AVX2"),
        ("model name\t: Older\nflags\t\t: sse\n", "Older"),
        ("", ""),
    ],
)
def test_processor(text: str, expected: str) -> None:
    assert processor(text) == expected


def test_a_machine_is_named() -> None:
    told = machine()
    assert told["date"].count("-") == 2
    assert told["tensorflow"].startswith("2.")
    assert int(told["cores"]) >= 1
    assert told["processor"]
