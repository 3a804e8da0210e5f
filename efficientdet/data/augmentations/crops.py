# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Augmentations that cut a part out of the picture."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf

from efficientdet.data.augmentations import draws, windows
from efficientdet.data.augmentations.pads import Color, pad_to_size_between
from efficientdet.data.augmentations.windows import BLACK, Window, picture_size
from efficientdet.types import Example

_ATTEMPTS = 100  # TFOD's


class Crop(NamedTuple):
    """What a random crop may be, and what becomes of the boxes."""

    min_object_covered: float  # of at least one box, this share of its area lies in the crop
    aspect_ratios: tuple[float, float]  # least and greatest width / height
    areas: tuple[float, float]  # least and greatest, in units of the picture's
    overlap_threshold: float  # boxes of which less than this share lies in the crop are dropped
    clip_boxes: bool = True  # the others are clipped to the crop
    skip_probability: float = 0.0  # how often the picture stays whole


class Padding(NamedTuple):
    """The size to which a crop is padded, in units of the height and width of the whole picture."""

    min_ratio: tuple[float, float] = (1.0, 1.0)
    max_ratio: tuple[float, float] = (2.0, 2.0)  # sizes are drawn below this
    color: Color | None = None  # None for the crop's mean


def random_crop_image(example: Example, seed: tf.Tensor, *, crop: Crop) -> Example:
    """Crops the picture at random; where 100 attempts find no crop that is allowed, it stays whole.

    Boxes completely outside the crop are dropped, whatever the threshold. A picture without boxes may be cropped
    anywhere.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      crop: what it may be.
    """
    whether, where = draws.split(seed, 2)

    def cropped() -> Example:
        begin, size, _ = tf.image.stateless_sample_distorted_bounding_box(
            tf.shape(example.image),
            windows.clip_boxes(example).boxes[tf.newaxis],
            where,
            min_object_covered=crop.min_object_covered,
            aspect_ratio_range=crop.aspect_ratios,
            area_range=crop.areas,
            max_attempts=_ATTEMPTS,
            use_image_if_no_bounding_boxes=True,
        )
        return _crop(example, Window(begin[:2], size[:2]), crop.overlap_threshold, crop.clip_boxes)

    return draws.sometimes(whether, 1.0 - crop.skip_probability, example, cropped)


def random_crop_pad_image(example: Example, seed: tf.Tensor, *, crop: Crop, padding: Padding) -> Example:
    """Crops the picture at random (`random_crop_image`), and sets the crop at a random place into a larger picture.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      crop: what the crop may be.
      padding: the size of the result; one that would not hold the crop is enlarged.

    Returns:
      Example with a float32 picture.
    """
    where, how = draws.split(seed, 2)
    size = tf.cast(picture_size(example), tf.float32)
    least, most = (tf.cast(size * ratio, tf.int32) for ratio in (padding.min_ratio, padding.max_ratio))
    return pad_to_size_between(random_crop_image(example, where, crop=crop), how, least, most, padding.color)


def random_crop_to_aspect_ratio(
    example: Example, seed: tf.Tensor, *, aspect_ratio: float, overlap_threshold: float, clip_boxes: bool = True
) -> Example:
    """Cuts rows or columns off both sides, shared out at random, so that the picture has an aspect ratio.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      aspect_ratio: width / height.
      overlap_threshold: boxes of which less than this share of the area is left are dropped.
      clip_boxes: whether the others are clipped to the crop.
    """
    size = picture_size(example)
    sides, shape = tf.cast(size, tf.float32), tf.constant([1.0, aspect_ratio])
    exact = tf.cast(tf.round(shape * tf.reduce_min(sides / shape)), tf.int32)
    cropped = tf.clip_by_value(exact, 1, size)
    seeds = draws.split(seed, 2)
    offset = tf.stack([draws.integer(seeds[axis], 0, size[axis] - cropped[axis] + 1) for axis in (0, 1)])
    return _crop(example, Window(offset, cropped), overlap_threshold, clip_boxes)


def random_square_crop_by_scale(
    example: Example, seed: tf.Tensor, *, max_border: int, scale_min: float, scale_max: float, num_scales: int
) -> Example:
    """Takes a square window around a random point, black where it leaves the picture.

    Boxes completely outside the window are dropped, the others are clipped to it. Unlike TFOD's, the window keeps the
    last row and column of the picture, and its own where its side is odd.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      max_border: the point keeps this distance from the picture's edges, pixels; it is halved until it fits.
      scale_min: least side of the window, in units of the picture's longer side.
      scale_max: greatest side.
      num_scales: values, evenly spaced, of which one is drawn.

    Returns:
      Example with a float32 picture.

    Reference: Zhou et al. 2019 (arXiv:1904.07850).
    """
    seeds = draws.split(seed, 3)
    size = picture_size(example)
    scale = tf.linspace(scale_min, scale_max, num_scales)[draws.integer(seeds[2], 0, num_scales)]
    side = tf.maximum(tf.cast(tf.cast(scale, tf.float32) * tf.cast(tf.reduce_max(size), tf.float32), tf.int32), 1)
    borders = [_border(max_border, size[axis]) for axis in (0, 1)]
    middle = [draws.integer(seeds[axis], border, size[axis] - border + 1) for axis, border in enumerate(borders)]
    offset = tf.minimum(tf.stack(middle) - side // 2, size - 1)  # a window of one pixel stays inside
    begin, end = tf.clip_by_value(offset, 0, size - 1), tf.clip_by_value(offset + side, 1, size)
    inside = windows.crop(example, Window(begin, end - begin))
    square = windows.pad(inside, Window(offset - begin, tf.stack([side, side])), BLACK)
    return windows.drop_unseen_boxes(square)


def _border(most: int, side: tf.Tensor) -> tf.Tensor:
    """`most`, halved until it is at most half of `side`; int32 []."""
    halves = tf.constant([most >> times for times in range(most.bit_length() + 1)])
    return tf.reduce_max(tf.where(2 * halves <= side, halves, 0))


def _crop(example: Example, window: Window, overlap_threshold: float, clip_boxes: bool) -> Example:
    cropped = windows.crop(windows.drop_boxes_outside(example, window, overlap_threshold), window)
    return windows.clip_boxes(cropped) if clip_boxes else cropped
