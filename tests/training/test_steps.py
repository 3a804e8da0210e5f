# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""A step in parts against a step at once, and what a step is made of when all is off."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from efficientdet.training import optimizers, schedules
from efficientdet.training.optimizers import Clipping
from efficientdet.training.trainer import Trainer, TrainerSettings
from efficientdet.training.variable_rules import VariableRules, trainable_by_path
from efficientdet.types import Losses, Predictions, Targets

from . import stubs

_BATCH = 8


def _trainer(settings: TrainerSettings, **options: Any) -> Trainer:
    """Of a model without noise whose batch norm is frozen, with a batch that divides into four parts."""
    model = stubs.TinyModel(noise=0.0)
    model.norm.trainable = False
    return stubs.make_trainer(model=model, settings=settings, batch_size=_BATCH, **options)


@pytest.mark.parametrize(
    "settings",
    [
        TrainerSettings(regularize=False),
        TrainerSettings(Clipping(value=0.02, tensor_norm=0.2), average_decay=0.9),
        TrainerSettings(Clipping(norm=0.5), average_decay=0.9, watch_gradients=True, scale_losses=True),
    ],
)
def test_parts_add_up_to_the_batch(settings: TrainerSettings) -> None:
    whole, parted = _trainer(settings), _trainer(settings._replace(parts=4))
    for _ in range(20):
        np.testing.assert_allclose(parted.train_step(), whole.train_step(), rtol=1e-5)
        assert parted.step == whole.step
        assert parted.gradient_norm == (whole.gradient_norm and pytest.approx(whole.gradient_norm, rel=1e-4))
    for one, other in zip(stubs.weights(parted), stubs.weights(whole), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_a_step_in_parts_repeats_bit_by_bit_and_is_traced_once() -> None:
    runs = [stubs.make_trainer(settings=TrainerSettings(parts=2)) for _ in range(2)]
    losses = [[trainer.train_step() for _ in range(3)] for trainer in runs]
    assert losses[0] == losses[1]
    for one, other in zip(*map(stubs.weights, runs), strict=True):
        np.testing.assert_array_equal(one, other)
    step = runs[0]._step
    assert [traced.experimental_get_tracing_count() for traced in (step.accumulate, step.apply)] == [1, 1]
    sums = [op for op in _graph(step.accumulate, tf.constant(0)).get_operations() if op.type == "AddN"]
    assert all(len(op.inputs) == 2 for op in sums)


def test_batch_norm_sees_a_part_at_a_time() -> None:
    # The moving mean keeps .99 of what it was and .01 of a part's mean, part after part.
    trainer = stubs.make_trainer(model=stubs.TinyModel(noise=0.0), settings=TrainerSettings(parts=2))
    features = trainer.model.stem(stubs.make_batch(0).inputs).numpy()
    mean = np.zeros(4)
    for part in (features[:2], features[2:]):
        mean = 0.99 * mean + 0.01 * part.mean((0, 1, 2))
    trainer.train_step()
    np.testing.assert_allclose(trainer.model.norm.moving_mean.numpy(), mean, rtol=1e-4, atol=1e-7)


def test_each_part_draws_for_itself() -> None:
    class Drawing(stubs.TinyModel):
        def __init__(self) -> None:
            super().__init__(normalized=False, noise=0.0)
            self.drawn = tf.Variable(tf.zeros([0]), shape=[None], trainable=False)

        def call(self, inputs: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None) -> Predictions:
            if training:
                self.drawn.assign(tf.concat([self.drawn, tf.random.stateless_uniform([1], seed)], 0))
            return super().call(inputs)

    trainer = stubs.make_trainer(model=Drawing(), settings=TrainerSettings(parts=4))
    trainer.train(2)
    assert len(set(trainer.model.drawn.numpy())) == 8


def test_the_sums_of_a_step_that_was_never_finished_are_forgotten() -> None:
    settings = TrainerSettings(parts=2)
    interrupted, straight = _trainer(settings), _trainer(settings)
    for trainer in (interrupted, straight):
        trainer.train_step()
    batch = stubs.make_batch(7, _BATCH)
    interrupted._step.accumulate(*_tensors(batch.inputs, batch.targets), tf.constant(0))
    assert interrupted.train_step() == straight.train_step()


def test_a_variable_that_no_gradient_reaches_stays_as_it_is() -> None:
    class Spare(stubs.TinyModel):
        def __init__(self) -> None:
            super().__init__(noise=0.0)
            self.spare = tf.Variable([1.0], name="spare")
            self.decaying = tf.Variable([1.0], name="decaying")

        def regularization_loss(self) -> tf.Tensor:
            return tf.reduce_sum(self.decaying)

    trainers = [stubs.make_trainer(model=Spare(), settings=TrainerSettings(parts=parts)) for parts in (1, 2)]
    for trainer in trainers:
        trainer.train_step()
        # The rate of .05 times a slope of 1, which only the regularisation has.
        assert (trainer.model.spare.numpy(), trainer.model.decaying.numpy()) == (1.0, pytest.approx(0.95))


def test_a_look_leaves_no_trace_and_sees_what_the_step_sees() -> None:
    settings = TrainerSettings(watch_gradients=True)
    looked, straight = stubs.make_trainer(settings=settings), stubs.make_trainer(settings=settings)
    batch = stubs.make_batch(0)

    @tf.function(autograph=False)
    def look() -> tuple[Losses, tf.Tensor]:
        losses, gradients = looked.replica_gradients(*_tensors(batch.inputs, batch.targets))
        return losses, tf.linalg.global_norm(gradients)

    before = stubs.weights(looked)
    losses, norm = look()
    for one, other in zip(before, stubs.weights(looked), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(losses, straight.train_step(), rtol=1e-6)
    assert float(norm) == pytest.approx(straight.gradient_norm)


def _tensors(inputs: np.ndarray, targets: Targets) -> tuple[tf.Tensor, Targets]:
    return tf.nest.map_structure(tf.constant, (inputs, targets))


def _graph(function: Any, *more: Any) -> tf.Graph:
    batch = stubs.make_batch(0)
    return function.get_concrete_function(*_tensors(batch.inputs, batch.targets), *more).graph


def _kinds(graph: tf.Graph) -> Counter[str]:
    return Counter(op.type for op in graph.get_operations())


def _bare_step(model: keras.Model, optimizer: optimizers.Optimizer, clipping_norm: float) -> Any:
    """A step with nothing else in it, written down once more."""
    loss, variables = stubs.SquaredLoss(), model.trainable_variables
    start = tf.constant([7, 0])

    def replica(inputs: tf.Tensor, targets: Targets) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        fold_in = tf.random.experimental.stateless_fold_in
        seed = fold_in(fold_in(start, optimizer.iterations), context.replica_id_in_sync_group)
        matched = context.all_reduce(tf.distribute.ReduceOp.SUM, loss.num_matched(targets))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            predictions = model(inputs, training=True, seed=seed)
            localization, classification = loss(predictions, targets, loss.normalizer(matched))
            regularization = model.regularization_loss() / context.num_replicas_in_sync
            total = localization + classification + regularization
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, tape.gradient(total, variables))
        if clipping_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, clipping_norm)
        optimizer.apply_gradients(zip(gradients, variables, strict=True), experimental_aggregate_gradients=False)
        return tf.stack([localization, classification, regularization, total])

    @tf.autograph.experimental.do_not_convert
    def step(inputs: tf.Tensor, targets: Targets) -> tf.Tensor:
        strategy = tf.distribute.get_strategy()
        losses = strategy.run(replica, args=(inputs, targets))
        return strategy.reduce(tf.distribute.ReduceOp.SUM, losses, axis=None)

    return tf.function(step, autograph=False)


