# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A network as TensorFlow runs it fastest: batch norms folded into convolutions, constants instead of variables.

TensorFlow joins a convolution, its bias and its activation into one kernel when a function is loaded, and lays constant
kernels out once instead of at every call.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from efficientdet.errors import ExportError
from efficientdet.modeling.folding import folded
from efficientdet.types import Predictions

Predict = Callable[[tf.Tensor], Predictions]


class FrozenNetwork(NamedTuple):
    """A network without variables."""

    predict: Predict  # float32 [B, H, W, 3], normalised and padded -> Predictions
    batch_norms: int  # that were folded; one of the heads' counts for each level
    num_weights: int  # numbers in its constants


def freeze(predict: Predict, inputs: tf.TensorSpec) -> FrozenNetwork:
    """Traces a network once, with the weights that it has now.

    Args:
      predict: the network in inference mode, see `FrozenNetwork`.
      inputs: what it is traced for.

    Returns:
      The frozen network; later changes of the weights do not reach it.

    Raises:
      ExportError: it does more with a variable than to read it, as functions within functions do.
    """
    with folded() as batch_norms:
        function = tf.function(predict, input_signature=[inputs], autograph=False).get_concrete_function()
    graph = function.graph.as_graph_def()
    _replace_captures(graph, function)
    sources = bypass_idle(graph)
    imported = tf.compat.v1.wrap_function(functools.partial(tf.graph_util.import_graph_def, graph, name=""), [])
    names = [_node_input(output.name) for output in function.outputs]
    outputs = [_tensor_name(sources.get(name, name)) for name in names]
    constant = imported.prune(function.inputs[0].name, outputs)
    shapes = [output.shape for output in function.outputs]

    def run(images: tf.Tensor) -> Predictions:
        results = constant(images)
        return Predictions(*(tf.ensure_shape(result, shape) for result, shape in zip(results, shapes, strict=True)))

    return FrozenNetwork(run, len(batch_norms), _num_weights(constant.graph.as_graph_def()))


def bypass_idle(graph: tf.compat.v1.GraphDef) -> dict[str, str]:
    """Lets the users of `1.0 * x`, and of identities that only carry a gradient, use x; in place.

    `tf.nn.silu` has both. TensorFlow drops the product by itself, but only after it has looked for convolutions with a
    silu to join, and missed them: a quarter of D0's time. Of the gradient, a SavedModel would keep a copy.

    Args:
      graph: without functions of its own.

    Returns:
      For each tensor that is without users now, by its name as an input: that of the tensor to take instead.
    """
    ones = {node.name for node in graph.node if node.op == "Const" and _is_one(node.attr["value"].tensor)}
    sources: dict[str, str] = {}
    for node in graph.node:
        if node.op == "Mul" and len(factors := [name for name in node.input if name not in ones]) == 1:
            sources[node.name] = factors[0]
        elif node.op == "IdentityN":
            sources |= {_node_input(f"{node.name}:{k}"): name for k, name in enumerate(node.input)}
    for name in sources:
        while sources[name] in sources:
            sources[name] = sources[sources[name]]
    for node in graph.node:
        node.input[:] = [sources.get(name, name) for name in node.input]
    return sources


def _replace_captures(graph: tf.compat.v1.GraphDef, function: Any) -> None:
    """Puts the values of what a concrete function has captured in the place of reading it."""
    variables = {id(variable.handle): variable for variable in function.variables}
    captured = function.captured_inputs
    placeholders = [tensor.op.name for tensor in function.inputs[len(function.inputs) - len(captured) :]]
    values = {
        name: variables.get(id(source), source).numpy() for name, source in zip(placeholders, captured, strict=True)
    }
    resources = {name for name, source in zip(placeholders, captured, strict=True) if source.dtype == tf.resource}
    for node in graph.node:
        if node.op == "ReadVariableOp" and node.input[0] in values:
            _become_constant(node, values[node.input[0]])
        elif node.name in values and node.name not in resources:
            _become_constant(node, values[node.name])
        elif reads := resources.intersection(node.input):
            raise ExportError(
                f"the network hands a variable ({sorted(reads)[0]}) to {node.op} ({node.name}), which cannot be "
                "frozen: --fold_batch_norms=false exports the network as it is"
            )


def _become_constant(node: tf.compat.v1.NodeDef, value: np.ndarray) -> None:
    tensor = tf.make_tensor_proto(value)
    name = node.name
    node.Clear()
    node.name, node.op = name, "Const"
    node.attr["dtype"].type = tensor.dtype
    node.attr["value"].tensor.CopyFrom(tensor)


def _is_one(value: tf.compat.v1.TensorProto) -> bool:
    """Whether it is the scalar 1, which broadcasts to every shape; float types only."""
    return not value.tensor_shape.dim and tf.as_dtype(value.dtype).is_floating and tf.make_ndarray(value) == 1


def _node_input(tensor_name: str) -> str:
    """The tensor "name:0" as an input of a node: "name"."""
    return tensor_name.removesuffix(":0")


def _tensor_name(node_input: str) -> str:
    return node_input if ":" in node_input else f"{node_input}:0"


def _num_weights(graph: tf.compat.v1.GraphDef) -> int:
    constants = [node.attr["value"].tensor for node in graph.node if node.op == "Const"]
    shapes = [tf.TensorShape(value.tensor_shape) for value in constants if tf.as_dtype(value.dtype).is_floating]
    return sum(shape.num_elements() for shape in shapes)
