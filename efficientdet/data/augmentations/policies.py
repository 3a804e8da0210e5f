# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Augmentation by a policy: one that a search on COCO has found (AutoAugment), or any operations (RandAugment).

The tables are in `policy_tables`, the operations in `policy_ops`. Pictures are made whole numbers for them, as there.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Literal, NamedTuple

import tensorflow as tf

from efficientdet.data.augmentations import draws
from efficientdet.data.augmentations.policy_ops import OPERATIONS, Draw, Limits
from efficientdet.data.augmentations.policy_tables import POLICIES, RAND_AUGMENT_OPERATIONS, Step
from efficientdet.types import Example

_AUTO_AUGMENT_LIMITS = Limits(cutout=100.0, translation=250.0)
_RAND_AUGMENT_LIMITS = Limits(cutout=40.0, translation=100.0)
_MAX_MAGNITUDE = 10.0
_STEPS_PER_BOX = 3.0  # an operation on single boxes takes each with a third of its step's probability


class _Steps(NamedTuple):
    """Steps as numbers, so that a graph holds each operation once, however many steps of a policy use it; [..., T]."""

    operation: tf.Tensor  # int32, its place in a list of names
    probability: tf.Tensor  # float32
    amount: tf.Tensor  # float32, see `policy_ops.Draw`
    box_probability: tf.Tensor  # float32


def autoaugment_image(example: Example, seed: tf.Tensor, *, policy: Literal["v0", "v1", "v2", "v3"]) -> Example:
    """One of a policy's sub-policies, drawn anew for each picture.

    Args:
      example: picture [h, w, 3], N boxes; those that leave the picture are dropped, the others clipped.
      seed: int32 [2].
      policy: v0 is that of the paper's results.

    Returns:
      Example with a picture of the same type.

    Reference: Zoph et al. 2019 (arXiv:1906.11172).
    """
    names = sorted({step.operation for steps in POLICIES[policy] for step in steps if step.probability > 0.0})
    longest = max(len(steps) for steps in POLICIES[policy])
    nothing = Step(names[0], 0.0, 0.0)
    rows = [
        [step if step.probability > 0.0 else nothing for step in steps] + [nothing] * (longest - len(steps))
        for steps in POLICIES[policy]
    ]
    which, how = draws.split(seed, 2)
    table = _as_numbers(rows, names, _AUTO_AUGMENT_LIMITS)
    row = draws.integer(which, 0, len(rows))
    return _take(example, how, _Steps(*(column[row] for column in table)), names)


def rand_augment_image(example: Example, seed: tf.Tensor, *, num_layers: int, magnitude: float) -> Example:
    """Operations drawn one after the other from a list, all at one magnitude; one choice of each is to do nothing.

    Args:
      example: picture [h, w, 3], N boxes; those that leave the picture are dropped, the others clipped.
      seed: int32 [2].
      num_layers: how many operations.
      magnitude: 0 to 10.

    Returns:
      Example with a picture of the same type.

    References: Cubuk et al. 2020 (arXiv:1909.13719); the list, and what its magnitudes mean, are those of
    tf-models-official's RandAugment for detection.
    """
    names = RAND_AUGMENT_OPERATIONS
    choices = [Step(name, 1.0, magnitude) for name in names] + [Step(names[0], 0.0, magnitude)]
    which, how = draws.split(seed, 2)
    layers = tf.random.stateless_uniform([num_layers], which, 0, len(choices), tf.int32)
    table = _as_numbers([choices], names, _RAND_AUGMENT_LIMITS)
    return _take(example, how, _Steps(*(tf.gather(column[0], layers) for column in table)), names)


def _as_numbers(rows: Sequence[Sequence[Step]], names: Sequence[str], limits: Limits) -> _Steps:
    """[rows, T] of rows of T steps each."""

    def numbers(step: Step) -> tuple[float, float, float, float]:
        operation = OPERATIONS[step.operation]
        amount = operation.amount(step.magnitude / _MAX_MAGNITUDE, limits)
        if operation.on_boxes:
            return names.index(step.operation), 1.0, amount, step.probability / _STEPS_PER_BOX
        return names.index(step.operation), step.probability, amount, 0.0

    table = tf.constant([[numbers(step) for step in row] for row in rows], tf.float32)
    operation, *others = tf.unstack(table, axis=-1)
    return _Steps(tf.cast(operation, tf.int32), *others)


def _take(example: Example, seed: tf.Tensor, steps: _Steps, names: Sequence[str]) -> Example:
    """Takes T steps, each with its probability."""
    kind = example.image.dtype
    image = example.image if kind == tf.uint8 else tf.cast(tf.clip_by_value(example.image, 0.0, 255.0), tf.uint8)
    example = example._replace(image=image)

    def take_one(index: tf.Tensor, example: Example) -> tuple[tf.Tensor, Example]:
        whether, how = draws.split(tf.random.experimental.stateless_fold_in(seed, index), 2)
        step = _Steps(*(column[index] for column in steps))
        draw = Draw(step.amount, step.box_probability, how)
        choices = [functools.partial(OPERATIONS[name].apply, example, draw) for name in names]
        place = tf.where(draws.happens(whether, step.probability), step.operation, len(names))
        return index + 1, tf.switch_case(place, [*choices, lambda: example])

    any_number = example.map_boxes(lambda values: tf.TensorShape([None, *values.shape[1:]]))
    shapes = any_number._replace(
        image=tf.TensorShape([None, None, 3]),
        source_id=example.source_id.shape,
        original_size=example.original_size.shape,
    )
    count = steps.operation.shape[0]
    start = (tf.constant(0), example)
    _, example = tf.while_loop(lambda index, _: index < count, take_one, start, (tf.TensorShape([]), shapes))
    return example._replace(image=tf.cast(example.image, kind))
