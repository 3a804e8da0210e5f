# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from pathlib import Path

import pytest

from efficientdet.bench.document import BEGIN, END, write_document
from efficientdet.errors import UsageError
from tests.bench.examples import figure, results


def _document(folder: Path) -> Path:
    path = folder / "speed.md"
    path.write_text(f"# Speed\n\n{BEGIN}\nold\n{END}\n\nThe end.\n", encoding="utf-8")
    return path


def test_what_is_between_the_markers_is_replaced(tmp_path: Path) -> None:
    given = results(step=figure(0.5, to_plain=0.65, peak_memory=2_500_000_000, more={"CPU, s": 0.9}))
    path = _document(tmp_path)
    assert write_document(given, path) == [path]
    text = path.read_text(encoding="utf-8")
    assert text.startswith(f"# Speed\n\n{BEGIN}\n")
    assert text.endswith(f"{END}\n\nThe end.\n")
    assert "old" not in text
    assert "Measured on: date 2026-11-22, processor a CPU." in text
    row = "| `step` | training step, batch 2, input included | 625 ms | 500 ms | 9 | 2.00 | 0.650 | 2.50 GB |"
    assert row in text.splitlines()
    assert "- `step`: CPU 0.9 s; fp32 GEMM 200 GFLOP/s" in text.splitlines()
    write_document(given, path)
    assert path.read_text(encoding="utf-8") == text


def test_curves_are_drawn_beside_it(tmp_path: Path) -> None:
    given = results(**{"growth-batch-1": figure(0.4), "growth-batch-2": figure(0.8)})
    path = _document(tmp_path)
    assert write_document(given, path) == [tmp_path / "speed-batch.svg", path]
    text = path.read_text(encoding="utf-8")
    assert "![images in a batch](speed-batch.svg)" in text
    assert "Images in a batch, 1 to 2: 400 ms to 800 ms" in text
    assert "growth-batch" not in text
    assert (tmp_path / "speed-batch.svg").read_text(encoding="utf-8").startswith("<?xml")


@pytest.mark.parametrize("text", ["", BEGIN, f"{END} {BEGIN}"])
def test_a_document_without_markers_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "speed.md"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="must have the lines"):
        write_document(results(**{"growth-batch-1": figure(0.4), "growth-batch-2": figure(0.8)}), path)
    assert path.read_text(encoding="utf-8") == text
    assert list(tmp_path.iterdir()) == [path]


def test_the_committed_document_has_its_markers() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "performance.md").read_text(encoding="utf-8")
    assert text.index(BEGIN) < text.index(END)
