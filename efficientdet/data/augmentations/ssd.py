# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The crops of SSD: each picture is cropped by one of several rules, drawn anew.

Reference: Liu et al. 2016, section 2.2 (arXiv:1512.02325); the rules by default are TFOD's.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import tensorflow as tf

from efficientdet.data.augmentations import draws
from efficientdet.data.augmentations.crops import (
    Crop,
    Padding,
    random_crop_image,
    random_crop_pad_image,
    random_crop_to_aspect_ratio,
)
from efficientdet.data.augmentations.pads import random_pad_to_aspect_ratio
from efficientdet.types import Example

SSD_CROPS = tuple(
    Crop(covered, (0.5, 2.0), (0.1, 1.0), overlap_threshold=covered, skip_probability=0.15)
    for covered in (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
)
SSD_PADDED_CROPS = tuple((crop, Padding()) for crop in SSD_CROPS[1:])  # without the one that asks for no box at all

_SECOND_OVERLAP = 0.3  # TFOD's, for the cut to an aspect ratio


def ssd_random_crop(example: Example, seed: tf.Tensor, *, crops: Sequence[Crop] = SSD_CROPS) -> Example:
    """`random_crop_image` by one of `crops`."""
    which, where = draws.split(seed, 2)
    choices = [functools.partial(random_crop_image, example, where, crop=crop) for crop in crops]
    return draws.one_of(which, choices)


def ssd_random_crop_pad(
    example: Example, seed: tf.Tensor, *, crops: Sequence[tuple[Crop, Padding]] = SSD_PADDED_CROPS
) -> Example:
    """`random_crop_pad_image` by one of `crops`."""
    which, where = draws.split(seed, 2)
    choices = [
        functools.partial(random_crop_pad_image, example, where, crop=crop, padding=padding) for crop, padding in crops
    ]
    return draws.one_of(which, choices)


def ssd_random_crop_fixed_aspect_ratio(
    example: Example, seed: tf.Tensor, *, aspect_ratio: float, crops: Sequence[Crop] = SSD_CROPS
) -> Example:
    """A crop by one of `crops`, whose own aspect ratios do not count, and what is left to do is cut off.

    Args:
      example: picture [h, w, 3], N boxes.
      seed: int32 [2].
      aspect_ratio: width / height, of the crop and of the result: pictures that stay whole are cut to it as well.
      crops: rules. Their `clip_boxes` hold for both cuts; in TFOD the second one clips always.
    """
    which, first, second = draws.split(seed, 3)

    def cut(crop: Crop) -> Example:
        rule = crop._replace(aspect_ratios=(aspect_ratio, aspect_ratio))
        return random_crop_to_aspect_ratio(
            random_crop_image(example, first, crop=rule),
            second,
            aspect_ratio=aspect_ratio,
            overlap_threshold=_SECOND_OVERLAP,
            clip_boxes=crop.clip_boxes,
        )

    return draws.one_of(which, [functools.partial(cut, crop) for crop in crops])


def ssd_random_crop_pad_fixed_aspect_ratio(
    example: Example,
    seed: tf.Tensor,
    *,
    aspect_ratio: float,
    padding: Padding,
    crops: Sequence[Crop] = SSD_CROPS,
) -> Example:
    """`ssd_random_crop`, and then `random_pad_to_aspect_ratio`: `padding` refers to the crop, and is black."""
    where, how = draws.split(seed, 2)
    return random_pad_to_aspect_ratio(
        ssd_random_crop(example, where, crops=crops),
        how,
        aspect_ratio=aspect_ratio,
        min_ratio=padding.min_ratio,
        max_ratio=padding.max_ratio,
    )
