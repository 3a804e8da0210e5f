# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Small pictures and records to test with."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from efficientdet.data.label_map import Label, LabelMap

_SIDES = ("ymin", "xmin", "ymax", "xmax")


def _encode(height: int = 12, width: int = 16, image_format: str = "PNG", seed: int = 0, mode: str = "RGB") -> bytes:
    shape = (height, width) if mode == "L" else (height, width, len(mode))
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels, mode).save(buffer, image_format)
    return buffer.getvalue()


@pytest.fixture(scope="session")
def encode_picture() -> Callable[..., bytes]:
    """Noise as an encoded picture."""
    return _encode


@pytest.fixture(scope="session")
def label_map() -> LabelMap:
    return LabelMap((Label(1, "cat"), Label(2, "dog", "a dog"), Label(4, "hen")))


@pytest.fixture(scope="session")
def encode_record() -> Callable[..., bytes]:
    """A serialized record of a 12x16 picture; keyword arguments replace features by short name, None removes one."""
    import tensorflow as tf

    def encode(boxes: Sequence[Sequence[float]] = ((0.25, 0.25, 0.75, 0.5),), **changes: Sequence | None) -> bytes:
        sides = np.asarray(boxes, np.float32).reshape(-1, 4).T.tolist()
        features = {
            "encoded": [_encode()],
            "source_id": [b"7"],
            **{f"object/bbox/{side}": values for side, values in zip(_SIDES, sides, strict=True)},
            "object/class/text": [b"cat"] * len(boxes),
            **{key.replace("__", "/"): value for key, value in changes.items()},
        }  # fmt: skip
        example = tf.train.Example()
        for key, values in features.items():
            feature = example.features.feature[f"image/{key}"]
            if values is None:
                del example.features.feature[f"image/{key}"]
            elif not values:
                feature.Clear()
            elif isinstance(values[0], bytes):
                feature.bytes_list.value.extend(values)
            elif isinstance(values[0], int):
                feature.int64_list.value.extend(values)
            else:
                feature.float_list.value.extend(values)
        return example.SerializeToString()

    return encode


@pytest.fixture(scope="session")
def write_tfrecord() -> Callable[[Path, Sequence[bytes]], str]:
    import tensorflow as tf

    def write(path: Path, records: Sequence[bytes]) -> str:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for record in records:
                writer.write(record)
        return str(path)

    return write
