# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Optimizers, and one update of the weights from the gradients of all replicas.

The optimizers are Keras's legacy ones: each variable is updated by one fused kernel, and their slots are saved beside
the variable they belong to (`<variable>/.OPTIMIZER_SLOT/optimizer/momentum`), as in the checkpoints of the Object
Detection API (TFOD).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import tensorflow as tf
import tf_keras as keras

from efficientdet.training.derived_schedules import InverseTimeDecay
from efficientdet.training.schedules import Schedule
from efficientdet.training.variable_rules import VariableRules

Optimizer: TypeAlias = keras.optimizers.legacy.Optimizer
DecayMeaning = Literal["learning_rate", "squared_gradients"]
Gradients: TypeAlias = Sequence["tf.Tensor | None"]
"""One for each of `VariableRules.trained`; None for those that the loss does not depend on."""

_logger = logging.getLogger(__name__)


class Clipping(NamedTuple):
    """How gradients are clipped, in this order; 0 does not clip."""

    value: float = 0.0  # greatest magnitude of each element
    tensor_norm: float = 0.0  # greatest norm of each gradient alone
    norm: float = 0.0  # greatest norm of all gradients together


def momentum(learning_rate: Schedule, *, momentum: float, nesterov: bool = False) -> Optimizer:
    """Stochastic gradient descent with momentum: `v = m v - lr g; w = w + v`, the rate inside the velocity.

    Args:
      learning_rate: the schedule.
      momentum: m.
      nesterov: look ahead (Sutskever et al. 2013): `w = w + m v - lr g`, with the new v.
    """
    return keras.optimizers.legacy.SGD(learning_rate, momentum=momentum, nesterov=nesterov)


def adam(learning_rate: Schedule, *, epsilon: float) -> Optimizer:
    """Adam with the usual betas of .9 and .999 (Kingma and Ba 2015, arXiv:1412.6980)."""
    return keras.optimizers.legacy.Adam(learning_rate, epsilon=epsilon)


class AdamW(keras.optimizers.legacy.Adam):
    """Adam with decoupled weight decay: `w = w - lr (weight_decay w + m / (sqrt(v) + epsilon))`, bias-corrected.

    Variables of one dimension never decay: these are biases, and the scales and offsets of normalisations.

    Reference: Loshchilov and Hutter 2019, algorithm 2 (arXiv:1711.05101), where lr is the scheduled rate.

    `official.modeling.optimization.legacy_adamw` does not serve here: it tells variables apart by names, which need not
    be unique in a model, instead of paths.

    Args:
      learning_rate: the schedule.
      weight_decay: the share of a weight that a rate of 1 would take off it in a step.
      beta_1: decay of the mean of gradients.
      beta_2: decay of the mean of their squares.
      epsilon: added to the root of the latter.
    """

    def __init__(
        self,
        learning_rate: Schedule,
        *,
        weight_decay: float,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, name="AdamW")
        self.weight_decay = weight_decay
        self._undecayed: set[Any] = set()

    def exclude_from_weight_decay(self, variables: Iterable[tf.Variable]) -> None:
        """Lets further variables keep their whole weight; to be called in the strategy's scope, before the first step.

        Args:
          variables: of any shape.
        """
        copies = tf.distribute.get_strategy().experimental_local_results  # each replica updates its own
        self._undecayed |= {copy.ref() for variable in variables for copy in copies(variable)}

    def _resource_apply_dense(self, grad: tf.Tensor, var: tf.Variable, apply_state: Any = None) -> tf.Operation:
        if self.weight_decay == 0 or var.shape.rank <= 1 or var.ref() in self._undecayed:
            return super()._resource_apply_dense(grad, var, apply_state)
        rate = apply_state[var.device, var.dtype.base_dtype]["lr_t"]
        decay = var.assign_sub(rate * self.weight_decay * var, read_value=False)
        with tf.control_dependencies([decay] if decay is not None else []):  # eagerly it is done already
            return super()._resource_apply_dense(grad, var, apply_state)

    def get_config(self) -> dict[str, Any]:
        """Returns the settings as Keras wants them."""
        return super().get_config() | {"weight_decay": self.weight_decay}


class _TensorFlow1RMSProp(keras.optimizers.legacy.RMSprop):
    """RMSProp with the two habits of TensorFlow 1: mean squares start at 1, and epsilon is always under their root."""

    def __init__(self, learning_rate: Schedule, *, rho: float, momentum: float, epsilon: float) -> None:
        super().__init__(learning_rate, rho=rho, momentum=momentum, epsilon=epsilon)
        self._momentum = True  # 0 too: Keras would leave the kernel that does so

    def _create_slots(self, var_list: Sequence[tf.Variable]) -> None:
        for variable in var_list:
            self.add_slot(variable, "rms", initializer="ones")
        super()._create_slots(var_list)


