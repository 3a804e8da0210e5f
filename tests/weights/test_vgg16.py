# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""VGG16 of ImageNet as SSD300's backbone."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.errors import CheckpointError
from efficientdet.modeling.convolutional_heads import ConvolutionalHeads, ConvolutionalHeadSettings
from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.hyperparams import ConvHyperparams, KernelSettings
from efficientdet.modeling.vgg_ssd import VggSsd
from efficientdet.weights.layout import Contents, WeightFile
from efficientdet.weights.recognition import open_weights, recognise
from efficientdet.weights.restore import RestoreRequest, plan_restore
from efficientdet.weights.vgg16 import detect_layout

from .stored import imagined
from .toy_detector_files import ALL, BACKBONE, CONVENTIONS, values

_STAGES = ((3, 64, 2), (64, 128, 2), (128, 256, 3), (256, 512, 3), (512, 512, 3))
_EXTRAS = 2_459_520 + 512  # parameters that no VGG16 has: those of the extra layers, and the scale of conv4_3
_ALL = 22_943_936


@functools.cache
def _ssd300() -> DetectionModel:
    # The quickest start: nothing here depends on it.
    zeros = KernelSettings(lambda seed: keras.initializers.Zeros())
    hyperparams = ConvHyperparams(tf.nn.relu, zeros, norm=None)
    backbone = VggSsd(hyperparams=hyperparams)
    heads = ConvolutionalHeads(
        backbone.channels, num_slots=2, num_anchors=[1] * 6, settings=ConvolutionalHeadSettings(hyperparams=hyperparams)
    )
    return DetectionModel(backbone, None, heads)


def _tensors(kernel: str = "_W_1", bias: str = "_b_1", *, last_stage: int = 3) -> dict[str, Any]:
    """The tensors of the published file; kernels tell their place. The large ones take no room."""
    tensors: dict[str, Any] = {}
    for stage, (inputs, outputs, repeats) in enumerate(_STAGES, start=1):
        for number in range(1, (last_stage if stage == 5 else repeats) + 1):
            width = inputs if number == 1 else outputs
            values_of_inputs = np.arange(width, dtype=np.float32)[:, np.newaxis] + 1000 * stage + 100 * number
            tensors[f"block{stage}_conv{number}{kernel}"] = np.broadcast_to(values_of_inputs, (3, 3, width, outputs))
            tensors[f"block{stage}_conv{number}{bias}"] = np.full(outputs, float(stage), np.float32)
    rows, columns = np.arange(25088, dtype=np.float32), np.arange(4096, dtype=np.float32)
    tensors[f"fc1{kernel}"] = np.broadcast_to(rows[:, np.newaxis], (25088, 4096))
    tensors[f"fc1{bias}"] = columns
    tensors[f"fc2{kernel}"] = np.broadcast_to(columns, (4096, 4096))
    tensors[f"fc2{bias}"] = -columns
    tensors[f"predictions{kernel}"] = (4096, 1000)
    tensors[f"predictions{bias}"] = (1000,)
    return tensors


def _restore(contents: Contents, share: float = 0.89) -> Any:
    request = BACKBONE._replace(min_backbone_share=share)
    return plan_restore(_ssd300(), WeightFile(contents, recognise(contents)), request).apply()


