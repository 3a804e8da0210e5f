# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What holds for every augmentation and every draw: boxes lie in the picture, on what they were drawn around.

The oracle is painted into the pictures. On gray, each box is a rectangle of (150, 0, 0), (0, 150, 0) or (0, 0, 150),
by its class: one channel stands out from the other two, and goes on doing so when values are inverted, posterised or
blended. So the middle of a box tells its class, or is gray where an augmentation has hidden it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format

from efficientdet.builders.augmentation import AUGMENTATIONS, build_augmentations
from efficientdet.data.augmentations.mixing import Mixing
from efficientdet.protos.preprocessor_pb2 import PreprocessingStep
from efficientdet.types import Example

_QUICK, _THOROUGH = 20, 1000  # draws
_LEAST_SIDE = 4  # pixels of a box; bilinear sampling blurs the middle of smaller ones
_LEAST_CONTRAST = 20  # of channels; equalising tints gray by up to 15
_ROWS_PER_PICTURE = 100

# Where the defaults do nothing to pictures as small as these, or do it seldom.
_SETTINGS = {
    "random_absolute_pad_image": "max_height_padding: 20 max_width_padding: 30",
    "random_downscale_to_target_pixels": "min_target_pixels: 900 max_target_pixels: 2500",
    "random_scale_crop_and_pad_to_square": "output_size: 64 scale_min: 0.5",
    "drop_label_probabilistically": "label: 2 drop_probability: 0.5",
    "remap_labels": "original_labels: [1, 2] new_label: 3",
    "random_rotation90": "probability: 0.7",
    "random_square_crop_by_scale": "max_border: 20",
    "random_patch_gaussian": "max_patch_size: 40",
    "random_mix_up": "probability: 0.8",
    "random_mosaic": "probability: 0.8 output_size: 96",
}
_DEFAULTS = [f"{kind} {{ {_SETTINGS.get(kind, '')} }}" for kind in AUGMENTATIONS]
_SET = [*_DEFAULTS, *(f'autoaugment_image {{ policy_name: "{name}" }}' for name in ("v1", "v2", "v3"))]

_LEAVES_BOXES = {
    "random_adjust_brightness", "random_adjust_contrast", "random_adjust_hue", "random_adjust_saturation",
    "random_distort_color", "random_pixel_value_scale", "random_rgb_to_gray", "rgb_to_gray", "adjust_gamma",
    "random_black_patches", "random_jpeg_quality", "random_patch_gaussian", "random_grid_mask",
    "random_photometric_distort",
}  # fmt: skip
# By patches, and by turns: a turned box is the one around its corners, and what the edge leaves of it may be empty.
_HIDES = {"autoaugment_image", "rand_augment_image"}
_REWEIGHTS = {"random_mix_up"}
_RELABELS = {"remap_labels"}


class _Findings(NamedTuple):
    """What the draws of an augmentation came to."""

    draws: int
    boxes: int
    shown: int  # boxes, large enough, whose middle shows their class
    hidden: int  # whose middle is gray
    astray: int  # whose middle shows another class
    broken: tuple[str, ...]  # rules that a draw broke


def _picture(height: int, width: int, boxes: Sequence[Sequence[float]], number: int) -> Example:
    """A picture whose boxes are painted; from the area of a box follow the picture and the row that it came from."""
    rows = np.arange(len(boxes))
    classes = (rows + number) % 3
    pixels = np.full((height, width, 3), 60, np.uint8)
    sides = np.array([height, width, height, width])
    for box, row in zip(boxes, classes, strict=True):
        top, left, bottom, right = np.rint(np.array(box) * sides).astype(int)
        pixels[top:bottom, left:right] = 150 * np.eye(3)[row]
    return Example(
        image=tf.constant(pixels),
        boxes=tf.reshape(tf.constant(boxes, tf.float32), [-1, 4]),
        classes=tf.constant(classes, tf.int32),
        weights=tf.constant(_weight(rows), tf.float32),
        is_crowd=tf.constant(rows % 3 == 0),
        is_difficult=tf.constant(rows % 2 == 0),
        areas=tf.constant(_ROWS_PER_PICTURE * number + rows, tf.float32),
        source_id=tf.constant("x"),
        original_size=tf.constant([height, width]),
    )