@pytest.mark.parametrize("clipping_norm", [0.0, 1.0])
def test_what_is_off_adds_no_operation(clipping_norm: float) -> None:
    trainer = stubs.make_trainer(settings=TrainerSettings(Clipping(norm=clipping_norm)))
    bare = _kinds(_graph(_bare_step(trainer.model, trainer.optimizer, clipping_norm)))
    if clipping_norm:  # TensorFlow's own clipping has an identity behind each product
        bare["Identity"] -= len(trainer.model.trainable_variables)
    assert _kinds(_graph(trainer._step.compiled)) == bare


def test_watching_gradients_that_are_clipped_adds_one_output() -> None:
    kinds = []
    for watch in (False, True):
        settings = TrainerSettings(Clipping(norm=1.0), watch_gradients=watch)
        kinds.append(_kinds(_graph(stubs.make_trainer(settings=settings)._step.compiled)))
    assert kinds[1] - kinds[0] == Counter(Identity=1)
    assert not kinds[0] - kinds[1]


def test_the_norm_is_that_before_clipping_of_what_is_trained() -> None:
    # A model whose only trained variable is its own loss, twice: the slope is 2 in each of four places.
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.kernel = tf.Variable([1.0, 2.0, 3.0, 4.0])
            self.frozen = tf.Variable([1.0])

        def call(self, inputs: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None) -> Predictions:
            return Predictions(self.kernel, self.frozen)

        def regularization_loss(self) -> tf.Tensor:
            return 2.0 * tf.reduce_sum(self.kernel) + 100.0 * tf.reduce_sum(self.frozen)

    class NoLoss(stubs.SquaredLoss):
        def __call__(
            self, predictions: Predictions, targets: Targets, normalizer: tf.Tensor
        ) -> tuple[tf.Tensor, tf.Tensor]:
            return tf.zeros([]), tf.zeros([])

    for clipping in (Clipping(), Clipping(norm=1.0), Clipping(value=0.5, tensor_norm=0.1, norm=0.01)):
        model = Own()
        trainer = stubs.make_trainer(
            model=model,
            loss=NoLoss(),
            optimizer=optimizers.momentum(schedules.Constant(1.0), momentum=0.0),
            rules=VariableRules(trainable_by_path(model), frozen={"frozen"}),
            settings=TrainerSettings(clipping, watch_gradients=True),
        )
        trainer.train_step()
        assert trainer.gradient_norm == pytest.approx(4.0)
    assert stubs.make_trainer().gradient_norm is None
