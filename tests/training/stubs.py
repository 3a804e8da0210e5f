# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""The smallest detector that trains: a convolution, eight anchors, two classes, batches made from the step's number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tf_keras as keras

from efficientdet.data.input_share import InputShare
from efficientdet.losses import Loss
from efficientdet.modeling.normalizations import BatchNormalization, SynchronizedBatchNormalization
from efficientdet.training import optimizers, schedules
from efficientdet.training.trainer import Trainer, TrainerSettings
from efficientdet.training.variable_rules import VariableRules
from efficientdet.types import Batch, GroundTruth, Predictions, Targets

ANCHORS = 8
CLASSES = 2
SIDE = 4


class TinyModel(keras.Model):
    """A convolution, perhaps a batch normalisation, noise drawn from the seed, and one dense layer per head."""

    def __init__(
        self, *, classes: int = CLASSES, normalized: bool = True, synchronized: bool = False, noise: float = 0.1
    ) -> None:
        super().__init__()
        self.classes = classes
        self.noise = noise

        def initializer(seed: int) -> keras.initializers.Initializer:
            return keras.initializers.RandomNormal(stddev=0.1, seed=seed)

        normalization = SynchronizedBatchNormalization if synchronized else BatchNormalization
        self.stem = keras.layers.Conv2D(
            4, 3, padding="same", kernel_initializer=initializer(1), kernel_regularizer=keras.regularizers.L2(0.01)
        )
        self.norm = normalization() if normalized else None
        self.class_head = keras.layers.Dense(ANCHORS * classes, kernel_initializer=initializer(2))
        self.box_head = keras.layers.Dense(ANCHORS * 4, kernel_initializer=initializer(3))
        self(tf.zeros([1, SIDE, SIDE, 3]))

    def call(self, inputs: tf.Tensor, training: bool = False, seed: tf.Tensor | None = None) -> Predictions:
        features = self.stem(inputs)
        if self.norm is not None:
            features = self.norm(features, training=training)
        if training and self.noise:
            features += self.noise * tf.random.stateless_normal(tf.shape(features), seed)
        features = tf.reshape(features, [-1, SIDE * SIDE * 4])
        return Predictions(
            tf.reshape(self.class_head(features), [-1, ANCHORS, self.classes]),
            tf.reshape(self.box_head(features), [-1, ANCHORS, 4]),
        )

    def regularization_loss(self) -> tf.Tensor:
        return tf.add_n(self.losses)


class SquaredLoss:
    """Squared errors against one-hot classes and codes."""

    def __call__(
        self, predictions: Predictions, targets: Targets, normalizer: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        wanted = tf.one_hot(targets.classes, predictions.class_logits.shape[-1])
        boxes = targets.box_weights[..., None] * (predictions.box_codes - targets.box_codes) ** 2
        classes = targets.class_weights[..., None] * (predictions.class_logits - wanted) ** 2
        return tf.reduce_sum(boxes) / normalizer, tf.reduce_sum(classes) / normalizer

    def num_matched(self, targets: Targets) -> tf.Tensor:
        return tf.reduce_sum(targets.box_weights)

    def normalizer(self, num_matched: tf.Tensor) -> tf.Tensor:
        return tf.maximum(num_matched, 1.0)


def make_batch(step: int, batch_size: int = 4) -> Batch:
    """The batch of a step, the same at each call."""
    random = np.random.default_rng(step)
    matched = random.integers(-1, CLASSES, [batch_size, ANCHORS]).astype(np.int32)
    targets = Targets(
        classes=matched,
        class_weights=np.ones([batch_size, ANCHORS], np.float32),
        box_codes=random.normal(size=[batch_size, ANCHORS, 4]).astype(np.float32),
        box_weights=(matched >= 0).astype(np.float32),
    )
    truth = GroundTruth(
        boxes=np.tile(np.array([0.1, 0.1, 0.9, 0.9], np.float32), [batch_size, 1, 1]),
        classes=np.zeros([batch_size, 1], np.int32),
        weights=np.ones([batch_size, 1], np.float32),
        is_crowd=np.zeros([batch_size, 1], bool),
        is_difficult=np.zeros([batch_size, 1], bool),
        areas=np.ones([batch_size, 1], np.float32),
        count=np.ones([batch_size], np.int32),
    )
    inputs = random.normal(size=[batch_size, SIDE, SIDE, 3]).astype(np.float32)
    sizes = np.full([batch_size, 2], SIDE, np.int32)
    return Batch(inputs, sizes, sizes, np.array([b"picture"] * batch_size), truth, targets)


def make_dataset(
    start_step: int, *, steps: int = 50, batch_size: int = 4, poisoned_step: int | None = None
) -> tf.data.Dataset:
    """The batches from a step on; the inputs of step number `poisoned_step` (from 1) are not numbers."""
    batches = [make_batch(step, batch_size) for step in range(start_step, steps)]
    if poisoned_step is not None and poisoned_step > start_step:
        index = poisoned_step - 1 - start_step
        batches[index] = batches[index]._replace(inputs=batches[index].inputs * np.nan)
    return tf.data.Dataset.from_tensor_slices(tf.nest.map_structure(lambda *leaves: np.stack(leaves), *batches))


DatasetFn = Callable[[int, InputShare], tf.data.Dataset]


def replica_batches(dataset: tf.data.Dataset, share: InputShare) -> tf.data.Dataset:
    """A worker's part of global batches, one replica's at a time."""
    if share.replicas == 1:
        return dataset
    own = share.replicas // share.workers

    def parts(batch: Batch) -> tf.data.Dataset:
        rows = tf.nest.map_structure(lambda t: tf.reshape(t, [share.replicas, -1, *t.shape[1:]]), batch)
        return tf.data.Dataset.from_tensor_slices(rows).skip(share.worker * own).take(own)

    return dataset.flat_map(parts)


def always(batch: Batch) -> DatasetFn:
    """The same batch at each step."""
    return lambda start, share: replica_batches(tf.data.Dataset.from_tensors(batch).repeat(), share)


def make_trainer(
    *,
    model: keras.Model | None = None,
    optimizer: optimizers.Optimizer | None = None,
    strategy: tf.distribute.Strategy | None = None,
    settings: TrainerSettings = TrainerSettings(),  # noqa: B008
    rules: VariableRules | None = None,
    seed: int = 7,
    loss: Loss | None = None,
    dataset_fn: DatasetFn | None = None,
    on_input_error: Callable[[Exception, int], Exception | None] | None = None,
    **dataset_options: int,
) -> Trainer:
    """A trainer of a new tiny model."""
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        model = model or TinyModel()
        optimizer = optimizer or optimizers.momentum(schedules.Constant(0.05), momentum=0.9)
    return Trainer(
        model=model,
        loss=loss or SquaredLoss(),
        optimizer=optimizer,
        dataset_fn=dataset_fn or (lambda start, share: replica_batches(make_dataset(start, **dataset_options), share)),
        strategy=strategy,
        seed=seed,
        settings=settings,
        rules=rules,
        on_input_error=on_input_error,
    )


def weights(trainer: Trainer) -> list[np.ndarray]:
    """All state of a trainer: model, step, slots."""
    return [variable.numpy() for variable in (*trainer.model.variables, *trainer.optimizer.variables())]
