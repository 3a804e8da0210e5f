# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""An augmentation that hides a regular grid of squares."""

from __future__ import annotations

import math

import tensorflow as tf

from efficientdet.data.augmentations import draws
from efficientdet.data.augmentations.pads import Color
from efficientdet.data.augmentations.windows import BLACK, picture_size
from efficientdet.types import Example


def random_grid_mask(
    example: Example,
    seed: tf.Tensor,
    *,
    probability: float,
    min_period: float,
    max_period: float,
    ratio: float,
    max_rotation: float,
    color: Color = BLACK,
) -> Example:
    """Paints squares, one in each cell of a grid at a random place; boxes below them stay.

    Args:
      example: picture [h, w, 3].
      seed: int32 [2].
      probability: how often it happens.
      min_period: least side of a cell, in units of the picture's shorter side.
      max_period: greatest; it is drawn uniformly.
      ratio: side of a square, in units of the cell's.
      max_rotation: degrees, at most, that the grid is turned by, either way.
      color: of the squares; whole numbers where the picture has no others.

    Returns:
      Example with a picture of the same type.

    Reference: Chen et al. 2020 (arXiv:2001.04086).
    """
    whether, extent, turn, where = draws.split(seed, 4)
    size = picture_size(example)

    def masked() -> Example:
        period = draws.uniform(extent, min_period, max_period) * tf.cast(tf.reduce_min(size), tf.float32)
        angle = draws.uniform(turn, -max_rotation, max_rotation) * (math.pi / 180)
        cosine, sine, phase = tf.cos(angle) / period, tf.sin(angle) / period, tf.random.stateless_uniform([2], where)
        y, x = (tf.range(size[axis], dtype=tf.float32) + 0.5 for axis in (0, 1))  # the middles of pixels
        y = y[:, tf.newaxis]
        rows, columns = cosine * y - sine * x + phase[0], sine * y + cosine * x + phase[1]  # [h, w], in cells
        covered = (rows - tf.floor(rows) < ratio) & (columns - tf.floor(columns) < ratio)
        paint = tf.cast(tf.constant(color), example.image.dtype)
        return example._replace(image=tf.where(covered[..., tf.newaxis], paint, example.image))

    return draws.sometimes(whether, probability, example, masked)
