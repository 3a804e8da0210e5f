# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Frozen networks: no variable is left, nothing is lost, and what hides fusions is bypassed."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.errors import ExportError
from efficientdet.export.freezing import bypass_idle, freeze
from efficientdet.types import Predictions
from tests.toy_detector import CLASSES, SIDE, toy_detector, toy_image

_SPEC = tf.TensorSpec([None, SIDE, SIDE, 3], tf.float32)
_POINT = tf.TensorSpec([None, 2], tf.float32)


def test_a_frozen_network_keeps_the_weights_it_had() -> None:
    detector = toy_detector()
    network = freeze(detector.predict, _SPEC)
    inputs = tf.constant(toy_image(SIDE, SIDE)[np.newaxis], tf.float32)
    before = detector.predict(inputs)
    detector.model.cells.kernel.assign(tf.zeros_like(detector.model.cells.kernel))
    after = network.predict(inputs)
    np.testing.assert_allclose(after.class_logits, before.class_logits, rtol=1e-5)
    np.testing.assert_allclose(after.box_codes, before.box_codes, rtol=1e-5)
    assert network.batch_norms == 0
    assert network.num_weights == 8 * 8 * 3 * (CLASSES + 4) + (CLASSES + 4)


def test_its_graph_reads_no_variable_and_keeps_static_shapes() -> None:
    network = freeze(toy_detector().predict, _SPEC)
    function = tf.function(network.predict, input_signature=[_SPEC], autograph=False).get_concrete_function()
    assert not function.variables
    assert function.output_shapes[0].as_list() == [None, 64, CLASSES]


def test_arrays_and_outputs_that_are_bypassed_survive() -> None:
    captured, slope = tf.constant([3.0, 4.0]), tf.Variable(2.0)

    def predict(x: tf.Tensor) -> Predictions:
        return Predictions(1.0 * (x * slope), tf.nn.silu(x + captured))

    x = tf.constant([[1.0, -5.0]])
    network = freeze(predict, _POINT)
    for result, expected in zip(network.predict(x), predict(x), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-6)


def test_a_silu_becomes_a_product_with_its_sigmoid_alone() -> None:
    graph = tf.function(tf.nn.silu).get_concrete_function(_POINT).graph.as_graph_def()
    sources = bypass_idle(graph)
    nodes = {node.name: node for node in graph.node}
    (sigmoid,) = (node for node in graph.node if node.op == "Sigmoid")
    (product,) = (node for node in graph.node if node.op == "Mul" and node.name not in sources)
    assert nodes[sigmoid.input[0]].op == "Placeholder"
    assert sorted(product.input) == sorted([sigmoid.name, sigmoid.input[0]])


@pytest.mark.parametrize("factor", [2.0, [1.0, 1.0], [[[1.0]]]])
def test_other_factors_stay(factor: object) -> None:
    graph = tf.function(lambda x: factor * x).get_concrete_function(_POINT).graph.as_graph_def()
    assert bypass_idle(graph) == {}


def test_chains_are_followed_in_any_order_of_the_nodes() -> None:
    function = tf.function(lambda x: tf.square(1.0 * (1.0 * (1.0 * x)))).get_concrete_function(_POINT)
    graph = function.graph.as_graph_def()
    backwards = tf.compat.v1.GraphDef(node=reversed(graph.node))
    for order in (graph, backwards):
        assert len(bypass_idle(order)) == 3
        (square,) = (node for node in order.node if node.op == "Square")
        assert list(square.input) == ["x"]


def test_a_variable_in_a_function_of_its_own_is_refused() -> None:
    weight = tf.Variable(2.0)
    inner = tf.function(lambda x: x * weight)
    with pytest.raises(ExportError, match=r"hands a variable .* which cannot be frozen: --fold_batch_norms=false"):
        freeze(lambda x: Predictions(inner(x), x), _POINT)
