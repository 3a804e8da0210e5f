# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""On which devices a run computes, and how a global batch is shared among them."""

from __future__ import annotations

import logging

import tensorflow as tf

from efficientdet.errors import ConfigError

_logger = logging.getLogger(__name__)


def choose_strategy() -> tf.distribute.Strategy:
    """Returns the strategy for this machine: all visible GPUs in step with each other, or else its one device.

    A single device needs no strategy of its own: TensorFlow's default places everything on it, and costs nothing.
    """
    gpus = tf.config.list_logical_devices("GPU")
    if len(gpus) > 1:
        _logger.info("training on %d GPUs (MirroredStrategy)", len(gpus))
        return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus])
    _logger.info("training on %s", gpus[0].name if gpus else "the CPU")
    return tf.distribute.get_strategy()


def per_replica_batch_size(global_batch_size: int, strategy: tf.distribute.Strategy) -> int:
    """Returns how many images of a batch one replica sees.

    Raises:
      ConfigError: the batch does not divide among the replicas.
    """
    replicas = strategy.num_replicas_in_sync
    if global_batch_size % replicas:
        raise ConfigError(f"batch_size ({global_batch_size}) must be divisible by the {replicas} replicas")
    return global_batch_size // replicas
