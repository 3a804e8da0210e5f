# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""metrics.jsonl, also where others have written into it."""

from __future__ import annotations

from pathlib import Path

from efficientdet.evaluation.metrics_file import forget_after, recorded, results


def test_lines_that_are_none_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    odd = [
        '{"step": "4", "AP": 1}',
        '{"step": true}',
        '{"step": 1e999}',
        "[" * 50_000,
        "[1]",
        '{"ste',
        '{"step": 3, "AP": "x"}',
    ]
    good = '{"step": 2, "AP": null, "images": 7, "seconds": 0.25}'
    path.write_text("\n".join([*odd, good, '{"step": 5}', ""]))
    assert results(path) == [{"step": 2, "AP": None, "images": 7}, {"step": 5}]
    assert recorded(path, 2) == {"AP": None}
    assert recorded(path, 1) is None
    assert forget_after(path, 4) == 1
    assert path.read_text().splitlines() == [*odd, good]
    assert results(tmp_path / "absent") == []
