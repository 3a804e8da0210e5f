# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Splits by name, and pictures in two of them."""

from __future__ import annotations

import pytest

from efficientdet.data.importers.split_names import (
    name_splits,
    split_by_folder,
    split_of,
    split_of_path,
)


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"), ("train2017", "train"), ("Training", "train"), ("instances_val2017", "val"),
        ("valid", "val"), ("VALIDATE", "val"), ("test_labels", "test"), ("trainval", None), ("train_val", None),
        ("constraint", None), ("images", None), ("", None),
    ],
)  # fmt: skip
def test_names(name, split):
    assert split_of(name) == split


def test_the_innermost_folder_counts():
    assert split_of_path("train/images") == "train"
    assert split_of_path("test_project/images/val2017") == "val"
    assert split_of_path("a/b") is None


@pytest.mark.parametrize(
    ("files", "splits"),
    [
        (["annotations.json"], [""]),
        (["instances_val2017.json"], ["val"]),
        (["train/_annotations.csv", "valid/_annotations.csv"], ["train", "val"]),
        (["annotations.csv", "val_annotations.csv"], ["train", "val"]),
        (["a.csv", "b.csv"], ["a", "b"]),
        (["train2014.json", "train2017.json"], ["train2014", "train2017"]),
        (["x/a.json", "y/a.json"], ["x/a.json", "y/a.json"]),
    ],
)
def test_files_of_a_split_each(files, splits):
    assert name_splits(files) == splits


def test_by_folder():
    entries = ["val/a", "train/b", "train/c"]
    folders = {"folders_of": lambda entry: (entry.rpartition("/")[0],)}
    assert split_by_folder(entries, **folders) == {"train": ["train/b", "train/c"], "val": ["val/a"]}
    assert list(split_by_folder(entries, **folders)) == ["train", "val"]
    assert split_by_folder([*entries, "x/d"], **folders)[""] == ["x/d"]
    assert split_by_folder([], **folders) == {}
