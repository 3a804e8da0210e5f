# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What each field of the box predictors does to the heads of a config, and what builds SSD300."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.box_predictor import build_heads
from efficientdet.builders.model import backbone_variant, build_model
from efficientdet.config import PipelineConfig, parse_config
from efficientdet.errors import ConfigError
from efficientdet.modeling.convolutional_heads import ConvolutionalHeads
from efficientdet.modeling.vgg_ssd import VggSsd, feature_sizes
from efficientdet.modeling.weight_shared_heads import WeightSharedHeads
from efficientdet.verdicts.extractors import EXTRACTORS
from tests.end_to_end.tiny import CONFIG, SIZE
from tests.fields.rows import SSD300, config, field, fields_of, ssd

# Of a config with one layer of 16 filters, 5 classes and 9 anchors a cell.
_CHANNELS = [16] * 5
_WEIGHT_SHARED = "box_predictor {{ weight_shared_convolutional_box_predictor {{ {} }} }}"
# Its own defaults (kernels of 1, no layers before, dropout), with batch norms.
_CONVOLUTIONAL = """box_predictor {{ convolutional_box_predictor {{
  conv_hyperparams {{
    activation: RELU
    regularizer {{ l2_regularizer {{ weight: 4e-5 }} }}
    initializer {{ random_normal_initializer {{ stddev: 0.01 }} }}
    batch_norm {{ }}
  }}
  {}
}} }}"""


def _config(*texts: str) -> PipelineConfig:
    return config(CONFIG, SIZE, *ssd(*texts))


_Row = tuple[str, Callable[[Any], Any], Any, str]


def _bias(heads: Any) -> float:
    head = heads.classes[0] if isinstance(heads.classes, list) else heads.classes
    return float(head.final.bias[0])


def _class_features(heads: Any) -> set[float]:
    """What a class head of 1x1 convolutions sees of channel 0 of ones in training; all that it sees, on all maps."""
    for head in heads.classes if isinstance(heads.classes, list) else [heads.classes]:
        kernel = np.zeros(head.final.kernel.shape, np.float32)
        kernel[..., 0, :] = 1
        head.final.kernel.assign(kernel)
        head.final.bias.assign(tf.zeros_like(head.final.bias))
    maps = [tf.ones([1, 4, 4, 16])] * len(_CHANNELS)
    return {float(x) for x in np.unique(heads(maps, training=True, seed=tf.constant([1, 2])).class_logits)}


def _codes(heads: Any) -> list[float]:
    """The codes of an anchor where the biases are -2, -1, 1, 2."""
    for head in heads.boxes if isinstance(heads.boxes, list) else [heads.boxes]:
        head.final.bias.assign(np.tile([-2.0, -1.0, 1.0, 2.0], 9))
    return heads([tf.zeros([1, 1, 1, 16])] * len(_CHANNELS)).box_codes[0, 7].numpy().tolist()


def _num_decaying(heads: Any) -> int:
    return len(heads.losses)


def _shared_kernels(heads: Any) -> list[tuple[int, ...]]:
    """The shapes of the kernels that both heads of the first map share."""
    return [tuple(unit.conv.kernel.shape) for unit in heads.shared[0]]


_PLAIN = "num_layers_before_predictor: 0 use_depthwise: false kernel_size: 1"
_PARAMETERS = ("text", "measure", "expected")


def _of_both(message: str) -> list[_Row]:
    clip = f"{message}.BoxEncodingsClipRange"
    return [
        ("class_prediction_bias_init: -1.5", _bias, -1.5, "class_prediction_bias_init"),
        ("box_encodings_clip_range { min: -1.5 max: 0.5 }", _codes, [-1.5, -1.0, 0.5, 0.5],
         f"box_encodings_clip_range {clip}.min {clip}.max"),
    ]  # fmt: skip


# What is set, what is measured, what is expected, the fields.
_OF_WEIGHT_SHARED: list[_Row] = [
    *_of_both("WeightSharedConvolutionalBoxPredictor"),
    ("depth: 8", lambda heads: tuple(heads.boxes.convs[0].pointwise_kernel.shape), (1, 1, 16, 8), "depth"),
    ("num_layers_before_predictor: 3", lambda heads: len(heads.boxes.convs), 3, "num_layers_before_predictor"),
    ("kernel_size: 5", lambda heads: tuple(heads.boxes.final.depthwise_kernel.shape), (5, 5, 16, 1), "kernel_size"),
    ("use_depthwise: false", lambda heads: tuple(heads.boxes.final.kernel.shape), (3, 3, 16, 36), "use_depthwise"),
    (_PLAIN, _class_features, {1.0}, "use_dropout"),
    (f"{_PLAIN} use_dropout: true dropout_keep_probability: 0.25", _class_features, {0.0, 4.0},
     "use_dropout dropout_keep_probability"),
    ("share_prediction_tower: true", lambda heads: len(heads.classes.convs), 0, "share_prediction_tower"),
    ("", lambda heads: len(heads.classes.convs), 1, "share_prediction_tower"),
    # In both heads: the depthwise kernel of the one layer; its pointwise kernel too; both of the final convolution.
    ("", _num_decaying, 2, "apply_conv_hyperparams_pointwise"),
    ("apply_conv_hyperparams_pointwise: true", _num_decaying, 4, "apply_conv_hyperparams_pointwise"),
    ("apply_conv_hyperparams_to_heads: true", _num_decaying, 6, "apply_conv_hyperparams_to_heads"),
]  # fmt: skip


@pytest.mark.parametrize(_PARAMETERS, fields_of("WeightSharedConvolutionalBoxPredictor", _OF_WEIGHT_SHARED))
def test_weight_shared_heads(text: str, measure: Callable[[Any], Any], expected: Any) -> None:
    assert measure(build_heads(_config(_WEIGHT_SHARED.format(text)), _CHANNELS)) == expected