def _weight(rows: np.ndarray) -> np.ndarray:
    return (1.0 - rows / _ROWS_PER_PICTURE).astype(np.float32)


_APART = [
    (0.0, 0.0, 0.25, 0.25), (0.05, 0.4, 0.35, 0.6), (0.0, 0.75, 0.5, 1.0),
    (0.45, 0.05, 0.7, 0.3), (0.5, 0.4, 0.9, 0.65), (0.75, 0.75, 1.0, 0.95), (0.8, 0.0, 1.0, 0.2),
]  # fmt: skip
_DEGENERATE = [(0.0, 0.0, 1.0, 1.0), (0.5, 0.5, 0.5, 0.5), (1.0, 1.0, 1.0, 1.0), (0.0, 0.2, 0.0, 0.9)]


@functools.cache
def _pictures(scale: int) -> tuple[Example, ...]:
    """Two whose boxes lie apart, one without boxes, one whose boxes have no area or all of it."""
    return (
        _picture(40 * scale, 60 * scale, _APART, 0),
        _picture(64 * scale, 44 * scale, _APART, 1),
        _picture(30 * scale, 20 * scale, [], 2),
        _picture(24 * scale, 40 * scale, _DEGENERATE, 3),
    )


def _draw(text: str, count: int, *, inside: bool) -> Iterator[tuple[Example, Example]]:
    """(before, after) for `count` seeds, eagerly or inside tf.data; arrays."""
    (augment,) = build_augmentations([text_format.Parse(text, PreprocessingStep())])
    scale = 5 if _kind(text) in _HIDES else 1  # policies move by up to 200 pixels
    pictures = _pictures(scale)

    def apply(example: Example, seed: tf.Tensor) -> Example:
        if not isinstance(augment, Mixing):
            return augment(example, seed)
        # A blend shows a class only where it is blended with the same; a mosaic must not mix pictures up.
        others = [example] if augment.num_partners == 1 else [pictures[0], pictures[1], pictures[3]]
        return augment(
            example, [functools.partial(tf.nest.map_structure, tf.identity, other) for other in others], seed
        )

    numbers = [(0, 1, 0, 1, 2, 0, 1, 0, 1, 3)[index % 10] for index in range(count)]
    seeds = [(7, index) for index in range(count)]
    if not inside:
        for number, seed in zip(numbers, seeds, strict=True):
            yield _arrays(pictures[number]), _arrays(apply(pictures[number], tf.constant(seed)))
        return
    examples = functools.reduce(
        lambda one, other: one.concatenate(other),
        [
            tf.data.Dataset.from_tensors(picture).repeat(numbers.count(number))
            for number, picture in enumerate(pictures)
        ],
    )
    both = tf.data.Dataset.zip(examples, tf.data.Dataset.from_tensor_slices(np.int32(seeds)))
    plain = tf.autograph.experimental.do_not_convert(lambda example, seed: (example, apply(Example(*example), seed)))
    for before, after in both.map(plain, num_parallel_calls=2).prefetch(4).as_numpy_iterator():
        yield Example(*before), Example(*after)


def _arrays(example: Example) -> Example:
    return Example(*(value.numpy() for value in example))


def _kind(text: str) -> str:
    return text.split(" ", 1)[0]


def _examine(text: str, count: int, *, inside: bool) -> _Findings:
    kind, broken = _kind(text), set[str]()
    boxes = shown = hidden = astray = draws = 0
    for before, after in _draw(text, count, inside=inside):
        draws += 1
        boxes += len(after.boxes)
        broken |= set(_broken_rules(kind, before, after))
        if kind in _LEAVES_BOXES or kind in _RELABELS:
            continue
        for box, row in zip(after.boxes, after.classes, strict=True):
            seen = _seen_class(after.image, box)
            shown, hidden = shown + (seen == row), hidden + (seen == -1)
            astray += seen >= 0 and seen != row
    return _Findings(draws, boxes, shown, hidden, astray, tuple(sorted(broken)))


