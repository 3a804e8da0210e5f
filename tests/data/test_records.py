# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""From records to Examples: what is read, what stands in for what is missing, what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.data.record_encoding import RecordBox, encode_example
from efficientdet.data.records import ERROR_MARKER, RecordParser, decode_image
from efficientdet.errors import ConfigError


@pytest.fixture(scope="module")
def parse(label_map) -> RecordParser:
    return RecordParser(label_map, num_classes=5)


def test_what_is_encoded_is_parsed(parse, encode_picture):
    boxes = [
        RecordBox("dog", 2, 0.0, 0.25, 0.5, 1.0, area=33.0, is_difficult=True),
        RecordBox("hen", 4, 0.5, 0.5, 1.0, 0.75, area=24.0, is_crowd=True, is_truncated=True),
    ]
    data = encode_picture(12, 16, "PNG", seed=3)
    serialized = encode_example(
        encoded=data, image_format="png", size=(12, 16), filename="a.png", source_id="42", boxes=boxes
    )
    example = parse(serialized)
    assert example.image.dtype == tf.uint8
    np.testing.assert_array_equal(example.image, np.random.default_rng(3).integers(0, 256, (12, 16, 3), np.uint8))
    np.testing.assert_array_equal(example.boxes, [[0.0, 0.25, 0.5, 1.0], [0.5, 0.5, 1.0, 0.75]])
    np.testing.assert_array_equal(example.classes, [1, 3])
    np.testing.assert_array_equal(example.weights, [1.0, 1.0])
    np.testing.assert_array_equal(example.is_difficult, [True, False])
    np.testing.assert_array_equal(example.is_crowd, [False, True])
    np.testing.assert_array_equal(example.areas, [33.0, 24.0])
    np.testing.assert_array_equal(example.original_size, [12, 16])
    assert example.source_id == b"42"
    assert tf.train.Example.FromString(serialized).features.feature["image/object/truncated"].int64_list.value == [0, 1]


def test_missing_lists_get_defaults(parse, encode_record):
    example = parse(encode_record(source_id=None, filename=[b"x.png"]))
    assert example.source_id == b"x.png"
    np.testing.assert_array_equal(example.areas, [0.5 * 0.25 * 12 * 16])
    np.testing.assert_array_equal(example.weights, [1.0])
    assert not example.is_crowd.numpy().any()
    assert not example.is_difficult.numpy().any()


def test_a_picture_without_boxes_is_a_negative(parse, encode_record):
    example = parse(encode_record(boxes=[]))
    assert example.boxes.shape == (0, 4)
    assert [field.shape[0] for field in example[2:7]] == [0] * 5


@pytest.mark.parametrize(
    ("text", "label", "row"),
    [([b"dog"], [1], 1), ([b"a dog"], None, 1), ([b""], [4], 3), (None, [2], 1), (None, [4], 3)],
)
def test_text_before_id(parse, encode_record, text, label, row):
    example = parse(encode_record(object__class__text=text, object__class__label=label))
    np.testing.assert_array_equal(example.classes, [row])


def test_display_names_only(label_map, encode_record):
    parse = RecordParser(label_map, num_classes=4, use_display_name=True)
    np.testing.assert_array_equal(parse(encode_record(object__class__text=[b"a dog"])).classes, [1])
    with pytest.raises(tf.errors.InvalidArgumentError, match="not in the label map"):
        parse(encode_record(object__class__text=[b"dog"]))


def test_boxes_are_clipped_and_those_without_area_lose_their_weight(parse, encode_record):
    example = parse(encode_record(boxes=[(-0.01, 0.0, 1.001, 0.5), (0.2, 0.3, 0.2, 0.9)]))
    np.testing.assert_array_equal(example.boxes, np.float32([(0.0, 0.0, 1.0, 0.5), (0.2, 0.3, 0.2, 0.9)]))
    np.testing.assert_array_equal(example.weights, [1.0, 0.0])
    np.testing.assert_array_equal(parse(encode_record(object__weight=[0.5])).weights, [0.5])


_FAULTS = [
    ({"object__class__text": [b"cow"]}, "class name is not in the label map:.*cow"),
    ({"object__class__text": None, "object__class__label": [6]}, r"not between 1 and num_classes \(5\).*6"),
    ({"object__class__text": None, "object__class__label": [0]}, "not between 1 and num_classes"),
    ({"object__class__text": None, "object__class__label": [3]}, "class id is not in the label map:.*3"),
    ({"object__class__text": None}, "not between 1 and num_classes"),
    ({"object__class__text": [b"cat", b"cat"]}, "image/object/class/text differs in length"),
    ({"object__area": [1.0, 2.0]}, "image/object/area differs in length"),
    ({"object__bbox__ymin": [0.1, 0.2]}, "bbox lists differ in length"),
    ({"boxes": [(10.0, 20.0, 110.0, 220.0)]}, "not normalised.*110"),
    ({"boxes": [(0.0, 0.0, 1.2, 0.5)]}, "not normalised"),
    ({"boxes": [(0.5, 0.0, 0.4, 0.5)]}, "maximum below its minimum"),
    ({"boxes": [(0.5, 0.0, float("nan"), 0.5)]}, "not a number"),
    ({"object__weight": [float("nan")]}, "weight is not a finite number:.*nan"),
    ({"object__weight": [float("inf")]}, "weight is not a finite number:.*inf"),
    ({"encoded": [b""]}, "neither JPEG nor PNG"),
    ({"encoded": [b"GIF89a..."]}, "neither JPEG nor PNG"),
    ({"encoded": None}, "neither JPEG nor PNG"),
    ({"encoded": [b"\x89PNG\r\n\x1a\n"]}, "exceeds"),
]


@pytest.mark.parametrize(("changes", "message"), _FAULTS)
def test_faults_eagerly_and_inside_tf_data(parse, encode_record, changes, message):
    serialized = encode_record(**changes)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"(?s){ERROR_MARKER}.*7.*{message}"):
        parse(serialized)
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"(?s){ERROR_MARKER}.*7.*{message}"):
        list(tf.data.Dataset.from_tensors(serialized).map(parse))


@pytest.mark.parametrize("image_format", ["PNG", "JPEG"])
def test_pixels_are_counted_before_decoding(encode_picture, image_format):
    data = encode_picture(30, 40, image_format)
    assert decode_image(tf.constant(data), max_pixels=1200).shape == (30, 40, 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="exceeds 1199 pixels"):
        decode_image(tf.constant(data), max_pixels=1199)


def test_a_gigantic_header_is_refused_without_allocating():
    png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\x7f\xff\xff\xff" * 2 + b"\x08\x02\0\0\0"
    with pytest.raises(tf.errors.InvalidArgumentError, match="exceeds"):
        decode_image(tf.constant(png))


@pytest.mark.parametrize("mode", ["L", "RGBA", "RGB"])
def test_any_png_becomes_rgb(encode_picture, mode):
    image = decode_image(tf.constant(encode_picture(5, 7, "PNG", mode=mode)))
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7) if mode == "L" else (5, 7, len(mode)), np.uint8)
    expected = np.repeat(pixels[..., None], 3, axis=2) if mode == "L" else pixels[..., :3]
    np.testing.assert_array_equal(image, expected)


def test_label_map_above_num_classes(label_map):
    with pytest.raises(ConfigError, match="above num_classes"):
        RecordParser(label_map, num_classes=3)
