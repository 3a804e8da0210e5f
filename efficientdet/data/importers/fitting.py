# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which picture boxes were drawn on: the upright one, or the one that is stored. No TensorFlow."""

from __future__ import annotations

import enum

from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation, turn_box

Size = tuple[int, int]
"""Height and width, in pixels."""


class Frame(enum.Enum):
    """What the coordinates of a picture's boxes refer to."""

    UPRIGHT = "upright"
    STORED = "stored"  # before the EXIF orientation is applied
    OTHER = "other"  # the annotated size is neither; taken for upright


def frame_of(annotated: Size | None, upright: Size, stored: Size) -> Frame:
    """Tells the frame of a picture's boxes.

    Tools differ in whether they show a picture turned by its EXIF orientation. The annotated size tells, when the turn
    swaps height and width; otherwise the boxes are taken to belong to the upright picture.
    """
    if annotated is None or annotated == upright:
        return Frame.UPRIGHT
    return Frame.STORED if annotated == stored else Frame.OTHER


def upright_boxes(
    image: AnnotatedImage, upright: Size, stored: Size, orientation: int
) -> tuple[list[BoxAnnotation], Frame]:
    """Boxes of a picture in pixels of the upright picture; not clipped, see `annotation.fit_boxes`.

    Args:
      image: as annotated, in pixels or fractions.
      upright: size of the upright picture.
      stored: size of the picture in its file.
      orientation: EXIF orientation, 1 to 8.

    Returns:
      The boxes in order, and the frame that they were annotated in.
    """
    frame = frame_of(image.size, upright, stored)
    size = stored if frame is Frame.STORED else upright
    boxes = [scale_box(box, size) for box in image.boxes] if image.is_normalized else list(image.boxes)
    if frame is Frame.STORED and orientation != 1:
        boxes = [turn_box(box, orientation, stored) for box in boxes]
    return boxes, frame


def scale_box(box: BoxAnnotation, size: Size) -> BoxAnnotation:
    """A box in fractions of a picture, in pixels."""
    height, width = size
    return box._replace(ymin=box.ymin * height, xmin=box.xmin * width, ymax=box.ymax * height, xmax=box.xmax * width)
