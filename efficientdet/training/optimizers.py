# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Optimizers, and one update of the weights from the gradients of all replicas.

The optimizers are Keras's legacy ones: each variable is updated by one fused kernel, and their slots are saved beside
the variable they belong to (`<variable>/.OPTIMIZER_SLOT/optimizer/momentum`), as in the checkpoints of the Object
Detection API (TFOD).
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TypeAlias

import tensorflow as tf
import tf_keras as keras

from efficientdet.training.schedules import InverseTimeDecay, Schedule

Optimizer: TypeAlias = keras.optimizers.legacy.Optimizer

_logger = logging.getLogger(__name__)


def momentum(learning_rate: Schedule, *, momentum: float) -> Optimizer:
    """Stochastic gradient descent with momentum: `v = m v - lr g; w = w + v`, the rate inside the velocity."""
    return keras.optimizers.legacy.SGD(learning_rate, momentum=momentum)


def adam(learning_rate: Schedule, *, epsilon: float) -> Optimizer:
    """Adam with the usual betas of .9 and .999 (Kingma and Ba 2015, arXiv:1412.6980)."""
    return keras.optimizers.legacy.Adam(learning_rate, epsilon=epsilon)


def rmsprop(learning_rate: Schedule, *, decay: float, momentum: float, epsilon: float) -> Optimizer:
    """RMSProp as TFOD builds it under TensorFlow 2.

    Args:
      learning_rate: the schedule.
      decay: divides the rate by `1 + decay * step`. The average of squared gradients always decays by .9: see
        `InverseTimeDecay`.
      momentum: of the scaled update.
      epsilon: added to the mean square before its root is taken (to the root itself where momentum is 0).

    Returns:
      The optimizer; its `learning_rate` is the rate with the decay in it.
    """
    if decay:
        learning_rate = InverseTimeDecay(learning_rate, decay)
    return keras.optimizers.legacy.RMSprop(learning_rate, rho=0.9, momentum=momentum, epsilon=epsilon)


def create_slots(optimizer: Optimizer, variables: Sequence[tf.Variable]) -> None:
    """Creates the step counter and all slots now, to be called in the strategy's scope.

    A traced step that creates variables is traced twice, and a checkpoint restored before they exist is restored in
    part only.
    """
    optimizer._create_all_weights(variables)


def apply_gradients(
    optimizer: Optimizer,
    gradients: Sequence[tf.Tensor | None],
    variables: Sequence[tf.Variable],
    *,
    clip_tensor_norm: float = 0.0,
    clip_norm: float = 0.0,
) -> None:
    """Sums the gradients over the replicas, clips the sums and updates the variables.

    The sum comes first, so that N replicas do exactly what one process with the same global batch does. To be called in
    replica context; the losses must be divided such that their sum over replicas is the loss to minimise.

    Args:
      optimizer: one of this module's.
      gradients: of this replica; None where the loss does not depend on a variable, which then stays as it is.
      variables: as many as gradients.
      clip_tensor_norm: the greatest norm of each gradient alone, which comes first; no clipping if 0.
      clip_norm: the greatest global norm of all gradients, no clipping if 0.
    """
    pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
    if len(pairs) < len(variables):
        untouched = [v.name for g, v in zip(gradients, variables, strict=True) if g is None]
        _logger.warning("no gradient reaches %d variables, among them %s", len(untouched), ", ".join(untouched[:3]))
    reachable, touched = zip(*pairs, strict=True)
    summed = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, list(reachable))
    if clip_tensor_norm > 0.0:
        summed = [tf.clip_by_norm(gradient, clip_tensor_norm) for gradient in summed]
    if clip_norm > 0.0:
        summed, _ = tf.clip_by_global_norm(summed, clip_norm)
    optimizer.apply_gradients(zip(summed, touched, strict=True), experimental_aggregate_gradients=False)
