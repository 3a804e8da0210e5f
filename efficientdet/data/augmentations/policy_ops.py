# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The operations of augmentation policies: each draws from its seed alone, and moves the boxes with the picture.

They are those of the Object Detection API (TFOD), utils/autoaugment_utils.py, but for this:

* boxes move exactly (TFOD cuts their corners down to whole pixels);
* boxes that leave the picture are dropped. TFOD makes each a strip, 5 % of the picture wide, along the edge it left by,
  with nothing of the object in it;
* `Contrast` keeps the mean brightness, as in google/automl. TFOD takes the number of pixels by 256 for it, which is
  white in most pictures;
* `Solarize` at magnitude 10 changes nothing, as no value reaches the threshold, 256; a uint8 does not hold it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import tensorflow as tf

from efficientdet.data.augmentations import draws, policy_pixels, windows
from efficientdet.data.augmentations.windows import picture_size
from efficientdet.types import Example


class Limits(NamedTuple):
    """What magnitude 10 means where AutoAugment and RandAugment differ; pixels."""

    cutout: float  # half the side of the patch
    translation: float


class Draw(NamedTuple):
    """What an operation is to do to a picture."""

    amount: tf.Tensor  # float32 [], in a unit of the operation's own
    box_probability: tf.Tensor  # float32 [], with which it changes each box, if it changes boxes
    seed: tf.Tensor  # int32 [2]


class Operation(NamedTuple):
    """A change of a picture, and its amounts."""

    apply: Callable[[Example, Draw], Example]  # of a uint8 picture, which it stays
    amount: Callable[[float, Limits], float]  # of a share of the greatest magnitude
    on_boxes: bool = False  # changes what boxes hold, some of them, and moves none


def _values(change: Callable[..., tf.Tensor]) -> Callable[[Example, Draw], Example]:
    """Changes values by an amount, and moves nothing."""
    return lambda example, draw: _with_pixels(example, change(example.image, draw.amount))


def _values_alike(change: Callable[[tf.Tensor], tf.Tensor]) -> Callable[[Example, Draw], Example]:
    """Changes values, by no amount."""
    return lambda example, _: _with_pixels(example, change(example.image))


def _cutout(example: Example, draw: Draw) -> Example:
    return _with_pixels(example, policy_pixels.cut_out(example.image, draw.amount, draw.seed))


def _cutout_of_a_box(example: Example, draw: Draw) -> Example:
    """Makes a rectangle gray, its sides a share of those of one box, and its middle inside that box."""

    def change() -> Example:
        which, where = draws.split(draw.seed, 2)
        first, last = tf.split(_rows_and_columns(example)[draws.integer(which, 0, tf.shape(example.boxes)[0])], 2)
        sides = tf.cast(last - first, tf.float32)
        half = tf.cast(draw.amount * sides / 2.0, tf.int32)
        middle = first + tf.cast(tf.random.stateless_uniform([2], where) * sides, tf.int32)
        return _with_pixels(example, policy_pixels.gray_inside(example.image, middle - half, middle + half))

    return tf.cond(tf.size(example.boxes) > 0, change, lambda: example)


def _rotate(example: Example, draw: Draw) -> Example:
    """Turns about the middle by so many degrees, either way."""
    angle = _sign(draw.seed) * draw.amount * (math.pi / 180.0)
    matrix = tf.reshape(tf.stack([tf.cos(angle), -tf.sin(angle), tf.sin(angle), tf.cos(angle)]), [2, 2])
    middle = (_width_and_height(example) - 1.0) / 2.0
    return _move(example, tf.concat([matrix, (middle - tf.linalg.matvec(matrix, middle))[:, tf.newaxis]], axis=1))


def _moved(direction: list[list[float]]) -> Callable[[Example, Draw], Example]:
    """Translates or shears, in the direction of an affine map or against it."""
    return lambda example, draw: _move(example, _affine(_sign(draw.seed) * draw.amount, direction))


def _move(example: Example, affine: tf.Tensor) -> Example:
    """Moves picture and boxes by a map as `policy_pixels.warp` takes it.

    Each box becomes the one around its four corners. The map means the middles of pixels.
    """
    sides = _width_and_height(example)
    corners = tf.gather(example.boxes, [[1, 0], [3, 0], [1, 2], [3, 2]], axis=1) * sides - 0.5  # [N, 4, 2], x and y
    moved = tf.linalg.matmul(corners - affine[:, 2], tf.linalg.inv(affine[:, :2]), transpose_b=True)
    moved = tf.reverse((moved + 0.5) / sides, [-1])  # y and x again
    boxes = tf.concat([tf.reduce_min(moved, axis=1), tf.reduce_max(moved, axis=1)], axis=1)
    warped = _with_pixels(example, policy_pixels.warp(example.image, affine))
    return windows.drop_unseen_boxes(warped._replace(boxes=boxes))


_Content = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
"""(content of a box uint8 [h, w, 3], signed amount, seed) -> the same. The sign is that of all boxes of a picture."""


