# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""An exponential moving average of the trained weights (Polyak and Juditsky 1992), to be evaluated in their place.

Trainable variables are averaged. The moving statistics of batch normalisation are not: they are averages already, and
both lineages leave them out in TensorFlow 2.

`official.modeling.optimization.ExponentialMovingAverage` does not serve here, for three reasons: its averages start at
zero and not at the initial weights, which a short run shows; it exchanges weights by adding and subtracting them, which
changes their last bits and so the rest of a training that was evaluated once; and it sums gradients over replicas
itself, after they were clipped.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import tensorflow as tf

from efficientdet.training.optimizers import Optimizer

SLOT_NAME = "average"


class MovingAverage:
    """Averages of variables, kept as slots of the optimizer, and so saved beside the variables they belong to.

    Args:
      optimizer: the one that updates the variables; its step counter drives the decay.
      variables: what is averaged. The averages start at their present values.
      decay: the share of the old average that stays at an update, once `(1 + t) / (10 + t)` has risen to it (t: updates
        done, this one included). A short run thus ends near its last weights and not near its first.

    Construct it in the strategy's scope.
    """

    def __init__(self, optimizer: Optimizer, variables: Sequence[tf.Variable], decay: float) -> None:
        self._strategy = tf.distribute.get_strategy()
        self._optimizer = optimizer
        self._variables = tuple(variables)
        self._decay = decay
        self._averages = tuple(optimizer.add_slot(v, SLOT_NAME, initializer=v.read_value()) for v in variables)

    def update(self) -> None:
        """Moves the averages towards the variables; to be called in cross-replica context, after each update."""
        updates = tf.cast(self._optimizer.iterations, tf.float32)
        rate = 1.0 - tf.minimum(self._decay, (1.0 + updates) / (10.0 + updates))

        def move(average: tf.Variable, variable: tf.Variable) -> tf.Operation:
            return average.assign_sub(rate * (average - variable), read_value=False)

        for average, variable in zip(self._averages, self._variables, strict=True):
            self._strategy.extended.update(average, move, args=(variable,))

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """Puts the averages in the place of the variables, and on leaving the very same bits back."""
        trained = [variable.numpy() for variable in self._variables]
        try:
            for variable, average in zip(self._variables, self._averages, strict=True):
                variable.assign(average.read_value())
            yield
        finally:
            for variable, value in zip(self._variables, trained, strict=True):
                variable.assign(value)
