# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""How the gradients of a tensor that is used often are added."""

from __future__ import annotations

import tensorflow as tf

from efficientdet.ops.uses import each_use, fan_out


def test_the_gradients_of_all_uses_are_added_two_by_two_from_the_last() -> None:
    @tf.function(autograph=False, input_signature=[tf.TensorSpec([])])
    def gradient(value: tf.Tensor) -> tf.Tensor:
        uses = each_use(value)
        return tf.gradients([next(uses) * factor for factor in (1.0, 2.0**-24, 2.0**-24)], value)[0]

    graph = gradient.get_concrete_function().graph
    assert [len(op.inputs) for op in graph.get_operations() if op.type == "AddN"] == [2, 2]
    # Added to 1 one by one, both small ones would be lost: 1 + 2^-24 is halfway to the next number, and rounded to 1.
    assert float(gradient(tf.constant(5.0))) == 1 + 2.0**-23


def test_a_use_that_is_never_made_changes_nothing() -> None:
    with tf.GradientTape() as tape:
        value = tf.constant(3.0)
        tape.watch(value)
        uses = each_use(value)
        product = next(uses) * next(uses)
        next(uses)
    assert float(product) == 9
    assert float(tape.gradient(product, value)) == 6


def test_the_gradients_of_a_fan_out_are_added_in_one_order() -> None:
    # In float32, 1e8 + 1 is 1e8: the sum from the last use to the first is 1, any other start makes it 0.
    factors = [1.0, -1e8, 1e8]

    @tf.function(autograph=False)
    def gradient(value: tf.Tensor) -> tf.Tensor:
        return tf.gradients([x * factor for x, factor in zip(fan_out(value, 3), factors, strict=True)], value)

    for _ in range(3):
        assert float(gradient(tf.constant(2.0))[0]) == 1.0
    (alone,) = fan_out(tf.constant(3.0), 1)
    assert float(alone) == 3.0
