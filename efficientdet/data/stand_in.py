# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What stands in for a record that is left out: a picture of zeros that teaches nothing, at the record's place."""

from __future__ import annotations

import functools
import io

import tensorflow as tf
from PIL import Image

from efficientdet.data.record_encoding import encode_example
from efficientdet.types import Batch

_SIDE = 64  # pixels; whatever an augmentation cuts out of it, something is left


@functools.cache
def stand_in_record() -> bytes:
    """A record of a black picture without objects: what other pictures are mixed with in place of one left out."""
    file = io.BytesIO()
    Image.new("RGB", (_SIDE, _SIDE)).save(file, "PNG")
    return encode_example(
        encoded=file.getvalue(), image_format="png", size=(_SIDE, _SIDE), filename="", source_id="", boxes=()
    )


def stand_in_for(picture: Batch, is_left_out: tf.Tensor) -> Batch:
    """Takes everything out of a picture that could teach something or be counted.

    Args:
      picture: a row of a batch.
      is_left_out: bool []; where it is False, the picture stays as it is.

    Returns:
      The picture, or one of zeros, whose anchors have no weight in either loss, of original size (0, 0).
    """

    def zeros_for(value: tf.Tensor) -> tf.Tensor:
        return tf.where(is_left_out, tf.zeros_like(value), value)

    targets = picture.targets._replace(
        classes=tf.where(is_left_out, -1, picture.targets.classes),
        class_weights=zeros_for(picture.targets.class_weights),
        box_codes=zeros_for(picture.targets.box_codes),
        box_weights=zeros_for(picture.targets.box_weights),
    )
    return picture._replace(
        inputs=zeros_for(picture.inputs),
        original_sizes=zeros_for(picture.original_sizes),
        ground_truth=tf.nest.map_structure(zeros_for, picture.ground_truth),
        targets=targets,
    )
