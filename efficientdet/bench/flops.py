# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How many floating-point operations a graph asks for: those of its convolutions and products of matrices."""

from __future__ import annotations

import math
from collections.abc import Callable

import tensorflow as tf
import tf_keras as keras

_BACKWARD_AND_FORWARD = 3  # a gradient of the inputs and one of the filters, each as much work as the way forward


def forward_flops(model: keras.Model, shape: tuple[int, int, int, int]) -> int:
    """The work of one way forward, in inference.

    Args:
      model: a detection model.
      shape: [B, H, W, 3] of its inputs.
    """
    call = tf.autograph.experimental.do_not_convert(lambda inputs: model(inputs, training=False))
    spec = tf.TensorSpec(shape, tf.float32)
    return graph_flops(tf.function(call, input_signature=[spec], autograph=False).get_concrete_function().graph)


def training_flops(model: keras.Model, shape: tuple[int, int, int, int]) -> int:
    """The work of a training step, without what a recomputation adds; arguments as of `forward_flops`."""
    return _BACKWARD_AND_FORWARD * forward_flops(model, shape)


def graph_flops(graph: tf.Graph) -> int:
    """Two for each multiplication and addition of the convolutions and matrix products of a graph.

    Args:
      graph: whose shapes are known; functions that it calls are not looked into.

    Raises:
      ValueError: an operation has no known shape, or there is not one to count.
    """
    counted = [(op, _COUNTS[op.type](op)) for op in graph.get_operations() if op.type in _COUNTS]
    for op, flops in counted:
        if flops is None:
            raise ValueError(f"the shape of {op.name} ({op.type}) is not known")
    if not counted:
        raise ValueError("the graph has no convolution and no matrix product")
    return sum(flops or 0 for _, flops in counted)


def _convolution(op: tf.Operation) -> int | None:
    """Each value of the output is a sum over a window and all input channels of its group."""
    height, width, depth, _ = op.inputs[1].shape
    return _product(2, op.outputs[0].shape.num_elements(), height, width, depth)


def _depthwise(op: tf.Operation) -> int | None:
    height, width, _, _ = op.inputs[1].shape
    return _product(2, op.outputs[0].shape.num_elements(), height, width)


def _matrix_product(op: tf.Operation) -> int | None:
    transposed = "transpose_a" if op.type == "MatMul" else "adj_x"
    shape = op.inputs[0].shape
    return _product(2, op.outputs[0].shape.num_elements(), shape[-2 if op.get_attr(transposed) else -1])


def _product(*factors: int | None) -> int | None:
    return None if None in factors else math.prod(factor for factor in factors if factor is not None)


_COUNTS: dict[str, Callable[[tf.Operation], int | None]] = {
    "Conv2D": _convolution,
    "DepthwiseConv2dNative": _depthwise,
    "MatMul": _matrix_product,
    "BatchMatMulV2": _matrix_product,
}
