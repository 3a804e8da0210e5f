# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The crop of the SSD paper: one that overlaps with some box by an IoU that is drawn for each picture."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from efficientdet.data.augmentations import draws, windows
from efficientdet.data.augmentations.windows import Window, picture_size
from efficientdet.ops.boxes import iou
from efficientdet.types import Example

SSD_MIN_IOUS = (0.1, 0.3, 0.5, 0.7, 0.9)
"""The overlaps of the paper."""

_NEVER = 2.0  # an IoU that asks for the whole picture, because no crop reaches it


def random_min_iou_crop(
    example: Example,
    seed: tf.Tensor,
    *,
    min_ious: Sequence[float] = SSD_MIN_IOUS,
    scales: tuple[float, float] = (0.3, 1.0),
    aspect_ratios: tuple[float, float] = (0.5, 2.0),
    max_attempts: int = 50,
) -> Example:
    """Crops the picture so that some box overlaps with the crop by one of `min_ious`, or leaves it whole.

    All attempts are drawn at once, and the first that is allowed is taken: its aspect ratio lies in the range, at least
    one box reaches the IoU, and the centre of at least one lies inside. Where none is allowed, as with a picture that
    has no boxes, the picture stays whole. Boxes stay if their centre lies inside, and are clipped.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      min_ious: of which one is drawn, each as likely as the whole picture.
      scales: least and greatest height and width of a crop, in units of the picture's; drawn independently.
      aspect_ratios: least and greatest width / height of the crop, in pixels.
      max_attempts: crops that are drawn.

    Reference: Liu et al. 2016, section 2.2 (arXiv:1512.02325).
    """
    which, where = draws.split(seed, 2)
    attempts = _draw_windows(where, picture_size(example), scales, max_attempts)
    sides = tf.cast(picture_size(example), tf.float32)
    boxes = example.boxes * tf.tile(sides, [2])  # pixels
    begin, extent = (tf.cast(values, tf.float32) for values in attempts)  # [T, 2]
    end = begin + extent
    min_iou = tf.gather(tf.constant([*min_ious, _NEVER]), draws.integer(which, 0, len(min_ious) + 1))
    overlaps = iou(tf.concat([begin, end], axis=1), boxes) >= min_iou  # [T, N]
    center = (boxes[:, :2] + boxes[:, 2:]) / 2.0
    is_inside = tf.reduce_all((center > begin[:, tf.newaxis]) & (center < end[:, tf.newaxis]), axis=-1)  # [T, N]
    aspect_ratio = extent[:, 1] / extent[:, 0]
    is_allowed = (aspect_ratio >= aspect_ratios[0]) & (aspect_ratio <= aspect_ratios[1])
    is_allowed &= tf.reduce_any(overlaps, axis=1) & tf.reduce_any(is_inside, axis=1)
    first = tf.argmax(is_allowed)

    def cropped() -> Example:
        kept = windows.keep_boxes(example, is_inside[first])
        return windows.clip_boxes(windows.crop(kept, Window(attempts.offset[first], attempts.size[first])))

    return tf.cond(is_allowed[first], cropped, lambda: example)


def _draw_windows(seed: tf.Tensor, size: tf.Tensor, scales: tuple[float, float], count: int) -> Window:
    """Windows inside a picture of `size`; offsets and sizes int32 [T, 2]."""
    shares = tf.random.stateless_uniform([count, 4], seed)
    scale = scales[0] + (scales[1] - scales[0]) * shares[:, :2]
    drawn = tf.clip_by_value(tf.cast(scale * tf.cast(size, tf.float32), tf.int32), 1, size)
    return Window(tf.cast(shares[:, 2:] * tf.cast(size - drawn + 1, tf.float32), tf.int32), drawn)
