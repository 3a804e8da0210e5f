# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Augmentations as a config's text builds them, and what of their results is measured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from efficientdet.builders.augmentation import build_augmentations
from efficientdet.config import parse_config
from efficientdet.data.augmentations.mixing import Mixing
from efficientdet.types import Example
from tests.data.augmentations.examples import with_pixels

Augment = Callable[..., Example]
"""(example, number of the seed) -> example."""

DRAW = 0.84406042
"""What `tf.random.stateless_uniform([], [1, 2])` gives: the draw of an operation that draws once."""

HEIGHT, WIDTH, COLOR = 40, 60, (200, 100, 50)
WHOLE = (0.0, 0.0, 1.0, 1.0)


def picture(*boxes: tuple[float, float, float, float], color: tuple[int, ...] = COLOR) -> Example:
    """40 x 60 pixels of one colour; box i is of class i."""
    return with_pixels(np.full([HEIGHT, WIDTH, 3], color, np.uint8), boxes)


def build(step: str, text: str) -> Augment:
    """The augmentation that a config's step builds; what mixes is handed dark pictures with one box each."""
    override = f"train_config {{ data_augmentation_options {{ {step} {{ {text} }} }} }}"
    config = parse_config("", "fields.config", [override])
    (built,) = build_augmentations(config.proto.train_config.data_augmentation_options)

    def augment(example: Example, seed: int = 2) -> Example:
        if isinstance(built, Mixing):
            partner = picture(WHOLE, color=(20, 10, 5))
            return built(example, [lambda: partner] * built.num_partners, tf.stack([1, seed]))
        return built(example, tf.stack([1, seed]))

    return augment


def check(step: str, text: str, measure: Callable[[Augment], Any], expected: Any) -> None:
    """Compares a measure with what is expected: values, or a rule that they satisfy."""
    measured = measure(build(step, text))
    if callable(expected):
        assert expected(measured), measured
    else:
        np.testing.assert_allclose(np.asarray(measured, float), np.asarray(expected, float), rtol=1e-4, atol=1e-4)


def size(augment: Augment) -> tuple[int, ...]:
    return tuple(augment(picture(WHOLE)).image.shape[:2])


def sizes(augment: Augment, draws: int = 16) -> set[tuple[int, ...]]:
    return {tuple(augment(picture(WHOLE), seed).image.shape[:2]) for seed in range(draws)}


def box(augment: Augment) -> Any:
    """Where (.25, 0, .5, .5) goes."""
    return augment(picture((0.25, 0.0, 0.5, 0.5))).boxes[0]


def count(augment: Augment) -> int:
    """Boxes that are left of one over the whole picture."""
    return len(augment(picture(WHOLE)).boxes)


def classes(augment: Augment) -> Any:
    return augment(picture(WHOLE, WHOLE)).classes


def color(augment: Augment) -> Any:
    """Of the first pixel."""
    return augment(picture()).image[0, 0]


def num_pixels(*of: float) -> Callable[[Augment], int]:
    """Counts the pixels of a colour."""
    return lambda augment: int(np.isclose(augment(picture(WHOLE)).image, of, atol=1e-3).all(axis=-1).sum())
