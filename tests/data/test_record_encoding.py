# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Records are tf.Examples in TFRecord files, byte for byte, without TensorFlow."""

from __future__ import annotations

import subprocess
import sys

import pytest
import tensorflow as tf

from efficientdet.data.record_encoding import RecordBox, encode_example, frame_record


def _encode(boxes=()):
    return encode_example(
        encoded=b"\xff\xd8\xff", image_format="jpeg", size=(12, 16), filename="ä.jpg", source_id="42", boxes=boxes
    )


@pytest.mark.parametrize("number", [0, 2])
def test_the_bytes_are_those_of_a_tf_example(number):
    boxes = [
        RecordBox("Größe", 7, 0.1, 0.2, 0.3, 0.4, area=1.5, is_crowd=True),
        RecordBox("b", 2, 0, 0, 1, 1, area=2.0),
    ]
    serialized = _encode(boxes[:number])
    example = tf.train.Example.FromString(serialized)
    assert example.SerializeToString(deterministic=True) == serialized
    kinds = {key: feature.WhichOneof("kind") for key, feature in example.features.feature.items()}
    assert len(kinds) == 17
    assert kinds["image/encoded"] == kinds["image/object/class/text"] == "bytes_list"
    assert kinds["image/object/bbox/ymin"] == kinds["image/object/area"] == "float_list"
    assert kinds["image/object/class/label"] == kinds["image/height"] == "int64_list"
    features = example.features.feature
    assert list(features["image/object/class/text"].bytes_list.value) == ["Größe".encode(), b"b"][:number]
    assert list(features["image/object/class/label"].int64_list.value) == [7, 2][:number]
    assert list(features["image/object/is_crowd"].int64_list.value) == [1, 0][:number]
    assert features["image/filename"].bytes_list.value[0] == "ä.jpg".encode()


def test_file_names_that_are_no_utf8_keep_their_bytes():
    name = b"\xe4.jpg".decode("utf-8", "surrogateescape")
    serialized = encode_example(encoded=b"", image_format="png", size=(1, 1), filename=name, source_id="", boxes=())
    assert tf.train.Example.FromString(serialized).features.feature["image/filename"].bytes_list.value[0] == b"\xe4.jpg"


def test_framed_records_are_those_of_tensorflow(tmp_path):
    records = [b"", b"a", bytes(range(256)) * 40, _encode()]
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for record in records:
            writer.write(record)
    assert b"".join(piece for record in records for piece in frame_record(record)) == (tmp_path / "theirs").read_bytes()


def test_writing_needs_no_tensorflow():
    code = "import sys; from efficientdet.data.dataset_files import dataset_writer, tfrecord_writer; "
    code += "sys.exit('tensorflow' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