def _change_boxes(change: _Content, example: Example, draw: Draw) -> Example:
    """Changes what boxes hold, each with a probability, in random order."""
    whether, order, direction, how = draws.split(draw.seed, 4)
    uniform = tf.random.stateless_uniform(tf.shape(example.classes), whether)
    chosen = tf.random.experimental.stateless_shuffle(tf.where(uniform < draw.box_probability)[:, 0], order)
    places, amount = tf.gather(_rows_and_columns(example), chosen), _sign(direction) * draw.amount

    def change_one(index: tf.Tensor, image: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        top, left, bottom, right = tf.unstack(places[index])
        content = change(image[top:bottom, left:right], amount, tf.random.experimental.stateless_fold_in(how, index))
        return index + 1, tf.ensure_shape(policy_pixels.replaced(image, places[index], content), [None, None, 3])

    image = tf.ensure_shape(example.image, [None, None, 3])
    shapes = (tf.TensorShape([]), tf.TensorShape([None, None, 3]))
    _, image = tf.while_loop(lambda index, _: index < tf.shape(places)[0], change_one, (tf.constant(0), image), shapes)
    return _with_pixels(example, image)


def _warped_content(direction: list[list[float]]) -> _Content:
    return lambda content, amount, _: policy_pixels.warp(content, _affine(amount, direction))


def _equalized_content(content: tf.Tensor, amount: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    del amount, seed
    return policy_pixels.equalize(content)


def _mirrored_content(content: tf.Tensor, amount: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    del amount, seed
    return tf.reverse(content, [1])


def _cut_content(content: tf.Tensor, amount: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    return policy_pixels.cut_out(content, tf.abs(amount), seed)


def _affine(amount: tf.Tensor, direction: list[list[float]]) -> tf.Tensor:
    return tf.eye(2, 3) + amount * tf.constant(direction)


def _sign(seed: tf.Tensor) -> tf.Tensor:
    return tf.where(draws.happens(seed, 0.5), 1.0, -1.0)


def _rows_and_columns(example: Example) -> tf.Tensor:
    """The pixels that boxes cover: int32 [N, 4], the last row and column exclusive, at least one of each (TFOD's)."""
    sides = tf.cast(picture_size(example), tf.float32)
    first, last = example.boxes[:, :2] * sides, example.boxes[:, 2:] * sides
    edges = tf.cast(tf.concat([first, last], axis=1), tf.int32)
    return tf.clip_by_value(edges, 0, tf.tile(picture_size(example), [2]) - 1) + tf.constant([0, 0, 1, 1])


def _width_and_height(example: Example) -> tf.Tensor:
    return tf.cast(tf.reverse(picture_size(example), [0]), tf.float32)


def _with_pixels(example: Example, image: tf.Tensor) -> Example:
    return example._replace(image=tf.ensure_shape(image, [None, None, 3]))


def _none(share: float, limits: Limits) -> float:
    del share, limits
    return 0.0


def _factor(share: float, limits: Limits) -> float:
    """The share of the picture in a blend."""
    del limits
    return 1.8 * share + 0.1


def _up_to(greatest: float) -> Callable[[float, Limits], float]:
    return lambda share, limits: greatest * share


def _whole_up_to(greatest: int, least: int = 0) -> Callable[[float, Limits], float]:
    return lambda share, limits: max(int(greatest * share), least)


def _translation(share: float, limits: Limits) -> float:
    return limits.translation * share


_SHIFT_X, _SHIFT_Y = [[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
_SHEAR_X, _SHEAR_Y = [[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]


def _on_boxes(change: _Content, amount: Callable[[float, Limits], float]) -> Operation:
    return Operation(functools.partial(_change_boxes, change), amount, on_boxes=True)


OPERATIONS = {
    "AutoContrast": Operation(_values_alike(policy_pixels.auto_contrast), _none),
    "Equalize": Operation(_values_alike(policy_pixels.equalize), _none),
    "Invert": Operation(_values_alike(policy_pixels.invert), _none),
    "Posterize": Operation(_values(policy_pixels.posterize), _whole_up_to(4, 1)),  # of no bit TFOD's shift leaves one
    "Solarize": Operation(_values(policy_pixels.solarize), _whole_up_to(256)),
    "SolarizeAdd": Operation(_values(policy_pixels.solarize_add), _whole_up_to(110)),
    "Color": Operation(_values(policy_pixels.color), _factor),
    "Contrast": Operation(_values(policy_pixels.contrast), _factor),
    "Brightness": Operation(_values(policy_pixels.brightness), _factor),
    "Sharpness": Operation(_values(policy_pixels.sharpness), _factor),
    "Cutout": Operation(_cutout, lambda share, limits: int(limits.cutout * share)),
    "BBox_Cutout": Operation(_cutout_of_a_box, _up_to(0.75)),  # of the box's sides
    "Rotate_BBox": Operation(_rotate, _up_to(30.0)),  # degrees
    "TranslateX_BBox": Operation(_moved(_SHIFT_X), _translation),
    "TranslateY_BBox": Operation(_moved(_SHIFT_Y), _translation),
    "ShearX_BBox": Operation(_moved(_SHEAR_X), _up_to(0.3)),  # pixels per pixel
    "ShearY_BBox": Operation(_moved(_SHEAR_Y), _up_to(0.3)),
    "ShearX_Only_BBoxes": _on_boxes(_warped_content(_SHEAR_X), _up_to(0.3)),
    "ShearY_Only_BBoxes": _on_boxes(_warped_content(_SHEAR_Y), _up_to(0.3)),
    "TranslateY_Only_BBoxes": _on_boxes(_warped_content(_SHIFT_Y), _up_to(120.0)),  # pixels
    "Flip_Only_BBoxes": _on_boxes(_mirrored_content, _none),
    "Equalize_Only_BBoxes": _on_boxes(_equalized_content, _none),
    "Cutout_Only_BBoxes": _on_boxes(_cut_content, _whole_up_to(50)),  # half the side, pixels
}
"""By the names that both TFOD and google/automl use."""
