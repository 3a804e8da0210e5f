# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The files of a report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from efficientdet.doctor.report.files import write_proposals, write_report
from tests.doctor.report.reports import data_part, recipe_part


def test_a_report_is_written_and_replaced(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    for parts in ([data_part()], [data_part(), recipe_part()]):
        assert write_report(folder, parts, "my.config") == [folder / "report.html", folder / "report.json"]
    assert json.loads((folder / "report.json").read_text())["exit_code"] == 2
    assert (folder / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]


def test_fixes_that_were_edited_are_left_alone(tmp_path: Path) -> None:
    parts = [data_part()]
    assert write_proposals(tmp_path, parts) == tmp_path / "fixes.diff"
    proposed = (tmp_path / "fixes.diff").read_text()
    assert "- box car 1 1 1 2" in proposed
    assert write_proposals(tmp_path, parts) == tmp_path / "fixes.diff"
    (tmp_path / "fixes.diff").write_text("# reviewed\n")
    assert write_proposals(tmp_path, parts) == tmp_path / "fixes.diff.new"
    assert (tmp_path / "fixes.diff").read_text() == "# reviewed\n"
    assert (tmp_path / "fixes.diff.new").read_text() == proposed


def test_without_fixes_there_is_no_file(tmp_path: Path) -> None:
    unfixable = tuple(fault._replace(fix=None) for fault in data_part().faults)
    assert write_proposals(tmp_path, [recipe_part(), replace(data_part(), faults=unfixable)]) is None
    assert not list(tmp_path.iterdir())
