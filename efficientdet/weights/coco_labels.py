# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The 80 classes of COCO, whose ids run from 1 to 90 with gaps: published detectors have a class row for each id."""

from __future__ import annotations

from collections.abc import Mapping

_GREATEST_ID = 90

# Ids that follow each other without a gap, from the first one on.
_RUNS = {
    1: ["person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light"],
    11: ["fire hydrant"],
    13: ["stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear"],
    24: ["zebra", "giraffe"],
    27: ["backpack", "umbrella"],
    31: ["handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite", "baseball bat"],
    40: ["baseball glove", "skateboard", "surfboard", "tennis racket", "bottle"],
    46: ["wine glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli"],
    57: ["carrot", "hot dog", "pizza", "donut", "cake", "chair", "couch", "potted plant", "bed"],
    67: ["dining table"],
    70: ["toilet"],
    72: ["tv", "laptop", "mouse", "remote", "keyboard", "cell phone", "microwave", "oven", "toaster", "sink"],
    82: ["refrigerator"],
    84: ["book", "clock", "vase", "scissors", "teddy bear", "hair drier", "toothbrush"],
}

COCO_NAMES: Mapping[int, str] = {first + n: name for first, names in _RUNS.items() for n, name in enumerate(names)}
"""Name by id."""


def labels_of_rows(num_rows: int) -> dict[int, str] | None:
    """The labels of published weights, of which the files themselves say nothing.

    Args:
      num_rows: class rows in the file.

    Returns:
      Class row -> name for 90 rows, as a COCO detector has; None for any other number, whose classes are unknown.
    """
    return {id_ - 1: name for id_, name in COCO_NAMES.items()} if num_rows == _GREATEST_ID else None
