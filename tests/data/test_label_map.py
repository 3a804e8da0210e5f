# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Label maps: their rules, their text form, and the texts a record may use."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from efficientdet.data.label_map import Label, LabelMap, read_label_map, write_label_map
from efficientdet.errors import ConfigError


def test_ids_with_gaps():
    label_map = LabelMap((Label(90, "toothbrush"), Label(1, "person")))
    assert [label.name for label in label_map] == ["person", "toothbrush"]
    assert (len(label_map), label_map.num_rows) == (2, 90)
    assert label_map.rows_by_text() == {"person": 0, "toothbrush": 89}
    label_map.check_num_classes(90)
    with pytest.raises(ConfigError, match=r"id 90 \('toothbrush'\) is above num_classes \(80\)"):
        label_map.check_num_classes(80)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([Label(0, "background")], "'background' has id 0; ids start at 1"),
        ([Label(-3, "x")], "id -3"),
        ([Label(1, "a"), Label(1, "b")], "id 1 is given to both 'a' and 'b'"),
        ([Label(1, "a"), Label(2, "a")], "name 'a' has both id 1 and 2"),
        ([Label(5, "")], "id 5 has no name"),
    ],
)
def test_rules(labels, message):
    with pytest.raises(ConfigError, match=message):
        LabelMap(tuple(labels))


def test_display_names():
    label_map = LabelMap((Label(1, "/m/01", "cat"), Label(2, "cat"), Label(3, "/m/03", "dog")))
    assert label_map.rows_by_text() == {"/m/01": 0, "cat": 1, "/m/03": 2, "dog": 2}  # a name beats a display name
    assert label_map.display_names == {1: "cat", 2: "cat", 3: "dog"}
    assert label_map.names_by_row == {0: "cat", 1: "cat", 2: "dog"}
    with pytest.raises(ConfigError, match="display_name 'cat' has both id 1 and 2"):
        label_map.rows_by_text(use_display_name=True)
    assert LabelMap((Label(1, "/m/01", "cat"),)).rows_by_text(use_display_name=True) == {"cat": 0}


_NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@given(names=st.lists(_NAMES, min_size=1, max_size=6, unique=True), first=st.integers(1, 100))
def test_what_is_written_is_read(tmp_path_factory, names, first):
    path = tmp_path_factory.mktemp("labels") / "map.pbtxt"
    labels = tuple(Label(first + 2 * i, name, "shown" if i == 0 else "") for i, name in enumerate(names))
    write_label_map(labels, path)
    assert read_label_map(path).labels == labels


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item { id: 1 nam: 'a' }", r"map.pbtxt:1:14: not a label map: .*nam"),
        ("item { id: 1\n name: }", r"map.pbtxt:2:\d+"),
        ("", "has no item"),
        ("item { name: 'a' }", "'a' has id 0"),
    ],
)
def test_files_that_are_no_label_map(tmp_path, text, message):
    (tmp_path / "map.pbtxt").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_label_map(tmp_path / "map.pbtxt")


def test_missing_files(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        read_label_map(tmp_path / "map.pbtxt")
    (tmp_path / "map.pbtxt").write_bytes(b"item { name: '\xff' }")
    with pytest.raises(ConfigError, match="not a text file"):
        read_label_map(tmp_path / "map.pbtxt")


def test_light_modules_leave_tensorflow_alone():
    modules = ("files", "label_map", "shapes", "importers.formats.voc", "importers.formats.coco", "importers.images")
    code = "".join(f"import efficientdet.data.{module}\n" for module in modules)
    code += "import efficientdet.cli.create_tfrecord, sys\nassert 'tensorflow' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
