# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Boxes, class names and scores drawn on pictures, and pictures put beside each other.

Everything here is numpy in, numpy out (Pillow draws); TensorFlow is not needed, though its tensors are accepted where a
batch or its detections are drawn.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageDraw

from efficientdet.types import Batch, Detections
from efficientdet.visualization.labels import Names, Rectangle, draw_labels, font_of, font_size, label_text

# Successive hues are a golden-ratio turn apart, the spacing under which any first n colours stay well separated.
_HUE_TURN = 0.618033988749895
_TITLE_COLOUR = (32, 32, 32)
_TITLE_BACKGROUND = (255, 255, 255)
_GAP_COLOUR = 255
_READABLE_SIDE = 640  # pixels; in smaller pictures the smallest legible label hides a good part of an object


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
    names: Names | None = (),
    min_score: float = 0.0,
    max_boxes: int | None = 100,
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
      names: the name of each class; a class without one is shown as its number. None: classes are told by colour only.
      min_score: boxes of a lower score are left out.
      max_boxes: at most so many boxes are drawn: the best ones, or the first ones where there are no scores; None: all.

    Returns:
      uint8 [h, w, 3], a new array.
    """
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    order = _order(boxes, scores, min_score, max_boxes)
    shown = [None if scores is None else float(scores[index]) for index in order]
    return _draw(image, boxes[order], np.asarray(classes).reshape(-1)[order], shown, names)


def draw_detections(
    image: np.ndarray,
    detections: Detections,
    *,
    names: Names | None = (),
    min_score: float = 0.0,
    max_boxes: int | None = 100,
    show_scores: bool = True,
) -> np.ndarray:
    """Draws the detections of one picture.

    Args:
      image: uint8 [h, w, 3], RGB: the picture without padding.
      detections: those of this picture, that is, without the batch dimension (arrays or tensors).
      names: class row -> name; None: classes are told by colour only.
      min_score: detections of a lower score are left out.
      max_boxes: at most so many are drawn, the best; None: all.
      show_scores: whether labels say the scores.

    Returns:
      uint8 [h, w, 3], a new array.
    """
    count = int(detections.count)
    boxes, classes, scores = (
        np.asarray(values)[:count] for values in (detections.boxes, detections.classes, detections.scores)
    )
    order = _order(boxes, scores, min_score, max_boxes)
    shown = [float(scores[index]) if show_scores else None for index in order]
    return _draw(image, boxes[order], classes[order], shown, names)


def draw_outlines(image: np.ndarray, boxes: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    """Draws boxes in one colour, without labels, on a copy of a picture.

    Args:
      image: uint8 [h, w, 3], RGB.
      boxes: float [N, 4], as `draw_boxes` takes them.
      colour: RGB.

    Returns:
      uint8 [h, w, 3], a new array.
    """
    height, width = image.shape[:2]
    boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
    canvas = Image.fromarray(np.ascontiguousarray(image))
    draw = ImageDraw.Draw(canvas)
    for index in reversed(_order(boxes, None, 0.0, None)):
        _draw_outline(draw, _to_pixels(boxes[index], height, width), colour, _line_width(height, width))
    return np.asarray(canvas)


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
    title_height = font_size(height, max(left.shape[1], right.shape[1])) * 2 if any(titles) else 0
    canvas = np.full((title_height + height, left.shape[1] + gap + right.shape[1], 3), _GAP_COLOUR, np.uint8)
    canvas[title_height : title_height + left.shape[0], : left.shape[1]] = left
    canvas[title_height : title_height + right.shape[0], left.shape[1] + gap :] = right
    if not title_height:
        return canvas
    for title, start, width in ((titles[0], 0, left.shape[1]), (titles[1], left.shape[1] + gap, right.shape[1])):
        # Drawn on a strip of its own, so that a title too long for its picture does not run into the next one.
        strip = Image.new("RGB", (width, title_height), _TITLE_BACKGROUND)
        font, left_edge, middle = font_of(title_height // 2), title_height // 4, title_height // 2
        ImageDraw.Draw(strip).text((left_edge, middle), title, _TITLE_COLOUR, font, anchor="lm")
        canvas[:title_height, start : start + width] = np.asarray(strip)
    return canvas


def _draw(
    image: np.ndarray,
    boxes: np.ndarray,
    classes: np.ndarray,
    scores: Sequence[float | None],
    names: Names | None,
) -> np.ndarray:
    """Draws drawable boxes, the most important one first; a score of None is not shown."""
    height, width = image.shape[:2]
    rectangles = [_to_pixels(box, height, width) for box in boxes]
    colours = [class_colour(int(row)) for row in classes]
    canvas = Image.fromarray(np.ascontiguousarray(image))
    draw = ImageDraw.Draw(canvas)
    for rectangle, colour in reversed(list(zip(rectangles, colours, strict=True))):
        _draw_outline(draw, rectangle, colour, _line_width(height, width))
    texts = [label_text(int(row), score, names) for row, score in zip(classes, scores, strict=True)]
    draw_labels(draw, texts, rectangles, colours, (height, width))
    return np.asarray(canvas)


def _order(boxes: np.ndarray, scores: np.ndarray | None, min_score: float, max_boxes: int | None) -> list[int]:
    """Indices of the boxes to draw, the most important first."""
    clipped = np.clip(boxes, 0.0, 1.0)
    drawable = np.isfinite(boxes).all(axis=1) & (clipped[:, 2:] > clipped[:, :2]).all(axis=1)
    if scores is None:
        return np.flatnonzero(drawable)[:max_boxes].tolist()
    scores = np.asarray(scores, np.float32).reshape(-1)
    drawable &= scores >= min_score
    ranked = np.argsort(-scores, kind="stable")
    return ranked[drawable[ranked]][:max_boxes].tolist()


def _to_pixels(box: np.ndarray, height: int, width: int) -> Rectangle:
    ymin, xmin, ymax, xmax = np.clip(box, 0.0, 1.0) * (height, width, height, width)
    left, top = min(round(xmin), width - 1), min(round(ymin), height - 1)
    return Rectangle(left, top, max(round(xmax), left + 1), max(round(ymax), top + 1))


def _line_width(height: int, width: int) -> int:
    return max(1, round(max(height, width) / 320))


def _draw_outline(draw: ImageDraw.ImageDraw, box: Rectangle, colour: tuple[int, int, int], line_width: int) -> None:
    # A line never takes more than a quarter of a small box, which would otherwise be hidden by its own frame.
    thickness = max(1, min(line_width, (box.right - box.left) // 4, (box.bottom - box.top) // 4))
    draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), outline=colour, width=thickness)
