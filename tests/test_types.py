# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the tensors that travel can do by themselves."""

from __future__ import annotations

import numpy as np

from efficientdet.types import Example, GroundTruth, Losses


def test_all_fields_with_a_row_per_box_are_mapped_and_nothing_else() -> None:
    example = Example(
        image=np.zeros([4, 4, 3], np.uint8),
        boxes=np.zeros([3, 4], np.float32),
        classes=np.arange(3),
        weights=np.ones(3),
        is_crowd=np.zeros(3, bool),
        is_difficult=np.zeros(3, bool),
        areas=np.arange(3.0),
        source_id=b"7",
        original_size=np.array([4, 4]),
    )
    last = example.map_boxes(lambda values: values[2:])
    assert [len(values) for values in last.box_fields().values()] == [1] * 6
    assert last.classes.tolist() == [2]
    assert last.image is example.image
    assert last.original_size is example.original_size
    assert last.source_id == b"7"
    # What a batch keeps of the boxes is exactly what an example holds of them.
    assert {*example.box_fields(), "count"} == set(GroundTruth._fields)


def test_losses_have_the_tags_of_the_object_detection_api() -> None:
    tags = Losses(*np.array([1.0, 2.0, 3.0, 6.0], np.float32)).tags()
    assert tags == {
        "Loss/localization_loss": 1.0,
        "Loss/classification_loss": 2.0,
        "Loss/regularization_loss": 3.0,
        "Loss/total_loss": 6.0,
    }
    assert {type(value) for value in tags.values()} == {float}
