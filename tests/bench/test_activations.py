# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from efficientdet.bench.activations import kept_bytes


def _graph(forward: Callable[[tf.Tensor, tf.Variable], tf.Tensor]) -> tf.Graph:
    weights = tf.Variable(tf.ones([10, 5]))

    def gradient(inputs: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(forward(inputs, weights))
        return tape.gradient(loss, weights)

    signature = [tf.TensorSpec([4, 10], tf.float32)]
    return tf.function(gradient, input_signature=signature, autograph=False).get_concrete_function().graph


def test_kept_is_what_the_way_back_reads() -> None:
    def forward(inputs: tf.Tensor, weights: tf.Variable) -> tf.Tensor:
        with tf.name_scope("detector/backbone/block_2_0/expand"):
            product = tf.matmul(inputs, weights)  # its gradient reads the inputs, 4 x 10 floats
        with tf.name_scope("detector/heads/classes"):
            return tf.sigmoid(product)  # its gradient reads its result, 4 x 5 floats

    assert kept_bytes(_graph(forward)) == {"inputs and targets": 160, "heads": 80}


def test_stages_of_the_backbone_are_told_apart() -> None:
    def forward(inputs: tf.Tensor, weights: tf.Variable) -> tf.Tensor:
        with tf.name_scope("detector/backbone/stem"):
            stem = tf.sigmoid(tf.matmul(inputs, weights))
        with tf.name_scope("detector/backbone/block_1_0"):
            block = tf.sigmoid(2.0 * stem)
        return tf.square(block)

    assert kept_bytes(_graph(forward)) == {"inputs and targets": 160, "backbone stem": 80, "backbone block 1": 80}


def test_a_tensor_under_another_name_is_counted_once_and_weights_are_not() -> None:
    def forward(inputs: tf.Tensor, weights: tf.Variable) -> tf.Tensor:
        hidden = tf.sigmoid(tf.matmul(inputs, weights))
        again = tf.reshape(tf.identity(hidden), [20])
        return tf.reduce_sum(tf.square(again)) + tf.reduce_sum(tf.square(weights))

    assert kept_bytes(_graph(forward)) == {"inputs and targets": 160, "losses": 80}
