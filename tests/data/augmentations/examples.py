# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Examples to augment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from efficientdet.types import Example

_BOXES = ((0.25, 0.0, 0.75, 0.5), (0.0, 0.5, 1.0, 1.0))


def make_example(height: int = 6, width: int = 8, boxes: Sequence[Sequence[float]] = _BOXES) -> Example:
    """Random pixels; box i has class i and area 10 + i."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    count = len(boxes)
    return Example(
        image=tf.constant(pixels),
        boxes=tf.reshape(tf.constant(boxes, tf.float32), [-1, 4]),
        classes=tf.range(count),
        weights=tf.ones([count]),
        is_crowd=tf.zeros([count], tf.bool),
        is_difficult=tf.range(count) > 0,
        areas=tf.range(count, dtype=tf.float32) + 10,
        source_id=tf.constant("x"),
        original_size=tf.constant([height, width]),
    )


def with_pixels(pixels: np.ndarray, boxes: Sequence[Sequence[float]] = ()) -> Example:
    """A picture [h, w, 3] of given values."""
    return make_example(*pixels.shape[:2], boxes)._replace(image=tf.constant(pixels))


def assert_same(one: Example, other: Example) -> None:
    """All fields are equal."""
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)
