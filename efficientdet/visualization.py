# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Boxes, class names and scores drawn on pictures, and pictures put beside each other.

Everything here is numpy in, numpy out (Pillow draws); TensorFlow is not needed, though its tensors are accepted where a
batch or its detections are drawn.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from efficientdet.types import Batch, Detections

Names = Mapping[int, str] | Sequence[str]

# Successive hues are a golden-ratio turn apart, the spacing under which any first n colours stay well separated.
_HUE_TURN = 0.618033988749895
_TITLE_COLOUR = (32, 32, 32)
_TITLE_BACKGROUND = (255, 255, 255)
_GAP_COLOUR = 255
_READABLE_SIDE = 640  # pixels; in smaller pictures the smallest legible label hides a good part of an object
_MAX_HIDDEN = 0.25  # how much a label may cover of others, as a share of its own area


class _Rectangle(NamedTuple):
    """Pixels, right and bottom exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    def overlap(self, other: _Rectangle) -> int:
        """The area that two rectangles share, in pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0) * max(height, 0)


def class_colour(row: int) -> tuple[int, int, int]:
    """The RGB colour of a class row: the same in every picture, and unlike its neighbours'."""
    # Brightness takes turns too, so that two hues which come close after a dozen classes still differ.
    red, green, blue = colorsys.hsv_to_rgb((row * _HUE_TURN) % 1.0, 0.85, (1.0, 0.8, 0.6)[row % 3])
    return round(red * 255), round(green * 255), round(blue * 255)


def enlarged(image: np.ndarray) -> np.ndarray:
    """Scales a small picture up, so that labels drawn on it stay small beside its objects.

    Args:
      image: uint8 [h, w, 3], RGB.

    Returns:
      uint8 [h', w', 3], whose longer side is 640 pixels; a picture that is as large already is returned as it is.
    """
    height, width = image.shape[:2]
    scale = _READABLE_SIDE / max(height, width)
    if scale <= 1:
        return image
    size = max(round(width * scale), 1), max(round(height * scale), 1)
    return np.asarray(Image.fromarray(np.ascontiguousarray(image)).resize(size, Image.Resampling.BICUBIC))


def draw_boxes(
    image: np.ndarray,
    boxes: np.ndarray,
    classes: np.ndarray,
    scores: np.ndarray | None = None,
    *,
    names: Names = (),
    min_score: float = 0.0,
    max_boxes: int = 100,
) -> np.ndarray:
    """Draws boxes with their class names, and scores where given, on a copy of a picture.

    The best boxes lie on top, and their labels choose their places first, so that a crowded picture stays
    readable; a label that finds no free place is left out.

    Args:
      image: uint8 [h, w, 3], RGB.
      boxes: float [N, 4], ymin xmin ymax xmax normalised to the picture. What lies outside is cut off; a box that is
        not finite, or has no area inside the picture, is left out.
      classes: int [N].
      scores: float [N], or None for ground truth.
      names: the name of each class; a class without one is shown as its number.
      min_score: boxes of a lower score are left out.
      max_boxes: at most so many boxes are drawn: the best ones, or the first ones where there are no scores.

    Returns:
      uint8 [h, w, 3], a new array.
    """
    height, width = image.shape[:2]
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    classes = np.asarray(classes).reshape(-1)
    order = _order(boxes, scores, min_score, max_boxes)
    rectangles = {index: _to_pixels(boxes[index], height, width) for index in order}

    canvas = Image.fromarray(np.ascontiguousarray(image))
    draw = ImageDraw.Draw(canvas)
    for index in reversed(order):
        _draw_outline(draw, rectangles[index], class_colour(int(classes[index])), _line_width(height, width))

    font = _font(_font_size(height, width))
    placed: list[_Rectangle] = []
    for index in order:
        text = _label(int(classes[index]), None if scores is None else float(scores[index]), names)
        label = _place_label(rectangles[index], _text_size(font, text), placed, height, width)
        if label is None:
            continue
        placed.append(label)
        _draw_label(draw, label, text, font, class_colour(int(classes[index])))
    return np.asarray(canvas)


def draw_detections(
    image: np.ndarray, detections: Detections, *, names: Names = (), min_score: float = 0.0, max_boxes: int = 100
) -> np.ndarray:
    """Draws the detections of one picture.

    Args:
      image: uint8 [h, w, 3], RGB: the picture without padding.
      detections: those of this picture, that is, without the batch dimension (arrays or tensors).
      names: class row -> name.
      min_score: detections of a lower score are left out.
      max_boxes: at most so many are drawn, the best.

    Returns:
      uint8 [h, w, 3], a new array.
    """
    count = int(detections.count)
    boxes, classes, scores = (
        np.asarray(values)[:count] for values in (detections.boxes, detections.classes, detections.scores)
    )
    return draw_boxes(image, boxes, classes, scores, names=names, min_score=min_score, max_boxes=max_boxes)


def draw_batch(
    batch: Batch, *, to_pixels: Callable[[np.ndarray], np.ndarray], names: Names = (), max_images: int = 3
) -> np.ndarray:
    """Draws the first pictures of a batch as the network sees them, padding included, with their ground truth.

    Args:
      batch: arrays or eager tensors.
      to_pixels: maps inputs float32 [n, H, W, 3] back to uint8, see `Preprocessor.to_pixels`.
      names: class row -> name.
      max_images: how many pictures to draw.

    Returns:
      uint8 [n, H', W', 3], n = min(B, max_images); a small input is `enlarged`.
    """
    pixels = to_pixels(np.asarray(batch.inputs[:max_images]))
    counts, boxes, classes = (
        np.asarray(values[:max_images])
        for values in (batch.ground_truth.count, batch.ground_truth.boxes, batch.ground_truth.classes)
    )
    drawn = [
        draw_boxes(enlarged(image), image_boxes[:count], rows[:count], names=names)
        for image, image_boxes, rows, count in zip(pixels, boxes, classes, counts, strict=True)
    ]
    return np.stack(drawn) if drawn else pixels


