# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The JSON document."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from efficientdet.doctor.findings import Case, Finding, Part, Severity, Table
from efficientdet.doctor.report.json_file import json_text
from tests.doctor.report.reports import EVIL, NO_AREA, data_part, recipe_part


def test_everything_but_pictures_is_there() -> None:
    document = json.loads(json_text([data_part(), recipe_part()], "my.config"))
    assert document["schema"] == 1
    assert document["subject"] == "my.config"
    assert document["exit_code"] == 2
    assert document["counts"] == {"error": 1, "warning": 1, "note": 1}
    data, recipe = document["parts"]
    assert (data["area"], data["verdict"]) == ("data", "1 box in 4,886 has no area.")
    assert len(data["findings"][0].pop("cases")) == 20
    assert data["findings"][0] == {
        "code": "box-zero-area",
        "severity": "warning",
        "title": NO_AREA.title,
        "why": NO_AREA.why,
        "remedy": NO_AREA.remedy,
        "count": 20,
        "cost": 3.0,
    }
    assert data["tables"][0]["rows"] == [[EVIL, 1200, 0.25], ["car\n", 7, None]]
    assert data["histograms"][0]["series"] == {"train": [12.0, 3.0], "val": [1.0, 0.0]}
    assert data["sheets"] == [{"title": "Worst", "note": "Outlined."}]
    assert recipe["findings"][0]["cases"] == [{"where": "my.config:174", "detail": "input_path (a-00000-of-00100)"}]


def test_numpy_numbers_and_undecodable_names_are_written() -> None:
    finding = Finding("data", "x", Severity.NOTE, "", "", "", 3, (Case("\udcff.jpg", ""),), np.float32(2))
    table = Table("t", ("a",), ((np.int64(7),), (float("inf"),)))
    part = replace(Part("data", ""), findings=(finding,), tables=(table,))
    text = json_text([part], "x")
    assert text.isascii()
    document = json.loads(text)["parts"][0]
    assert document["tables"][0]["rows"] == [[7], [None]]
    assert document["findings"][0]["cost"] == 2.0
    assert document["findings"][0]["cases"][0]["where"] == "\udcff.jpg"
