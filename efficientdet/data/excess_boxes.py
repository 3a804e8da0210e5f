# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Pictures with more boxes than there are rows for."""

from __future__ import annotations

import logging

import numpy as np
import tensorflow as tf

from efficientdet.types import Example

_logger = logging.getLogger(__name__)


class ExcessBoxes:
    """Cuts pictures with too many boxes down to the first M, and tells about them without flooding the log."""

    def __init__(self, max_number_of_boxes: int, consequence: str, *, tells: bool = True) -> None:
        """Holds the limit.

        Args:
          max_number_of_boxes: M.
          consequence: of the cut, as it follows "images ... have more boxes than M and".
          tells: whether to log. What is told is told by Python, which a tf.data service cannot run.
        """
        self._limit = np.int32(max_number_of_boxes)
        self._consequence = consequence
        self._tells = tells
        self._pictures: set[bytes] = set()

    def cut(self, example: Example, source_id: tf.Tensor) -> Example:
        """`example` with M boxes at most."""
        if not self._tells:
            return example.map_boxes(lambda values: values[: self._limit])
        count = tf.shape(example.boxes)[0]

        def report() -> tf.Tensor:
            # Stateless to TensorFlow, for which nothing but the number of rows, M, comes out of it.
            limit = tf.numpy_function(self._report, [source_id, count], tf.int32, stateful=False)
            return tf.ensure_shape(limit, [])

        limit = tf.cond(count > self._limit, report, lambda: tf.constant(self._limit))
        return example.map_boxes(lambda values: values[:limit])

    def _report(self, source_id: bytes, count: int) -> np.int32:
        before = len(self._pictures)
        self._pictures.add(source_id)
        pictures = len(self._pictures)
        if pictures > before and pictures & before == 0:  # the 1st, 2nd, 4th, 8th ... picture
            _logger.warning(
                "%d images so far have more than max_number_of_boxes (%d) boxes and %s; %s has %d",
                pictures, self._limit, self._consequence, source_id.decode(errors="replace"), count,
            )  # fmt: skip
        return self._limit
