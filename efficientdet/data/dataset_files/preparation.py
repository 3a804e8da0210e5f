# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Makes a record of an annotated picture: upright RGB, boxes clipped and normalised. No TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from efficientdet.data.importers.annotation import AnnotatedImage, BoxAnnotation, Note, fit_boxes
from efficientdet.data.importers.fitting import Frame, upright_boxes
from efficientdet.data.importers.images import normalize_image, read_bytes
from efficientdet.data.record_encoding import RecordBox, encode_example

TURNED_BOXES = "turned: boxes annotated on the picture before its EXIF orientation was applied"
OTHER_SIZE = "kept: picture whose size differs from the annotated one"
REENCODED = "encoded anew: picture that was not upright 8-bit RGB"


class PreparedRecord(NamedTuple):
    """A picture as a record holds it."""

    serialized: bytes
    size: tuple[int, int]  # (height, width), upright
    boxes: list[BoxAnnotation]  # in pixels of the upright picture, clipped
    notes: list[Note]


def prepare_record(
    image: AnnotatedImage, ids: Mapping[str, int], *, source_id: str | None = None, load: bool = True
) -> PreparedRecord:
    """Reads a picture and makes its record.

    Args:
      image: as annotated.
      ids: label-map id by class name.
      source_id: what the picture is called in results; None for `image.source_id`.
      load: False takes it that the picture was decoded before without an error.

    Raises:
      DataError: the picture cannot be read.
    """
    data = read_bytes(image.path) if image.encoded is None else image.encoded
    picture = normalize_image(data, str(image.path), load=load)
    upright, frame = upright_boxes(image, picture.size, picture.stored_size, picture.orientation)
    boxes, notes = fit_boxes(upright, picture.size, image.filename)
    serialized = encode_example(
        encoded=picture.data,
        image_format=picture.format,
        size=picture.size,
        filename=image.filename,
        source_id=image.source_id if source_id is None else source_id,
        boxes=[_record_box(box, ids[box.name], picture.size) for box in boxes],
    )
    if picture.reencoded:
        notes.insert(0, Note(REENCODED, image.filename))
    if frame is Frame.STORED:
        notes.insert(0, Note(TURNED_BOXES, image.filename))
    if frame is Frame.OTHER and image.size is not None:
        (height, width), (real_height, real_width) = image.size, picture.size
        detail = f"{image.filename}: annotated {width}x{height}, is {real_width}x{real_height}"
        notes.insert(0, Note(OTHER_SIZE, detail))
    return PreparedRecord(serialized, picture.size, boxes, notes)


def box_area(box: BoxAnnotation) -> float:
    """Square pixels: of the mask where it is known, else of the box."""
    return (box.ymax - box.ymin) * (box.xmax - box.xmin) if box.area is None else box.area


def _record_box(box: BoxAnnotation, class_id: int, size: tuple[int, int]) -> RecordBox:
    height, width = size
    return RecordBox(
        box.name, class_id, box.ymin / height, box.xmin / width, box.ymax / height, box.xmax / width,
        area=box_area(box), is_crowd=box.is_crowd, is_difficult=box.is_difficult, is_truncated=box.is_truncated,
    )  # fmt: skip
