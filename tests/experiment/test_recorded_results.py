# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What a start of a training does with the results of earlier ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from efficientdet.experiment.recorded_results import RecordedResults

_LINES = '{"step": 2, "AP": 0.25, "images": 1, "seconds": 0.5}\n{"step": 4, "AP": 0.5}\n{"step": 6, "AP": 0.75}\n'


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Of two readers; the second was not evaluated yet."""
    (tmp_path / "metrics.jsonl").write_text(_LINES)
    return [tmp_path / "metrics.jsonl", tmp_path / "second.jsonl"]


def test_a_start_says_what_it_takes_away_and_keeps_it(files: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    RecordedResults(files, writes=True).begin(2)
    assert files[0].read_text() == _LINES.splitlines(keepends=True)[0]
    (copy,) = files[0].parent.glob("metrics.jsonl.before-*")
    assert copy.read_text() == _LINES
    assert "2 lines of evaluations after step 2" in caplog.text


def test_going_back_leaves_no_copies(files: list[Path], caplog: pytest.LogCaptureFixture) -> None:
    RecordedResults(files, writes=True).forget_after(4)
    assert files[0].read_text() == "".join(_LINES.splitlines(keepends=True)[:2])
    assert list(files[0].parent.iterdir()) == [files[0]]
    assert not caplog.text


def test_others_than_the_writer_and_a_start_at_the_end_change_nothing(files: list[Path]) -> None:
    RecordedResults(files, writes=False).begin(0)
    RecordedResults(files, writes=True).begin(6)
    assert files[0].read_text() == _LINES
    assert list(files[0].parent.iterdir()) == [files[0]]


def test_results_count_when_all_readers_have_them(files: list[Path]) -> None:
    assert RecordedResults(files[:1], writes=True).of(2) == {"AP": 0.25}
    assert RecordedResults(files, writes=True).of(2) is None
