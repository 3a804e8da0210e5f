# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Augmentations that combine a picture with others of the data.

Those are handed in as functions, so that a picture that is not drawn to be mixed costs no other one's decoding. What is
no picture and no box, such as the source id, is that of the first picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import tensorflow as tf

from efficientdet.data.augmentations import draws, windows
from efficientdet.data.augmentations.windows import BLACK, Window, picture_size
from efficientdet.data.preprocessing import resize
from efficientdet.types import Example

Partner = Callable[[], Example]
"""Reads another picture, and takes it through the augmentations that come before."""


@dataclass(frozen=True)
class Mixing:
    """An augmentation that combines pictures, and how many others it asks for."""

    mix: Callable[[Example, Sequence[Partner], tf.Tensor], Example]
    num_partners: int

    def __call__(self, example: Example, partners: Sequence[Partner], seed: tf.Tensor) -> Example:
        """`example` combined with `num_partners` others; seed int32 [2]."""
        return self.mix(example, partners, seed)


def random_mix_up(
    example: Example, partners: Sequence[Partner], seed: tf.Tensor, *, probability: float, alpha: float
) -> Example:
    """Blends the picture with another one; the boxes of both stay, weighted by the share of their picture.

    Both keep their scale, lie at the top left, and are padded with black to the larger height and width.

    Args:
      example: picture [h, w, 3], N boxes.
      partners: one.
      seed: int32 [2].
      probability: how often it happens.
      alpha: of the distribution Beta(alpha, alpha) that the share of the first picture is drawn from.

    Returns:
      Example with a float32 picture.

    References: Zhang et al. 2018 (arXiv:1710.09412); for detection Zhang et al. 2019 (arXiv:1902.04103).
    """
    whether, how = draws.split(seed, 2)
    example = example._replace(image=tf.cast(example.image, tf.float32))

    def mixed() -> Example:
        (partner,) = partners
        other = partner()
        size = tf.maximum(picture_size(example), picture_size(other))
        share = _beta(how, alpha)
        shares = (share, 1.0 - share)
        parts = [windows.pad(part, Window(tf.constant([0, 0]), size), BLACK) for part in (example, other)]
        parts = [part._replace(weights=part.weights * rate) for part, rate in zip(parts, shares, strict=True)]
        image = shares[0] * parts[0].image + shares[1] * parts[1].image
        return _with_all_boxes(parts)._replace(image=image)

    return draws.sometimes(whether, probability, example, mixed)


def random_mosaic(
    example: Example,
    partners: Sequence[Partner],
    seed: tf.Tensor,
    *,
    probability: float,
    output_size: int,
    min_center: float,
    max_center: float,
    min_box_share: float,
) -> Example:
    """Sets the picture and three others around a random point, as the four tiles of a square.

    Each picture is scaled as if it were alone in the square, or further, until it covers its tile. Its inner corner
    lies at the point, and what reaches beyond the tile is cut off. (The authors' code stretches each to the square.)

    Args:
      example: picture [h, w, 3], N boxes; top left.
      partners: three; top right, bottom left, bottom right.
      seed: int32 [2].
      probability: how often it happens.
      output_size: side of the square, pixels.
      min_center: least coordinates of the point, in units of the square's side.
      max_center: greatest.
      min_box_share: boxes of which less than this share of the area lies in their tile are dropped, as are those
        without an area; the others are clipped to it.

    Returns:
      Example with a float32 picture, [output_size, output_size, 3] where it happened.

    Reference: Bochkovskiy et al. 2020 (arXiv:2004.10934), section 3.3.
    """
    whether, where = draws.split(seed, 2)
    example = example._replace(image=tf.cast(example.image, tf.float32))

    def mosaic() -> Example:
        place = tf.random.stateless_uniform([2], where, min_center, max_center)
        center = tf.cast(tf.round(place * output_size), tf.int32)
        pictures = [example, *(partner() for partner in partners)]
        corners = ((0, 0), (0, 1), (1, 0), (1, 1))
        tiles = []
        for picture, corner in zip(pictures, corners, strict=True):
            after = tf.constant(corner)  # [2], 1 where the tile lies below or right of the point
            tile = Window(center * after, tf.where(after == 1, output_size - center, center))
            tiles.append(_tile(picture, after, tile, output_size, min_box_share))
        rows = [tf.concat([left.image, right.image], axis=1) for left, right in (tiles[:2], tiles[2:])]
        image = tf.ensure_shape(tf.concat(rows, axis=0), [output_size, output_size, 3])
        return _with_all_boxes(tiles)._replace(image=image)

    return draws.sometimes(whether, probability, example, mosaic)


def _tile(example: Example, after: tf.Tensor, tile: Window, output_size: int, min_box_share: float) -> Example:
    """The part of a picture that a tile shows, with boxes in the frame of the square."""
    size, shown = picture_size(example), tf.maximum(tile.size, 1)
    sides, shown_sides = tf.cast(size, tf.float32), tf.cast(shown, tf.float32)
    scale = tf.maximum(output_size / tf.reduce_max(sides), tf.reduce_max(shown_sides / sides))
    # The part is cut out before it is resized: a very narrow picture would not fit into memory at that scale.
    part = tf.clip_by_value(tf.cast(tf.round(shown_sides / scale), tf.int32), 1, size)
    window = Window(tf.where(after == 1, 0, size - part), part)
    is_seen = tf.fill(tf.shape(example.classes), tf.reduce_all(tile.size > 0))
    example = windows.drop_boxes_outside(windows.keep_boxes(example, is_seen), window, min_box_share)
    cropped = windows.clip_boxes(windows.crop(example, window))
    resized = resize(cropped.image[tf.newaxis], shown, half_pixel_centers=True)[0]
    tile_sides, offset = (tf.cast(tf.tile(values, [2]), tf.float32) for values in (tile.size, tile.offset))
    return cropped._replace(
        image=resized[: tile.size[0], : tile.size[1]], boxes=(cropped.boxes * tile_sides + offset) / output_size
    )


def _beta(seed: tf.Tensor, alpha: float) -> tf.Tensor:
    """float32 [], from Beta(alpha, alpha): the share of one gamma variable in the sum of two.

    Gamma(alpha) is Gamma(alpha + 1) times a uniform variable to the power of 1 / alpha. That is done with logarithms:
    where alpha is small, the variables themselves would be 0.
    """
    first, second = draws.split(seed, 2)
    logarithms = tf.math.log(tf.random.stateless_gamma([2], first, alpha + 1.0))
    logarithms += tf.math.log1p(-tf.random.stateless_uniform([2], second)) / alpha
    return tf.sigmoid(logarithms[0] - logarithms[1])


def _with_all_boxes(parts: Sequence[Example]) -> Example:
    """The first of `parts` with the boxes of all."""
    fields = [part.box_fields() for part in parts]
    return parts[0]._replace(**{name: tf.concat([rows[name] for rows in fields], axis=0) for name in fields[0]})
