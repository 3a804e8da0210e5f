# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A drawn data set: flat shapes on textured grounds, small and clear enough to learn in minutes on a CPU.

It is written as COCO JSON and JPEG files, so that it goes through the same importer as anybody's data.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from efficientdet.atomic_write import replace_atomically

CLASSES = ("circle", "cross", "square", "star", "triangle")
"""The classes; ids are 1, 2, ... in this order."""

_IMAGE_SIDES = (320, 400)  # pixels
_SHAPE_SIDES = (28, 140)  # diameter of the circle that a shape is drawn into
_MAX_SHAPES = 12
_MAX_HIDDEN = 0.25  # of any shape, by the ones drawn over it
_MIN_CONTRAST = 90.0  # distance between the colours of shape and ground, in RGB of 0..255
_GRAIN = 4.0  # standard deviation of the noise on a shape, same unit
_OVERSAMPLING = 2  # drawn larger and reduced, which smooths the edges
_PLACEMENT_TRIES = 40
_JPEG_QUALITY = 90

Points = list[tuple[float, float]]


class Shape(NamedTuple):
    """One drawn shape."""

    name: str
    box: tuple[int, int, int, int]  # ymin, xmin, ymax, xmax in pixels, around all of the shape, hidden parts included
    area: int  # pixels of the shape


def write_data_set(folder: str | Path, *, num_train: int = 300, num_val: int = 60, seed: int = 0) -> None:
    """Draws a training and a held-out split: `images/{train,val}/NNNN.jpg`, `train.json`, `val.json`.

    Args:
      folder: made if need be; files of an earlier drawing are overwritten.
      num_train: pictures of the split `train`.
      num_val: pictures of the split `val`.
      seed: each picture is a function of (seed, split, its number) alone.
    """
    for split_index, (split, count) in enumerate((("train", num_train), ("val", num_val))):
        pictures = Path(folder) / "images" / split
        pictures.mkdir(parents=True, exist_ok=True)
        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number in range(count):
            image, shapes = draw_picture(np.random.default_rng([seed, split_index, number]))
            name = f"{number:04d}.jpg"
            image.save(pictures / name, "JPEG", quality=_JPEG_QUALITY)
            images.append({"id": number + 1, "file_name": name, "height": image.height, "width": image.width})
            annotations += [_annotation(shape, number + 1, len(annotations) + i) for i, shape in enumerate(shapes, 1)]
        categories = [{"id": index, "name": name} for index, name in enumerate(CLASSES, start=1)]
        content = {"images": images, "annotations": annotations, "categories": categories}
        replace_atomically(Path(folder) / f"{split}.json", json.dumps(content))


def _annotation(shape: Shape, image_id: int, annotation_id: int) -> dict[str, Any]:
    ymin, xmin, ymax, xmax = shape.box
    return {
        "id": annotation_id,
        "image_id": image_id,
        "category_id": CLASSES.index(shape.name) + 1,
        "bbox": [xmin, ymin, xmax - xmin, ymax - ymin],
        "area": shape.area,
        "iscrowd": 0,
    }


class _Stamp(NamedTuple):
    """A shape before it has a colour: how much it covers of the pixels of a window of the picture."""

    name: str
    window: tuple[slice, slice]
    coverage: np.ndarray  # float64 of the window's size, 0..1


def draw_picture(draws: np.random.Generator) -> tuple[Image.Image, list[Shape]]:
    """Draws one picture.

    Args:
      draws: source of every choice.

    Returns:
      The picture, RGB, and its 1 to 12 shapes from back to front.
    """
    height, width = (int(side) for side in draws.integers(_IMAGE_SIDES[0], _IMAGE_SIDES[1] + 1, size=2))
    canvas = _ground(draws, height, width)
    owner = np.full((height, width), -1)  # the foremost shape at each pixel
    shapes: list[Shape] = []
    for _ in range(draws.integers(1, _MAX_SHAPES + 1)):
        stamp = _place(draws, owner, shapes)
        if stamp is None:
            break
        ground = canvas[stamp.window]
        mask = stamp.coverage > 0.5
        paint = _colour(draws, ground[mask].mean(axis=0)) + draws.normal(0, _GRAIN, size=(*mask.shape, 1))
        ground += stamp.coverage[..., None] * (paint - ground)
        owner[stamp.window][mask] = len(shapes)
        shapes.append(_shape(stamp, mask))
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8)), shapes


