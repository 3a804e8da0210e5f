# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Puts what was found in boxes into words, and into edits of the annotation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from efficientdet.data.faults import (
    BOX_AXES_SWAPPED,
    BOX_IN_PIXELS,
    BOX_INVERTED,
    BOX_NORMALISED,
    BOX_NOT_FINITE,
    BOX_TWO_CLASSES,
    BOX_ZERO_AREA,
    Fault,
    Fix,
)
from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation
from efficientdet.data.importers.fitting import Size
from efficientdet.data.importers.fixes import box_form
from efficientdet.data.survey.box_pairs import Pair

_DECIMALS = 9  # of a proposed coordinate: hides what arithmetic adds to those that did not change


class BoxPlace(NamedTuple):
    """One box where it stands.

    Attributes:
      image: its annotation.
      number: which of its boxes.
      file: the annotation file, or where there is none the picture.
      size: (height, width) of the picture that it was drawn on.
    """

    image: AnnotatedImage
    number: int
    file: str
    size: Size

    @property
    def box(self) -> BoxAnnotation:
        """As annotated."""
        return self.image.boxes[self.number]

    @property
    def place(self) -> str:
        """In the file."""
        return self.box.place or f"box {self.number}"


def geometry_fault(place: BoxPlace, code: str, mended: np.ndarray | None) -> Fault:
    """The fault of one box by itself.

    Args:
      place: the box.
      code: of `data.faults`.
      mended: float64 [4], ymin xmin ymax xmax in pixels, as the box should be; None: it should go.
    """
    after = "" if mended is None else box_form(_as_annotated(place, mended))
    fix = Fix(place.file, place.box.place, box_form(place.box), after) if place.box.place else None
    return Fault(code, place.file, place.place, f"{place.box.name!r}: {_detail(place, code)}", fix=fix)


def pair_fault(pair: Pair, first: BoxPlace, second: BoxPlace) -> Fault:
    """The fault of a box that lies upon another one."""
    detail = f"{second.box.name!r}: overlaps {first.place} ({first.box.name!r}) with an IoU of {pair.iou:.3f}"
    fix = None
    if pair.code != BOX_TWO_CLASSES and second.box.place:
        fix = Fix(second.file, second.box.place, box_form(second.box), "")
    return Fault(pair.code, second.file, second.place, detail, fix=fix)


def _as_annotated(place: BoxPlace, pixels: np.ndarray) -> BoxAnnotation:
    """A box of pixels in the annotation's own unit."""
    height, width = place.size if place.image.is_normalized else (1, 1)
    ymin, xmin, ymax, xmax = (round(float(value), _DECIMALS) for value in pixels / (height, width, height, width))
    return place.box._replace(ymin=ymin, xmin=xmin, ymax=ymax, xmax=xmax)


def _detail(place: BoxPlace, code: str) -> str:
    box = place.box
    numbers = f"xmin {box.xmin:g}, ymin {box.ymin:g}, xmax {box.xmax:g}, ymax {box.ymax:g}"
    if code == BOX_NOT_FINITE:
        return f"{numbers}: not all of them are numbers"
    if code == BOX_NORMALISED:
        return f"{numbers} are fractions of the picture where pixels are expected"
    if code == BOX_IN_PIXELS:
        return f"{numbers} are pixels where fractions of the picture are expected"
    if code == BOX_INVERTED:
        sides = (("xmin", box.xmin, "xmax", box.xmax), ("ymin", box.ymin, "ymax", box.ymax))
        return ", ".join(f"{a} {low:g} is above {b} {high:g}" for a, low, b, high in sides if low > high)
    if code == BOX_ZERO_AREA:
        widths = [f"no width: xmin and xmax are {box.xmin:g}"] if box.xmin == box.xmax else []
        heights = [f"no height: ymin and ymax are {box.ymin:g}"] if box.ymin == box.ymax else []
        return ", ".join(widths + heights)
    beyond = ", ".join(_beyond(place))
    if code == BOX_AXES_SWAPPED:
        return f"{beyond or numbers}; x and y are exchanged: boxes fit their pictures only the other way round"
    return beyond


def _beyond(place: BoxPlace) -> Iterator[str]:
    """Which coordinates lie outside the picture, and by how much."""
    box, (height, width) = place.box, place.size
    unit_y, unit_x = place.size if place.image.is_normalized else (1, 1)
    for name, value, side, border in (
        ("xmin", box.xmin, "width", width / unit_x), ("ymin", box.ymin, "height", height / unit_y),
        ("xmax", box.xmax, "width", width / unit_x), ("ymax", box.ymax, "height", height / unit_y),
    ):  # fmt: skip
        if value < 0:
            yield f"{name} {value:g} is below 0"
        elif value > border:
            yield f"{name} {value:g} is {value - border:g} beyond the {side} {border:g}"
