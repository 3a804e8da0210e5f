# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The whole network: names, paths, modes, and what tracing it costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from efficientdet.modeling.detection_model import DetectionModel
from efficientdet.modeling.efficientdet import build_published


@pytest.fixture(scope="module")
def lite0() -> DetectionModel:
    return build_published("lite0", num_classes=4)


def test_anchor_counts(lite0: DetectionModel) -> None:
    predictions = lite0(tf.zeros([1, 320, 320, 3]))
    anchors = 9 * sum(size**2 for size in (40, 20, 10, 5, 3))
    assert predictions.class_logits.shape == (1, anchors, 4)
    assert predictions.box_codes.shape == (1, anchors, 4)
    wide = lite0(tf.zeros([2, 64, 96, 3]))
    assert wide.class_logits.shape == (2, 9 * (8 * 12 + 4 * 6 + 2 * 3 + 1 * 2 + 1 * 1), 4)


def test_names_are_unique_and_initial_values_repeat(lite0: DetectionModel) -> None:
    names = [variable.name for variable in lite0.weights]
    assert len(set(names)) == len(names)
    again = build_published("lite0", num_classes=4)
    assert [variable.name for variable in again.weights] == names
    for one, other in zip(lite0.weights, again.weights, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=one.name)
    with_more_classes = build_published("lite0", num_classes=5)
    np.testing.assert_array_equal(with_more_classes.fpn.weights[0], lite0.fpn.weights[0])


def test_class_scores_start_near_one_percent(lite0: DetectionModel) -> None:
    images = tf.random.stateless_normal([1, 128, 128, 3], [1, 2])
    scores = tf.sigmoid(lite0(images, training=True, seed=tf.constant([3, 4])).class_logits)
    assert 0.005 < np.mean(scores) < 0.02


def test_inference_changes_nothing_and_ignores_the_seed(lite0: DetectionModel) -> None:
    images = tf.random.stateless_normal([2, 64, 64, 3], [1, 2])
    before = [variable.numpy() for variable in lite0.non_trainable_weights]
    one = lite0(images).class_logits
    np.testing.assert_array_equal(lite0(images, seed=tf.constant([5, 6])).class_logits, one)
    for value, variable in zip(before, lite0.non_trainable_weights, strict=True):
        np.testing.assert_array_equal(value, variable)
    # Pictures of a batch do not see each other.
    np.testing.assert_allclose(lite0(images[1:]).class_logits[0], one[1], atol=1e-4)


def test_tracing_creates_no_variables_and_converts_nothing(lite0: DetectionModel) -> None:
    count = len(lite0.variables)
    function = tf.function(lambda images, seed: lite0(images, training=True, seed=seed))  # autograph on, as on export
    spec = (tf.TensorSpec([None, 64, 64, 3]), tf.TensorSpec([2], tf.int32))
    graph = function.get_concrete_function(*spec).graph
    assert len(lite0.variables) == count
    assert function.experimental_get_tracing_count() == 1
    assert not {"If", "StatelessIf", "While", "PyFunc"} & {op.type for op in graph.get_operations()}
    kinds = [op.type for op in graph.get_operations()]
    assert kinds.count("StatelessRandomUniformV2") == 1


def test_regularization_is_the_sum_of_the_l2_terms(lite0: DetectionModel) -> None:
    without = build_published("lite0", num_classes=4, l2_weight=0.0)
    part = sum(
        2e-5 * float(tf.reduce_sum(v**2))
        for v in lite0.trainable_weights
        if (v.name.startswith("fpn") and "kernel" in v.name)
        or (v.name.startswith("heads") and "depthwise" in v.name and "final" not in v.name)
    )
    difference = float(lite0.regularization_loss() - without.regularization_loss())
    assert difference == pytest.approx(part, rel=1e-4)
    backbone = sum(
        5e-6 * float(tf.reduce_sum(v**2)) for v in without.backbone.trainable_weights if v.name.endswith("/kernel:0")
    )
    assert float(without.regularization_loss()) == pytest.approx(backbone, rel=1e-4)


def test_checkpoint_paths_are_attribute_paths(lite0: DetectionModel, tmp_path: Path) -> None:
    path = tf.train.Checkpoint(model=lite0).write(str(tmp_path / "ckpt"))
    keys = {name.removesuffix("/.ATTRIBUTES/VARIABLE_VALUE") for name, _ in tf.train.list_variables(path)}
    assert {
        "model/backbone/stem/kernel",
        "model/backbone/blocks/3/expand_norm/moving_mean",
        "model/fpn/extra/0/conv/bias",
        "model/fpn/nodes/3/resamples/0/norm/gamma",
        "model/fpn/nodes/23/conv/pointwise_kernel",
        "model/heads/boxes/convs/2/depthwise_kernel",
        "model/heads/classes/norms/4/0/beta",
        "model/heads/classes/final/bias",
    } < keys
    assert len(keys) == len(lite0.weights) + 1  # and the graph of objects
    other = build_published("lite0", num_classes=4, seed=7)
    assert np.abs(other.backbone.stem.kernel - lite0.backbone.stem.kernel).max() > 1e-3
    tf.train.Checkpoint(model=other).read(path).assert_consumed()
    np.testing.assert_array_equal(other.backbone.stem.kernel, lite0.backbone.stem.kernel)


@pytest.mark.parametrize(("size", "decays"), [pytest.param("d0", False, marks=pytest.mark.slow), ("lite0", True)])
def test_every_variable_has_a_gradient_and_no_more_than_two_are_added_at_once(
    size: str, decays: bool, lite0: DetectionModel
) -> None:
    """Three and more would be added in an order that depends on the threads' timing, see `ops.uses`."""
    model = lite0 if size == "lite0" else build_published(size, num_classes=2)

    @tf.function(autograph=False)
    def gradients(inputs: tf.Tensor, seed: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            predictions = model(inputs, training=True, seed=seed)
            loss = tf.reduce_sum(predictions.class_logits) + tf.reduce_sum(predictions.box_codes)
            loss += model.regularization_loss() if decays else 0.0
        return tape.gradient(loss, model.trainable_variables)

    traced = gradients.get_concrete_function(tf.TensorSpec([1, 128, 128, 3]), tf.TensorSpec([2], tf.int32))
    found = zip(model.trainable_variables, traced.structured_outputs, strict=True)
    assert [variable.name for variable, gradient in found if gradient is None] == []
    sums = [len(op.inputs) for op in traced.graph.get_operations() if op.type == "AddN"]
    assert sums.count(2) > 100
    # The sum of all L2 terms has a hundred inputs; but its gradient is handed to each of them unchanged.
    assert [count for count in sums if count > 2] == ([len(model.losses)] if decays else [])
