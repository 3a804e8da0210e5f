# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Normalisations of Keras, and what of theirs is done in another way here; `layers.normalization` chooses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf
import tf_keras as keras

from efficientdet.modeling.recomputation import computes_again


class _StoredStatistics(keras.layers.BatchNormalization):
    """Batch normalisation whose moving statistics stand, outside of replicas, for those of this process's first one.

    Keras's own stand for the mean over all replicas there: each read is an exchange between workers, and a save, which
    reads hundreds of them, takes many seconds. `training.moving_statistics` gives all replicas one value, in one
    exchange, before anybody reads them.
    """

    def add_weight(self, *args: Any, **kwargs: Any) -> tf.Variable:
        """Adds a weight as Keras does."""
        if kwargs.get("synchronization") == tf.VariableSynchronization.ON_READ:
            kwargs["aggregation"] = tf.VariableAggregation.ONLY_FIRST_REPLICA
        return super().add_weight(*args, **kwargs)


class BatchNormalization(_StoredStatistics):
    """Batch normalisation whose moving statistics follow a batch once, also where it is computed again."""

    def add_update(self, updates: Sequence[Callable[[], tf.Tensor]] | Callable[[], tf.Tensor]) -> None:
        """Does the updates of the moving statistics, unless the first computation did."""
        if not computes_again():
            super().add_update(updates)


class SynchronizedBatchNormalization(BatchNormalization):
    """Batch normalisation over the pictures of all replicas, with the moving statistics that one replica would have.

    Keras's own takes the variance of the batch for that of what the batch is drawn from, where the fused kernel of one
    replica corrects it by n / (n - 1) in the moving variance.
    """

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[B, H, W, channels] -> the same shape and type; in replica context where it trains."""
        if not (training and self.trainable):
            return super().call(inputs, training=False)
        x = tf.cast(inputs, tf.float32)
        axes = list(range(x.shape.rank - 1))
        count = tf.cast(tf.size(x) // x.shape[-1], tf.float32)
        own = tf.concat([tf.reduce_sum(x, axes), tf.reduce_sum(tf.square(x), axes), count[tf.newaxis]], 0)
        # In one exchange: all-reduces of several small tensors cost as much each.
        sums = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, own)
        channels = x.shape[-1]
        total, total_square, count = tf.split(sums, [channels, channels, 1])
        mean = total / count
        variance = tf.maximum(total_square / count - tf.square(mean), 0.0)  # rounding may leave it below 0
        of_source = tf.stop_gradient(variance * count / tf.maximum(count - 1.0, 1.0))
        self.add_update(lambda: self._assign_moving_average(self.moving_mean, mean, self.momentum, None))
        self.add_update(lambda: self._assign_moving_average(self.moving_variance, of_source, self.momentum, None))
        y = tf.nn.batch_normalization(x, mean, variance, self.beta, self.gamma, self.epsilon)
        return tf.cast(y, inputs.dtype)


class FrozenBatchNormalization(_StoredStatistics):
    """Batch normalisation that trains as it infers: by the moving statistics, which stay; gamma and beta learn."""

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[..., channels] -> the same shape, whatever `training` says."""
        del training
        return super().call(inputs, training=False)


class GroupNormalization(keras.layers.GroupNormalization):
    """Group normalisation with the call of a batch normalisation, and no tensor of more than two uses: see `ops.uses`.

    It computes in float32, and returns what type it is given.

    Reference: Wu & He 2018 (arXiv:1803.08494).
    """

    def __init__(self, groups: int, *, epsilon: float, name: str) -> None:
        """Sets the number of groups and what is added to variances."""
        super().__init__(groups, epsilon=epsilon, name=name, dtype="float32", autocast=False)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[B, ..., channels] -> the same shape, whatever `training` says."""
        del training
        shape = tf.shape(inputs)
        x = tf.cast(inputs, tf.float32)
        grouped = tf.reshape(x, [shape[0], -1, self.groups, inputs.shape[-1] // self.groups])
        centered = grouped - tf.reduce_mean(grouped, [1, 3], keepdims=True)
        variance = tf.reduce_mean(tf.square(centered), [1, 3], keepdims=True)
        x = tf.reshape(centered * tf.math.rsqrt(variance + self.epsilon), shape) * self.gamma + self.beta
        return tf.cast(x, inputs.dtype)
