# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Reads records: tf.Example with the feature keys of the Object Detection API (TFOD), made into an Example."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from efficientdet.data import MAX_PIXELS
from efficientdet.data.label_map import LabelMap
from efficientdet.types import Example

ERROR_MARKER = "efficientdet-data-error"
"""Opens the message of every check below, so that `checks.explain` finds it inside TensorFlow's."""

# Beyond this a coordinate is no rounding at the border any more but a pixel: TFOD's own bound for normalised boxes.
_MAX_COORDINATE = 1.1


_SCALARS = ("image/encoded", "image/source_id", "image/filename")
_SIDES = tuple(f"image/object/bbox/{side}" for side in ("ymin", "xmin", "ymax", "xmax"))
_FLOAT_LISTS = (*_SIDES, "image/object/area", "image/object/weight")
_INT_LISTS = ("image/object/class/label", "image/object/is_crowd", "image/object/difficult")
_STRING_LISTS = ("image/object/class/text",)


class RecordParser:
    """Turns a serialized record into an Example; usable eagerly and inside tf.data.

    Faults are raised as InvalidArgumentError whose text opens with ERROR_MARKER: a record without a picture, one that
    is neither JPEG nor PNG or too large, lists of different lengths, coordinates that are not numbers, not normalised
    or in the wrong order, unknown class names, and ids without a class row.
    """

    def __init__(
        self,
        label_map: LabelMap,
        *,
        num_classes: int,
        use_display_name: bool = False,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        """Holds the lookup of class texts.

        Args:
          label_map: a text that it does not know is an error; a class without text is taken by its id.
          num_classes: class rows of the model; ids must be 1 to `num_classes`.
          use_display_name: `image/object/class/text` holds display names (and never names).
          max_pixels: pictures that claim to be larger are refused before they are decoded.

        Raises:
          ConfigError: an id of the label map is above `num_classes`, or display names are ambiguous.
        """
        label_map.check_num_classes(num_classes)
        self._num_classes = num_classes
        self._ids = [label.id for label in label_map]
        self._max_pixels = max_pixels
        # No hash table: its lookups count as stateful (see `pipeline`). Names are few; comparing them is as quick.
        self._rows_by_text = label_map.rows_by_text(use_display_name)

    @tf.autograph.experimental.do_not_convert
    def __call__(self, serialized: tf.Tensor) -> Example:
        """Parses and decodes one record.

        Args:
          serialized: string [], a tf.train.Example.

        Returns:
          Example with a uint8 picture. Boxes are clipped to [0, 1]; a box without area keeps its row but gets weight 0:
          no anchor can match it, and forcing one to would teach it infinity.
        """
        features = _parse(serialized)
        source_id = features["image/source_id"]
        source_id = tf.where(source_id == "", features["image/filename"], source_id)
        image = decode_image(features["image/encoded"], source_id, max_pixels=self._max_pixels)
        original_size = tf.shape(image)[:2]
        boxes = _boxes(features, source_id)
        count = tf.shape(boxes)[0]
        sides = tf.maximum(boxes[:, 2:] - boxes[:, :2], 0.0)
        extent = sides[:, 0] * sides[:, 1]
        areas = extent * tf.cast(tf.reduce_prod(original_size), tf.float32)
        weights = _finite(_or_default(features, "image/object/weight", tf.ones([count]), source_id), source_id)
        zeros = tf.zeros([count], tf.int64)
        return Example(
            image=image,
            boxes=boxes,
            classes=self._classes(features, count, source_id),
            weights=tf.where(extent > 0, weights, 0.0),
            is_crowd=_or_default(features, "image/object/is_crowd", zeros, source_id) > 0,
            is_difficult=_or_default(features, "image/object/difficult", zeros, source_id) > 0,
            areas=_or_default(features, "image/object/area", areas, source_id),
            source_id=source_id,
            original_size=original_size,
        )

    def _classes(self, features: dict[str, tf.Tensor], count: tf.Tensor, source_id: tf.Tensor) -> tf.Tensor:
        """Class rows, int32 [N]: by text where there is one, else by id."""
        texts = _or_default(features, "image/object/class/text", tf.fill([count], ""), source_id)
        ids = _or_default(features, "image/object/class/label", tf.zeros([count], tf.int64), source_id)
        has_text = texts != ""
        by_text = self._rows_of(texts)
        unknown = tf.boolean_mask(texts, has_text & (by_text < 0))
        known = _require(tf.size(unknown) == 0, "class name is not in the label map:", unknown, source_id)
        in_range = (ids >= 1) & (ids <= self._num_classes)
        outside = tf.boolean_mask(ids, ~has_text & ~in_range)
        rule = f"class id is not between 1 and num_classes ({self._num_classes}):"
        within = _require(tf.size(outside) == 0, rule, outside, source_id)
        # Evaluation knows the label map's classes only: another one would be trained and never scored.
        is_named = tf.reduce_any(ids[:, tf.newaxis] == tf.constant(self._ids, tf.int64), axis=1)
        nameless = tf.boolean_mask(ids, ~has_text & in_range & ~is_named)
        named = _require(tf.size(nameless) == 0, "class id is not in the label map:", nameless, source_id)
        with tf.control_dependencies([known, within, named]):
            return tf.where(has_text, by_text, tf.cast(ids, tf.int32) - 1)

    def _rows_of(self, texts: tf.Tensor) -> tf.Tensor:
        """The class rows of texts, int32 [N]; -1 where the label map does not know one."""
        known = tf.constant(list(self._rows_by_text), tf.string)
        rows = tf.constant([*self._rows_by_text.values(), -1], tf.int32)
        matches = tf.cast(texts[:, tf.newaxis] == known, tf.int32)
        unknown = 1 - tf.reduce_sum(matches, axis=1, keepdims=True)
        return tf.gather(rows, tf.argmax(tf.concat([matches, unknown], axis=1), axis=1))


def _finite(weights: tf.Tensor, source_id: tf.Tensor) -> tf.Tensor:
    is_finite = tf.math.is_finite(weights)
    odd = tf.boolean_mask(weights, ~is_finite)
    with tf.control_dependencies(
        [_require(tf.reduce_all(is_finite), "weight is not a finite number:", odd, source_id)]
    ):
        return tf.identity(weights)


def decode_image(encoded: tf.Tensor, source_id: tf.Tensor | str = "", *, max_pixels: int = MAX_PIXELS) -> tf.Tensor:
    """Decodes a JPEG or PNG after a look at the size in its header.

    Args:
      encoded: string [].
      source_id: string [], named by the error.
      max_pixels: larger pictures are refused before they are decoded.

    Returns:
      uint8 [h, w, 3], RGB. Grey is repeated, alpha is left out, 16 bits become 8.
    """
    is_png = tf.strings.substr(encoded, 0, 8) == b"\x89PNG\r\n\x1a\n"
    is_jpeg = tf.strings.substr(encoded, 0, 3) == b"\xff\xd8\xff"
    with tf.control_dependencies([_require(is_png | is_jpeg, "picture is neither JPEG nor PNG", None, source_id)]):
        encoded = tf.identity(encoded)
    size = tf.cond(is_png, lambda: _png_size(encoded), lambda: tf.image.extract_jpeg_shape(encoded, tf.int64)[:2])
    rule = f"picture exceeds {max_pixels} pixels, its height and width:"
    fits = (size[0] > 0) & (size[1] > 0) & (size[0] <= max_pixels // tf.maximum(size[1], 1))
    with tf.control_dependencies([_require(fits, rule, size, source_id)]):
        image = tf.io.decode_jpeg(encoded, channels=3)  # the kernel decodes PNG as well
    return tf.ensure_shape(image, [None, None, 3])


def _png_size(encoded: tf.Tensor) -> tf.Tensor:
    """Height and width, int64 [2], from the IHDR chunk that every PNG starts with (bytes 16-23, big-endian)."""
    header = tf.cast(tf.io.decode_raw(tf.strings.substr(encoded + b"\0" * 24, 16, 8), tf.uint8), tf.int64)
    place_values = tf.constant([1 << 24, 1 << 16, 1 << 8, 1], tf.int64)
    return tf.reverse(tf.reduce_sum(tf.reshape(header, [2, 4]) * place_values, axis=1), [0])


def _parse(serialized: tf.Tensor) -> dict[str, tf.Tensor]:
    spec: dict[str, Any] = {key: tf.io.FixedLenFeature([], tf.string, default_value="") for key in _SCALARS}
    for keys, dtype in ((_FLOAT_LISTS, tf.float32), (_INT_LISTS, tf.int64), (_STRING_LISTS, tf.string)):
        spec |= {key: tf.io.FixedLenSequenceFeature([], dtype, allow_missing=True) for key in keys}
    return tf.io.parse_single_example(serialized, spec)


def _boxes(features: dict[str, tf.Tensor], source_id: tf.Tensor) -> tf.Tensor:
    """Boxes, float32 [N, 4] within [0, 1], after checks of their coordinates."""
    sizes = tf.stack([tf.size(features[side]) for side in _SIDES])
    same_size = _require(tf.reduce_all(sizes == sizes[0]), "bbox lists differ in length:", sizes, source_id)
    with tf.control_dependencies([same_size]):
        boxes = tf.stack([features[side] for side in _SIDES], axis=1)
    rule = "box coordinate is not a number"
    finite = _require(tf.reduce_all(tf.math.is_finite(boxes)), rule, boxes, source_id)
    beyond = tf.boolean_mask(boxes, tf.reduce_any(tf.abs(boxes - 0.5) > _MAX_COORDINATE - 0.5, axis=1))
    rule = "box is not normalised to the picture (ymin xmin ymax xmax must lie in 0..1; are these pixels?):"
    normalised = _require(tf.size(beyond) == 0, rule, beyond, source_id)
    inverted = tf.boolean_mask(boxes, tf.reduce_any(boxes[:, 2:] < boxes[:, :2], axis=1))
    rule = "box has its maximum below its minimum (ymin xmin ymax xmax):"
    ordered = _require(tf.size(inverted) == 0, rule, inverted, source_id)
    with tf.control_dependencies([finite, normalised, ordered]):
        return tf.clip_by_value(boxes, 0.0, 1.0)


def _or_default(features: dict[str, tf.Tensor], key: str, default: tf.Tensor, source_id: tf.Tensor) -> tf.Tensor:
    """The list under `key`, or `default` [N] where it is absent; an error when its length is not N."""
    values = features[key]
    sizes = tf.stack([tf.size(values), tf.size(default)])
    fits = (sizes[0] == 0) | (sizes[0] == sizes[1])
    with tf.control_dependencies([_require(fits, f"{key} differs in length from the boxes:", sizes, source_id)]):
        return tf.cond(sizes[0] == 0, lambda: default, lambda: values)


def _require(condition: tf.Tensor, rule: str, values: tf.Tensor | None, source_id: tf.Tensor | str) -> tf.Operation:
    data = [ERROR_MARKER, source_id, rule] + ([] if values is None else [values])
    return tf.debugging.Assert(condition, data, summarize=8) or tf.no_op()
