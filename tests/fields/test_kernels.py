# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""What the fields of `train_config.kernels` choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.builders.kernels import kernels_in_words, training_kernels
from efficientdet.builders.losses import build_loss
from efficientdet.builders.model import build_model, build_training_model
from efficientdet.modeling.hyperparams import KernelSettings
from efficientdet.modeling.layers import separable_conv2d
from efficientdet.ops.kernels import choosing
from tests.end_to_end.tiny import CONFIG, SIZE
from tests.fields.rows import config, field, parameters, train

_SWISH = "model { ssd { feature_extractor { conv_hyperparams { activation: SWISH } bifpn { num_iterations: 1 } } } }"
_SILU, _POINTWISE = field("TrainingKernels.silu"), field("TrainingKernels.pointwise")
_DEPTHWISE, _FOCAL = field("TrainingKernels.depthwise"), field("TrainingKernels.focal")


def _gradient_operations(function: Callable[[tf.Tensor], Any], shape: tuple[int, ...]) -> list[str]:
    """The types of all operations of a function, and of the gradient of the sum of all that it returns.

    What XLA compiles is one operation of type PartitionedCall.
    """

    def backward(x: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(x)
            results = tf.nest.flatten(function(x))
        return tape.gradient(results, [x, *tape.watched_variables()], unconnected_gradients="zero")

    graph = tf.function(backward, autograph=False).get_concrete_function(tf.TensorSpec(shape)).graph
    return [operation.type for operation in graph.get_operations()]


def _of_backbone(text: str) -> list[str]:
    backbone = build_training_model(config(CONFIG, SIZE, *train("seed: 1", text))).backbone
    return _gradient_operations(lambda x: backbone(x, training=True, seed=tf.constant([1, 2])), (1, 64, 64, 3))


# Lite0 has 16 blocks: all but the first expand their inputs, all project them, 9 have 5x5 filters.
_BACKBONE_ROWS: list[tuple[Any, ...]] = [
    (_POINTWISE, "kernels { pointwise: FAST depthwise: PLAIN }", (1, 16)),  # the stem
    (_POINTWISE, "kernels { pointwise: PLAIN }", (1 + 15 + 16, 16 + 9)),
    (_DEPTHWISE, "", (1, 16 + 9)),
    (_DEPTHWISE, "kernels { depthwise: FAST }", (1, 16 + 9)),
    (_DEPTHWISE, "kernels { depthwise: PLAIN }", (1, 16)),
]


@pytest.mark.parametrize(("text", "counts"), parameters(_BACKBONE_ROWS))
def test_kernels_of_convolutions(text: str, counts: tuple[int, int]) -> None:
    operations = _of_backbone(text)
    assert (operations.count("Conv2D"), operations.count("DepthwiseConv2dNativeBackpropFilter")) == counts


@_DEPTHWISE
@pytest.mark.parametrize(("form", "count"), [("PLAIN", 1), ("FAST", 2)])
def test_separable_convolutions_choose_each_of_their_halves(form: str, count: int) -> None:
    text = f"kernels {{ pointwise: PLAIN depthwise: {form} }}"
    with choosing(training_kernels(config(CONFIG, *train(text)).proto.train_config)):
        layer = separable_conv2d(2, 3, 5, depthwise=KernelSettings(), pointwise=KernelSettings(), name="conv")
    operations = _gradient_operations(layer, (1, 8, 8, 2))
    assert operations.count("DepthwiseConv2dNativeBackpropFilter") == count
    assert operations.count("Conv2D") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "fast kernels: silu, pointwise, depthwise, focal"),
        ("kernels { silu: PLAIN focal: PLAIN }", "fast kernels: pointwise, depthwise"),
        ("kernels { silu: PLAIN pointwise: PLAIN depthwise: PLAIN focal: PLAIN }", "TensorFlow's kernels"),
    ],
)
def test_the_choice_in_words(text: str, expected: str) -> None:
    assert kernels_in_words(config(CONFIG, *train(text)).proto.train_config) == expected


# A cell of the pyramid has eight nodes, each with one activation.
@_SILU
@pytest.mark.parametrize(("form", "count"), [("AUTO", 8), ("FAST", 8), ("PLAIN", 0)])
def test_kernel_of_the_activation(form: str, count: int) -> None:
    fpn = build_training_model(config(CONFIG, SIZE, _SWISH, *train("seed: 1", f"kernels {{ silu: {form} }}"))).fpn

    assert fpn is not None

    def pyramid(x: tf.Tensor) -> Any:
        sizes = (8, 40), (4, 112), (2, 320)
        return fpn([tf.ones([1, side, side, width]) * tf.reduce_sum(x) for side, width in sizes], training=True)

    assert _gradient_operations(pyramid, (1,)).count("PartitionedCall") == count


# B0 has an activation behind its stem, behind 15 expansions, 16 depthwise convolutions and 16 squeezes. Of an input of
# 128 pixels, the first five blocks project enough of them for gates to go into the kernel, with two gradients.
@_SILU
@_POINTWISE
@pytest.mark.parametrize(
    ("kernels", "compiled", "batched"),
    [("", 48, 3 * 5), ("kernels { silu: PLAIN }", 0, 3 * 5), ("kernels { pointwise: PLAIN }", 48, 0)],
)
def test_kernels_of_squeeze_and_excite(kernels: str, compiled: int, batched: int) -> None:
    b0 = 'model { ssd { feature_extractor { type: "ssd_efficientnet-b0_bifpn_keras" } } }'
    backbone = build_training_model(config(CONFIG, SIZE, b0, *train("seed: 1", kernels))).backbone
    operations = _gradient_operations(lambda x: backbone(x, training=True, seed=tf.constant([1, 2])), (1, 128, 128, 3))
    assert operations.count("PartitionedCall") == compiled
    assert operations.count("BatchMatMulV2") == batched


@_SILU
def test_what_others_evaluate_and_export_is_not_compiled_by_xla() -> None:
    b0 = 'model { ssd { feature_extractor { type: "ssd_efficientnet-b0_bifpn_keras" } } }'
    model = build_model(config(CONFIG, SIZE, b0, *train("seed: 1")))
    graph = tf.function(lambda x: model(x, training=False)).get_concrete_function(tf.TensorSpec([1, 64, 64, 3])).graph
    assert not graph.as_graph_def().library.function


# What the fast form compiles is the value and the slope of all logits. The plain form takes exponentials: of all logits
# as negatives, and of those of positives as both.
@_FOCAL
@pytest.mark.parametrize(("form", "count"), [("AUTO", 2), ("FAST", 2), ("PLAIN", 0)])
def test_kernel_of_the_focal_loss(form: str, count: int) -> None:
    text = f"kernels {{ focal: {form} }}"
    loss = build_loss(config(CONFIG, SIZE, *train("seed: 1", text)), np.zeros([5, 4], np.float32), (64, 64))

    def of_logits(logits: tf.Tensor) -> tf.Tensor:
        return loss.classification(logits, tf.constant([[0, -1, 2, -1, -1]]), tf.ones([1, 5]))

    assert _gradient_operations(of_logits, (1, 5, 3)).count("PartitionedCall") == count


@_POINTWISE
def test_other_models_have_the_plain_kernels() -> None:
    backbone = build_model(config(CONFIG, SIZE, *train("seed: 1 kernels { pointwise: FAST }"))).backbone
    assert _gradient_operations(lambda x: backbone(x), (1, 64, 64, 3)).count("Conv2D") == 1 + 15 + 16