def _place(draws: np.random.Generator, owner: np.ndarray, shapes: list[Shape]) -> _Stamp | None:
    """A shape at a place where it leaves the earlier ones visible enough; None when the picture seems full."""
    visible = np.bincount(owner[owner >= 0], minlength=len(shapes))
    for _ in range(_PLACEMENT_TRIES):
        stamp = _stamp(draws, *owner.shape)
        covered = owner[stamp.window][stamp.coverage > 0.5]
        remaining = visible - np.bincount(covered[covered >= 0], minlength=len(shapes))
        if all(left >= (1 - _MAX_HIDDEN) * shape.area for left, shape in zip(remaining, shapes, strict=True)):
            return stamp
    return None


def _shape(stamp: _Stamp, mask: np.ndarray) -> Shape:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = stamp.window[0].start, stamp.window[1].start
    box = (int(top + rows[0]), int(left + columns[0]), int(top + rows[-1] + 1), int(left + columns[-1] + 1))
    return Shape(stamp.name, box, int(mask.sum()))


def _ground(draws: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A textured ground, float64 [h, w, 3]: two colours mixed by waves, with grain on top."""
    first, second = draws.uniform(20, 235, size=3), draws.uniform(20, 235, size=3)
    second = first + 0.5 * (second - first)  # tamed, so that the ground does not look like shapes
    y, x = np.mgrid[:height, :width]
    mix = np.zeros((height, width))
    for _ in range(3):
        angle, phase = draws.uniform(0, 2 * math.pi, size=2)
        wavelength = math.exp(draws.uniform(math.log(8), math.log(300)))
        mix += np.sin((x * math.cos(angle) + y * math.sin(angle)) * 2 * math.pi / wavelength + phase)
    ground = first + (mix / 6 + 0.5)[..., None] * (second - first)
    return ground + draws.normal(0, draws.uniform(2, 10), size=(height, width, 1))


def _colour(draws: np.random.Generator, ground: np.ndarray) -> np.ndarray:
    """A colour that stands out from the mean colour of the ground, float64 [3]."""
    colour = draws.uniform(0, 255, size=3)
    while np.linalg.norm(colour - ground) < _MIN_CONTRAST:
        colour = draws.uniform(0, 255, size=3)
    return colour


def _stamp(draws: np.random.Generator, height: int, width: int) -> _Stamp:
    """A shape of drawn class, size, place and rotation, completely inside the picture."""
    name = CLASSES[draws.integers(len(CLASSES))]
    # Log-uniform: as many small shapes as large ones per octave.
    radius = 0.5 * math.exp(draws.uniform(math.log(_SHAPE_SIDES[0]), math.log(_SHAPE_SIDES[1])))
    x, y = draws.uniform(radius, width - radius), draws.uniform(radius, height - radius)
    turn = draws.uniform(0, 2 * math.pi)
    top, left = int(y - radius), int(x - radius)
    bottom, right = min(math.ceil(y + radius) + 1, height), min(math.ceil(x + radius) + 1, width)
    corners = [(radius * r, angle + turn) for r, angle in _OUTLINES[name]]
    outline = [
        (_OVERSAMPLING * (x - left + r * math.cos(angle)), _OVERSAMPLING * (y - top + r * math.sin(angle)))
        for r, angle in corners
    ]
    drawn = Image.new("L", ((right - left) * _OVERSAMPLING, (bottom - top) * _OVERSAMPLING))
    ImageDraw.Draw(drawn).polygon(outline, fill=255)
    coverage = np.asarray(drawn.reduce(_OVERSAMPLING)) / 255.0
    return _Stamp(name, (slice(top, bottom), slice(left, right)), coverage)


def _regular(corners: int) -> Points:
    return [(1.0, 2 * math.pi * corner / corners) for corner in range(corners)]


def _star() -> Points:
    return [(0.42 if corner % 2 else 1.0, math.pi * corner / 5) for corner in range(10)]


def _cross() -> Points:
    arm = 0.32  # half the width of an arm, against a radius of 1
    tip = math.hypot(1, arm)
    quarter = [(1.0, -math.atan2(arm, 1)), (1.0, math.atan2(arm, 1)), (arm * math.sqrt(2) / tip, math.pi / 4)]
    return [(radius, angle + turn * math.pi / 2) for turn in range(4) for radius, angle in quarter]


# Outlines in polar coordinates (radius, angle), in a circle of radius 1.
_OUTLINES: dict[str, Points] = {
    "circle": _regular(72),
    "cross": _cross(),
    "square": _regular(4),
    "star": _star(),
    "triangle": _regular(3),
}