_OF_CONVOLUTIONAL: list[_Row] = [
    *_of_both("ConvolutionalBoxPredictor"),
    ("", lambda heads: tuple(heads.classes[4].final.kernel.shape), (1, 1, 16, 45), "kernel_size"),
    ("kernel_size: 3", lambda heads: tuple(heads.classes[4].final.kernel.shape), (3, 3, 16, 45), "kernel_size"),
    ("num_layers_before_predictor: 2 max_depth: 12", _shared_kernels, [(1, 1, 16, 12), (1, 1, 12, 12)],
     "num_layers_before_predictor max_depth"),
    ("num_layers_before_predictor: 1 min_depth: 20 max_depth: 24", _shared_kernels, [(1, 1, 16, 20)], "min_depth"),
    # And the offset of the batch norm between them.
    ("use_depthwise: true kernel_size: 3", lambda heads: [tuple(v.shape) for v in heads.boxes[2].trainable_variables],
     [(3, 3, 16, 1), (16,), (1, 1, 16, 36), (36,)], "use_depthwise"),
    ("", _class_features, {0.0, 1.25}, "use_dropout"),  # on by default, and .8 are kept
    ("use_dropout: false", _class_features, {1.0}, "use_dropout"),
    ("use_dropout: true dropout_keep_probability: 0.25", _class_features, {0.0, 4.0}, "dropout_keep_probability"),
]  # fmt: skip


@pytest.mark.parametrize(_PARAMETERS, fields_of("ConvolutionalBoxPredictor", _OF_CONVOLUTIONAL))
def test_convolutional_heads(text: str, measure: Callable[[Any], Any], expected: Any) -> None:
    assert measure(build_heads(_config(_CONVOLUTIONAL.format(text)), _CHANNELS)) == expected


@field("BoxPredictor.weight_shared_convolutional_box_predictor", "BoxPredictor.convolutional_box_predictor")
def test_the_kinds_of_heads() -> None:
    assert isinstance(build_heads(_config(), _CHANNELS), WeightSharedHeads)
    assert isinstance(build_heads(_config(_CONVOLUTIONAL.format("")), _CHANNELS), ConvolutionalHeads)


@field("Ssd.num_classes", "Ssd.add_background_class")
@pytest.mark.parametrize("predictor", ["", _CONVOLUTIONAL.format("")], ids=["shared", "convolutional"])
@pytest.mark.parametrize(("text", "slots"), [("num_classes: 3", 3), ("num_classes: 3 add_background_class: true", 4)])
def test_slots(predictor: str, text: str, slots: int) -> None:
    heads = build_heads(_config(predictor, text), _CHANNELS)
    assert heads([tf.zeros([1, 1, 1, 16])] * len(_CHANNELS)).class_logits.shape == (1, 45, slots)


@field("SsdFeatureExtractor.type", "SsdFeatureExtractor.bifpn")
def test_ssd300_is_built_by_its_type() -> None:
    ssd300 = config(SSD300)
    assert backbone_variant(ssd300) == "vgg16"
    model = build_model(ssd300)
    assert isinstance(model.backbone, VggSsd)
    assert model.fpn is None
    logits = model.heads([tf.zeros([1, 1, 1, width]) for width in VggSsd.channels]).class_logits
    assert logits.shape == (1, 4 + 6 + 6 + 6 + 4 + 4, 21)


def test_the_smallest_input_of_ssd300() -> None:
    smallest = EXTRACTORS["ssd_vgg16_keras"].smallest_input
    assert feature_sizes((smallest, smallest))[-1] == (1, 1)
    with pytest.raises(ValueError, match="at least"):
        feature_sizes((smallest, smallest - 1))


_SSD_BOXES = """anchor_generator { ssd_anchor_generator {
  num_layers: 5 aspect_ratios: [1.0, 2.0, 0.5] reduce_boxes_in_lowest_layer: true
} }"""


@pytest.mark.parametrize(
    ("path", "text", "rule"),
    [
        (SSD300, "image_resizer { fixed_shape_resizer { width: 256 } }", "width .256. must be at least 257"),
        (
            CONFIG,
            _WEIGHT_SHARED.format("kernel_size: 1"),
            "kernel_size .1. must be above 1 with use_depthwise",
        ),
        (CONFIG, _CONVOLUTIONAL.format("use_depthwise: true"), "kernel_size .default 1. must be above 1"),
        (CONFIG, _CONVOLUTIONAL.format("min_depth: 3 max_depth: 2"), "min_depth .3. must be at most max_depth .2."),
        # Three boxes in the cells of the first map, as in TFOD, and those of three ratios and one more in the others.
        (CONFIG, f"{_SSD_BOXES}", "the same number of boxes in the cells of all feature maps"),
    ],
)  # fmt: skip
def test_what_does_not_fit(path: Path, text: str, rule: str) -> None:
    with pytest.raises(ConfigError, match=rule):
        build_heads(config(path, *ssd(text)), _CHANNELS)


@pytest.mark.field("ConvolutionalBoxPredictor.box_code_size", "WeightSharedConvolutionalBoxPredictor.box_code_size")
@pytest.mark.parametrize("head", ["convolutional_box_predictor", "weight_shared_convolutional_box_predictor"])
def test_a_box_has_four_codes(head: str) -> None:
    text = f"model {{ ssd {{ box_predictor {{ {head} {{ box_code_size: 5 }} }} }} }}"
    with pytest.raises(ConfigError, match=rf"{head}\.box_code_size \(5\) must be 4: ty, tx, th, tw"):
        parse_config(text, "x")
