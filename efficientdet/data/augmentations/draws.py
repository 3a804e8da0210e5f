# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What an augmentation draws, from its seed and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from efficientdet.types import Example


def split(seed: tf.Tensor, count: int) -> list[tf.Tensor]:
    """`count` independent seeds, int32 [2] each, from one."""
    return tf.unstack(tf.random.experimental.stateless_split(seed, count))


def happens(seed: tf.Tensor, probability: float) -> tf.Tensor:
    """Whether something happens, bool []; surely at 1 and never at 0."""
    return tf.random.stateless_uniform([], seed) < probability


def uniform(seed: tf.Tensor, low: float, high: float) -> tf.Tensor:
    """float32 [], uniform from `low` to `high`."""
    return low + (high - low) * tf.random.stateless_uniform([], seed)


def integer(seed: tf.Tensor, low: tf.Tensor | int, high: tf.Tensor | int) -> tf.Tensor:
    """int32 [], uniform from `low` up to and without `high`; `low` where nothing lies between."""
    return tf.random.stateless_uniform([], seed, low, tf.maximum(high, low + 1), tf.int32)


def sometimes(seed: tf.Tensor, probability: float, example: Example, change: Callable[[], Example]) -> Example:
    """`change()` with a probability, else `example` as it is; both must have the same types."""
    if probability == 1.0:
        return change()
    return tf.cond(happens(seed, probability), change, lambda: example)


def one_of(seed: tf.Tensor, choices: Sequence[Callable[[], Example]]) -> Example:
    """The result of one of `choices`, each as likely as the others."""
    return tf.switch_case(integer(seed, 0, len(choices)), list(choices))
