# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The factor on the loss: when it doubles, when it is halved, and what an overflow leaves."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.errors import TrainingError
from efficientdet.training.loss_scale import DynamicLossScale
from efficientdet.training.step_fault import StepFault
from efficientdet.training.trainer import TrainerSettings
from efficientdet.types import Predictions, Targets

from . import stubs

_SCALED = TrainerSettings(scale_losses=True, average_decay=0.9)


def _guarded(scale: DynamicLossScale, *norms: float) -> list[tuple[float, int]]:
    """The factor and the good steps after each norm."""
    history = []
    for norm in norms:
        scale.guard(tf.constant(norm), lambda: None, lambda: None)
        history.append((float(scale.scale), int(scale.good_steps)))
    return history


def test_the_factor_doubles_after_good_steps_in_a_row_and_is_halved_by_an_overflow() -> None:
    history = _guarded(DynamicLossScale(8.0, growth_steps=2), 1.0, 0.0, 3.0, np.inf, 1.0, np.nan, 1.0, 1.0)
    assert history == [(8, 1), (16, 0), (16, 1), (8, 0), (8, 1), (4, 0), (4, 1), (8, 0)]


def test_it_is_exhausted_below_one() -> None:
    scale = DynamicLossScale(2.0)
    exhausted = [scale.is_exhausted]
    for _ in range(2):
        _guarded(scale, np.inf)
        exhausted.append(scale.is_exhausted)
    assert exhausted == [False, False, True]


def test_gradients_come_back_to_the_bit() -> None:
    scale = DynamicLossScale()
    weights = tf.Variable([0.3, -7.1])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(weights**3)
        scaled = scale.scaled(loss)
    gradient, none = scale.unscaled([tape.gradient(scaled, weights), None])
    np.testing.assert_array_equal(gradient, 3.0 * weights.numpy() ** 2)
    assert none is None


def test_an_overflow_leaves_the_weights_and_counts_as_a_step() -> None:
    trainer = stubs.make_trainer(settings=_SCALED, loss=_SteepLoss(3.0))
    before = [variable.numpy() for variable in trainer.model.trainable_variables]
    trainer.train_step()  # 2^15 times a slope of 2e34 is more than float32 can hold, which ends at 3.4e38
    assert (trainer.step, float(trainer.loss_scale.scale)) == (1, 2.0**14)
    assert not np.isfinite(trainer.gradient_norm)
    with trainer.averaged_weights():
        for one, other in zip(before, trainer.model.trainable_variables, strict=True):
            np.testing.assert_array_equal(one, other.numpy())


def test_a_step_fault_is_left_for_what_no_factor_mends() -> None:
    trainer = stubs.make_trainer(settings=_SCALED, loss=_SteepLoss(np.inf))
    for _ in range(15):
        trainer.train_step()
    assert float(trainer.loss_scale.scale) == 1.0
    with pytest.raises(StepFault, match=r"the gradients of the losses \(norm nan\) are not finite at step 16") as fault:
        trainer.train_step()
    assert fault.value.kind == "gradient"


def test_a_loss_that_is_not_finite_is_a_fault_at_once() -> None:
    trainer = stubs.make_trainer(settings=_SCALED, poisoned_step=1)
    with pytest.raises(TrainingError, match="the loss is not finite at step 1"):
        trainer.train_step()


def test_scaled_steps_are_those_without_to_the_bit() -> None:
    scaled, plain = (stubs.make_trainer(settings=TrainerSettings(scale_losses=on)) for on in (True, False))
    for _ in range(3):
        assert scaled.train_step() == plain.train_step()
    for one, other in zip(stubs.weights(scaled), stubs.weights(plain), strict=True):
        np.testing.assert_array_equal(one, other)


def test_float16_layers_train() -> None:
    before = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        model = _HalfModel(noise=0.0)
    finally:
        keras.mixed_precision.set_global_policy(before)
    halves, singles = (
        stubs.make_trainer(
            model=each, loss=_GentleLoss(), settings=_SCALED, dataset_fn=stubs.always(stubs.make_batch(0))
        )
        for each in (model, stubs.TinyModel(noise=0.0))
    )
    assert halves.model.stem.kernel.dtype == tf.float32
    # The largest gradient is 2.8: more than float16 can hold once it is multiplied by 2^15, and less than after 2^14.
    first = halves.train_step().total
    assert (halves.step, float(halves.loss_scale.scale)) == (1, 2.0**14)
    losses = [(halves.train_step().total, singles.train_step().total) for _ in range(8)]
    np.testing.assert_allclose(*zip(*losses, strict=True), rtol=0.002)
    assert losses[0][0] == first > 5 * losses[-1][0]
    assert float(halves.loss_scale.scale) == 2.0**14


class _HalfModel(stubs.TinyModel):
    """Computes in float16, and hands out float32."""

    def call(self, inputs: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None) -> Predictions:
        predictions = super().call(inputs, training=training, seed=seed)
        return Predictions(*(tf.cast(each, tf.float32) for each in predictions))


class _GentleLoss(stubs.SquaredLoss):
    """Squared errors of less weight, so that the largest gradient is far from what float16 can hold at any scale."""

    def __call__(
        self, predictions: Predictions, targets: Targets, normalizer: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        boxes, classes = super().__call__(predictions, targets, normalizer)
        return 0.7 * boxes, 0.7 * classes


class _SteepLoss(stubs.SquaredLoss):
    """A finite loss whose slopes are `steepness` times 1e34, or not finite."""

    def __init__(self, steepness: float) -> None:
        self._steepness = steepness

    def __call__(
        self, predictions: Predictions, targets: Targets, normalizer: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        return _steep(tf.reduce_sum(predictions.box_codes), self._steepness), tf.zeros([])


def _steep(value: tf.Tensor, steepness: float) -> tf.Tensor:
    @tf.custom_gradient
    def zero(inner: tf.Tensor) -> tuple[tf.Tensor, object]:
        return tf.zeros_like(inner), lambda upstream: upstream * steepness * 1e34

    return zero(value)