def _broken_rules(kind: str, before: Example, after: Example) -> Iterator[str]:
    """The names of the rules that a draw breaks."""
    image, boxes = after.image, after.boxes
    if image.ndim != 3 or image.shape[2] != 3 or min(image.shape) < 1 or image.dtype not in (np.uint8, np.float32):
        yield f"shape {image.shape} or type {image.dtype} of the picture"
    if not (np.isfinite(image).all() and np.isfinite(boxes).all()):
        yield "not finite"
    if image.min() < 0 or image.max() > 255.001:
        yield f"values from {image.min()} to {image.max()}"
    if boxes.size and (boxes.min() < -1e-5 or boxes.max() > 1 + 1e-5):
        yield "a box leaves the picture"
    if (boxes[:, 2:] < boxes[:, :2]).any():
        yield "a box whose end lies before its beginning"
    if len({len(values) for values in after.box_fields().values()}) != 1:
        yield "fields of different lengths"
        return
    number, rows = np.divmod(after.areas.astype(int), _ROWS_PER_PICTURE)
    if kind not in _RELABELS and (after.classes != (rows + number) % 3).any():
        yield "a box has the class of another"
    if kind not in _REWEIGHTS and (after.weights != _weight(rows)).any():
        yield "a box has the weight of another"
    if (after.is_crowd != (rows % 3 == 0)).any() or (after.is_difficult != (rows % 2 == 0)).any():
        yield "a box has the flags of another"
    if kind in _LEAVES_BOXES and not (
        np.array_equal(boxes, before.boxes) and image.shape == before.image.shape and len(rows) == len(before.areas)
    ):
        yield "boxes or size changed"
    if after.source_id != before.source_id or (after.original_size != before.original_size).any():
        yield "what belongs to the record changed"


def _seen_class(image: np.ndarray, box: np.ndarray) -> int:
    """The class that the middle of a box shows: the channel unlike the others; -1 where it is gray, -2 if too small."""
    sides = np.array(image.shape[:2])
    if ((box[2:] - box[:2]) * sides < _LEAST_SIDE).any():
        return -2
    y, x = np.clip((box[:2] + box[2:]) / 2 * sides, 0, sides - 1).astype(int)
    pixel = image[y, x].astype(float)
    if np.ptp(pixel) < _LEAST_CONTRAST:
        return -1
    return int(np.argmin(np.abs(np.roll(pixel, -1) - np.roll(pixel, -2))))


def _check(text: str, count: int, *, inside: bool) -> None:
    found = _examine(text, count, inside=inside)
    assert (found.draws, found.broken) == (count, ())
    assert found.astray == 0
    kind = _kind(text)
    if kind not in _LEAVES_BOXES | _RELABELS:
        assert found.shown > count
        assert found.hidden <= (0.2 * found.shown if kind in _HIDES else 0)


@pytest.mark.parametrize("text", _DEFAULTS)
def test_a_few_draws(text: str) -> None:
    _check(text, _QUICK, inside=False)  # without the seconds of tracing


@pytest.mark.slow
@pytest.mark.parametrize("inside", [False, True], ids=["alone", "tf_data"])
@pytest.mark.parametrize("text", _SET)
def test_a_thousand_draws(text: str, inside: bool) -> None:
    _check(text, _THOROUGH, inside=inside)


def test_the_oracle_sees_what_is_painted() -> None:
    for number, picture in enumerate(_pictures(1)[:2]):
        example = _arrays(picture)
        assert [_seen_class(example.image, box) for box in example.boxes] == [(row + number) % 3 for row in range(7)]
        assert [_seen_class(255 - example.image, box) for box in example.boxes] == example.classes.tolist()
        turned = np.rot90(example.image)
        assert [_seen_class(turned, box) for box in example.boxes] != example.classes.tolist()
    gray = np.full((8, 8, 3), 128, np.uint8)
    assert (_seen_class(gray, np.array([0, 0, 1, 1])), _seen_class(gray, np.array([0, 0, 1, 0.4]))) == (-1, -2)
