# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Augmentations that change boxes and classes and leave the picture alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import tensorflow as tf

from efficientdet.data.augmentations.windows import clip_boxes, keep_boxes
from efficientdet.types import Example

Symmetry = Literal["none", "center", "center_and_shape"]
"""What of a box stays when its edges move."""


def random_jitter_boxes(
    example: Example,
    seed: tf.Tensor,
    *,
    shrink: float,
    expand: float,
    symmetry: Symmetry = "none",
) -> Example:
    """Moves the edges of the boxes, and clips them to the picture.

    An edge's distance from the centre is multiplied by a number from 1 - `shrink` to 1 + `expand`.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      shrink: 0 and more, below 1.
      expand: 0 and more.
      symmetry: "none" draws for each edge, "center" for height and width of each box, "center_and_shape" for each box.
        The latter two expand a box until it meets the picture's edge, so that the centre stays.
    """
    edges = {"none": 4, "center": 2, "center_and_shape": 1}[symmetry]
    center = (example.boxes[:, :2] + example.boxes[:, 2:]) / 2.0
    half = (example.boxes[:, 2:] - example.boxes[:, :2]) / 2.0
    factors = tf.random.stateless_uniform([tf.shape(center)[0], edges], seed, 1.0 - shrink, 1.0 + expand)
    if symmetry != "none":
        most = tf.minimum(center, 1.0 - center) / tf.maximum(half, 1e-6)
        if symmetry == "center_and_shape":
            most = tf.reduce_min(most, axis=1, keepdims=True)
        factors = tf.minimum(factors, tf.maximum(most, 0.0))
    factors = tf.tile(factors, [1, 4 // edges])
    boxes = tf.concat([center - half * factors[:, :2], center + half * factors[:, 2:]], axis=1)
    return clip_boxes(example._replace(boxes=boxes))


def drop_label_probabilistically(example: Example, seed: tf.Tensor, *, row: int, probability: float) -> Example:
    """Drops each box of one class with a probability.

    Args:
      example: N boxes.
      seed: int32 [2].
      row: of the class, 0-based.
      probability: with which a box of it is dropped, each on its own.
    """
    dropped = tf.random.stateless_uniform(tf.shape(example.classes), seed) < probability
    return keep_boxes(example, (example.classes != row) | ~dropped)


def remap_labels(example: Example, seed: tf.Tensor, *, rows: Sequence[int], new_row: int) -> Example:
    """Gives all boxes of some classes another class. Nothing is drawn.

    Args:
      example: N boxes.
      seed: int32 [2].
      rows: of the classes, 0-based.
      new_row: of the class they become.
    """
    del seed
    meant = tf.reduce_any(example.classes[:, tf.newaxis] == tf.constant(rows, tf.int32), axis=1)
    return example._replace(classes=tf.where(meant, new_row, example.classes))