def side_by_side(left: np.ndarray, right: np.ndarray, titles: tuple[str, str] = ("", "")) -> np.ndarray:
    """Puts two pictures beside each other, each under its title.

    Args:
      left: uint8 [h, w, 3].
      right: uint8 [h', w', 3]; the lower of the two is filled up with white at its bottom.
      titles: written above the pictures; two empty ones take no room.

    Returns:
      uint8 [max(h, h') + title, w + gap + w', 3].
    """
    height = max(left.shape[0], right.shape[0])
    gap = max(2, height // 64)
    title_height = _font_size(height, max(left.shape[1], right.shape[1])) * 2 if any(titles) else 0
    canvas = np.full((title_height + height, left.shape[1] + gap + right.shape[1], 3), _GAP_COLOUR, np.uint8)
    canvas[title_height : title_height + left.shape[0], : left.shape[1]] = left
    canvas[title_height : title_height + right.shape[0], left.shape[1] + gap :] = right
    if not title_height:
        return canvas
    for title, start, width in ((titles[0], 0, left.shape[1]), (titles[1], left.shape[1] + gap, right.shape[1])):
        # Drawn on a strip of its own, so that a title too long for its picture does not run into the next one.
        strip = Image.new("RGB", (width, title_height), _TITLE_BACKGROUND)
        font = _font(title_height // 2)
        ImageDraw.Draw(strip).text((title_height // 4, title_height // 2), title, _TITLE_COLOUR, font, anchor="lm")
        canvas[:title_height, start : start + width] = np.asarray(strip)
    return canvas


def _order(boxes: np.ndarray, scores: np.ndarray | None, min_score: float, max_boxes: int) -> list[int]:
    """Indices of the boxes to draw, the most important first."""
    clipped = np.clip(boxes, 0.0, 1.0)
    drawable = np.isfinite(boxes).all(axis=1) & (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    if scores is None:
        return np.flatnonzero(drawable)[:max_boxes].tolist()
    scores = np.asarray(scores, np.float32).reshape(-1)
    drawable &= scores >= min_score
    ranked = np.argsort(-scores, kind="stable")
    return ranked[drawable[ranked]][:max_boxes].tolist()


def _to_pixels(box: np.ndarray, height: int, width: int) -> _Rectangle:
    ymin, xmin, ymax, xmax = np.clip(box, 0.0, 1.0) * (height, width, height, width)
    left, top = min(round(xmin), width - 1), min(round(ymin), height - 1)
    return _Rectangle(left, top, max(round(xmax), left + 1), max(round(ymax), top + 1))


def _line_width(height: int, width: int) -> int:
    return max(1, round(max(height, width) / 320))


def _font_size(height: int, width: int) -> int:
    return int(np.clip(round(max(height, width) / 45), 10, 40))


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def _text_size(font: Any, text: str) -> tuple[int, int]:
    """(width, height) of a label; the height is that of the line, so that all labels of a picture are equally high."""
    left, _, right, _ = font.getbbox(text)
    _, top, _, bottom = font.getbbox("Ágjy")
    return int(right - left) + 6, int(bottom - top) + 4


def _label(row: int, score: float | None, names: Names) -> str:
    if isinstance(names, Mapping):
        name = names.get(row, str(row))
    else:
        name = names[row] if 0 <= row < len(names) else str(row)
    return name if score is None else f"{name} {score:.2f}"


def _place_label(
    box: _Rectangle, size: tuple[int, int], placed: Sequence[_Rectangle], height: int, width: int
) -> _Rectangle | None:
    """Chooses among the places around a box the one that hides least of other labels; None if all hide too much."""
    text_width, text_height = size
    lefts = (box.left, box.right - text_width)
    tops = (box.top - text_height, box.bottom, box.top, box.bottom - text_height)
    candidates = []
    for top in tops:
        for left in lefts:
            left_inside = max(0, min(left, width - text_width))
            if 0 <= top <= height - text_height:
                candidates.append(_Rectangle(left_inside, top, left_inside + text_width, top + text_height))
    if not candidates:  # a picture lower than its label
        candidates = [_Rectangle(box.left, 0, box.left + text_width, text_height)]
    hidden = [sum(candidate.overlap(other) for other in placed) for candidate in candidates]
    # In a crowd of small boxes a heap of labels would hide them and each other: the colour of the box has to do there.
    if min(hidden) > _MAX_HIDDEN * text_width * text_height:
        return None
    return candidates[hidden.index(min(hidden))]


def _draw_outline(draw: ImageDraw.ImageDraw, box: _Rectangle, colour: tuple[int, int, int], line_width: int) -> None:
    # A line never takes more than a quarter of a small box, which would otherwise be hidden by its own frame.
    thickness = max(1, min(line_width, (box.right - box.left) // 4, (box.bottom - box.top) // 4))
    draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), outline=colour, width=thickness)


def _draw_label(
    draw: ImageDraw.ImageDraw, place: _Rectangle, text: str, font: Any, colour: tuple[int, int, int]
) -> None:
    draw.rectangle((place.left, place.top, place.right - 1, place.bottom - 1), fill=colour)
    red, green, blue = colour
    # Rec. 601 luma decides whether dark or light letters read better on this colour.
    ink = (0, 0, 0) if 0.299 * red + 0.587 * green + 0.114 * blue > 128 else (255, 255, 255)
    draw.text((place.left + 3, (place.top + place.bottom) / 2), text, ink, font, anchor="lm")
