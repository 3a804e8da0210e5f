# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Ids are the format's own where they can be, else 1, 2, ... by name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from efficientdet.data.dataset_files.class_ids import plan_label_map
from efficientdet.data.importers.fixes import read_fixes
from efficientdet.data.label_map import Label
from efficientdet.errors import DataError
from tests.surveys import survey_of_classes


def _ids(listed, names=("cat", "dog"), fixes=None):
    survey = survey_of_classes([[i] for i in range(len(names))])
    source = replace(survey.source, labels=tuple(Label(id_, name) for name, id_ in listed.items()))
    return plan_label_map(replace(survey, source=source, class_names=tuple(names), fixes=fixes)).id_of


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        ({}, {"cat": 1, "dog": 2}),
        ({"dog": 1, "cat": 2}, {"cat": 2, "dog": 1}),
        ({"dog": 3, "cat": 9, "hen": 20}, {"cat": 9, "dog": 3, "hen": 20}),  # gaps are kept, and classes without a box
        ({"dog": 0, "cat": 1}, {"dog": 1, "cat": 2}),  # 0 is the background
        ({"cat": 90_000, "dog": 5}, {"dog": 1, "cat": 2}),  # a model would get 90,000 rows
        ({"dog": 4}, {"dog": 4, "cat": 5}),  # occurs without being listed
    ],
)
def test_ids(listed, expected):
    assert _ids(listed) == expected


def test_classes_that_fixes_rename_are_one(tmp_path):
    (tmp_path / "x").write_text("@@ *\n- class Cat\n+ class cat\n@@ *\n- class hen\n")
    listed = {"hen": 1, "Cat": 2, "cat": 3, "dog": 4}
    assert _ids(listed, fixes=read_fixes(tmp_path / "x")) == {"cat": 2, "dog": 4}


@pytest.mark.parametrize("name", ["", "\ud800"])
def test_classes_without_a_name(name):
    with pytest.raises(DataError, match="class without a name that can be written"):
        _ids({}, names=(name,))