def rmsprop(
    learning_rate: Schedule, *, decay: float, decay_meaning: DecayMeaning, momentum: float, epsilon: float
) -> Optimizer:
    """RMSProp, as TFOD builds it under TensorFlow 2 or under TensorFlow 1.

    Args:
      learning_rate: the schedule.
      decay: see `decay_meaning`.
      decay_meaning: "learning_rate" (TensorFlow 2): the rate is divided by `1 + decay * step`, see `InverseTimeDecay`,
        and the mean of squared gradients starts at 0 and decays by .9. "squared_gradients" (TensorFlow 1, and the
        recipes of its slim library): that mean starts at 1 and decays by `decay`.
      momentum: of the scaled update.
      epsilon: added to the mean square before its root is taken (under TensorFlow 2 to the root itself where momentum
        is 0).

    Returns:
      The optimizer; its `learning_rate` is the rate with all decay in it.
    """
    if decay_meaning == "squared_gradients":
        return _TensorFlow1RMSProp(learning_rate, rho=decay, momentum=momentum, epsilon=epsilon)
    if decay:
        learning_rate = InverseTimeDecay(learning_rate, decay)
    return keras.optimizers.legacy.RMSprop(learning_rate, rho=0.9, momentum=momentum, epsilon=epsilon)


def create_slots(optimizer: Optimizer, variables: Sequence[tf.Variable]) -> None:
    """Creates the step counter and all slots now, to be called in the strategy's scope.

    A traced step that creates variables is traced twice, and a checkpoint restored before they exist is restored in
    part only.
    """
    optimizer._create_all_weights(variables)


def summed(gradients: Gradients, rules: VariableRules) -> Gradients:
    """Sums gradients over the replicas, and weighs the sums; to be called in replica context.

    The sum comes before anything else is done with them, so that N replicas do exactly what one process with the same
    global batch does. Losses must be divided such that their sum over replicas is the loss to minimise.

    Args:
      gradients: of this replica, for `rules.trained`; None where the loss does not depend on a variable.
      rules: which variables are trained, and what their gradients are multiplied by.

    Returns:
      The gradients of the global batch, in the same order.
    """
    untouched = [v.name for g, v in zip(gradients, rules.trained, strict=True) if g is None]
    if untouched:
        _logger.warning("no gradient reaches %d variables, among them %s", len(untouched), ", ".join(untouched[:3]))
    touched = [v for g, v in zip(gradients, rules.trained, strict=True) if g is not None]
    all_reduce = tf.distribute.get_replica_context().all_reduce
    return _of_present(gradients, lambda own: rules.weighed(all_reduce(tf.distribute.ReduceOp.SUM, own), touched))


def clipped(gradients: Gradients, clipping: Clipping, *, with_norm: bool = False) -> tuple[Gradients, tf.Tensor | None]:
    """Clips the gradients of the global batch.

    Args:
      gradients: as `summed` gives them.
      clipping: how.
      with_norm: whether their norm is needed. Where they are clipped by nothing else than it, it costs nothing.

    Returns:
      The clipped gradients, and the norm of all of them together before they were clipped, float32 [].
    """
    norm = None
    if with_norm:
        norm = tf.linalg.global_norm(gradients)
    same = norm if clipping.value <= 0.0 and clipping.tensor_norm <= 0.0 else None
    return _of_present(gradients, lambda present: _clip(present, clipping, same)), norm


def update(optimizer: Optimizer, gradients: Gradients, rules: VariableRules) -> None:
    """Updates the variables; to be called in replica context, which `rules.scaled_updates` is laid around.

    Args:
      optimizer: one of this module's.
      gradients: as `clipped` gives them, the same on all replicas. A variable without one stays as it is.
      rules: as `summed` got them.
    """
    pairs = [(g, v) for g, v in zip(gradients, rules.trained, strict=True) if g is not None]
    optimizer.apply_gradients(pairs, experimental_aggregate_gradients=False)


def _of_present(gradients: Gradients, function: Callable[[list[tf.Tensor]], Sequence[tf.Tensor]]) -> Gradients:
    """Replaces the gradients that there are by what a function makes of their list."""
    results = iter(function([gradient for gradient in gradients if gradient is not None]))
    return [None if gradient is None else next(results) for gradient in gradients]


def _clip(gradients: Sequence[tf.Tensor], clipping: Clipping, norm: tf.Tensor | None) -> Sequence[tf.Tensor]:
    """Clips gradients, whose norm may be known already."""
    if clipping.value > 0.0:
        gradients = [tf.clip_by_value(gradient, -clipping.value, clipping.value) for gradient in gradients]
    if clipping.tensor_norm > 0.0:
        gradients = [tf.clip_by_norm(gradient, clipping.tensor_norm) for gradient in gradients]
    if clipping.norm > 0.0:
        gradients = _clip_together(gradients, clipping.norm, norm)
    return gradients


def _clip_together(gradients: Sequence[tf.Tensor], greatest: float, norm: tf.Tensor | None) -> Sequence[tf.Tensor]:
    """`tf.clip_by_global_norm` bit for bit, with one operation per gradient instead of two."""
    norm = tf.linalg.global_norm(gradients) if norm is None else norm
    factor = greatest * tf.minimum(1.0 / norm, tf.constant(1.0) / greatest)
    factor += norm - norm  # 0, or not a number where the norm is none
    return [gradient * factor for gradient in gradients]
