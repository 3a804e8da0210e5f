# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""On which devices a run computes."""

from __future__ import annotations

import logging

import tensorflow as tf

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


def make_deterministic() -> None:
    """Lets a seed repeat a run; for CPUs, where it costs nothing measurable.

    TensorFlow's arithmetic optimizer would turn sums of three and more tensors into one `AddN`, which starts with
    whichever input it may overwrite: the order, and with it the last bit, would depend on the threads' timing.
    """
    tf.config.experimental.enable_op_determinism()
    tf.config.optimizer.set_experimental_options({"arithmetic_optimization": False})
