# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Augmentations in a row, of which some combine a picture with others of its group."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from efficientdet.data.augmentations import draws
from efficientdet.data.augmentations.mixing import Mixing
from efficientdet.data.record_order import GroupedRecord
from efficientdet.types import Example

Augmentation = Callable[[Example, tf.Tensor], Example]
"""(example, seed int32 [2]) -> example."""


class AugmentationChain:
    """Reads a picture and augments it, with draws that its seed decides.

    What a picture is mixed with are other pictures of its group that went through the augmentations that come before,
    with draws of their own; they may have been mixed there as well. The same picture, lent twice, looks different.
    """

    def __init__(self, load: Callable[[tf.Tensor], Example], augmentations: Sequence[Augmentation | Mixing]) -> None:
        """Holds the augmentations.

        Args:
          load: serialized record -> example.
          augmentations: in this order.
        """
        self._load = load
        self._augmentations = tuple(augmentations)
        self._unmixing = [augment for augment in self._augmentations if not isinstance(augment, Mixing)]
        # One function for all pictures that are lent at a step: four mosaics of four mosaics are traced once each.
        self._lend = {
            number: tf.function(functools.partial(self._augmented, number), autograph=False)
            for number, augment in enumerate(self._augmentations)
            if isinstance(augment, Mixing)
        }

    @property
    def mixes(self) -> bool:
        """Whether pictures are combined, so that records must come in groups."""
        return bool(self._lend)

    def alone(self, serialized: tf.Tensor, seed: tf.Tensor) -> Example:
        """The picture of a record, string [], where nothing is mixed; seed int32 [2]."""
        example = self._load(serialized)
        for augment, draw in zip(self._unmixing, self._draws(seed), strict=True):
            example = augment(example, draw)
        return example

    def in_group(self, record: GroupedRecord, seed: tf.Tensor) -> Example:
        """The picture of a record, mixed with others of its group where that is drawn; seed int32 [2]."""
        return self._augmented(len(self._augmentations), record.serialized, record.place, seed)

    def _augmented(self, steps: int, group: tf.Tensor, place: tf.Tensor, seed: tf.Tensor) -> Example:
        """The picture at a place of a group, string [G], after the first `steps` augmentations."""
        example = self._load(group[place])
        for number, (augment, draw) in enumerate(zip(self._augmentations[:steps], self._draws(seed), strict=False)):
            if isinstance(augment, Mixing):
                own, which, *lent = draws.split(draw, 2 + augment.num_partners)
                places = tf.unstack(_other_places(place, tf.size(group, tf.int64), augment.num_partners, which))
                lend = functools.partial(self._lend[number], group)
                partners = [functools.partial(lend, *given) for given in zip(places, lent, strict=True)]
                example = augment(example, partners, own)
            else:
                example = augment(example, draw)
        return example

    def _draws(self, seed: tf.Tensor) -> list[tf.Tensor]:
        """A seed for each augmentation."""
        return draws.split(seed, len(self._augmentations)) if self._augmentations else []


def _other_places(place: tf.Tensor, size: tf.Tensor, count: int, seed: tf.Tensor) -> tf.Tensor:
    """Draws places of a group other than `place`: different ones, unless the group has too few.

    Args:
      place: int64 [].
      size: int64 [], places in the group; where it is 1, `place` itself is drawn.
      count: places to draw.
      seed: int32 [2].

    Returns:
      int64 [count].
    """
    steps = tf.random.experimental.stateless_shuffle(tf.range(1, tf.maximum(size, 2)), seed)
    return (place + tf.gather(steps, tf.range(count, dtype=tf.int64) % tf.size(steps, tf.int64))) % size
