# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""COCO's classes, against COCO's own files."""

from __future__ import annotations

import json
from pathlib import Path

from efficientdet.weights.coco_labels import COCO_NAMES, labels_of_rows


def test_ids_and_names_are_those_of_coco(shared: Path) -> None:
    categories = json.loads((shared / "data/coco128/coco/val2017.json").read_text())["categories"]
    assert {category["id"]: category["name"] for category in categories} == COCO_NAMES
    assert len(COCO_NAMES) == 80


def test_a_class_row_is_the_id_less_one() -> None:
    labels = labels_of_rows(90)
    assert labels is not None
    assert (labels[0], labels[17], labels[89]) == ("person", "dog", "toothbrush")
    assert 11 not in labels  # COCO has no class of id 12


def test_the_classes_of_other_detectors_are_unknown() -> None:
    assert labels_of_rows(80) is None
    assert labels_of_rows(1) is None