@pytest.mark.parametrize("names", [("_W_1", "_b_1"), ("/kernel", "/bias")], ids=["as published", "saved anew"])
def test_every_layer_has_its_place(names: tuple[str, str]) -> None:
    report = _restore(imagined(_tensors(*names), "HDF5 file"))
    assert report.layout == "tf.keras.applications VGG16"
    assert report.num_restored == _ALL - _EXTRAS
    assert {tensor.role for tensor in report.left} == {"classifier top"}
    found = values(_ssd300())
    # The first convolution reads R, G, B where theirs read B, G, R.
    np.testing.assert_array_equal(found["backbone/stages/0/0/conv/kernel"][1, 2, :, 5], [1102.0, 1101.0, 1100.0])
    np.testing.assert_array_equal(found["backbone/stages/3/2/conv/kernel"][0, 0, :3, 0], [4300.0, 4301.0, 4302.0])
    np.testing.assert_array_equal(found["backbone/stages/4/1/conv/bias"], np.full(512, 5.0))
    # Of fc1's 7 x 7 x 512 inputs: rows and columns 0, 3 and 6; of both layers' outputs every fourth.
    fc6 = found["backbone/fc6/conv/kernel"]
    assert (fc6[0, 0, 5, 9], fc6[0, 1, 5, 0], fc6[2, 1, 5, 0]) == (5, 3 * 512 + 5, (6 * 7 + 3) * 512 + 5)
    np.testing.assert_array_equal(found["backbone/fc6/conv/bias"], np.arange(0, 4096, 4))
    np.testing.assert_array_equal(found["backbone/fc7/conv/kernel"][0, 0, 17], np.arange(0, 4096, 4))
    np.testing.assert_array_equal(found["backbone/fc7/conv/bias"], -np.arange(0.0, 4096, 4))


def test_a_share_says_how_much_must_be_there() -> None:
    contents = imagined(_tensors(), "HDF5 file")
    with pytest.raises(CheckpointError, match=r"lacks variables of this model's backbone vgg16 in conv4, extra layers"):
        _restore(contents, share=1.0)
    without_top = {name: value for name, value in _tensors().items() if name.startswith("block")}
    with pytest.raises(CheckpointError, match=r"fc6, fc7, extra layers \(14,714,688 of 22,943,936 parameters fit"):
        _restore(imagined(without_top, "HDF5 file"))


def test_tensors_of_another_size_are_not_converted() -> None:
    tensors = _tensors() | {"fc1_W_1": (25088, 10**9)}
    with pytest.raises(CheckpointError, match=r"fc6/conv/kernel is \(25088, 1000000000\) in the file"):
        _restore(imagined(tensors, "HDF5 file"))


def test_what_is_no_vgg16() -> None:
    assert detect_layout(imagined(_tensors(last_stage=4), "HDF5 file")) is None  # VGG19
    assert detect_layout(imagined(_tensors())) is None  # in no format that goes by names
    assert detect_layout(imagined({"block1_conv1_W_1": (3, 3, 3, 64)}, "HDF5 file")) is None


def test_no_other_backbone_starts_from_it(target: DetectionModel) -> None:
    contents = imagined(_tensors(), "HDF5 file")
    with pytest.raises(CheckpointError, match=r"applications VGG16\) holds VGG16, and this model has backbone lite0"):
        plan_restore(target, WeightFile(contents, recognise(contents)), BACKBONE)


@pytest.mark.parametrize("name", ["tfod_d0_ckpt", "automl_d0_ckpt/tf1", "automl_d0_ckpt/tf2"])
@pytest.mark.parametrize("parts", [ALL.parts, BACKBONE.parts], ids=["all", "backbone"])
def test_it_starts_from_no_efficientdet(shared: Any, name: str, parts: Any) -> None:
    request = RestoreRequest(parts, CONVENTIONS, CONVENTIONS)
    with pytest.raises(CheckpointError, match="holds an EfficientNet, and this model has backbone vgg16"):
        plan_restore(_ssd300(), open_weights(shared / "fixtures" / name), request)


@pytest.mark.parametrize(
    ("tensors", "format"),
    [
        ({"stem_conv/kernel": (3, 3, 3, 32), "block1a_dwconv/depthwise_kernel": (3, 3, 32, 1)}, "HDF5 file"),
        ({"_conv_stem.weight": (32, 3, 3, 3), "_blocks.0._bn1.weight": (32,)}, "PyTorch file"),
        ({"efficientnet-b0/stem/conv2d/kernel": (3, 3, 3, 32)}, "name-based checkpoint"),
    ],
)
def test_nor_from_an_efficientnet(tensors: Any, format: Any) -> None:
    contents = imagined(tensors, format)
    with pytest.raises(CheckpointError, match="holds an EfficientNet, and this model has backbone vgg16"):
        plan_restore(_ssd300(), WeightFile(contents, recognise(contents)), BACKBONE)
